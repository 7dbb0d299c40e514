"""Shorter waits: what `ChangeMessageVisibilityBatch` chooses for the messages of a queue in a hurry."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.simulation.emulator.ministack import sqs
from tests.simulation.hurry import TAG

Action = Callable[[Mapping[str, Any], str], dict[str, Any]]


def shortening(handle: Action) -> Action:
    """Return the action that divides the waits it was asked for, in a queue whose tag says so."""

    def act(asked: Mapping[str, Any], url: str) -> dict[str, Any]:
        answer = handle(asked, url)
        queue, now = sqs._get_q(asked.get("QueueUrl", url)), time.time()
        divisor = int(queue["tags"].get(TAG, 1))
        receipts = {entry["ReceiptHandle"] for entry in asked["Entries"]}
        for message in queue["messages"]:
            if message["receipt_handle"] in receipts:
                message["visible_at"] = now + (message["visible_at"] - now) / divisor
        return answer

    return act
