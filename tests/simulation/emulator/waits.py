"""Shorter waits: what `ChangeMessageVisibility` and `DelaySeconds` choose for a message of a queue in a hurry."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.simulation.emulator.ministack import sqs
from tests.simulation.hurry import TAG

Action = Callable[[Mapping[str, Any], str], dict[str, Any]]


def shortening(handle: Action) -> Action:
    """Return one of SQS's actions that divides the waits it was asked for, in a queue whose tag says so."""

    def act(asked: Mapping[str, Any], url: str) -> dict[str, Any]:
        answer = handle(asked, url)
        queue = sqs._get_q(asked.get("QueueUrl", url))
        divisor = int(queue["tags"].get(TAG, 1))
        if divisor > 1:
            receipts = {entry.get("ReceiptHandle") for entry in (asked, *asked.get("Entries", ()))} - {None}
            now = time.time()
            for message in queue["messages"]:
                if message.get("receipt_handle") in receipts or message["id"] == answer.get("MessageId"):
                    message["visible_at"] = now + (message["visible_at"] - now) / divisor
        return answer

    return act
