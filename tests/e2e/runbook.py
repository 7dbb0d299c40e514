"""docs/operations.md, and a shell of the local world that runs its commands as they stand there."""

from __future__ import annotations

import copy
import json
import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.simulation.site import Site
from tests.simulation.world import ROOT, World
from tools.problems import ENVIRONMENTS

DOCUMENT = ROOT / "docs" / "operations.md"
_AWS_CLI = Path(__file__).with_name("aws_cli.py")
_SECTION = re.compile(r"^##+ (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = re.compile(r"(export )?[A-Z_]+=")
_TIMEOUT = 300  # seconds


def names_of(site: Site) -> dict[str, str]:
    """Return the names of another site than the document's, as its variables."""
    return {
        "NAME": site.name,
        "FUNCTION": site.name,
        "BUCKET": site.bucket,
        "LOG_GROUP": site.log_group,
        "QUEUE_URL": site.queue_url,
        "DLQ_URL": site.dlq_url,
    }


def commands_in(text: str) -> dict[str, list[str]]:
    """Return the commands of every section of a document, a line each, comments left out; "" is what comes first."""
    title, *others = _SECTION.split(text)
    sections = {"": title, **dict(zip(others[::2], others[1::2], strict=True))}
    return {
        name: [line for block in _BLOCK.findall(body) for line in block.splitlines() if not line.startswith("#")]
        for name, body in sections.items()
    }


class Shell:
    """A shell whose variables stay from command to command. It runs nothing that is not in the document.

    `ran` has what was run, by this shell and by all that were made from it.
    """

    def __init__(self, world: World, folder: Path) -> None:
        self.folder = folder
        self.sections = commands_in(DOCUMENT.read_text(encoding="utf-8"))
        self.ran: set[str] = set()
        quietly, state = "-input=false -no-color", f"-state={world.terraform.state_file}"
        self.environ = {
            **world.environ,
            "PATH": f"{_with_aws(folder)}:{os.environ['PATH']}",
            "TF_DATA_DIR": str(folder / "terraform"),
            # Instead of a user's backend and confirmation, and of AWS, which returns what it was given.
            "TF_CLI_ARGS_init": f"-backend=false {quietly}",
            "TF_CLI_ARGS_plan": f"-refresh=false {quietly} {state}",
            "TF_CLI_ARGS_apply": f"-refresh=false -auto-approve -backup=- {quietly} {state}",
        }

    def having(self, **variables: str) -> Shell:
        """Return the same shell with some variables set."""
        other = copy.copy(self)
        other.environ = {**self.environ, **variables}
        return other

    def __getitem__(self, name: str) -> str:
        return self.environ[name]

    def open(self) -> None:
        """Set the names as the document begins."""
        self.run_all("", "")

    def run(self, section: str, command: str, *, typed: str = "") -> str:
        """Run the one command of a section that has this text in it, or else at its end; return what it prints.

        `typed` is what a person types meanwhile.
        """
        found = list(dict.fromkeys(line for line in self.sections[section] if command in line))
        [line] = found if len(found) == 1 else [line for line in found if line.endswith(command)]
        return self._run(line, typed)

    def run_all(self, section: str, command: str) -> None:
        """Run, in order, all commands of a section that set a variable and have the text in them."""
        for line in self.sections[section]:
            if _ASSIGNMENT.match(line) and command in line:
                self._run(line)

    def answer(self, section: str, command: str) -> Any:
        """Run a command and return the first JSON document it prints."""
        return json.JSONDecoder().raw_decode(self.run(section, command).lstrip())[0]

    def log_lines(self, section: str, command: str) -> list[dict[str, Any]]:
        """Run an `aws logs tail` and return the messages that are JSON."""
        messages = (line.split("\t", 2)[2] for line in self.run(section, command).splitlines() if line.count("\t") > 1)
        return [json.loads(message) for message in messages if message.startswith("{")]

    def _run(self, line: str, typed: str = "") -> str:
        variables = self.folder / "variables"
        script = f"set -o allexport; {line}\nstatus=$?; env -0 > {shlex.quote(str(variables))}; exit $status"
        try:
            done = subprocess.run(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self.environ,
                input=typed,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
            )
            assert done.returncode == 0, f"{line}\nended with {done.returncode}: {done.stdout}{done.stderr}"
            self.environ.update(_variables(variables.read_text()))
        finally:
            variables.unlink(missing_ok=True)  # there may be a token among them
        self.ran.add(line)
        return done.stdout


def _variables(text: str) -> Mapping[str, str]:
    pairs = (pair.partition("=") for pair in text.split("\0") if "=" in pair)
    return {name: value for name, _, value in pairs if name not in ("_", "SHLVL", "PWD", "OLDPWD", "status")}


def _with_aws(folder: Path) -> Path:
    """Make a folder for the PATH in which there is `aws`."""
    home = folder / "bin"
    home.mkdir()
    aws = home / "aws"
    aws.write_text(f'#!/bin/sh\nexec {ENVIRONMENTS}/operations/bin/python {_AWS_CLI} "$@"\n')
    aws.chmod(0o755)
    return home
