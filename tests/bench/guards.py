"""The budget: what a cold start and a batch of 1,000 changes may cost, counted, so that a regression fails the checks.

`python -m tests.bench.guards` counts with this Python, `--write` makes that its budget.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUDGET = Path(__file__).parent / "budget.json"
SLACK = 1.10
_SLACK_ELSEWHERE = 1.50  # against the nearest version that has a budget: what is counted changes with the version

Counts = dict[str, dict[str, int]]  # by "cold" and "batch"


def counts(python: str = sys.executable, source: Path = ROOT / "lambda") -> Counts:
    """Count in fresh processes of one Python; `source` is the folder with the package."""
    environ = {
        # What somebody else has set for Python, such as PYTHONTRACEMALLOC, would be counted too.
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "PYTHONPATH": os.pathsep.join(map(str, (source, ROOT))),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [python, "-m", "tests.bench.work.counted"]
    return {
        what: json.loads(subprocess.run([*command, what], env=environ, check=True, capture_output=True).stdout)
        for what in ("cold", "batch")
    }


def budget() -> dict[str, Counts]:
    """Return what is allowed, by version of Python."""
    allowed: dict[str, Counts] = json.loads(BUDGET.read_text())
    return allowed


def exceeded(counted: Counts, version: str, allowed: dict[str, Counts]) -> list[str]:
    """Return a sentence for each count that is above its budget; `version` is such as "3.13"."""
    known = version in allowed
    nearest = version if known else max(allowed, key=lambda other: -abs(_minor(other) - _minor(version)))
    slack = SLACK if known else _SLACK_ELSEWHERE
    return [
        f"{what}: {count:,} {name} are more than {slack:.0%} of the {most:,} in {BUDGET.name}: find out why, or,"
        " if it is worth it, run `python -m tests.bench.guards --write`."
        for what, limits in allowed[nearest].items()
        for name, most in limits.items()
        for count in [counted[what][name]]
        if count > slack * most
    ]


def _minor(version: str) -> int:
    return int(version.partition(".")[2])


def main(arguments: list[str]) -> int:
    found = {f"{sys.version_info.major}.{sys.version_info.minor}": counts()}
    for version, counted in found.items():
        print(version, json.dumps(counted))
    if "--write" in arguments:
        BUDGET.write_text(json.dumps({**(budget() if BUDGET.exists() else {}), **found}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
