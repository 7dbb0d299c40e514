"""Queues: message moves, changes by one thread at a time, and shorter delays."""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tests.simulation.emulator import DELAYS_DIVIDED_BY
from tests.simulation.emulator.ministack import sqs

T = TypeVar("T")
Action = Callable[[Mapping[str, Any], str], dict[str, Any]]

_moves: dict[str, dict[str, Any]] = {}  # the latest of each source queue


def alone(change: Callable[..., T]) -> Callable[..., T]:
    """Return a change to a queue's messages that waits until no other thread changes any.

    MiniStack's poller, the batches in flight and its event loop each read a queue's list of messages and replace it,
    and only some of them wait for each other. Otherwise a message that arrives meanwhile is lost, a deleted one
    reappears, or one is received twice.
    """

    def changed(*arguments: Any) -> T:
        with sqs._queues_lock:
            return change(*arguments)

    return changed


def shortening(handle: Action) -> Action:
    """Return ChangeMessageVisibilityBatch with delays divided by what the queue's tag says."""

    def act(asked: Mapping[str, Any], url: str) -> dict[str, Any]:
        answer = handle(asked, url)
        queue, now = sqs._get_q(asked.get("QueueUrl", url)), time.time()
        divisor = int(queue["tags"].get(DELAYS_DIVIDED_BY, 1))
        receipts = {entry["ReceiptHandle"] for entry in asked["Entries"]}
        for message in queue["messages"]:
            if message["receipt_handle"] in receipts:
                message["visible_at"] = now + (message["visible_at"] - now) / divisor
        return answer

    return act


def start_move(asked: Mapping[str, Any], _url: str) -> dict[str, Any]:
    """Answer StartMessageMoveTask, after moving all visible messages.

    The destination must be named, as for messages that a function parked: SQS does not know their source queue.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
    """
    source, destination = sqs._queue_by_arn(asked["SourceArn"]), sqs._queue_by_arn(asked.get("DestinationArn", ""))
    if source is None or destination is None:
        raise sqs._Err("ResourceNotFoundException", "The source or the destination does not exist.", 404)
    now = time.time()
    with sqs._queues_lock:
        moved = [message for message in source["messages"] if message["visible_at"] <= now]
        source["messages"] = [message for message in source["messages"] if message["visible_at"] > now]
    reset = {"receipt_handle": None, "sent_at": now, "visible_at": now, "receive_count": 0, "first_receive_at": None}
    destination["messages"] += [{**message, **reset, "id": str(uuid.uuid4())} for message in moved]
    sqs.esm_wake.set()
    _moves[asked["SourceArn"]] = {
        **asked,
        "Status": "COMPLETED",
        "ApproximateNumberOfMessagesMoved": len(moved),
        "StartedTimestamp": int(now * 1000),
    }
    return {"TaskHandle": str(uuid.uuid4())}


def list_moves(asked: Mapping[str, Any], _url: str) -> dict[str, Any]:
    """Answer ListMessageMoveTasks with the latest one."""
    return {"Results": [_moves[asked["SourceArn"]]] if asked["SourceArn"] in _moves else []}
