"""Ctrl-C during the demo leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("moment", ["simulated Cloudflare", "aws_iam_role.this"])
def test_ctrl_c_stops_the_demo_and_all_its_processes(moment: str) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-u", "-m", "tests.simulation.demo"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # the terminal's foreground group, without a terminal
    )
    assert demo.stdout is not None
    said = ""
    with demo:
        for line in demo.stdout:
            said += line
            if moment in line:
                break
        ports = [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", said)]
        assert len(ports) == 3, said
        assert all(listens(port) for port in ports)
        os.killpg(demo.pid, signal.SIGINT)
        said += demo.stdout.read()
        assert demo.wait() == 130, said
    assert "Traceback" not in said
    assert "nothing is left running" in said
    deadline = time.monotonic() + 10
    while any(listens(port) for port in ports) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(listens(port) for port in ports)
