"""What happens to a message that could not be purged: given back for later, or parked with its reason."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cf_purge import log
from cf_purge.aws import Aws
from cf_purge.errors import Misconfigured, PurgeError, Rejected, Transient
from cf_purge.events import Message
from cf_purge.metrics import Metrics

MISCONFIGURED_DELAY = 900  # seconds
_FIRST_DELAY, _LONGEST_DELAY = 5, 900  # seconds
_BATCH = 10  # entries in one SQS call


def delay_after(error: Exception, receives: int) -> int:
    """Return the seconds after which a message that was received `receives` times should be seen again."""
    if isinstance(error, Misconfigured):
        return MISCONFIGURED_DELAY
    asked_for = error.retry_after if isinstance(error, Transient) else None
    backoff = _FIRST_DELAY * 2 ** min(receives - 1, 10)
    return min(_LONGEST_DELAY, backoff if asked_for is None else max(1, math.ceil(asked_for)))


class Queue:
    """The queue the messages came from, and the dead-letter queue behind it."""

    def __init__(self, aws: Aws, dead_letter_queue_arn: str | None) -> None:
        self._aws = aws
        self._dead_letter_queue_arn = dead_letter_queue_arn

    def settle(self, failures: Sequence[tuple[Message, Exception]], metrics: Metrics) -> list[Message]:
        """Park what can never work and choose when the rest is seen again; return that rest."""
        returned: list[tuple[Message, Exception]] = []
        for message, error in failures:
            if not isinstance(error, Rejected):
                returned.append((message, error))
                continue
            try:
                self._park(message, error)
                metrics.parked += 1
                log.warn("parked", message_id=message.id, code=error.code, reason=str(error))
            except Exception as obstacle:  # whatever it is, the message is not in the other queue
                log.error("not parked", message_id=message.id, code=error.code, reason=_words(obstacle))
                metrics.misconfigured += isinstance(obstacle, Misconfigured)
                returned.append((message, obstacle))
        metrics.retried += len(returned)
        self._give_back([(message, delay_after(error, message.receives)) for message, error in returned])
        return [message for message, _ in returned]

    def _give_back(self, messages: Sequence[tuple[Message, int]]) -> None:
        """Choose when returned messages are seen again, in seconds from now.

        A failure costs only the choice: the queue's own visibility timeout then applies.
        """
        for start in range(0, len(messages), _BATCH):
            part = messages[start : start + _BATCH]
            entries = [
                {"Id": str(index), "ReceiptHandle": message.receipt, "VisibilityTimeout": delay}
                for index, (message, delay) in enumerate(part)
            ]
            queue_arn = part[0][0].queue_arn
            try:
                result = self._aws.call(
                    "sqs",
                    "ChangeMessageVisibilityBatch",
                    {"QueueUrl": self._url(queue_arn), "Entries": entries},
                    queue_arn.split(":")[3],
                )
                if result.get("Failed"):
                    log.warn("visibility not changed", messages=len(result["Failed"]))
            except Exception as error:  # the messages are given back all the same
                log.warn("visibility not changed", messages=len(part), reason=_words(error))

    def _park(self, message: Message, error: Rejected) -> None:
        """Put a message into the dead-letter queue, body untouched, with `ReasonCode` and `Reason`.

        Raises:
            PurgeError: it is not parked, so it must be given back.
        """
        arn = self._dead_letter_queue_arn
        if arn is None:
            raise Transient("There is no dead-letter queue to park the message in.")
        self._aws.call(
            "sqs",
            "SendMessage",
            {
                "QueueUrl": self._url(arn),
                "MessageBody": message.body,
                "MessageAttributes": {
                    "ReasonCode": {"DataType": "String", "StringValue": error.code},
                    "Reason": {"DataType": "String", "StringValue": _attribute(str(error))},
                },
            },
            arn.split(":")[3],
        )

    def _url(self, arn: str) -> str:
        _, _, _, region, account, name = arn.split(":")
        return f"{self._aws.endpoint('sqs', region)}/{account}/{name}"


def _words(error: Exception) -> str:
    """Only our own errors speak: another's text may quote anything."""
    return str(error) if isinstance(error, PurgeError) else type(error).__name__


def _attribute(text: str) -> str:
    """Make a text that SQS takes as an attribute: no control characters, not empty, of bounded length."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:1000] or "unknown"
