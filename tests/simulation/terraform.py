"""Terraform for one root and one run: its own state and data folder, progress while it waits."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tools.terraform import TERRAFORM, run

Say = Callable[[str], None]

_AT_ONCE = "-parallelism=50"  # the provider mostly waits
_TIMEOUT = 400  # seconds


class TerraformError(Exception):
    """Terraform failed; the text is its output."""


class Terraform:
    """One root, applied once; `folder` has state, plans and logs."""

    def __init__(self, root: Path, folder: Path, environ: Mapping[str, str], say: Say) -> None:
        self.root = root
        self.state_file = folder / "terraform.tfstate"
        self.last_plan: dict[str, Any] = {}  # as JSON
        self._folder = folder
        self._say = say
        self._state = f"-state={self.state_file}"
        self._environ = {**environ, "TF_DATA_DIR": str(folder / "terraform")}

    def init(self) -> None:
        self._run("init", "-backend=false", "-input=false")

    def apply(self) -> None:
        self.init()
        self._follow("apply", "-auto-approve", _AT_ONCE, self._state)

    def destroy(self) -> None:
        self._follow("destroy", "-auto-approve", _AT_ONCE, "-refresh=false", self._state)

    def outputs(self) -> dict[str, Any]:
        shown = json.loads(self._run("output", "-json", self._state))
        return {name: output["value"] for name, output in shown.items()}

    def plan(self) -> None:
        file = self._folder / "again.tfplan"
        self._run("plan", _AT_ONCE, "-input=false", self._state, f"-out={file}")
        self.last_plan = json.loads(self._run("show", "-json", str(file)))

    def _run(self, command: str, *arguments: str) -> str:
        """Run a quick command and return its output.

        Raises:
            TerraformError: it failed.
        """
        done = run(self.root, self._environ, command, "-no-color", *arguments)
        if done.returncode:
            raise TerraformError(f"terraform {command} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _follow(self, command: str, *arguments: str) -> None:
        """Run a slow command; print what it has finished, and every few seconds what it waits for.

        Raises:
            TerraformError: it failed, or took too long.
        """
        started, said_at = time.monotonic(), 0.0
        complaints, waiting = [], set[str]()
        with (
            open(self._folder / f"terraform-{command}.log", "w", encoding="utf-8") as log,
            subprocess.Popen(
                [TERRAFORM, f"-chdir={self.root}", command, "-json", "-input=false", *arguments],
                env=self._environ,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C must not stop it half way; we kill it
            ) as process,
        ):
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    log.write(line)
                    seconds = time.monotonic() - started
                    if seconds > _TIMEOUT:
                        raise TerraformError(f"terraform {command} took longer than {_TIMEOUT} s.")
                    message = json.loads(line)
                    address = message.get("hook", {}).get("resource", {}).get("addr", "")
                    if message["type"] == "apply_start":
                        waiting.add(address)
                    elif message["type"] == "apply_complete":
                        waiting.discard(address)
                        self._say(f"{seconds:6.1f} s  {address}")
                    elif message["type"] == "apply_progress" and waiting and seconds - said_at > 5:
                        said_at = seconds  # Terraform sends one for each resource
                        first, *others = sorted(waiting)
                        more = f" and {len(others)} more" if others else ""
                        self._say(f"{seconds:6.1f} s  ... waiting for {first}{more}")
                    elif message["@level"] == "error":
                        complaints.append(message.get("diagnostic", {}).get("detail") or message["@message"])
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        if process.returncode:
            raise TerraformError(f"terraform {command} failed: {' '.join(complaints) or 'see its log'}")
