"""Terraform for one root and one run: its own state and data folder, progress while it waits."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tools.terraform import TERRAFORM, environment

Say = Callable[[str], None]

# Nearly all of the time is the provider's waiting, and waiting costs nothing.
_AT_ONCE = "-parallelism=50"


class TerraformError(Exception):
    """Terraform failed; the text is what it said."""


class Terraform:
    """One root, applied once; `folder` holds state, plans and logs."""

    def __init__(self, root: Path, folder: Path, variables: Mapping[str, str], ca_file: str, say: Say) -> None:
        self.root = root
        self._folder = folder
        self._say = say
        self._state = folder / "terraform.tfstate"
        self._environ = {
            **environment(),
            "AWS_CA_BUNDLE": ca_file,
            "TF_DATA_DIR": str(folder / "terraform"),
            **{f"TF_VAR_{name}": value for name, value in variables.items()},
        }
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
            self._environ.pop(name, None)

    @property
    def state_file(self) -> Path:
        return self._state

    def apply(self) -> None:
        self.run("init", "-backend=false")
        self._follow("apply", "-auto-approve", _AT_ONCE, f"-state={self._state}")

    def destroy(self) -> None:
        # Just applied by us: no need to read it all again before.
        self._follow("destroy", "-auto-approve", _AT_ONCE, "-refresh=false", f"-state={self._state}")

    def outputs(self) -> dict[str, Any]:
        shown = json.loads(self.run("output", "-json", f"-state={self._state}"))
        return {name: output["value"] for name, output in shown.items()}

    def plan(self) -> dict[str, Any]:
        """Plan again and return the plan as JSON."""
        file = self._folder / "again.tfplan"
        self.run("plan", _AT_ONCE, f"-state={self._state}", f"-out={file}")
        plan: dict[str, Any] = json.loads(self.run("show", "-json", str(file)))
        return plan

    def run(self, command: str, *arguments: str) -> str:
        """Run a quick command and return its output.

        Raises:
            TerraformError: it failed.
        """
        options = () if command in ("output", "show") else ("-input=false", "-no-color")
        done = subprocess.run(
            [TERRAFORM, f"-chdir={self.root}", command, *options, *arguments],
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise TerraformError(f"terraform {command} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _follow(self, command: str, *arguments: str, timeout: float = 400) -> None:
        """Run a slow command and say what it finishes, and every few seconds what it waits for."""
        started, complaints = time.monotonic(), []
        process = subprocess.Popen(
            [TERRAFORM, f"-chdir={self.root}", command, "-json", "-input=false", *arguments],
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C must not leave it half way on its own
        )
        waiting: set[str] = set()
        said_at = 0.0
        try:
            assert process.stdout is not None
            with open(self._folder / f"terraform-{command}.log", "w", encoding="utf-8") as log:
                for line in process.stdout:
                    log.write(line)
                    if time.monotonic() - started > timeout:
                        raise TerraformError(f"terraform {command} took longer than {timeout:.0f} s.")
                    message = _decoded(line)
                    kind = message.get("type")
                    address = message.get("hook", {}).get("resource", {}).get("addr", "")
                    seconds = time.monotonic() - started
                    if kind == "apply_start":
                        waiting.add(address)
                    elif kind == "apply_complete":
                        waiting.discard(address)
                        self._say(f"{seconds:6.1f} s  {address}")
                    elif kind == "apply_progress" and waiting and seconds - said_at > 5:
                        said_at = seconds  # Terraform sends one for each resource
                        first, *others = sorted(waiting)
                        more = f" and {len(others)} more" if others else ""
                        self._say(f"{seconds:6.1f} s  ... waiting for {first}{more}")
                    elif message.get("@level") == "error":
                        complaints.append(message.get("diagnostic", {}).get("detail") or message["@message"])
            if process.wait():
                raise TerraformError(f"terraform {command} failed: {' '.join(complaints) or 'see its log'}")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _decoded(line: str) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
