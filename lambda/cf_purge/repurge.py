"""The second purge of a change, later, through the queue: for an edge that was still filling an old copy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from cf_purge.batch import Job
from cf_purge.purge import Purge

# A message holds 256 KiB. A key of 1,024 bytes can need six times as many characters once escaped.
_MOST_BYTES = 200_000


def messages_for(jobs: Iterable[Job], most_purges: int) -> Iterator[tuple[str, Sequence[Job]]]:
    """Yield the bodies of the messages that ask for all the jobs' changes once more, each with its jobs. Pure.

    A message of several changes has at most `most_purges`: what fitted into one invocation must not make a message
    that does not.

    `hop` marks them as second purges, after which there is no third.
    """
    groups: dict[tuple[str | None, str | None], list[Job]] = {}
    for job in jobs:
        if job.change is not None:
            groups.setdefault((job.change.bucket, job.change.zone_id), []).append(job)
    for (bucket, zone_id), group in groups.items():
        options = {"bucket": bucket, "zone_id": zone_id}
        rest = {"hop": 1, **{name: value for name, value in options.items() if value is not None}}
        for part in _parts(group, most_purges):
            yield json.dumps({"keys": list(dict.fromkeys(job.name for job in part)), **rest}), part


def _parts(jobs: Sequence[Job], most_purges: int) -> Iterator[Sequence[Job]]:
    part: list[Job] = []
    size = 0
    purges: set[Purge] = set()
    for job in jobs:
        length = len(json.dumps(job.name)) + 2
        if part and (size + length > _MOST_BYTES or len(purges.union(job.purges)) > most_purges):
            yield part
            part, size, purges = [], 0, set()
        part.append(job)
        size += length
        purges.update(job.purges)
    if part:
        yield part
