"""Where and with what something was measured."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tools import environments
from tools.problems import ROOT

_PACKAGES = ("urllib3", "botocore", "boto3", "awslambdaric", "cloudflare", "ministack", "aiohttp")
_ASK = """
import json, platform, sys
from importlib import metadata
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps({"Python": platform.python_version(), **found}))
"""


def machine() -> str:
    """Return processor, cores, memory and kernel in a line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.release()}"


def versions() -> dict[str, str]:
    """Return the versions of what takes part; those in the environment of the rivals have its name before them."""
    found = _versions_in(sys.executable)
    found |= {f"bench: {name}": each for name, each in _versions_in(environments.ready("bench")).items()}
    terraform = re.search(r"v([\d.]+)", _said("terraform", "version") or "")
    return found | ({"Terraform": terraform[1]} if terraform else {})


def commit() -> str:
    """Return the commit, and whether anything it holds but what is published by measuring had been changed since."""
    said = _said("git", "rev-parse", "--short=12", "HEAD")
    published = (":(exclude)docs/benchmarks", ":(exclude)README.md")
    changed = _said("git", "status", "--porcelain", "--untracked-files=no", "--", ".", *published)
    return f"{said.strip()}{' with changes' if changed else ''}" if said else "unknown"


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def _versions_in(python: str | Path) -> dict[str, str]:
    said = _said(str(python), "-c", _ASK, *_PACKAGES)
    found: dict[str, str] = json.loads(said) if said else {}
    return found


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    found = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _said(*command: str) -> str | None:
    """Return what a command says, None where it cannot be run or fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
