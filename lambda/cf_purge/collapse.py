"""Many URLs of one target → a purge of the target as a whole. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from cf_purge.batch import Job
from cf_purge.config import Config, Target
from cf_purge.purge import FILES, PREFIXES, Purge
from cf_purge.targets import checked_bucket, hosts_of, purges_at, spellings, within


def collapsed(jobs: Sequence[Job], config: Config, above: int) -> list[Job]:
    """Return the jobs, the URLs of each target that has more than `above` of them replaced by its prefixes.

    The prefix is the shallowest path that still lies inside the target: its `path_prefix` on each of its hosts. A URL
    counts once, however many header variants it has.
    """
    urls: dict[Target, set[str]] = {}
    for job in jobs:
        for target, _, purges in _by_target(job, config):
            urls.setdefault(target, set()).update(purge.item for purge in purges if purge.kind == FILES)
    many = {target for target, distinct in urls.items() if len(distinct) > above}
    return [_replaced(job, many, config) for job in jobs] if many else list(jobs)


def _replaced(job: Job, many: Collection[Target], config: Config) -> Job:
    if job.change is None:  # what is named by hand is purged as it is named
        return job
    purges: dict[Purge, None] = {}
    for target, bucket, own in _by_target(job, config):
        for purge in own:
            is_replaced = target in many and purge.kind == FILES
            purges.update(dict.fromkeys(_whole(target, bucket) if is_replaced else [purge]))
    return job._replace(purges=tuple(purges))


def _by_target(job: Job, config: Config) -> Iterator[tuple[Target, str, list[Purge]]]:
    """Yield each target of a change with the bucket's name and its purges there."""
    if job.change is not None and job.purges:
        bucket = checked_bucket(job.change.bucket, config)
        for target in within(config, job.change.zone_id).targets:
            yield target, bucket, purges_at(target, job.change.key, bucket)


def _whole(target: Target, bucket: str) -> list[Purge]:
    return [
        Purge(target.zone, PREFIXES, f"{host}/{folder}")
        for host in hosts_of(target, bucket)
        for folder in spellings(target.path_prefix)
    ]
