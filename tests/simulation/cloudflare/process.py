"""The simulation as a child process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_IMPORT_ROOT = Path(__file__).parents[3]
_SECONDS_TO_END = 10


class StartError(Exception):
    """The process ended before it listened; its standard error says why."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where it listens: base URLs, without a slash at the end."""

    api: str  # what `cloudflare.api_url` and an SDK's `base_url` take
    edge_http: str
    edge_https: str
    control: str


@contextmanager
def running(config: Path) -> Iterator[Addresses]:
    """Run `python -m tests.simulation.cloudflare CONFIG` for as long as the block.

    Raises:
        StartError: it did not start.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.simulation.cloudflare", str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_IMPORT_ROOT)},
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise StartError(f"The simulated Cloudflare ended with {process.wait()}.")
        try:
            yield Addresses(**json.loads(line))
        finally:
            process.stdin.close()  # which ends it
            try:
                process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
