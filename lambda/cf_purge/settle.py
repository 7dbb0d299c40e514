"""Outcomes → what happens to each message: deleted, parked with a reason, or returned with a delay. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from cf_purge.errors import NotTried, Rejected, Untested
from cf_purge.events import Message
from cf_purge.plan import Task
from cf_purge.purger import Failure, Outcomes

Chance = Callable[[], float]

MAX_DELAY = 900  # seconds
_FIRST_DELAY = 5  # seconds; doubled with each receive
_MAX_TIME_DELAY = 40  # seconds, for messages that were not tried for lack of time
_MAX_UNTESTED_DELAY = 160  # seconds, for messages that were part of a failed request and not sent apart
_RECEIVES = 30  # of a message, if the configuration does not say; these two limits hold in the first half of them
_MINUTE = 60  # seconds
_LONG = 300  # seconds; after a wait of this length messages come back at an even minute
_JITTER = 0.5  # of a delay, at most
_MAX_SHOWN, _MAX_TEXT = 5, 300  # items in a reason, and characters of each
LEFT_OUT = Failure(NotTried("This invocation had no time or no requests left for it."))


def fate_of(
    message: Message, task: Task | None, outcomes: Outcomes, max_receive_count: int | None, now: float, chance: Chance
) -> Rejected | int | None:
    """Choose what happens to a message; without a task it is left for another invocation. Pure.

    `now` is in seconds since the epoch, `chance` returns a random number in [0, 1).

    Returns:
        None: it is done. Rejected: it is parked for that reason. A number: it is seen again after so many seconds.
    """
    failures = [LEFT_OUT] if task is None else failures_of(task, outcomes)
    rejections = [failure.error for failure in failures if isinstance(failure.error, Rejected)]
    if not failures:
        return None
    if len(rejections) == len(failures):
        more = f" Further errors: {len(rejections) - 1}." if len(rejections) > 1 else ""
        return Rejected(f"{rejections[0]}{more}", rejections[0].code)
    if max_receive_count is not None and message.receives >= max_receive_count:
        last = next(failure.error for failure in failures if not isinstance(failure.error, Rejected))
        left = left_in(task, outcomes) if task else ""
        return Rejected(f"Given up after {message.receives} receives: {last}{left}", "GaveUp")
    return delay_after(failures, message.receives, max_receive_count, now, chance)


def left_in(task: Task, outcomes: Outcomes) -> str:
    """Return a sentence that names the first purges that are not done, with a space before it; "" if all are. Pure."""
    undone = [str(purge.shown)[:_MAX_TEXT] for purge in task.undone(outcomes.accepted)]
    undone += [each.change.key for each in task.delayed]
    items = ", ".join(undone[:_MAX_SHOWN])
    return f" Not purged: {items}{' and more' if len(undone) > _MAX_SHOWN else ''}." if undone else ""


def failures_of(task: Task, outcomes: Outcomes) -> list[Failure]:
    """Return the distinct reasons why a task is not done; none when it is. Pure.

    A purge without an outcome is not done.
    """
    failures = [] if task.error is None else [Failure(task.error)]
    for purge in task.undone(outcomes.accepted):
        rejected = task.rejected.get(purge)
        failures.append(Failure(rejected) if rejected else outcomes.failures.get(purge, LEFT_OUT))
    return list(dict.fromkeys(failures))


def delay_after(
    failures: Sequence[Failure], receives: int, max_receive_count: int | None, now: float, chance: Chance
) -> int:
    """Return the seconds after which a message that was received `receives` times is to be seen again."""
    backoff: int = min(MAX_DELAY, _FIRST_DELAY * 2 ** min(receives - 1, 10))
    hold = max(failure.hold for failure in failures)
    if hold:
        # All messages that wait for a hold come back at a whole minute, so that they share requests.
        least = min(MAX_DELAY, max(hold, backoff))
        unit = _MINUTE if least < _LONG else 2 * _MINUTE
        return math.ceil(math.ceil((now + least) / unit) * unit - now)
    if receives <= (max_receive_count or _RECEIVES) / 2:  # later as after a failure, or too few receives are left
        kinds = {type(failure.error) for failure in failures}
        if kinds == {NotTried}:
            return min(_MAX_TIME_DELAY, backoff)
        if Untested in kinds:
            backoff = min(_MAX_UNTESTED_DELAY, backoff)
    # Messages that failed together come back apart, so that each shares its next request with others.
    named = max(failure.error.retry_after or 0.0 for failure in failures)
    return min(MAX_DELAY, max(1, math.ceil(named + backoff * (1 - _JITTER * chance()))))
