"""`python -m tests.bench.fresh`: how long after an upload to a quiet site a visitor reads it, stage by stage."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from random import Random

from tests.bench.effort import QUICK, Effort
from tests.bench.local import ground
from tests.bench.local.journey import chill, followed
from tests.bench.local.stages import OURS, STAGES, Way, percentile, shares
from tests.bench.measured import Figure, Part, median_of
from tests.bench.table import printed
from tests.e2e.site import Site

COMMAND = "python -m tests.bench.fresh"
_KEY = "fresh.html"
_BETWEEN = 0.1, 0.4  # seconds from one upload to the next, by chance: not in step with the emulator's poller


def measure(effort: Effort) -> Part:
    site = ground.site()
    ground.quieten(site)
    site.put_and_purge(_KEY, "the first version")
    ways = _measured(site, effort.uploads)
    return Part(
        "Upload to fresh",
        COMMAND,
        [figure for mode, each in ways.items() for figure in _figures(mode, each)],
        {
            f"{mode}, {name}, ms": values
            for mode, each in ways.items()
            for name, values in (
                ("in all", [way.total for way in each]),
                *((stage, [way.stages[stage] for way in each]) for stage in STAGES),
            )
        },
        [*_notes(ways)],
    )


def _measured(site: Site, uploads: int) -> dict[str, list[Way]]:
    """Follow uploads in turns: one to a function without a process, one to the process that this has started."""
    chance = Random(1)
    ways: dict[str, list[Way]] = {"warm": [], "cold": []}
    for number in range(uploads):
        for mode in ("cold", "warm"):
            if mode == "cold":
                chill(site)
            ways[mode].append(followed(site, _KEY, f"version {number}, {mode}"))
            time.sleep(chance.uniform(*_BETWEEN))
    return ways


def _figures(mode: str, ways: Sequence[Way]) -> Iterator[Figure]:
    totals = [way.total for way in ways]
    yield median_of(f"{mode}: upload to fresh, p50", "ms", totals)
    slowest = percentile(totals, 99)
    yield Figure(f"{mode}: upload to fresh, p99", slowest, "ms", slowest, slowest, len(totals))
    for stage in STAGES:
        yield median_of(f"{mode}: {stage}", "ms", [way.stages[stage] for way in ways])
        if stage == "function" and mode == "cold":
            yield median_of(f"{mode}: of that, start of its process", "ms", [way.start for way in ways])
    yield median_of(f"{mode}: {' and '.join(OURS)}", "ms", [sum(way.stages[stage] for stage in OURS) for way in ways])


def _notes(ways: dict[str, list[Way]]) -> Iterator[str]:
    for mode, each in ways.items():
        told = ", ".join(f"{stage} {share:.0f} %" for stage, share in shares(each).items())
        yield f"Share of each stage, {mode} (medians): {told}."
    yield (
        "From S3's answer to the PUT (or its message, where that came first: event is 0 then) until a visitor, who "
        "looks every few milliseconds over one connection, reads the new version; one clock. event: to the message's "
        "SentTimestamp; queue: until the function is handed it; function: until its request arrives at the API; API: "
        "until that is answered; edge: until the visitor has it."
    )
    yield (
        "Event and queue are the emulator's and say nothing about AWS. Edge is the simulation's, and so is the API's "
        f"time: {ground.API_LATENCY} ms are Cloudflare's published median, put in. Ours is what the function takes, "
        "and that it needs one answer of the API."
    )
    start = statistics.median(way.start for way in ways["cold"])
    yield (
        f"Cold, the function's process was killed before each upload. Of its stage {start:.0f} ms are the start of the "
        "next one, as the emulator does it: it unpacks the zip, starts Python and imports the function; Lambda does "
        "that otherwise, and with less CPU. `python -m tests.bench.cold` has the cold path by itself."
    )


if __name__ == "__main__":
    printed(measure(QUICK if "--quick" in sys.argv else Effort()))
