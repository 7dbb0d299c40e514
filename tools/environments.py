"""Virtual environments, each made from a locked list of requirements and made again when the list changes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.problems import CACHE, ROOT, Problem

_MARK = "made-from"
# Not sys.executable: that may be the Python of the very environment that is made anew.
_BASE: str = getattr(sys, "_base_executable", sys.executable)


def folder(name: str) -> Path:
    return ROOT / ".venv" if name == "dev" else CACHE / "environments" / name


def python(name: str) -> Path:
    return folder(name) / "bin" / "python"


def ready(name: str, *, requirements: str | None = None, interpreter: str = _BASE) -> Path:
    """Make the environment if it is not there or not current, and return its Python.

    Raises:
        Problem: it cannot be made, most likely for want of a network or of the venv module.
    """
    wanted = ROOT / "requirements" / f"{requirements or name}.txt"
    if not wanted.is_file():
        raise Problem(f"There is no environment {name}: {wanted.relative_to(ROOT)} does not exist.")
    interpreter = os.path.realpath(interpreter)  # an upgrade behind the same name makes another environment
    digest = hashlib.sha256(wanted.read_bytes() + interpreter.encode()).hexdigest()
    home, mark = folder(name), folder(name) / _MARK
    if mark.is_file() and mark.read_text() == digest and python(name).exists():
        return python(name)
    print(f"Setting up {home.relative_to(ROOT)} from {wanted.relative_to(ROOT)} ...", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    _run(
        [interpreter, "-m", "venv", str(home)],
        "Python cannot make a virtual environment: install its venv module (Debian: python3-venv).",
    )
    _run(
        [str(python(name)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted)],
        f"pip cannot install {wanted.relative_to(ROOT)}: check the network and pip's index, then run this again.",
    )
    mark.write_text(digest)
    return python(name)


def _run(command: list[str], remedy: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        last = [line for line in said if line.startswith("ERROR: ")][-1:] or said[-3:]  # pip warns of each try, too
        raise Problem(f"{remedy} ({' '.join(last)})")
