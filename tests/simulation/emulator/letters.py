"""Messages that are moved from one queue to another."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from tests.simulation.emulator.ministack import sqs

Message = dict[str, Any]

_ORIGIN = "DeadLetterQueueSourceArn"
_UNKNOWN_ORIGIN = "CouldNotDetermineMessageSource"


def visible(queue: Mapping[str, Any]) -> list[Message]:
    """Return what may be received from a queue now."""
    sqs._expire_retained(queue)
    for message in queue["messages"]:
        sqs._ensure_msg_fields(message)
    return [message for message in queue["messages"] if message["visible_at"] <= time.time()]


def origin(message: Message) -> str:
    """Return the ARN of the queue that a dead letter comes from; "" when it was sent, or not by a queue."""
    return str(message["sys"].get(_ORIGIN, ""))


def move(source: Mapping[str, Any], messages: Sequence[Message], destination: Any) -> tuple[int, str]:
    """Move messages, to where they come from if there is no destination.

    Returns how many were moved, and why the next one could not be.
    """
    for count, message in enumerate(messages):
        to = destination or sqs._queue_by_arn(origin(message))
        if to is None:
            return count, "AWS.SimpleQueueService.NonExistentQueue" if origin(message) else _UNKNOWN_ORIGIN
        source["messages"].remove(message)
        to["messages"].append(_anew(message, sqs.queue_delay(to)))
        sqs.esm_wake.set()
    return len(messages), ""


def _anew(message: Message, delay: int) -> Message:
    """Return the same body and attributes as a message that is new to its queue."""
    now = time.time()
    kept = {name: value for name, value in message["sys"].items() if name != _ORIGIN}
    return message | {
        "id": str(uuid.uuid4()),
        "receipt_handle": None,
        "sent_at": now,
        "visible_at": now + delay,
        "receive_count": 0,
        "first_receive_at": None,
        "sys": kept | {"SentTimestamp": str(int(now * 1000))},
    }
