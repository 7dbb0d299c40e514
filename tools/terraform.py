"""Terraform with a provider it can find: `python -m tools.terraform ARGUMENTS`, or from other tools."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools import provider
from tools.problems import CACHE, ROOT, Problem

_OLDEST = (1, 9)
_CHOICE = CACHE / "provider.json"


def require() -> None:
    """Check that a Terraform this module takes is on the PATH.

    Raises:
        Problem: it is not.
    """
    if shutil.which("terraform") is None:
        raise Problem("terraform is not on the PATH: install Terraform 1.9 or newer.")
    environ = {name: value for name, value in os.environ.items() if name != "TF_CLI_CONFIG_FILE"}
    try:
        told = subprocess.run(
            ["terraform", "version", "-json"], capture_output=True, text=True, env=environ, check=False
        ).stdout
    except (OSError, ValueError):
        told = ""
    version = re.search(r'"terraform_version": *"((\d+)\.(\d+)[^"]*)"', told)
    if version is None:
        raise Problem("`terraform version` does not answer: install Terraform 1.9 or newer.")
    if (int(version[2]), int(version[3])) < _OLDEST:
        raise Problem(f"Terraform {version[1]} is too old: install Terraform 1.9 or newer.")


def configured() -> None:
    """Choose where the provider comes from, say which, and remember it for `environment`.

    Raises:
        Problem: there is nowhere.
    """
    asked = os.environ.get(provider.VARIABLE, "")
    choice = _remembered()
    stands = choice is not None and (not choice["mirror"] or provider.holds_provider(Path(choice["mirror"])))
    if choice is not None and choice["asked"] == asked and stands:
        return
    own = None if asked else provider.own_configuration(os.environ)
    folder = None if own else provider.mirror(os.environ)
    if own is not None:
        print(f"AWS provider: as {own} says.", flush=True)
    elif folder is None:
        print("AWS provider: from the Terraform registry.", flush=True)
    else:
        print(f"AWS provider: from the mirror in {folder}.", flush=True)
    CACHE.mkdir(exist_ok=True)
    _CHOICE.write_text(json.dumps({"asked": asked, "mirror": str(folder) if folder else None}))


def _remembered() -> dict[str, str | None] | None:
    try:
        choice: dict[str, str | None] = json.loads(_CHOICE.read_text())
        return {"asked": choice["asked"], "mirror": choice["mirror"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def environment() -> dict[str, str]:
    """Return this process's environment with a CLI configuration that works."""
    environ = dict(os.environ)
    environ["CHECKPOINT_DISABLE"] = "1"
    environ["TF_IN_AUTOMATION"] = "1"
    if not Path(environ.get("TF_CLI_CONFIG_FILE", __file__)).exists():
        del environ["TF_CLI_CONFIG_FILE"]
    configured()
    choice = _remembered()
    folder = choice["mirror"] if choice else None
    if folder:
        environ["TF_CLI_CONFIG_FILE"] = str(provider.configuration(Path(folder)))
    return environ


def initialised(root: Path) -> None:
    """Run `terraform init` in a root; quick when it has been."""
    done = subprocess.run(
        ["terraform", f"-chdir={root}", "init", "-input=false", "-no-color", "-backend=false"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Problem(f"`terraform init` failed in {root.relative_to(ROOT)}: {done.stderr.strip()}")


if __name__ == "__main__":
    try:
        require()
        sys.exit(subprocess.run(["terraform", *sys.argv[1:]], env=environment(), check=False).returncode)
    except Problem as problem:
        sys.exit(f"cf_purge: {problem}")
