"""Where the time of the function's cold start goes, module by module."""

from __future__ import annotations

import argparse

from tests.bench.cold import FROM_QUEUE
from tests.bench.effort import Effort
from tests.bench.measured import Part
from tests.bench.processes.ground import ground
from tests.bench.processes.imports import imports
from tests.bench.table import printed


def measure(effort: Effort) -> Part:
    """Time the imports of fresh processes, from the spawn to the answer to a batch of one message."""
    with ground() as place:
        return imports(place, place.ours(), [FROM_QUEUE], max(2, effort.repeats))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.imports", description="Tell where a cold start goes.")
    parser.add_argument("--repeats", type=int, default=Effort().repeats)
    printed(measure(Effort(repeats=parser.parse_args().repeats)))


if __name__ == "__main__":
    main()
