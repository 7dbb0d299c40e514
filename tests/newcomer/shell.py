"""A newcomer's shell: a block of commands, typed as it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools import environments
from tools.problems import ROOT

_PATIENCE = 900.0  # seconds, for one block
# Of whoever runs the script, and not of a newcomer.
_NOT_A_NEWCOMERS = (
    "AWS_",
    "CLOUDFLARE_",
    "COV",
    "GIT_",
    "MAKE",
    "MFLAGS",
    "PYTHON",
    "TF_IN_AUTOMATION",
    "TF_VAR_",
    "VIRTUAL_ENV",
)
# AWS CLI 1 as the tests of docs/operations.md have it: it leaves out what 1 does not know.
_OLD_CLI = ROOT / "tests" / "e2e" / "aws_cli.py"


class Stumbled(Exception):
    """What the document says did not work; the text has the commands and their output."""


class Shell:
    """A shell with variables of its own; `log` gets all that is typed and answered."""

    def __init__(self, log: Path, variables: Mapping[str, str]) -> None:
        self._log = log
        self._environ = newcomers(os.environ) | dict(variables)

    def type(self, text: str, folder: Path, shows: str = "", **variables: str) -> str:
        """Run a block of commands up to the first that fails, say yes to what asks, and return what was to be seen.

        `shows` is a regular expression; of its groups the last one counts.

        Raises:
            Stumbled: one failed, or did not end, or it was not to be seen.
        """
        try:
            done = subprocess.run(
                ["sh", "-e", "-c", text],
                cwd=folder,
                env=self._environ | variables,
                input="yes\n",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Stumbled(f"This did not end in {_PATIENCE:.0f} s:\n{text}") from error
        with open(self._log, "a", encoding="utf-8") as log:
            log.write(f"==== in {folder}\n{text}---- ended with {done.returncode}\n{done.stdout}")
        if done.returncode:
            raise Stumbled(f"This ended with {done.returncode}:\n{text}----\n{done.stdout}")
        shown = re.search(shows, done.stdout)
        if not shown:
            raise Stumbled(f"This was to show {shows!r}:\n{text}----\n{done.stdout}")
        return shown[shown.re.groups]


def newcomers(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not name.startswith(_NOT_A_NEWCOMERS)}


def cli(folder: Path) -> tuple[str, str]:
    """Return a PATH with an AWS CLI that understands what the documents say, and which it is.

    They are for AWS CLI 2. PyPI has 1 alone, which is what there is where 2 is not on the PATH.
    """
    path = os.environ["PATH"]
    told = ""
    if shutil.which("aws"):
        told = subprocess.run(["aws", "--version"], capture_output=True, text=True, check=False).stdout
    if told.startswith("aws-cli/2"):
        return path, f"AWS CLI: {told.split()[0]}, as installed"
    python = environments.ready("operations")
    folder.mkdir(parents=True, exist_ok=True)
    aws = folder / "aws"
    aws.write_text(f'#!/bin/sh\nexec "{python}" "{_OLD_CLI}" "$@"\n')
    aws.chmod(0o755)
    told = subprocess.run([aws, "--version"], capture_output=True, text=True, check=True).stdout
    return f"{folder}{os.pathsep}{path}", f"AWS CLI: {told.split()[0]} from PyPI, in the place of 2"
