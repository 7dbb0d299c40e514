"""One provider process for many runs of Terraform: `python -m tools.attached ARGUMENTS` runs Terraform with it.

Terraform starts the AWS provider at least twice for each `run` of `terraform test`, which is most of the time that a
run takes. It can use one that is already running: https://developer.hashicorp.com/terraform/plugin/debugging
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools import terraform
from tools.problems import ROOT

_VARIABLE = "TF_REATTACH_PROVIDERS"


@contextmanager
def provider(root: Path) -> Iterator[None]:
    """Run the provider of an initialised root, and let every Terraform that is started meanwhile use it.

    Only for a `test` with mocks, which reads its schema: a plan would configure it, and one is configured once.
    """
    binary = next(root.glob(".terraform/providers/*/hashicorp/aws/*/*/terraform-provider-aws*"))
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [binary, "-debug"],
            env={**os.environ, "TMPDIR": folder},  # its socket
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            said = next(match for line in process.stdout if (match := re.search(rf"{_VARIABLE}='(.*)'", line)))
            (told,) = json.loads(said[1]).values()
            os.environ[_VARIABLE] = json.dumps({f"{one}/hashicorp/aws": told for one in terraform.REGISTRIES})
            yield
        finally:
            os.environ.pop(_VARIABLE, None)
            process.terminate()
            process.communicate()


if __name__ == "__main__":
    terraform.initialised(ROOT)
    with provider(ROOT):
        done = subprocess.run([terraform.TERRAFORM, *sys.argv[1:]], cwd=ROOT, env=terraform.environment(), check=False)
    sys.exit(done.returncode)
