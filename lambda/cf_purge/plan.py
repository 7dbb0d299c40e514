"""Messages → tasks → requests: each copy once, no request above Cloudflare's limits, no message above ours. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from math import ceil
from typing import NamedTuple

from cf_purge import observe
from cf_purge.budget import Cost
from cf_purge.config import Config, Target, Zone
from cf_purge.errors import PurgeError, Rejected, TooLarge
from cf_purge.events import Change, Event, Item, Message, parse
from cf_purge.targets import EVERYTHING, FILES, Purge, checked_bucket, purges_at, related_at, whole_of, within

MAX_PURGES = 10_000  # of one message
# https://developers.cloudflare.com/cache/how-to/purge-cache/#availability-and-limits; for URLs it depends on the plan.
_ITEMS_PER_REQUEST = 100
# Of one invocation, so that its memory is bounded: the messages behind them are left for the next one.
_MAX_JOBS, _MAX_BYTES = 20_000, 16_000_000
_MAX_PRINCIPAL = 256  # characters; the longest that IAM makes has about 100
_JOB_BYTES = 300  # of a purge, beside its text

# A zone with one of the two kinds of purge that Cloudflare limits apart: by URL, and all others.
Group = tuple[Zone, bool]
Done = Mapping[str, Collection[Group]]  # by message: the groups that were accepted at an earlier receive


class Job(NamedTuple):
    """The purges of one change in one target, or of one manual item; it is done when all of them are accepted."""

    purges: tuple[Purge, ...]
    change: Change | None = None
    target: Target | None = None  # None: it must not be collapsed
    delay: int = 0  # seconds from the change until it was due


class Delayed(NamedTuple):
    """A change that some target is to purge later."""

    change: Change  # with the time of the change
    seconds: int  # until the next target is to purge it
    purges: int  # in all targets


class Task(NamedTuple):
    """What one message asks for, or the event itself where there is no message."""

    id: str  # the message's ID, or ""
    jobs: Sequence[Job] = ()
    skipped: tuple[str, ...] = ()  # keys that need no purge
    error: PurgeError | None = None  # what is wrong with it apart from its purges
    changes: int = 0  # changes and manual items
    dry_run: bool = False
    is_check: bool = False
    look: Event | None = None  # it purges nothing, but looks at what was purged
    delayed: Sequence[Delayed] = ()

    @property
    def purges(self) -> dict[Purge, None]:
        return dict.fromkeys(purge for job in self.jobs for purge in job.purges)

    @property
    def shown(self) -> list[object]:
        """What it purges, each once, as Cloudflare is sent it."""
        return [purge.shown for purge in self.purges]

    def undone(self, accepted: Container[Purge], done: Collection[Group] = ()) -> list[Purge]:
        """Return the purges that are not known to be accepted, apart from the groups that were done before."""
        if self.dry_run:
            return []
        return [purge for purge in self.purges if purge not in accepted and group_of(purge) not in done]

    def wishes(
        self, accepted: Container[Purge], done: Collection[Group]
    ) -> Iterator[tuple[Change | Job, list[Job], bool]]:
        """Yield the changes and manual items with their jobs, and whether all of these are done."""
        undone = set(self.undone(accepted, done))
        wishes: dict[Change | Job, list[Job]] = {}
        for job in self.jobs:
            wishes.setdefault(job.change or job, []).append(job)
        for wish, jobs in wishes.items():
            yield wish, jobs, all(undone.isdisjoint(job.purges) for job in jobs)


class Part(NamedTuple):
    """The purges that one task adds to a request."""

    task_id: str
    purges: tuple[Purge, ...]


class Request(NamedTuple):
    """One body for Cloudflare: purges of one zone and one kind."""

    zone: Zone
    kind: str
    parts: tuple[Part, ...]
    is_suspect: bool = False  # its messages failed before
    repeat_at: float = 0.0  # a time of `Clock.now`; 0 when it is not a repetition
    error: PurgeError | None = None  # of a larger request that it was part of

    @property
    def group(self) -> Group:
        return self.zone, self.kind == FILES

    @property
    def purges(self) -> list[Purge]:
        return [purge for part in self.parts for purge in part.purges]

    @property
    def messages(self) -> int:
        return len({part.task_id for part in self.parts})

    @property
    def size(self) -> int:
        return sum(len(part.purges) for part in self.parts)

    @property
    def cost(self) -> Cost:
        return Cost(1, self.size, 0) if self.kind == FILES else Cost(1, 0, 1)

    @property
    def body(self) -> dict[str, object]:
        return {self.kind: True if self.kind == EVERYTHING else [purge.shown for purge in self.purges]}

    def halves(self, chance: float) -> tuple[Request, Request]:
        """Split it by message, or the purges of a single message by item, which `chance` in [0, 1) rotates first.

        Neighbours in a message often fail together. It is cut elsewhere at each receive, so that at one of them each
        innocent item is apart from those.
        """
        parts = self.parts
        if len(parts) == 1:
            purges = parts[0].purges
            start = int(chance * len(purges))
            parts = tuple(Part(parts[0].task_id, (purge,)) for purge in (*purges[start:], *purges[:start]))
        middle = len(parts) // 2
        return self._replace(parts=parts[:middle]), self._replace(parts=parts[middle:])


class Plan(NamedTuple):
    """What an invocation does; a message that has no task is left for another one."""

    tasks: tuple[Task, ...] = ()
    requests: tuple[Request, ...] = ()

    @property
    def principals(self) -> dict[Purge, dict[str, None]]:
        """Who made the changes that a purge is for, as far as S3 says it."""
        found: dict[Purge, dict[str, None]] = {}
        for job in (job for task in self.tasks for job in task.jobs):
            if job.change is not None and job.change.principal:
                for purge in job.purges:
                    found.setdefault(purge, {})[job.change.principal[:_MAX_PRINCIPAL]] = None
        return found


def make_task(task_id: str, document: object, config: Config, most: Cost, now: float) -> Task:
    """Plan one message or event; what is wrong with it becomes its `error`.

    `most` is what a single message may take, `now` in seconds since the epoch.
    """
    event = Event()
    try:
        event = parse(document)
        if not config.log_principals:
            event = event._replace(changes=tuple(change._replace(principal=None) for change in event.changes))
        if event.look is not None:
            return Task(task_id, look=event)
        return _task(task_id, event, config, most, now)
    except Exception as error:
        expected = error if isinstance(error, Rejected) else observe.unexpected(error)
        # Without the traceback, which would keep every purge that was planned before the error in memory.
        return Task(task_id, error=expected.with_traceback(None), changes=event.size, dry_run=event.dry_run)


def make_plan(messages: Sequence[Message], config: Config, done: Done, available: Cost, most: Cost, now: float) -> Plan:
    """Plan as many messages as fit into `available`: those received for the first time first."""
    ordered = sorted(messages, key=lambda message: message.receives > 1)
    tasks: list[Task] = []
    jobs = size = 0
    for message in ordered:
        if jobs > _MAX_JOBS or size > _MAX_BYTES:
            break
        task = make_task(message.id, message.body, config, most, now)
        tasks.append(task)
        jobs += task.changes
        size += sum(_JOB_BYTES + len(purge.item) for job in task.jobs for purge in job.purges)
    # What a dry run asks for must not widen what the others purge.
    collapsed = _collapsed([() if task.dry_run else task.jobs for task in tasks], config)
    tasks = [
        _collapsed_alone(task, config) if task.dry_run else task._replace(jobs=jobs)
        for task, jobs in zip(tasks, collapsed, strict=True)
    ]
    suspect_ids = {message.id for message in ordered if message.receives > 1}
    owners: dict[Purge, str] = {}  # the first task that asks for a purge
    spent = Cost()
    planned: list[Task] = []
    for task in tasks:
        missing = task.undone(owners, done.get(task.id, ()))
        total = spent.plus(_cost(missing, config))
        if not missing or total.fits(available):
            spent = total
            planned.append(task)
            owners.update(dict.fromkeys(missing, task.id))
    fresh = {purge: owner for purge, owner in owners.items() if owner not in suspect_ids}
    suspects = {purge: owner for purge, owner in owners.items() if owner in suspect_ids}
    requests = (*requests_for(fresh, config), *requests_for(suspects, config, is_suspect=True))
    return Plan(tuple(planned), requests)


def plan_event(task: Task, config: Config) -> Plan:
    """Plan an event that is no message."""
    task = _collapsed_alone(task, config)
    return Plan((task,), tuple(requests_for(dict.fromkeys(task.undone(()), task.id), config)))


def requests_for(purges: Mapping[Purge, str], config: Config, *, is_suspect: bool = False) -> Iterator[Request]:
    """Yield the requests for purges, each with its task's ID, zone by zone and kind by kind."""
    by_kind: dict[tuple[Zone, str], list[Purge]] = {}
    for purge in purges:
        by_kind.setdefault((purge.zone, purge.kind), []).append(purge)
    for (zone, kind), items in by_kind.items():
        limit = _limit(kind, config)
        for start in range(0, len(items), limit):
            by_task: dict[str, list[Purge]] = {}
            for purge in items[start : start + limit]:
                by_task.setdefault(purges[purge], []).append(purge)
            yield Request(zone, kind, tuple(Part(id_, tuple(own)) for id_, own in by_task.items()), is_suspect)


def _limit(kind: str, config: Config) -> int:
    return config.urls_per_request if kind == FILES else 1 if kind == EVERYTHING else _ITEMS_PER_REQUEST


def _cost(purges: Iterable[Purge], config: Config, round_up: Callable[[float], float] = float) -> Cost:
    """Return the cost of distinct purges; a request that is not full counts as a part of one, unless rounded up."""
    requests, urls, others = 0.0, 0, 0.0
    for (_, kind), count in Counter((purge.zone, purge.kind) for purge in purges).items():
        share = round_up(count / _limit(kind, config))
        requests += share
        if kind == FILES:
            urls += count
        else:
            others += share
    return Cost(requests, urls, others)


def _task(task_id: str, event: Event, config: Config, most: Cost, now: float) -> Task:
    jobs: list[Job] = []
    delayed: list[Delayed] = []
    ends: list[int] = []  # by item that needs a purge: the number of jobs up to it
    skipped: list[str] = []
    error, errors, room = event.error, event.errors, MAX_PURGES
    wishes: tuple[Change | Item, ...] = (*event.changes, *event.items)
    for wish in wishes:
        try:
            # One more than there is room for shows that there are too many.
            own = [job for job in jobs_of(wish, config, room + 1) if job.purges]
        except Rejected as problem:
            error, errors = error or problem.with_traceback(None), errors + 1
            continue
        room -= sum(len(job.purges) for job in own)
        if room < 0:
            raise TooLarge(f"It asks for more than {MAX_PURGES:,} purges: split it.")
        if own:
            due, later = due_of(own, now)
            jobs += own if event.dry_run else due
            delayed += [later] if later and not event.dry_run else []
            ends.append(len(jobs))
        else:
            skipped.append(wish.key if isinstance(wish, Change) else wish.text or wish.kind)
    if error is not None and errors > 1:
        error = Rejected(f"{error} The same message has {errors - 1:,} more invalid items.", error.code)
    is_check = any(item.kind == "check" for item in event.items)
    task = Task(task_id, jobs, tuple(skipped), error, event.size, event.dry_run, is_check, delayed=delayed)
    if not (cost := _whole_cost(jobs, config)).fits(most):
        fits = bisect_left(ends, True, key=lambda end: not _whole_cost(jobs[:end], config).fits(most))
        raise _too_large(cost, most, fits)
    return task


def jobs_of(wish: Change | Item, config: Config, room: int) -> Iterator[Job]:
    """Yield the jobs of a change or item, each with `room` purges at most."""
    if isinstance(wish, Change):
        bucket, targets = checked_bucket(wish.bucket, config), within(config, wish.zone_id)
        for target in targets if config.takes(wish.key) else ():
            purges = chain(purges_at(target, wish.key, bucket), related_at(target, wish.key, bucket))
            yield Job(tuple(dict.fromkeys(islice(purges, room))), wish, target)
    elif wish.kind == "check":
        from cf_purge.doctor import purges_for_check

        targets, bucket = within(config, wish.zone_id), checked_bucket(wish.bucket, config)
        yield Job(tuple(dict.fromkeys(islice(purges_for_check(targets, bucket), room))))
    else:
        from cf_purge.manual import purges_for_item

        yield Job(tuple(purges_for_item(wish, config)[:room]))


def due_of(jobs: list[Job], now: float) -> tuple[list[Job], Delayed | None]:
    """Return the jobs of a change or item that are due, and the change if others are not. Manual items always are."""
    change = jobs[0].change
    delays = [job.target.delay_seconds if job.target else 0 for job in jobs]
    if change is None or not any(delays) or (change.at is None and change.kind is None):
        return jobs, None
    at = now if change.at is None else min(change.at, now)
    waits = [at + delay - now for delay in delays if at + delay > now]
    passed = max((delay for delay in delays if at + delay <= now), default=0)
    due = [job._replace(delay=passed) for job, delay in zip(jobs, delays, strict=True) if at + delay <= now]
    purges = sum(len(job.purges) for job in jobs)
    return due, Delayed(change._replace(at=at), max(1, ceil(min(waits))), purges) if waits else None


def _whole_cost(jobs: Sequence[Job], config: Config) -> Cost:
    """Return the cost of the jobs of one message alone, in whole requests."""
    return _cost({purge for job in _collapsed([jobs], config)[0] for purge in job.purges}, config, ceil)


def _too_large(cost: Cost, most: Cost, fits: int) -> TooLarge:
    limits = zip(cost, most, ("requests", "URLs", "requests by prefix, tag or host"), strict=True)
    own, limit, what = next(each for each in limits if each[0] > each[1])
    into = f" into events of at most {fits:,} items" if fits > 0 else ""
    return TooLarge(f"It asks for {own:,.0f} {what}, and one message may take {limit:,.0f}: split it{into}.")


def _collapsed_alone(task: Task, config: Config) -> Task:
    return task._replace(jobs=_collapsed([task.jobs], config)[0])


def _collapsed(jobs: Sequence[Sequence[Job]], config: Config) -> Sequence[Sequence[Job]]:
    """Return the jobs, the URLs of each target that has more than `collapse_above` replaced by its prefixes.

    A URL counts once, however many header variants it has. Manual items other than keys are left as they are.
    """
    if config.collapse_above is None:
        return jobs
    urls: dict[Target | None, set[str]] = {}
    for job in (job for own in jobs for job in own):
        urls.setdefault(job.target, set()).update(purge.item for purge in job.purges if purge.kind == FILES)
    above = [target for target, items in urls.items() if target and len(items) > config.collapse_above]
    many = {target: whole_of(target) for target in above if _may_collapse(target, config)}

    def collapsed(job: Job) -> Job:
        if job.target not in many:
            return job
        return job._replace(purges=(*many[job.target], *(purge for purge in job.purges if purge.kind != FILES)))

    return [tuple(map(collapsed, own)) for own in jobs]


def _may_collapse(target: Target, config: Config) -> bool:
    """Tell whether the prefixes of a target purge neither keys that it is not about, nor anything too early."""
    return not target.keys and not any(
        other.delay_seconds
        and other.zone == target.zone
        and not set(other.hosts).isdisjoint(target.hosts)
        and (other.path_prefix.startswith(target.path_prefix) or target.path_prefix.startswith(other.path_prefix))
        for other in config.targets
    )


def group_of(purge: Purge) -> Group:
    return purge.zone, purge.kind == FILES
