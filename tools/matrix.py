"""The function's unit tests on every supported Python the machine has."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import environments
from tools.problems import ROOT, Problem

VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def interpreters() -> dict[str, str]:
    """Return a Python of each supported version that is on the PATH or in a version manager's folder."""
    found: dict[str, str] = {}
    for version in VERSIONS:
        pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
        homes = (Path(pyenv) / "versions").glob(f"{version}.*")
        managed = [str(home / "bin" / f"python{version}") for home in sorted(homes, reverse=True)]
        for candidate in [*managed, shutil.which(f"python{version}"), sys.executable]:
            if candidate and _version_of(candidate) == version:
                found[version] = candidate
                break
    return found


def run_all() -> None:
    """Run the unit tests on each of them but this one, which `make unit` runs them on.

    Raises:
        Problem: they fail on one; its output is printed.
    """
    pythons = interpreters()
    missing = [version for version in VERSIONS if version not in pythons]
    if missing:
        print(f"not on this machine, so not tested: Python {', '.join(missing)}", flush=True)
    others = [version for version in pythons if version != f"{sys.version_info.major}.{sys.version_info.minor}"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda version: _environment(version, pythons[version]), others))
        outcomes = list(pool.map(_run, others))
    if not all(outcomes):
        raise Problem("the unit tests fail on a supported Python, see above")


def _environment(version: str, interpreter: str) -> Path:
    return environments.ready(f"unit-{version}", requirements="unit", interpreter=interpreter)


def _run(version: str) -> bool:
    python = environments.python(f"unit-{version}")
    done = subprocess.run(
        # Where they differ, a Python's version does it more often than one more example.
        [python, "-m", "pytest", "tests/unit", "--hypothesis-profile=few", "-p", "no:cacheprovider"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1:] or [done.stderr.strip()[-500:]]
    print(f"Python {version}: {last[0]}", flush=True)
    if done.returncode:
        print(done.stdout[-8000:], done.stderr[-2000:], flush=True)
    return done.returncode == 0


def _version_of(python: str) -> str | None:
    try:
        told = subprocess.run([python, "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"Python (\d+\.\d+)\.", told)
    return match[1] if match else None
