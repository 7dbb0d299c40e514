"""Messages → tasks → requests: each copy once, no request above Cloudflare's limits, no message above ours. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest
from math import ceil, inf
from typing import Any, NamedTuple, TypeVar

from cf_purge import observe
from cf_purge.budget import Cost
from cf_purge.config import Config, Target, Zone
from cf_purge.errors import NotTried, PurgeError, Rejected, TooLarge
from cf_purge.events import Change, Event, Item, Message, parse
from cf_purge.targets import EVERYTHING, FILES, TAGS, Purge, nothing_at, prefixes_of, purges_at, purges_for_item

K = TypeVar("K")
V = TypeVar("V")

MAX_PURGES = 10_000  # of one message
# https://developers.cloudflare.com/cache/how-to/purge-cache/#availability-and-limits; for URLs it depends on the plan.
_ITEMS_PER_REQUEST = 100  # of everything a zone has one purge, so that needs no limit
# Of one invocation, so that its memory is bounded: the messages behind them are left for the next one.
_MAX_BYTES = 16_000_000
_BYTES = 300  # of a change, and of a purge beside its text
_PARTS = 8  # of a request that failed: an item is alone after half as many time-outs as with halves
LEFT_OUT = NotTried('No time or requests were left for it: in a direct invocation list fewer items or one "zone_id".')

# A zone with one of the two kinds of purge that Cloudflare limits apart: by URL, and all others.
Group = tuple[Zone, bool]
# How purges ended at earlier receives, by message ID and by the hash of the purge. None: it was accepted. Otherwise it
# failed when it was sent apart: the error is a Rejected if it can never be purged, else LEFT_OUT.
Ended = Mapping[str, Mapping[int, PurgeError | None]]


class Delayed(NamedTuple):
    """A change that some target is to purge later."""

    change: Change  # with the time of the change
    seconds: int  # until the next target is to purge it
    purges: int  # in all targets


class Job(NamedTuple):
    """One change or manual item; it is done when all its purges are accepted, if it has no error."""

    change: Change | None  # None: another item
    parts: Sequence[tuple[Target | None, Sequence[Purge]]]  # purges by target; None: of an item, never collapsed
    error: Rejected | None = None  # why nothing, or not every target, can purge it
    later: Delayed | None = None  # what other targets purge later
    due: float | None = None  # when the last of its targets was to purge the change, if its time is known

    @property
    def purges(self) -> list[Purge]:
        return [purge for _, purges in self.parts for purge in purges]


class Task(NamedTuple):
    """What one message asks for, or the event itself where there is no message."""

    message: Message
    event: Event = Event()
    jobs: Sequence[Job] = ()
    skipped: tuple[str, ...] = ()  # keys that need no purge
    error: PurgeError | None = None  # what is wrong with it apart from its purges
    delayed: Sequence[Delayed] = ()
    ended: Mapping[int, PurgeError | None] = {}  # that of its message, see Ended

    @property
    def purges(self) -> dict[Purge, None]:
        """The purges it asks for that no earlier receive has done."""
        return dict.fromkeys(purge for job in self.jobs for purge in job.purges if not self.was_accepted(purge))

    def was_accepted(self, purge: Purge) -> bool:
        """Tell whether an earlier receive has done a purge."""
        return hash(purge) in self.ended and self.ended[hash(purge)] is None

    def undone(self, done: Container[Purge]) -> list[Purge]:
        """Return the purges that no earlier receive has done, without those in `done`; none of a dry run."""
        return [] if self.event.dry_run else [purge for purge in self.purges if purge not in done]

    def left(self, accepted: Container[Purge]) -> list[tuple[Change | None, Sequence[Purge]]]:
        """Return the changes and manual items that are not done, with their purges; without any, one empty entry."""
        undone, unsent = {*self.undone(accepted)}, {*self.delayed}
        left = [job for job in self.jobs if job.error or job.later in unsent or not undone.isdisjoint(job.purges)]
        return [(job.change, job.purges) for job in left] or [(None, ())]


class Request(NamedTuple):
    """One body for Cloudflare: purges of one zone and one kind."""

    zone: Zone
    kind: str
    parts: tuple[tuple[Purge, ...], ...]  # those of each message
    is_suspect: bool = False  # its messages failed before
    repeat_at: float = 0.0  # a time of `Clock.now`; 0 when it is not a repetition
    error: PurgeError | None = None  # of a larger request that it was part of
    is_last: bool = False  # it failed alone before, so it goes after others

    @property
    def group(self) -> Group:
        return self.zone, self.kind == FILES

    @property
    def purges(self) -> list[Purge]:
        return list(chain(*self.parts))

    @property
    def cost(self) -> Cost:
        return {"requests": 1, "urls": len(self.purges)} if self.kind == FILES else {"requests": 1, "others": 1}

    @property
    def body(self) -> dict[str, object]:
        return {self.kind: True if self.kind == EVERYTHING else [purge.shown for purge in self.purges]}

    def split(self, chance: float) -> Iterator[Request]:
        """Yield smaller requests, each with some of the messages; of a single message, each with some of its items.

        Bad items are often neighbours. Where the first items begin is therefore left to `chance`, a number in [0, 1):
        the message is cut elsewhere at each receive, and at one of them each good item is apart from the bad ones.
        """
        [items, *others] = self.parts
        start = int(chance * len(items))
        pieces: tuple[Any, ...] = self.parts if others else items[start:] + items[:start]
        step = ceil(len(pieces) / _PARTS)
        for place in range(0, len(pieces), step):
            piece = pieces[place : place + step]
            yield self._replace(parts=piece if others else (piece,))


class Plan(NamedTuple):
    """What an invocation does, with a task for each message."""

    tasks: tuple[Task, ...] = ()
    requests: tuple[Request, ...] = ()
    owners: Mapping[Purge, str] = {}  # by purge: the ID of the first task that asks for it

    @property
    def principals(self) -> dict[Purge, list[str]]:
        """By purge: who made the changes that it is for, if S3 says so."""
        asked = ((job, job.change.principal) for task in self.tasks for job in task.jobs if job.change)
        # The longest that IAM makes has about 100 characters.
        named = ((purge, name[:256]) for job, name in asked if name for purge in job.purges)
        return grouped(dict.fromkeys(named))


def grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """Return the second ones of pairs by their first ones, in order."""
    groups: dict[K, list[V]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def make_task(message: Message, config: Config, largest: Cost, now: float) -> Task:
    """Plan one message or event; what is wrong with it becomes its `error`.

    `largest` is what a single message may take, `now` in seconds since the epoch.
    """
    event = Event()
    jobs: list[Job] = []
    count = 0
    try:
        event = parse(message.body)
        for entry in event.entries:
            job = job_of(entry, config, inf if event.dry_run else now)  # a dry run shows what is delayed, too
            jobs.append(job)
            count += job.later.purges if job.later else len(job.purges)
            if count > MAX_PURGES:
                raise TooLarge(f"It asks for more than {MAX_PURGES:,} purges: split it, or choose another purge_by.")
        if not event.is_own:
            _check_cost([job for job in jobs if job.parts], config, largest)
    except Exception as error:
        # Without the traceback, which would keep every purge that was planned before the error in memory.
        return Task(message, event, error=observe.understood(error).with_traceback(None))
    skipped = tuple(job.change.key for job in jobs if job.change and not (job.parts or job.error or job.later))
    errors = [job.error for job in jobs if job.error]
    if len(errors) > 1:
        errors[0] = Rejected(f"{errors[0]} Further invalid items: {len(errors) - 1:,}.", errors[0].code)
    return Task(message, event, jobs, skipped, next(iter(errors), None), [job.later for job in jobs if job.later])


def make_plan(messages: Sequence[Message], config: Config, ended: Ended, largest: Cost, now: float) -> Plan:
    """Plan the messages: fresh ones first, and looks last. Those for which the memory has no room get LEFT_OUT.

    `largest` and `now` are those of `make_task`.
    """
    tasks: list[Task] = []
    size = 0
    for message in sorted(messages, key=lambda each: (each.is_look, each.receives > 1)):
        task = make_task(message, config, largest, now) if size <= _MAX_BYTES else Task(message, error=LEFT_OUT)
        tasks.append(task)
        asked = task.event.look.changes if task.event.look else task.event.entries
        # A key that is repeated takes the memory again.
        size += _BYTES * len(asked) + sum(_BYTES + len(purge.item) for job in task.jobs for purge in job.purges)
    covering = _covering([job for task in tasks if not task.event.dry_run for job in task.jobs], config)
    owners: dict[Purge, str] = {}
    for place, task in enumerate(tasks):
        # A dry run must not widen the purges of other messages.
        jobs = _collapsed(task.jobs, _covering(task.jobs, config) if task.event.dry_run else covering)
        tasks[place] = task = task._replace(jobs=jobs, ended=ended.get(task.message.id, {}))
        for purge in task.undone(owners):  # what an earlier task asks for, too, is sent for that one
            if not isinstance(task.ended.get(hash(purge)), Rejected):
                owners[purge] = task.message.id
    suspect_ids = {message.id for message in messages if message.receives > 1}
    # What failed when it was sent apart is sent so again, after all others.
    failed = [purge for task in tasks if task.ended for purge in task.purges if task.ended.get(hash(purge))]
    apart = {purge: owners.pop(purge) for purge in failed if purge in owners}
    last = [Request(each.zone, each.kind, ((each,),), apart[each] in suspect_ids, is_last=True) for each in apart]
    return Plan(tuple(tasks), (*requests_for(owners, config, suspect_ids), *last), owners | apart)


def requests_for(owners: Mapping[Purge, str], config: Config, suspect_ids: Container[str] = ()) -> list[Request]:
    """Return the requests for purges, given with the IDs of their messages: of one zone and kind each, suspects apart.

    The first ones of all zones go before the second ones, so that a message about many zones is done early. The hosts
    of a zone take turns with as many purges as a request holds, so that few requests mix a wrong host with others.
    """
    by_group: list[list[Request]] = []
    groups = grouped(((purge.zone, purge.kind, owner in suspect_ids), purge) for purge, owner in owners.items())
    for (zone, kind, is_suspect), group in groups.items():
        limit = config.urls_per_request if kind == FILES else _ITEMS_PER_REQUEST
        by_host = grouped((purge.host, purge) for purge in group).values()
        starts = range(0, len(group), limit)
        in_turn = [purge for start in starts for of_host in by_host for purge in of_host[start : start + limit]]
        requests = [in_turn[start : start + limit] for start in starts]
        by_message = [grouped((owners[purge], purge) for purge in request).values() for request in requests]
        by_group.append([Request(zone, kind, tuple(map(tuple, parts)), is_suspect) for parts in by_message])
    return [request for each in zip_longest(*by_group) for request in each if request]


def probe_for(request: Request, config: Config) -> Request:
    """Return a request of the same zone and kind that drops no copy. A working zone accepts it."""
    target = next(each for each in config.targets if each.zone == request.zone)
    host = target.hosts[0] if target.hosts else request.purges[0].host  # with the flat variables a target has no hosts
    probe = nothing_at(target, host, FILES if request.kind == FILES else TAGS)
    return Request(request.zone, probe.kind, ((probe,),))


def job_of(entry: Change | Item | Rejected, config: Config, now: float) -> Job:
    """Return what a change or item asks for: just more than MAX_PURGES purges at most.

    One that is invalid or outside of the targets has an error and nothing to purge. `later` has what is not due at
    `now`, in seconds since the epoch, or inf; manual keys and items are always due.
    """
    if isinstance(entry, Rejected):
        return Job(None, (), entry)
    change = error = None
    try:
        if isinstance(entry, Item):
            return Job(None, [(None, purges_for_item(entry, config))])
        change = entry if config.log_principals else entry._replace(principal=None)
        targets = config.targets_for(entry.bucket, entry.zone_id)
    except Rejected as problem:
        return Job(change, (), problem.with_traceback(None))
    is_manual = change.at is None and change.kind is None
    at = now if change.at is None else min(change.at, now)
    parts, dues, count = [], [], 0
    serving = targets if config.takes(change.key) else ()
    for target in serving:
        try:
            found = tuple(islice(purges_at(target, change.key), MAX_PURGES + 1 - count))
        except Rejected as problem:  # the other targets purge it
            found, error = (), problem.with_traceback(None)
        # Without repetitions a list that was cut off could seem short enough.
        purges = found if count + len(found) > MAX_PURGES else tuple(dict.fromkeys(found))
        count += len(purges)
        if purges and at + target.delay_seconds > now and not is_manual:
            dues.append(at + target.delay_seconds)
        elif purges:
            parts.append((target, purges))
    later = Delayed(change._replace(at=at), ceil(min(dues) - now), count) if dues else None
    due = None if change.at is None else change.at + max((target.delay_seconds for target, _ in parts), default=0)
    return Job(change, parts, error, later, due)


def _check_cost(jobs: Sequence[Job], config: Config, largest: Cost) -> None:
    """Raise TooLarge if one message, alone, costs more than `largest`; the error says how many items fit into an event.

    A single change or item cannot be split: what does not fit into one invocation is sent at the next receives.
    """

    def exceeds(part: Sequence[Job]) -> bool:
        collapsed = _collapsed(part, _covering(part, config))
        owners = dict.fromkeys((purge for job in collapsed for purge in job.purges), "")
        costs = [request.cost for request in requests_for(owners, config)]
        return any(sum(cost.get(limit, 0) for cost in costs) > most for limit, most in largest.items())

    def are_too_large(size: int) -> bool:
        return any(exceeds(jobs[start : start + size]) for start in range(0, len(jobs), size))

    if len(jobs) > 1 and are_too_large(len(jobs)):
        # How many sizes are not too large is also the largest of them.
        fits = max(1, bisect_left(range(1, len(jobs)), True, key=are_too_large))
        raise TooLarge(f"It asks for more requests than it may send: split it into events of at most {fits:,} items.")


def _collapsed(jobs: Sequence[Job], covering: Mapping[Target | None, Sequence[Purge]]) -> Sequence[Job]:
    """Return the jobs with the URLs of the targets in `covering` replaced by the prefixes that it has for them."""
    if not covering:
        return jobs

    def collapsed(target: Target | None, purges: Sequence[Purge]) -> tuple[Target | None, Sequence[Purge]]:
        prefixes = covering.get(target)
        return target, [*prefixes, *(purge for purge in purges if purge.kind != FILES)] if prefixes else purges

    return [job._replace(parts=[collapsed(*part) for part in job.parts]) for job in jobs]


def _covering(jobs: Iterable[Job], config: Config) -> dict[Target | None, list[Purge]]:
    """Return the prefixes of each target that has more than `collapse_above` URLs.

    A URL counts once, however many header variants it has. Manual items other than keys are left as they are.
    """
    if config.collapse_above is None:
        return {}
    parts = chain(*(job.parts for job in jobs))
    urls = grouped((target, purge.item) for target, purges in parts for purge in purges if purge.kind == FILES)
    large = [target for target, items in urls.items() if target and len(set(items)) > config.collapse_above]
    return {each: list(prefixes_of(each, each.path_prefix)) for each in large if may_collapse(each, config)}


def may_collapse(target: Target, config: Config) -> bool:
    """Tell whether the prefixes of a target purge neither keys that it is not about, nor anything too early."""
    own = target.path_prefix
    delayed = [each for each in config.targets if each.delay_seconds and each.zone == target.zone]
    folders = [each.path_prefix for each in delayed if not {*each.hosts}.isdisjoint(target.hosts)]
    return not target.keys and not any(each.startswith(own) or own.startswith(each) for each in folders)
