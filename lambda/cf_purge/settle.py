"""Outcomes → what happens to each message: deleted, parked with a reason, or returned with a delay."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from cf_purge import observe
from cf_purge.budget import Clock
from cf_purge.config import Config
from cf_purge.errors import Misconfigured, NotTried, Rejected, describe
from cf_purge.events import Change, Message
from cf_purge.observe import Metrics
from cf_purge.plan import Plan, Task
from cf_purge.purger import Failure, Outcomes
from cf_purge.sqs import Sqs

Chance = Callable[[], float]

MAX_DELAY = 900  # seconds
_FIRST_DELAY = 5  # seconds; doubled with each receive
_MAX_TIME_DELAY = 40  # seconds, of what was not tried for lack of time
_PATIENT_RECEIVES = 15  # after which it waits as long as after a failure
_MINUTE = 60
_JITTER = 0.5  # of a delay, at most
_MAX_SHOWN = 5  # items in a reason
_LEFT_OUT = Failure(NotTried("This invocation had no time or no requests left for it."))


class Settler(NamedTuple):
    """Carries out what `fate_of` says of each message of an invocation.

    What is done is deleted before anything else is dealt with: if the time ran out first, it would be purged again.
    """

    config: Config
    sqs: Sqs
    clock: Clock
    deadline: float  # a time of `Clock.now`
    metrics: Metrics

    def settle(self, messages: Sequence[Message], batch: Sequence[Message], plan: Plan, outcomes: Outcomes) -> set[str]:
        """Delete what is done, park what can never work, return the rest; return the IDs of what comes back.

        The event source mapping deletes its own `batch`, so only the other messages are deleted, and those of the batch
        that were received again: an older receipt deletes nothing.
        """
        in_batch = set(batch)
        tasks = {task.id: task for task in plan.tasks}
        last, now, chance = self.config.max_receive_count, self.clock.wall(), self.clock.random
        fates = {each: fate_of(each, tasks.get(each.id), outcomes, last, now, chance) for each in messages}
        # What is parked has targets that can work, too.
        going = {each: tasks[each.id] for each, fate in fates.items() if each.id in tasks and not isinstance(fate, int)}
        delayed = {message: task for message, task in going.items() if task.delayed}
        if delayed and self.send_delayed(delayed.values()):
            fates |= {message: self._delay(message) for message in delayed}
        self.sqs.delete([each for each, fate in fates.items() if fate is None and each not in in_batch], self.deadline)
        # Half of the time is for returning the others.
        park_until = self.clock.now() + (self.deadline - self.clock.now()) / 2
        to_park = [(message, fate) for message, fate in fates.items() if isinstance(fate, Rejected)]
        for (message, error), result in zip(to_park, self.sqs.park(to_park, park_until), strict=True):
            fields = {"message_id": message.id, "code": error.code}
            if isinstance(result, Exception):
                observe.error("not parked", **fields, reason=describe(result))
                self.metrics.counts["Misconfigured"] += isinstance(result, Misconfigured)
                fates[message] = self._delay(message)
            else:
                observe.warn("parked", **fields, dead_letter_id=result, reason=str(error))
        parked = {message: fate for message, fate in fates.items() if isinstance(fate, Rejected)}
        self.sqs.delete([message for message in parked if message not in in_batch], self.deadline)
        returned = [(message, fate) for message, fate in fates.items() if isinstance(fate, int)]
        self.sqs.give_back(returned, self.deadline)
        self.metrics.counts["Parked"] += len(parked)
        if parked and self.config.event_bus_arn:
            from cf_purge import notify

            reasons = {message.id: str(error) for message, error in parked.items()}
            self.metrics.news["Parked"] = notify.parked(plan, outcomes.accepted, reasons)
        self.metrics.counts["Retried"] += len(returned)
        return {message.id for message, _ in returned}

    def send_delayed(self, tasks: Iterable[Task]) -> Exception | None:
        """Ask the queue for the changes of tasks that are not due everywhere; return why some could not be sent.

        Those that are due in the same second share messages, each of about one request.
        """
        from cf_purge.deferred import messages

        by_second: dict[int, dict[Change, None]] = {}
        largest = 1
        for change, seconds, purges in chain.from_iterable(task.delayed for task in tasks):
            by_second.setdefault(seconds, {})[change] = None
            largest = max(largest, purges)
        count = max(1, self.config.urls_per_request // largest)
        outgoing = [(seconds, *each) for seconds, changes in by_second.items() for each in messages(changes, count)]
        results = self.sqs.send_all([(body, seconds) for seconds, body, _ in outgoing], self.deadline)
        for (seconds, _, changes), result in zip(outgoing, results, strict=True):
            if isinstance(result, str):
                observe.info("delayed", seconds=seconds, **observe.listed([change.key for change in changes]))
        failure = next((result for result in results if isinstance(result, Exception)), None)
        if failure:
            observe.error("delayed changes not sent", reason=describe(failure))
        return failure

    def _delay(self, message: Message) -> int:
        return delay_after([_LEFT_OUT], message.receives, self.clock.wall(), self.clock.random)


def fate_of(
    message: Message, task: Task | None, outcomes: Outcomes, max_receive_count: int | None, now: float, chance: Chance
) -> Rejected | int | None:
    """Choose what happens to a message; without a task it is left for another invocation. Pure.

    `now` is in seconds since the epoch, `chance` returns a random number in [0, 1).

    Returns:
        None: it is done. Rejected: it is parked for that reason. A number: it is seen again after so many seconds.
    """
    failures = [_LEFT_OUT] if task is None else failures_of(task, outcomes)
    rejections = [failure.error for failure in failures if isinstance(failure.error, Rejected)]
    if len(rejections) == len(failures):
        return rejections[0] if rejections else None
    if max_receive_count is not None and message.receives >= max_receive_count:
        last = next(failure.error for failure in failures if not isinstance(failure.error, Rejected))
        undone = [] if task is None else task.undone(outcomes.accepted)
        items = ", ".join(str(purge.shown) for purge in undone[:_MAX_SHOWN])
        more = f" Not purged: {items}{' and more' if len(undone) > _MAX_SHOWN else ''}." if undone else ""
        return Rejected(f"Given up after {message.receives} receives: {last}{more}", "GaveUp")
    return delay_after(failures, message.receives, now, chance)


def failures_of(task: Task, outcomes: Outcomes) -> list[Failure]:
    """Return the distinct reasons why a task is not done; none when it is. Pure.

    A purge without an outcome is not done.
    """
    failures = [] if task.error is None else [Failure(task.error)]
    failures += [outcomes.failures.get(purge, _LEFT_OUT) for purge in task.undone(outcomes.accepted)]
    return list(dict.fromkeys(failures))


def delay_after(failures: Sequence[Failure], receives: int, now: float, chance: Chance) -> int:
    """Return the seconds after which a message that was received `receives` times is to be seen again."""
    backoff: int = min(MAX_DELAY, _FIRST_DELAY * 2 ** min(receives - 1, 10))
    hold = max(failure.hold for failure in failures)
    if hold:
        # All messages that wait for a hold come back at a whole minute, so that they share requests.
        least = min(MAX_DELAY, max(hold, backoff))
        return math.ceil(math.ceil((now + least) / _MINUTE) * _MINUTE - now)
    if all(isinstance(failure.error, NotTried) for failure in failures) and receives <= _PATIENT_RECEIVES:
        return min(_MAX_TIME_DELAY, backoff)
    # What failed together does not come back together, so that the next time other messages share its request.
    return max(1, math.ceil(backoff * (1 - _JITTER * chance())))
