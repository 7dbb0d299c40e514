"""The warm path: CPU per object change, against what reading the same bytes as JSON costs."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable

from tests.bench.effort import Effort
from tests.bench.measured import Figure, Part, median_of, ratio_of
from tests.bench.table import printed
from tests.bench.work.canned import Bench, Burst

_GOAL = 3.0
_DELIVERED = 10  # by the mapping; what is beyond it is drained
_CHANGES = (1, 10, 1_000)
_ROUND = 1_000  # changes that are timed together: one alone is too short for a clock


def measure(effort: Effort) -> Part:
    """Measure CPU time of this thread, in microseconds per change, in turns with `json.loads` of the same bytes."""
    figures: list[Figure] = []
    samples: dict[str, list[float]] = {}
    for changes in _CHANGES:
        ours, event_only, reading = [], [], []
        for number in range(effort.repeats + 1):
            bursts = [
                Burst(changes, min(changes, _DELIVERED), number * _ROUND + each) for each in range(_ROUND // changes)
            ]
            events = [json.loads(burst.event) for burst in bursts]
            bench = warmed()
            event_only.append(_microseconds(lambda bursts=bursts: _read(bursts, inner=False)))  # type: ignore[misc]
            reading.append(_microseconds(lambda bursts=bursts: _read(bursts, inner=True)))  # type: ignore[misc]
            with contextlib.redirect_stdout(io.StringIO()):
                ours.append(
                    _microseconds(
                        lambda bench=bench, bursts=bursts, events=events: [  # type: ignore[misc]
                            bench.purge(burst, event) for burst, event in zip(bursts, events, strict=True)
                        ]
                    )
                )
        # The first round fills caches.
        ours, event_only, reading = ours[1:], event_only[1:], reading[1:]
        name = "a change alone" if changes == 1 else f"a batch of {changes:,}" + (", drained" if changes > 10 else "")
        figures += [
            ratio_of(f"{name}, against json.loads", ours, reading, _GOAL),
            ratio_of(f"{name}, against json.loads of the envelopes alone", ours, event_only),
            median_of(f"{name}, per change", "µs", ours),
        ]
        samples[f"{name}, µs per change"] = ours
        samples[f"{name}, json.loads, µs per change"] = reading
    return Part(
        "Warm path: CPU per object change",
        "python -m tests.bench.warm",
        figures,
        samples,
        notes=[
            "The function's own work from the decoded event to its result, log and metric lines included; the answers"
            " of Cloudflare and SQS are made beforehand, so sockets and TLS are not in it.",
            "`json.loads` reads the same bytes: the event, SQS's answers, and the notification inside every message."
            " The envelopes alone are the event and the answers, the notifications left as strings.",
            "Above the goal is what a purge takes beside the reading of its JSON: checking each change and finding its"
            " URLs, and for every ten messages two signed calls, to receive and to delete them. A change alone carries"
            " all that is done once an invocation: the request, two log lines, the metrics.",
        ],
    )


def warmed() -> Bench:
    """Return a function that has its token. Its time stands still, so in the long run its budget would run out."""
    bench, first = Bench(), Burst(1, 1, -1)
    with contextlib.redirect_stdout(io.StringIO()):
        bench.purge(first, json.loads(first.event))
    return bench


def _read(bursts: list[Burst], *, inner: bool) -> None:
    for burst in bursts:
        for text in (burst.event, *burst.answers, *(burst.bodies if inner else ())):
            json.loads(text)


def _microseconds(work: Callable[[], object]) -> float:
    before = time.thread_time()
    work()
    return (time.thread_time() - before) * 1e6 / _ROUND


if __name__ == "__main__":
    printed(measure(Effort()))
    sys.exit()
