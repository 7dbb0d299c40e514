"""The queue the messages came from, and the dead-letter queue behind it: receive, delete, return, park, send.

The event source mapping hands over ten messages at most without a batching window, and a window would delay a quiet
upload. So the function receives the rest of a burst itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from cf_purge import observe
from cf_purge.aws import Aws, Denied
from cf_purge.budget import Clock
from cf_purge.config import QUEUE_ARN, Config
from cf_purge.errors import Rejected, Transient, describe
from cf_purge.events import Message, receives_in
from cf_purge.http_client import CONNECTIONS, objects_in

_BATCH = 10  # entries in one call
# Messages of one receive: seven of 256 KB, each character escaped, fit into the largest answer that is read.
_RECEIVE = 7
_MAX_CHARACTERS = 8_000_000  # of the bodies of one drain
_TIME_SHARE = 0.2  # of the time that is left, for receiving
# SQS asks a sample of its servers: one short answer does not mean that the queue is empty.
_SHORT_ANSWERS = 3
_TOO_LARGE = frozenset({"InvalidParameterValue", "InvalidParameterValueException", "InvalidMessageContents"})


class Sqs:
    """The function's own queue; deadlines are times of `Clock.now`."""

    def __init__(self, config: Config, aws: Aws, clock: Clock) -> None:
        self._config = config
        self._own = config.queue_arn or ""  # the configuration requires it where messages are drained or sent
        self._aws = aws
        self._clock = clock

    def drain(self, known: Mapping[str, Message], limit: int, deadline: float) -> list[Message]:
        """Receive up to `limit` messages, 8 MB of bodies at most.

        A message that is `known`, or received twice, is returned once, with its last receipt; another message with the
        same ID is not returned.
        """
        found: dict[str, Message] = {}
        began = self._clock.now()
        until = began + _TIME_SHARE * (deadline - began)
        calls, short, characters = 1, 0, 0
        while (
            short < _SHORT_ANSWERS and characters < _MAX_CHARACTERS and len(found) < limit and self._clock.now() < until
        ):
            asked = min(calls * _RECEIVE, limit - len(found))
            if not asked:
                break
            received = self._receive(asked, deadline)
            if len(received) >= asked:
                calls, short = min(2 * calls, CONNECTIONS), 0  # there are more
            else:
                calls, short = 1, short + 1 if received else _SHORT_ANSWERS
            for message in received:
                before = found.get(message.id) or known.get(message.id)
                # Anybody who may invoke the function may use any ID: what was not read is not deleted.
                if before is None or before.body == message.body:
                    found[message.id] = message
                characters += len(message.body)
        observe.info("drained", messages=len(found))
        return list(found.values())

    def delete(self, messages: Sequence[Message], deadline: float) -> None:
        """Delete messages that are done. One that cannot be deleted comes back and is purged once more."""
        pending: list[dict[str, Any]] = [{"ReceiptHandle": message.receipt} for message in messages]
        for _ in range(2):
            pending = self._batch("DeleteMessageBatch", self._own, pending, deadline)
        if pending:
            observe.warn("not deleted", messages=len(pending))

    def park(
        self, messages: Sequence[tuple[Message, Rejected]], deadline: float
    ) -> list[tuple[Message, Rejected, str | Exception]]:
        """Put messages into the dead-letter queue; return each with the ID it has there, or why it is not there.

        The body is unchanged; beside it are `ReasonCode` and `Reason`, if there is room.
        """
        results = self._aws.together([partial(self._park, message, error, deadline) for message, error in messages])
        return [(message, error, result) for (message, error), result in zip(messages, results, strict=True)]

    def give_back(self, messages: Sequence[tuple[Message, int]], deadline: float) -> None:
        """Choose in how many seconds returned messages are seen again.

        If that fails they are still returned: the queue's own visibility timeout applies.
        """
        by_queue: dict[str, list[dict[str, Any]]] = {}
        for message, delay in messages:
            arn = message.queue_arn
            # Anybody who may invoke the function can write a message, but must not choose the queue it talks to.
            if message.receipt and (arn == self._own if self._own else QUEUE_ARN.fullmatch(arn)):
                entry = {"ReceiptHandle": message.receipt, "VisibilityTimeout": delay}
                by_queue.setdefault(arn, []).append(entry)
        for arn, entries in by_queue.items():
            if failed := self._batch("ChangeMessageVisibilityBatch", arn, entries, deadline):
                observe.warn("visibility not changed", messages=len(failed))

    def send_all(self, messages: Sequence[tuple[str, int]], deadline: float) -> list[Exception | None]:
        """Put messages into the own queue, each to be seen after so many seconds (at most 900).

        Returns:
            For each why it is not there, or None.
        """
        payloads = [{"MessageBody": body, "DelaySeconds": delay} for body, delay in messages]
        calls = [partial(self._call, "SendMessage", self._own, payload, deadline) for payload in payloads]
        return [result if isinstance(result, Exception) else None for result in self._aws.together(calls)]

    def _receive(self, count: int, deadline: float) -> list[Message]:
        """Receive up to so many messages that are there."""
        more = {"WaitTimeSeconds": 0, "MessageSystemAttributeNames": ["ApproximateReceiveCount"]}
        payloads = [{"MaxNumberOfMessages": min(_RECEIVE, count - n), **more} for n in range(0, count, _RECEIVE)]
        answers = self._call_all("ReceiveMessage", self._own, payloads, deadline)
        messages = []
        for each in (each for answer in answers for each in objects_in(answer.get("Messages"))):
            message_id, body, receipt = each.get("MessageId"), each.get("Body"), each.get("ReceiptHandle")
            if isinstance(message_id, str) and isinstance(body, str) and isinstance(receipt, str):
                messages.append(Message(message_id, body, receipt, receives_in(each.get("Attributes")), self._own))
        return messages

    def _batch(
        self, operation: str, arn: str, entries: Sequence[dict[str, Any]], deadline: float
    ) -> list[dict[str, Any]]:
        """Call an operation for any number of entries; return those it did not succeed for."""
        numbered = [{"Id": str(place), **entry} for place, entry in enumerate(entries)]
        payloads = [{"Entries": numbered[start : start + _BATCH]} for start in range(0, len(numbered), _BATCH)]
        answers = self._call_all(operation, arn, payloads, deadline)
        done = {str(entry.get("Id")) for answer in answers for entry in objects_in(answer.get("Successful"))}
        return [entry for place, entry in enumerate(entries) if str(place) not in done]

    def _park(self, message: Message, error: Rejected, deadline: float) -> str:
        """Put a message into the dead-letter queue and return the ID it has there.

        Raises:
            PurgeError: it is not there.
        """
        arn = self._config.dead_letter_queue_arn
        if arn is None:
            raise Transient("There is no dead-letter queue for the message.")
        texts = {"ReasonCode": error.code, "Reason": _attribute(str(error))}
        attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
        whole = {"MessageBody": message.body, "MessageAttributes": attributes}
        # Attributes count towards the size of a message: of one near the limit only the log has the reason.
        for payload in (whole, {"MessageBody": message.body}):
            try:
                return str(self._call("SendMessage", arn, payload, deadline).get("MessageId"))
            except Denied as denied:
                if denied.code not in _TOO_LARGE:
                    raise
                answer = str(denied)
        raise Transient(f"No queue accepts this message ({answer}).")

    def _call(self, operation: str, arn: str, payload: dict[str, Any], deadline: float) -> dict[str, Any]:
        _, _, _, region, account, name = arn.split(":")
        whole = {"QueueUrl": f"{self._aws.endpoint('sqs', region)}/{account}/{name}", **payload}
        return self._aws.call("sqs", operation, whole, region, deadline - self._clock.now())

    def _call_all(
        self, operation: str, arn: str, payloads: Sequence[dict[str, Any]], deadline: float
    ) -> list[dict[str, Any]]:
        """Make calls at the same time and return the answers; a failure is logged and has none."""
        results = self._aws.together([partial(self._call, operation, arn, payload, deadline) for payload in payloads])
        failures = [result for result in results if isinstance(result, Exception)]
        if failures:
            observe.warn(f"{operation} failed", calls=len(failures), reason=describe(failures[0]))
        return [result for result in results if not isinstance(result, Exception)]


def _attribute(text: str) -> str:
    """Replace the control characters, which SQS does not accept, and bound the length."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:1000]
