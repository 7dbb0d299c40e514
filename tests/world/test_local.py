"""What `make local` prints works when it is pasted into a shell."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
UPLOAD = "import boto3; boto3.client('s3').put_object(Bucket='www.example.com', Key='news.html', Body=b'version 1')"


def test_the_printed_commands_reach_the_local_world_until_ctrl_c(tmp_path: Path) -> None:
    local = subprocess.Popen(
        [sys.executable, "-u", "-m", "tests.simulation.local"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert local.stdout is not None
    with local:
        said = ""
        for line in local.stdout:
            said += line
            if line.startswith("Ctrl-C"):
                break
        printed = re.search(r"^export.*^END$", said, re.MULTILINE | re.DOTALL)
        assert printed, said
        script = f"{printed[0]}\n{shlex.join([sys.executable, '-c', UPLOAD])}\nvisit news.html\n"
        pasted = subprocess.run(["sh", "-e"], input=script, cwd=tmp_path, capture_output=True, text=True, check=False)
        os.killpg(local.pid, signal.SIGINT)
        said += local.stdout.read()
    assert pasted.stdout.startswith("HTTP/1.1 200"), pasted
    assert pasted.stdout.endswith("version 1"), pasted
    assert 'module "cf_purge"' in (tmp_path / "main.tf").read_text()
    assert local.returncode == 0, said
    assert "nothing is left running" in said
