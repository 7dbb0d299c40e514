"""The function's unit tests on every Python the machine has, those that reach urllib3 on both of its majors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import environments
from tools.problems import CACHE, ROOT, Problem

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
# With the other major only what reaches it: everything else stands behind cf_purge.transport.
_REACHES_URLLIB3 = ("aws", "handler", "main", "package", "security", "token", "transport", "transport_time")
_OLD_URLLIB3 = "urllib3>=1.26.20,<2"  # what some Lambda runtimes still carry


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
    """Run every combination.

    Raises:
        Problem: one of them failed; its output is printed.
    """
    pythons = interpreters()
    missing = [version for version in VERSIONS if version not in pythons]
    if missing:
        print(f"not on this machine, so not tested: Python {', '.join(missing)}", flush=True)
    old = _old_urllib3()
    jobs = [(version, overlay) for version in pythons for overlay in (None, old)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_environment, pythons.items()))
        outcomes = list(pool.map(lambda job: _run(*job), jobs))
    if not all(outcomes):
        raise Problem("the unit tests fail on a supported combination, see above")


def _environment(python: tuple[str, str]) -> Path:
    version, interpreter = python
    return environments.ready(f"unit-{version}", requirements="unit", interpreter=interpreter)


def _run(version: str, overlay: Path | None) -> bool:
    python = environments.python(f"unit-{version}")
    environ = {**os.environ, "PYTHONPATH": str(overlay) if overlay else ""}
    told = subprocess.run(
        [python, "-c", "import urllib3; print(urllib3.__version__)"], env=environ, capture_output=True, text=True
    ).stdout.strip()
    if told.startswith("1.") != (overlay is not None):
        print(f"Python {version}: urllib3 {told} is not the one that was to be tested.", flush=True)
        return False
    # All of them on this Python, with the new major, is what `make unit` runs.
    is_partial = overlay is not None or version == f"{sys.version_info.major}.{sys.version_info.minor}"
    files = [f"tests/unit/test_{name}.py" for name in _REACHES_URLLIB3] if is_partial else ["tests/unit"]
    done = subprocess.run(
        [python, "-m", "pytest", *files, "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1:] or [done.stderr.strip()[-500:]]
    print(f"Python {version}, urllib3 {told}: {last[0]}", flush=True)
    if done.returncode:
        print(done.stdout[-8000:], done.stderr[-2000:], flush=True)
    return done.returncode == 0


def _old_urllib3() -> Path:
    """Install the old major beside the environments; put first on the path it takes the new one's place."""
    folder = CACHE / "environments" / "urllib3-1.26"
    if not (folder / "urllib3").is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run([*command, "--target", str(folder), _OLD_URLLIB3], capture_output=True, text=True)
        if done.returncode:
            raise Problem(f"pip cannot install {_OLD_URLLIB3}: check the network. ({done.stderr.strip()[-300:]})")
    return folder


def _version_of(python: str) -> str | None:
    try:
        told = subprocess.run([python, "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"Python (\d+\.\d+)\.", told)
    return match[1] if match else None
