"""One provider process for many runs of Terraform.

Terraform starts the AWS provider anew for every walk it takes, twice and more for each `run` of `terraform test`, which
is most of what such a run costs. It can be told of one that is running, as provider developers do:
https://developer.hashicorp.com/terraform/plugin/debugging
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.problems import ROOT

_PROVIDERS = ".terraform/providers/registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws*"
_WATCHED = ROOT / "tests" / "simulation" / "watched.py"
_VARIABLE = "TF_REATTACH_PROVIDERS"


@contextmanager
def provider(root: Path) -> Iterator[None]:
    """Run the provider of an initialised root, and let every Terraform that is started meanwhile use it.

    For what reads its schema and no more: `validate` and a `test` with mocks. A plan would configure it, and one is
    configured once. Where it cannot be run so, Terraform starts its own as ever.
    """
    found = next(iter(sorted(root.glob(_PROVIDERS))), None)
    if found is None:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, _WATCHED, found, "-debug"],
            cwd=root,
            env={**os.environ, "TMPDIR": folder},  # its socket
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C must reach only us
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if said := re.search(rf"{_VARIABLE}='(.*)'", line):
                    os.environ[_VARIABLE] = said[1]
                    break
            yield
        finally:
            os.environ.pop(_VARIABLE, None)
            process.communicate()  # closes its input, which stops it
