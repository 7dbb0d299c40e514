"""Many URLs of one target → a purge of the target as a whole. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cf_purge.batch import Job
from cf_purge.config import Target
from cf_purge.purge import FILES, PREFIXES, Purge
from cf_purge.targets import hosts_of, spellings


def collapsed(jobs: Sequence[Job], above: int) -> list[Job]:
    """Return the jobs, the URLs of each target that has more than `above` of them replaced by its prefixes.

    The prefix is the shallowest path that still lies inside the target: its `path_prefix` on each of its hosts. A URL
    counts once, however many header variants it has.
    """
    urls: dict[Target, set[str]] = {}
    for job in jobs:
        for purge in job.purges:
            if purge.kind == FILES and purge.target is not None and job.change is not None:
                urls.setdefault(purge.target, set()).add(purge.item)
    many = {target for target, distinct in urls.items() if len(distinct) > above}
    return [replace(job, purges=_replaced(job, many)) for job in jobs]


def _replaced(job: Job, many: set[Target]) -> tuple[Purge, ...]:
    purges: dict[Purge, None] = {}
    for purge in job.purges:
        if purge.kind == FILES and purge.target in many and job.change is not None:
            purges.update(dict.fromkeys(_whole(purge.target, job.change.bucket)))
        else:
            purges[purge] = None
    return tuple(purges)


def _whole(target: Target, bucket: str | None) -> list[Purge]:
    return [
        Purge(target.zone, PREFIXES, f"{host}/{folder}", target=target)
        for host in hosts_of(target, bucket)
        for folder in spellings(target.path_prefix)
    ]
