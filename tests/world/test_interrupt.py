"""The demo and the local world work until Ctrl-C, which leaves nothing behind."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UPLOAD = "import boto3; boto3.client('s3').put_object(Bucket='www.example.com', Key='news.html', Body=b'version 1')"


@contextmanager
def started(module: str, moment: str, status: int) -> Iterator[str]:
    """Yield what a program prints up to a line with `moment`; interrupt it at the end of the block."""
    program = subprocess.Popen(
        [sys.executable, "-u", "-m", module],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # the terminal's foreground group, without a terminal
    )
    assert program.stdout is not None
    said = ""
    with program:
        for line in program.stdout:
            said += line
            if moment in line:
                break
        try:
            yield said
        finally:
            os.killpg(program.pid, signal.SIGINT)
            said += program.stdout.read()
    assert program.returncode == status, said
    assert "Traceback" not in said
    assert "nothing is left running" in said


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("moment", ["simulated Cloudflare", "aws_iam_role.this"])
def test_ctrl_c_stops_the_demo_and_all_its_processes(moment: str) -> None:
    with started("tests.simulation.demo", moment, 130) as said:
        ports = [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", said)]
        assert len(ports) == 3, said
        assert all(listens(port) for port in ports)
    deadline = time.monotonic() + 10
    while any(listens(port) for port in ports) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(listens(port) for port in ports)


def test_what_make_local_prints_works_when_it_is_pasted_into_a_shell(tmp_path: Path) -> None:
    with started("tests.simulation.local", "Ctrl-C", 0) as said:
        printed = re.search(r"^export.*^END$", said, re.MULTILINE | re.DOTALL)
        assert printed, said
        script = f"{printed[0]}\n{shlex.join([sys.executable, '-c', UPLOAD])}\nvisit news.html\n"
        pasted = subprocess.run(["sh", "-e"], input=script, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert pasted.stdout.startswith("HTTP/1.1 200"), pasted
    assert pasted.stdout.endswith("version 1"), pasted
    assert 'module "cf_purge"' in (tmp_path / "main.tf").read_text()
