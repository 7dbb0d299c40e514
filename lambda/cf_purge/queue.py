"""What happens to a message that could not be purged: given back for later, or parked with its reason."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from cf_purge import log
from cf_purge.aws import TIMEOUT, Aws, Refused
from cf_purge.clock import Clock
from cf_purge.config import QUEUE_ARN
from cf_purge.errors import Misconfigured, Rejected, Transient, words
from cf_purge.events import Message
from cf_purge.metrics import Metrics

T = TypeVar("T")

MISCONFIGURED_DELAY = 900  # seconds
_FIRST_DELAY, _LONGEST_DELAY = 5, 900  # seconds
BATCH = 10  # entries in one SQS call
# A Retry-After of a second for hours would use up the 30 receives in minutes. From here on our own back-off is the
# least, and what is left of the receives lasts for more than four hours.
_OBEDIENT_RECEIVES = 8
_SHORTEST_CALL = 0.2  # seconds; with less left than this none is begun
# Of our own back-off this much is left to chance: what failed together need not come again together. With more, thirty
# receives could be over within the five hours of an outage that they are to last.
_JITTER = 0.1


def delay_after(error: Exception, receives: int, chance: float) -> int:
    """Return the seconds after which a message that was received `receives` times should be seen again.

    `chance` is a random number in [0, 1). A wait that was asked for is kept as it is: what comes together then
    shares its requests, and no more functions run than `max_concurrency`.
    """
    if isinstance(error, Misconfigured):
        return MISCONFIGURED_DELAY
    asked_for = error.retry_after if isinstance(error, Transient) else None
    backoff: int = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(receives - 1, 10))
    delay = math.ceil(backoff * (1 - _JITTER * chance))
    if asked_for is not None:
        delay = max(math.ceil(asked_for), 1 if receives <= _OBEDIENT_RECEIVES else delay)
    return min(_LONGEST_DELAY, delay)


class Queue:
    """The queue the messages came from, and the dead-letter queue behind it."""

    def __init__(self, aws: Aws, clock: Clock, arn: str | None, dead_letter_queue_arn: str | None) -> None:
        self._aws = aws
        self._clock = clock
        self._arn = arn
        self._dead_letter_queue_arn = dead_letter_queue_arn

    def settle(self, failures: Sequence[tuple[Message, Exception]], deadline: float, metrics: Metrics) -> list[Message]:
        """Park what can never work and choose when the rest is seen again; return that rest.

        What is not done by `deadline`, in seconds since the epoch, is returned as well: a time-out would return
        everything, what is purged and parked included.
        """
        returned = [(message, error) for message, error in failures if not isinstance(error, Rejected)]
        rejected = [(message, error) for message, error in failures if isinstance(error, Rejected)]
        # The other half is for giving back, and for deleting what is parked: it must not be parked once more.
        now = self._clock.now()
        park_until = now + (deadline - now) / 2
        results = self._all([partial(self._park, message, error, park_until) for message, error in rejected])
        for (message, error), result in zip(rejected, results, strict=True):
            if isinstance(result, Exception):  # whatever it is, the message is not in the other queue
                log.error("not parked", message_id=message.id, code=error.code, reason=words(result))
                metrics.misconfigured += isinstance(result, Misconfigured)
                returned.append((message, result))
            else:
                metrics.parked += 1
                log.warn("parked", message_id=message.id, dead_letter_id=result, code=error.code, reason=str(error))
        metrics.retried += len(returned)
        # Whoever may invoke the function may write what looks like a message, and must not choose whom it talks to.
        delays = [
            (message, delay_after(error, message.receives, self._clock.random()))
            for message, error in returned
            if message.receipt and self._is_known(message.queue_arn)
        ]
        self._give_back(delays, deadline)
        return [message for message, _ in returned]

    def call(self, operation: str, arn: str, payload: dict[str, Any], deadline: float) -> dict[str, Any]:
        """Call one operation on a queue and return its result; `deadline` in seconds since the epoch.

        Raises:
            PurgeError: as `Aws.call`, or no time is left.
        """
        _, _, _, region, account, name = arn.split(":")
        left = deadline - self._clock.now()
        if left < _SHORTEST_CALL:
            raise Transient("No time is left in this invocation.")
        queue_url = f"{self._aws.endpoint('sqs', region)}/{account}/{name}"
        return self._aws.call("sqs", operation, {"QueueUrl": queue_url, **payload}, region, min(TIMEOUT, left))

    def call_all(
        self, operation: str, arn: str, payloads: Sequence[dict[str, Any]], deadline: float
    ) -> list[dict[str, Any] | Exception]:
        """Call one operation several times at once; what one call raises is its result."""
        return self._all([partial(self.call, operation, arn, payload, deadline) for payload in payloads])

    def _all(self, calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
        if len(calls) > 1:
            return self._aws.together(calls)
        try:  # without the threads that several need
            return [call() for call in calls]
        except Exception as error:
            return [error]

    def _is_known(self, arn: str) -> bool:
        """A function made by hand is not told its queue; its role then decides."""
        return arn == self._arn if self._arn is not None else bool(QUEUE_ARN.fullmatch(arn))

    def send(self, arn: str, body: str, delay: int, deadline: float) -> None:
        """Put a message into a queue, to be seen after `delay` seconds (at most 900).

        Raises:
            PurgeError: it is not there.
        """
        self.call("SendMessage", arn, {"MessageBody": body, "DelaySeconds": delay}, deadline)

    def _give_back(self, messages: Sequence[tuple[Message, int]], deadline: float) -> None:
        """Choose when returned messages are seen again, in seconds from now.

        A failure costs only the choice: the queue's own visibility timeout then applies.
        """
        by_queue: dict[str, list[tuple[Message, int]]] = {}
        for message, delay in messages:
            by_queue.setdefault(message.queue_arn, []).append((message, delay))
        for queue_arn, group in by_queue.items():
            parts = [group[start : start + BATCH] for start in range(0, len(group), BATCH)]
            payloads = [
                {
                    "Entries": [
                        {"Id": str(index), "ReceiptHandle": message.receipt, "VisibilityTimeout": delay}
                        for index, (message, delay) in enumerate(part)
                    ]
                }
                for part in parts
            ]
            results = self.call_all("ChangeMessageVisibilityBatch", queue_arn, payloads, deadline)
            for part, result in zip(parts, results, strict=True):
                if isinstance(result, Exception):  # the messages are given back all the same
                    log.warn("visibility not changed", messages=len(part), reason=words(result))
                elif result.get("Failed"):
                    log.warn("visibility not changed", messages=len(result["Failed"]))

    def _park(self, message: Message, error: Rejected, deadline: float) -> str:
        """Put a message into the dead-letter queue and return the id it has there.

        The body is untouched; beside it are `ReasonCode` and `Reason`, if there is room.

        Raises:
            PurgeError: it is not parked, so it must be given back.
        """
        arn = self._dead_letter_queue_arn
        if arn is None:
            raise Transient("There is no dead-letter queue to park the message in.")
        attributes = {
            "ReasonCode": {"DataType": "String", "StringValue": error.code},
            "Reason": {"DataType": "String", "StringValue": _attribute(str(error))},
        }
        try:
            payload = {"MessageBody": message.body, "MessageAttributes": attributes}
            sent = self.call("SendMessage", arn, payload, deadline)
        except Refused as refusal:
            if not refusal.code.startswith("Invalid"):
                raise
            # They count towards the size of a message: with a body near the limit only the log has the reason.
            try:
                sent = self.call("SendMessage", arn, {"MessageBody": message.body}, deadline)
            except Refused as final:
                if not final.code.startswith("Invalid"):
                    raise
                raise Transient(f"No queue takes this message ({final}).") from None
        return str(sent.get("MessageId"))


def _attribute(text: str) -> str:
    """Make a text that SQS takes as an attribute: no control characters, not empty, of bounded length."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:1000] or "unknown"
