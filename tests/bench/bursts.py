"""`python -m tests.bench.bursts`: how many requests Cloudflare gets for uploads of 1, 100 and 10,000 objects."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.effort import QUICK, Effort
from tests.bench.local import ground, naive
from tests.bench.measured import Figure, Part, counted, median_of
from tests.bench.table import printed
from tests.e2e.release import Release
from tests.e2e.site import Site
from tests.simulation.cloudflare.client import ApiRequest

COMMAND = "python -m tests.bench.bursts"
GOALS = {1: 1, 100: 10, 10_000: 150}  # requests, by objects
_RIVALS_MOST = 100  # objects
_COPIES = 500  # at most, of the version before, at the edge


@dataclass(frozen=True, slots=True)
class Burst:
    """One upload, counted at the simulated Cloudflare until every object was purged."""

    requests: int
    refused: int  # of them, answered 429
    purged: int  # objects
    seconds: float  # from the first upload to the last accepted purge


def measure(effort: Effort) -> Part:
    site = ground.site()
    sizes = [size for size in GOALS if size <= effort.most_objects]
    ours: dict[int, list[Burst]] = {size: [] for size in sizes}
    theirs: dict[int, list[Burst]] = {size: [] for size in sizes if size <= _RIVALS_MOST}
    with naive.deployed(site.world) as rival:
        for turn in range(effort.repeats):
            for size in theirs:
                ours[size].append(burst(site, size, f"turn {turn}"))
                if turn == 0:
                    theirs[size].append(rivals_burst(rival, size))
    for size in sizes:
        if size > _RIVALS_MOST:
            ours[size].append(burst(site, size, "turn 0"))
    return Part(
        "Requests per upload",
        COMMAND,
        [*(_figure(size, bursts) for size, bursts in ours.items()), *_rivals_figures(theirs)],
        {
            f"{who}, {size:,} objects, requests": [float(each.requests) for each in bursts]
            for who, by_size in (("cf_purge", ours), ("naive", theirs))
            for size, bursts in by_size.items()
        },
        [*_notes(ours)],
    )


def burst(site: Site, size: int, version: str) -> Burst:
    """Upload objects of which the edge has older copies, and check that no visitor gets one of those afterwards."""
    release = Release(site, [f"burst/{size}/{number}.html" for number in range(size)])
    older = Release(site, release.keys[:_COPIES])
    older.upload("older")
    older.settles(timeout=60)
    older.visit()
    ground.quieten(site)
    since = time.time()
    release.upload(version)
    release.settles(timeout=60 + size / 50)
    requests = site.world.control.requests()
    missing = {site.url(key) for key in release.keys} - naive.purged(requests)
    if missing or site.dead():
        raise RuntimeError(f"{len(missing)} of {size} objects were not purged; {site.dead()} dead letters.")
    if stale := release.stale():
        raise RuntimeError(f"Visitors of {len(stale)} of {size} objects get an older version.")
    return counted_in(requests, since)


def rivals_burst(site: Site, size: int) -> Burst:
    """Upload objects to the naive function's bucket."""
    release = Release(site, [f"burst/{size}/{number}.html" for number in range(size)])
    site.world.control.forget_requests()
    site.world.control.reset_limits()
    since = time.time()
    release.upload("one")
    return counted_in(naive.settled(release, timeout=300), since)


def counted_in(requests: Sequence[ApiRequest], since: float) -> Burst:
    """Return what was counted of a burst that began then, in seconds since the epoch."""
    refused = sum(request.status == 429 for request in requests)
    last = max((request.answered or since for request in requests if request.status == 200), default=since)
    return Burst(len(requests), refused, len(naive.purged(requests)), last - since)


def _figure(size: int, bursts: Sequence[Burst]) -> Figure:
    name, counts = f"requests for {_objects(size)}", [float(each.requests) for each in bursts]
    if len(counts) == 1:
        return counted(name, "requests", counts[0], GOALS[size])
    return median_of(name, "requests", counts, GOALS[size])


def _rivals_figures(theirs: Mapping[int, Sequence[Burst]]) -> Iterator[Figure]:
    for size, [only] in theirs.items():
        yield counted(f"naive: requests for {_objects(size)}", "requests", only.requests)
        yield counted(f"naive: of them refused (429), {_objects(size)}", "requests", only.refused)
        yield counted(f"naive: purged of {_objects(size)}", "objects", only.purged)


def _notes(ours: Mapping[int, Sequence[Burst]]) -> Iterator[str]:
    yield (
        "Counted at the simulated Cloudflare (limits of the Free plan, answers after "
        f"{ground.API_LATENCY} ms), every try included; after each burst all objects were visited at the edge, up to "
        f"{_COPIES} of which had an older copy there, and none was stale. Uploads come from 16 threads as fast as the "
        "emulator takes them."
    )
    for size, bursts in ours.items():
        seconds = sorted(each.seconds for each in bursts)[len(bursts) // 2]
        yield (
            f"{_objects(size)}: {seconds:.1f} s from the first upload to the last purge; "
            f"requests in each turn: {', '.join(f'{each.requests}' for each in bursts)}."
        )
    yield (
        f"Naive was not run with more than {_RIVALS_MOST} objects: 10,000 events would be up to a thousand Python "
        "processes at once on this machine. By its design it sends one request per object and try; a token has 1,200 "
        "in five minutes, after which all of its requests are refused for five more, and Lambda gives an event up "
        "after three tries in three minutes: it would lose most of 10,000. Against 100 no limit stands."
    )


def _objects(size: int) -> str:
    return "1 object" if size == 1 else f"{size:,} objects"


if __name__ == "__main__":
    printed(measure(QUICK if "--quick" in sys.argv else Effort()))
