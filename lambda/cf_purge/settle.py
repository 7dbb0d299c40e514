"""Outcomes → what happens to each message: deleted, parked with a reason, or returned with a delay."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from cf_purge import observe
from cf_purge.budget import Clock
from cf_purge.config import Config
from cf_purge.errors import Misconfigured, NotTried, PurgeError, Rejected, describe
from cf_purge.events import MAX_ITEMS, Message
from cf_purge.observe import Metrics
from cf_purge.plan import Group, Plan, Task
from cf_purge.purger import Failure, Outcomes, Why
from cf_purge.sqs import Sqs
from cf_purge.targets import Purge

MAX_DELAY = 900  # seconds
_FIRST_DELAY = 5  # seconds; doubled with each receive
_MAX_TIME_DELAY = 40  # seconds, of what was not tried for lack of time
_PATIENT_RECEIVES = 15  # after which it waits as long as after a failure
_MINUTE = 60
_JITTER = 0.5  # of a delay, at most
_MAX_SHOWN = 5  # items in a reason
# Of a message of the function's own; the queue takes 262,144.
_MAX_BYTES = 200_000
_LEFT_OUT = Failure(Why.TIME, NotTried("This invocation had no time or no requests left for it."))


class Settlement(NamedTuple):
    """What happens to the messages of an invocation."""

    done: list[Message]
    parked: list[tuple[Message, Rejected]]
    returned: list[tuple[Message, int]]  # with the seconds until it is seen again


class Settler:
    """Carries out what `settlement_of` says.

    What is done is deleted before anything else is dealt with: if the time ran out first, it would be purged again.
    """

    def __init__(self, config: Config, sqs: Sqs, clock: Clock) -> None:
        self._config = config
        self._sqs = sqs
        self._clock = clock

    def settle(
        self,
        messages: Sequence[Message],
        drained: Container[str],
        plan: Plan,
        outcomes: Outcomes,
        done: Mapping[str, Collection[Group]],
        deadline: float,
        metrics: Metrics,
    ) -> set[str]:
        """Delete what is done, park what can never work, return the rest; return the IDs of what comes back.

        The event source mapping deletes its own batch, so only `drained` messages are deleted. `deadline` is a time of
        `Clock.now`.
        """
        clock, limit = self._clock, self._config.max_receive_count
        done_messages, to_park, returned = settlement_of(
            messages, plan, outcomes, done, limit, clock.wall(), clock.random
        )
        if self._config.repurge_after_seconds:  # a change whose second purge is not sent is not done
            ids = {message.id for message in done_messages}
            unsent = self.send_second_purges([task for task in plan.tasks if task.id in ids], deadline)
            returned += [(message, self._delay(message)) for message in done_messages if message.id in unsent]
            done_messages = [message for message in done_messages if message.id not in unsent]
        self._delete(done_messages, drained, deadline)
        # Half of the time is for returning the others.
        park_until = clock.now() + (deadline - clock.now()) / 2
        parked = []
        for message, error, result in self._sqs.park(to_park, park_until) if to_park else ():
            if isinstance(result, Exception):
                observe.error("not parked", message_id=message.id, code=error.code, reason=describe(result))
                metrics.misconfigured += isinstance(result, Misconfigured)
                returned.append((message, self._delay(message)))
            else:
                parked.append(message)
                observe.warn("parked", message_id=message.id, dead_letter_id=result, code=error.code, reason=str(error))
        self._delete(parked, drained, deadline)
        self._sqs.give_back(returned, deadline)
        metrics.parked += len(parked)
        metrics.retried += len(returned)
        return {message.id for message, _ in returned}

    def send_second_purges(self, tasks: Sequence[Task], deadline: float) -> dict[str, PurgeError]:
        """Ask the queue for the second purges of tasks that are done; return the tasks for which it failed, and why."""
        unsent: dict[str, PurgeError] = {}
        for body, ids in second_purges(tasks, self._config.urls_per_request):
            try:
                self._sqs.send(body, self._config.repurge_after_seconds, deadline)
            except PurgeError as error:
                observe.error("second purge not sent", reason=str(error))
                unsent.update(dict.fromkeys(ids, error))
        return unsent

    def _delay(self, message: Message) -> int:
        return delay_after([_LEFT_OUT], message.receives, self._clock.wall(), self._clock.random)

    def _delete(self, messages: Sequence[Message], drained: Container[str], deadline: float) -> None:
        self._sqs.delete([message for message in messages if message.id in drained], deadline)


def settlement_of(
    messages: Sequence[Message],
    plan: Plan,
    outcomes: Outcomes,
    done: Mapping[str, Collection[Group]],
    max_receive_count: int | None,
    now: float,
    chance: Callable[[], float],
) -> Settlement:
    """Choose what happens to each message. Pure.

    `now` is in seconds since the epoch, `chance` returns a random number in [0, 1). `done` has the groups of a message
    that were accepted at an earlier receive.
    """
    tasks = {task.id: task for task in plan.tasks}
    settlement = Settlement([], [], [])
    for message in messages:
        task, before = tasks.get(message.id), done.get(message.id, ())
        failures = [_LEFT_OUT] if task is None else failures_of(task, outcomes, before)
        if not failures:
            settlement.done.append(message)
        elif all(failure.why is Why.ITEM for failure in failures):
            settlement.parked.append((message, _rejection(failures)))
        elif max_receive_count is not None and message.receives >= max_receive_count:
            undone = [] if task is None else task.undone(outcomes.accepted, before)
            settlement.parked.append((message, _given_up(message.receives, failures, undone)))
        else:
            settlement.returned.append((message, delay_after(failures, message.receives, now, chance)))
    return settlement


def failures_of(task: Task, outcomes: Outcomes, done: Collection[Group] = ()) -> list[Failure]:
    """Return the distinct reasons why a task is not done; none when it is. Pure.

    A purge without an outcome is not done.
    """
    found: dict[Failure, None] = {}
    if task.error is not None:
        found[Failure(Why.ITEM if isinstance(task.error, Rejected) else Why.OWN, task.error)] = None
    for purge in task.undone(outcomes.accepted, done):
        found[outcomes.failures.get(purge, _LEFT_OUT)] = None
    return list(found)


def delay_after(failures: Sequence[Failure], receives: int, now: float, chance: Callable[[], float]) -> int:
    """Return the seconds after which a message that was received `receives` times is to be seen again."""
    backoff: int = min(MAX_DELAY, _FIRST_DELAY * 2 ** min(receives - 1, 10))
    holds = [failure.hold for failure in failures if failure.why is Why.HOLD]
    if holds:
        # All messages that wait for a hold come back at a whole minute, so that they share requests.
        least = min(MAX_DELAY, max(*holds, backoff))
        return math.ceil(math.ceil((now + least) / _MINUTE) * _MINUTE - now)
    if all(failure.why is Why.TIME for failure in failures) and receives <= _PATIENT_RECEIVES:
        return min(_MAX_TIME_DELAY, backoff)
    # What failed together does not come back together, so that the next time other messages share its request.
    return max(1, math.ceil(backoff * (1 - _JITTER * chance())))


def second_purges(tasks: Sequence[Task], max_purges: int) -> Iterator[tuple[str, set[str]]]:
    """Yield the messages that ask for all changes of the tasks once more, each with the IDs of their tasks.

    One message has at most `max_purges`, unless a single change has more. `hop` marks a second purge: it has no third.
    """
    groups: dict[tuple[str | None, str | None], dict[str, tuple[int, set[str]]]] = {}
    for task in tasks:
        for job in task.jobs if not (task.is_second or task.dry_run) else ():
            if job.change is not None:
                keys = groups.setdefault((job.change.bucket, job.change.zone_id), {})
                keys.setdefault(job.change.key, (len(job.purges), set()))[1].add(task.id)
    for (bucket, zone_id), keys in groups.items():
        options = {name: value for name, value in (("bucket", bucket), ("zone_id", zone_id)) if value is not None}
        part: list[str] = []
        ids: set[str] = set()
        size = purges = 0
        for key, (count, key_ids) in keys.items():
            length = len(json.dumps(key)) + 2
            if part and (size + length > _MAX_BYTES or purges + count > max_purges or len(part) >= MAX_ITEMS):
                yield json.dumps({"keys": part, "hop": 1, **options}), ids
                part, ids, size, purges = [], set(), 0, 0
            part.append(key)
            ids |= key_ids
            size, purges = size + length, purges + count
        yield json.dumps({"keys": part, "hop": 1, **options}), ids


def _rejection(failures: Sequence[Failure]) -> Rejected:
    error = failures[0].error
    more = f" The same message has {len(failures) - 1} more such answers." if len(failures) > 1 else ""
    return Rejected(f"{error}{more}", error.code if isinstance(error, Rejected) else "Rejected")


def _given_up(receives: int, failures: Sequence[Failure], undone: Sequence[Purge]) -> Rejected:
    last = next(failure.error for failure in failures if failure.why is not Why.ITEM)
    items = ", ".join(str(purge.shown) for purge in undone[:_MAX_SHOWN])
    rest = f" and {len(undone) - _MAX_SHOWN} more" if len(undone) > _MAX_SHOWN else ""
    what = f" Not purged: {items}{rest}." if undone else ""
    return Rejected(f"Given up after {receives} receives: {last}{what}", "GaveUp")
