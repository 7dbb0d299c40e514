"""The demo and the local world work until Ctrl-C, which leaves nothing behind."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.terraform import TERRAFORM

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


@pytest.mark.skipif(not shutil.which(TERRAFORM), reason=f"{TERRAFORM} is not on the PATH")
def test_ctrl_c_stops_the_demo_and_the_local_aws() -> None:
    # A resource that is created early: Terraform is at work then.
    with started("tests.simulation.demo", "aws_sns_topic.on_call", 130) as said:
        address = re.search(r"local AWS at https://(127\.0\.0\.1):(\d+)", said)
        assert address, said
    with socket.socket() as probe:
        assert probe.connect_ex((address[1], int(address[2]))) != 0


def test_what_make_local_prints_works_when_it_is_pasted_into_a_shell(tmp_path: Path) -> None:
    with started("tests.simulation.local", "Ctrl-C", 0) as said:
        printed = re.search(r"^export.*^END$", said, re.MULTILINE | re.DOTALL)
        assert printed, said
        script = f"{printed[0]}\n{shlex.join([sys.executable, '-c', UPLOAD])}\nvisit news.html\n"
        pasted = subprocess.run(["sh", "-e"], input=script, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert pasted.stdout.startswith("HTTP/1.1 200"), pasted
    assert pasted.stdout.endswith("version 1"), pasted
    assert 'module "cf_purge"' in (tmp_path / "main.tf").read_text()
