"""A burst → one load: what else waits in the function's own queue, received and deleted by the function itself.

The event source mapping hands over ten messages at most without a window, and a window would make a quiet upload wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cf_purge import log
from cf_purge.clock import Clock
from cf_purge.errors import words
from cf_purge.events import Message, receives_in
from cf_purge.invocation import Invocation
from cf_purge.queue import BATCH, Queue
from cf_purge.transport import CONNECTIONS

_SHARE_OF_TIME = 0.2  # of the time that is left, to receive; deleting takes as long again
# SQS asks a sample of its servers: a short answer does not mean that the queue is empty, a few of them do.
_SHORT_ANSWERS = 3
# While a burst goes on it is worth waiting for messages that fill the last request.
_LINGER = 3.0  # seconds
_LONG_POLL = 1  # seconds
_MOST_CHARACTERS = 6_000_000  # of all bodies, about what Lambda itself hands over at most
_IDS = tuple(map(str, range(BATCH)))  # of the entries in one call
_MEMORY = 10.0  # seconds after which a burst that was not seen to end is over


class Drain:
    """Receives and deletes messages of the function's own queue; knows, while warm, whether a burst goes on."""

    def __init__(self, queue: Queue, arn: str, clock: Clock) -> None:
        self._queue = queue
        self._arn = arn
        self._clock = clock
        self._burst_until = 0.0

    @property
    def is_burst(self) -> bool:
        """Tell whether the last drain had more to receive, and not long ago."""
        return self._clock.now() < self._burst_until

    def receive(
        self, limit: int, known: Mapping[str, str], invocation: Invocation, is_scarce: bool, deadline: float
    ) -> list[Message]:
        """Receive up to `limit` messages and let the invocation read them, as long as it has the budget to purge them.

        What has one of the `known` ids, with its body, is the same message once more. The first of a burst is purged
        without waiting; the rest, or all of it while requests are scarce, waits a little for what fills its requests.
        The time all this takes is kept back from the invocation, to delete them again. `deadline` is in seconds since
        the epoch.
        """
        messages: list[Message] = []
        seen = dict(known)
        began = self._clock.now()
        until = began + _SHARE_OF_TIME * (deadline - began)
        lingers, is_over = is_scarce or self.is_burst, False
        calls, short, linger_until, characters = 1, 0, 0.0, 0
        while self._clock.now() < until and characters < _MOST_CHARACTERS:
            asked, wait = invocation.room_for(max(0, min(calls * BATCH, limit - len(messages)))), 0
            if not asked:
                break
            if short >= _SHORT_ANSWERS:
                linger_until = linger_until or self._clock.now() + _LINGER
                places = invocation.free_places
                if not lingers or not places or self._clock.now() >= linger_until:
                    break
                asked, wait = min(BATCH, asked, places), _LONG_POLL
            received = self._received(asked, wait, deadline)
            if received is None or (wait and not received):
                is_over = True
                break
            if len(received) >= asked:
                calls, short = min(2 * calls, CONNECTIONS), 0  # there is more than that
            else:
                calls, short = 1, short + 1 if received else _SHORT_ANSWERS
            for message in received:
                source, body = message.id, message.body
                if source not in seen:
                    seen[source] = body
                    invocation.read(source, body)
                # Whoever invokes the function may give any message any id: what was not read is not deleted.
                if seen[source] == body:
                    messages.append(message)
                characters += len(body)
        self._burst_until = 0.0 if is_over or not messages else self._clock.now() + _MEMORY
        invocation.keep_back(self._clock.now() - began)
        log.info("drained", messages=len(messages))
        return messages

    def delete(self, messages: Sequence[Message], deadline: float) -> None:
        """Delete messages that are done. One that cannot be deleted comes again and is purged once more."""
        pending = list(messages)
        for _ in range(2):
            pending = self._not_deleted(pending, deadline)
        if pending:
            log.warn("not deleted", messages=len(pending))

    def _received(self, asked: int, wait: int, deadline: float) -> list[Message] | None:
        """Receive up to so many messages; None when SQS fails."""
        payloads = [
            {
                "MaxNumberOfMessages": min(BATCH, asked - start),
                "WaitTimeSeconds": wait,
                "MessageSystemAttributeNames": ["ApproximateReceiveCount"],
            }
            for start in range(0, asked, BATCH)
        ]
        answers = self._queue.call_all("ReceiveMessage", self._arn, payloads, deadline)
        failures = [answer for answer in answers if isinstance(answer, Exception)]
        if failures:
            log.warn("receive failed", reason=words(failures[0]))
        received = [message for answer in answers if isinstance(answer, dict) for message in self._messages_in(answer)]
        return received if received or not failures else None

    def _messages_in(self, answer: dict[str, Any]) -> Iterator[Message]:
        for item in _objects(answer.get("Messages")):
            message_id, body, receipt = item.get("MessageId"), item.get("Body"), item.get("ReceiptHandle")
            # What is no message of SQS's is not deleted, whatever it is.
            if isinstance(message_id, str) and isinstance(body, str) and isinstance(receipt, str):
                yield Message(message_id, body, receipt, receives_in(item.get("Attributes")), self._arn)

    def _not_deleted(self, messages: Sequence[Message], deadline: float) -> list[Message]:
        parts = [messages[start : start + BATCH] for start in range(0, len(messages), BATCH)]
        payloads = [
            {"Entries": [{"Id": name, "ReceiptHandle": each.receipt} for name, each in zip(_IDS, part, strict=False)]}
            for part in parts
        ]
        left: list[Message] = []
        answers = self._queue.call_all("DeleteMessageBatch", self._arn, payloads, deadline)
        for part, answer in zip(parts, answers, strict=True):
            if isinstance(answer, Exception):
                log.warn("delete failed", messages=len(part), reason=words(answer))
                left += part
                continue
            done = {str(entry.get("Id")) for entry in _objects(answer.get("Successful"))}
            left += [message for name, message in zip(_IDS, part, strict=False) if name not in done]
        return left


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
