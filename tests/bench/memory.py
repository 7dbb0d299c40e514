"""`python -m tests.bench.memory`: the most memory a function's process has had, by how many changes it was given."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass

from tests.bench.effort import Effort
from tests.bench.measured import Part, median_of
from tests.bench.processes.ground import Ground, ground
from tests.bench.processes.process import Failed, function, peak_of
from tests.bench.table import printed
from tests.unit import factories

LARGEST_EVENT = 6 << 20  # bytes, Lambda's
_TITLE, _COMMAND = "Memory of the function", "python -m tests.bench.memory"
_GOAL = 96.0  # MB, for 3,000 changes
_DONE = b'{"batchItemFailures": []}'


@dataclass(frozen=True, slots=True)
class Load:
    """What one invocation is given: messages in the event, and such that it receives itself."""

    name: str
    messages: int
    drained: int = 0
    records: int = 1  # in each message
    goal: float | None = None

    @property
    def keys(self) -> list[str]:
        count = (self.messages + self.drained) * self.records
        return [f"assets/styles/{number:05}/site.css" for number in range(count)]

    @property
    def bodies(self) -> list[str]:
        keys, size = self.keys, self.records
        return [json.dumps(factories.s3_event(*keys[at : at + size])) for at in range(0, len(keys), size)]


LOADS = (
    Load("10 changes", 10),
    Load("1,000 changes, drained", 10, drained=990),
    Load("1,000 changes, one event", 1_000),
    Load("3,000 changes, one event", 3_000, goal=_GOAL),
    Load("3,000 changes, ten messages", 10, records=300, goal=_GOAL),
    Load("3,000 changes, drained", 10, drained=2_990, goal=_GOAL),
)


def measure(effort: Effort) -> Part:
    """Run each load several times, every time in a fresh process."""
    peaks: dict[str, list[float]] = defaultdict(list)
    before: list[float] = []
    with ground("enterprise") as place:
        for _ in range(max(2, effort.repeats)):
            for load in LOADS:
                ready, peak = peaks_of(place, load)
                before.append(ready)
                peaks[load.name].append(peak)
        version = place.version
    if not all(before):
        return Part(_TITLE, _COMMAND, [], notes=["Not measured: only Linux tells a process's peak, in /proc."])
    return Part(
        title=_TITLE,
        command=_COMMAND,
        figures=[
            median_of("before the first event", "MB", before),
            *(median_of(load.name, "MB", peaks[load.name], load.goal) for load in LOADS),
        ],
        samples={f"{name.replace(',', '')}, MB": values for name, values in peaks.items()},
        notes=(
            f"{version}; resident memory at its highest (VmHWM) of a fresh process under the runtime loop, interpreter"
            " and libraries with it, in MB of 1,048,576 bytes as Lambda counts them.",
            "Drained: the event has ten messages, the function receives the others itself, from a local SQS.",
            "Of every run is checked that each URL was purged once and each drained message deleted.",
        ),
    )


def peaks_of(place: Ground, load: Load) -> tuple[float, float]:
    """Return the MB before the first event and at its end.

    Raises:
        Failed: the function has not done all of it.
    """
    bodies = load.bodies
    event = json.dumps(factories.sqs_event(*bodies[: load.messages])).encode()
    if len(event) > LARGEST_EVENT:
        raise Failed(f"{load.name}: Lambda hands over {LARGEST_EVENT} bytes at most, and this has {len(event)}.")
    place.aws.reset(bodies[load.messages :])
    ready: list[float] = []
    command = place.ours(
        batch_size=max(10, load.messages) if load.drained else 10_000,
        drain=load.messages + load.drained if load.drained else 0,
        cloudflare={"plan": "enterprise", "requests_per_second": 100},
    )
    run = function(command, place.api, [event], before_first=lambda pid: ready.append(peak_of(pid)))
    place.check([f"https://{factories.HOST}/{key}" for key in load.keys])
    if list(run.answers) != [_DONE] or len(place.aws.deleted) != load.drained:
        raise Failed(f"{load.name}: {len(place.aws.deleted)} drained messages deleted, {run.answers!r:.200}")
    return ready[0], run.peak


def main() -> None:
    parser = argparse.ArgumentParser(prog=_COMMAND, description="Tell the most memory that a function takes.")
    parser.add_argument("--repeats", type=int, default=Effort().repeats)
    printed(measure(Effort(repeats=parser.parse_args().repeats)))


if __name__ == "__main__":
    main()
