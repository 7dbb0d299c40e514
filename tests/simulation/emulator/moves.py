"""SQS's StartMessageMoveTask and ListMessageMoveTasks, which MiniStack does not have.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html.
Messages are moved before the task is answered. A destination must be named: the dead letters of this module come from
a function, and SQS then knows no queue to move them back to.
"""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from tests.simulation.emulator.ministack import sqs

_tasks: dict[str, dict[str, Any]] = {}  # the latest by the queue that was moved from


def start(asked: Mapping[str, Any], _url: str) -> dict[str, Any]:
    """Move all visible messages; answer StartMessageMoveTask."""
    source, destination = sqs._queue_by_arn(asked["SourceArn"]), sqs._queue_by_arn(asked.get("DestinationArn", ""))
    if source is None or destination is None:
        raise sqs._Err("ResourceNotFoundException", "The source or the destination does not exist.", 404)
    now = time.time()
    with sqs._queues_lock:
        moved = [message for message in source["messages"] if message["visible_at"] <= now]
        source["messages"] = [message for message in source["messages"] if message["visible_at"] > now]
    anew = {"receipt_handle": None, "sent_at": now, "visible_at": now, "receive_count": 0, "first_receive_at": None}
    destination["messages"] += [{**message, **anew, "id": str(uuid.uuid4())} for message in moved]
    sqs.esm_wake.set()
    _tasks[asked["SourceArn"]] = {
        **asked,
        "Status": "COMPLETED",
        "ApproximateNumberOfMessagesMoved": len(moved),
        "StartedTimestamp": int(now * 1000),
    }
    return {"TaskHandle": str(uuid.uuid4())}


def recent(asked: Mapping[str, Any], _url: str) -> dict[str, Any]:
    """Answer ListMessageMoveTasks with the latest one."""
    return {"Results": [task for task in [_tasks.get(asked["SourceArn"])] if task]}
