"""Moving dead letters: SQS's StartMessageMoveTask and ListMessageMoveTasks, which MiniStack does not know.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html.
A task has ended before it is answered, so there is nothing to cancel. Standard queues only.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from tests.simulation.emulator.letters import move, origin, visible
from tests.simulation.emulator.ministack import Answer, Handler, sqs
from tests.simulation.emulator.permissions import caller_denied

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/troubleshooting-dlq-redrive.html
_ALSO_NEEDED = {
    "StartMessageMoveTask": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    "ListMessageMoveTasks": ("sqs:GetQueueAttributes",),
}


# ---- Permissions ----


def naming_the_source(extract: Callable[..., str]) -> Callable[..., str]:
    """Return the look-up of what a request is about, which for these two is the queue they move from."""

    def extract_resource_arn(
        service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, *more: Any
    ) -> str:
        source = _asked(headers, body).get("SourceArn") if service == "sqs" else None
        return source or extract(service, method, path, headers, body, *more)

    return extract_resource_arn


def moving_with_permission(handle: Handler) -> Handler:
    """Return SQS's handler which asks for all that moving takes, not for the action alone."""

    async def handle_request(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        asked = _asked(headers, body)
        needed = [(action, asked["SourceArn"]) for action in _ALSO_NEEDED[_action(headers)]] if asked else []
        if _action(headers) == "StartMessageMoveTask":
            needed += [("sqs:SendMessage", arn) for arn in _destinations(asked)]
        for action, queue in needed:
            denied = caller_denied(action, queue, headers, query)
            if denied:
                return denied
        return await handle(method, path, headers, body, query)

    return handle_request


def _action(headers: Mapping[str, str]) -> str:
    return headers.get("x-amz-target", "").rpartition(".")[2]


def _asked(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return what a request about moves asks for; nothing of any other request."""
    if _action(headers) not in _ALSO_NEEDED:
        return {}
    try:
        asked = json.loads(body)
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) and isinstance(asked.get("SourceArn"), str) else {}


def _destinations(asked: Mapping[str, Any]) -> list[str]:
    if not asked:
        return []
    if asked.get("DestinationArn"):
        return [asked["DestinationArn"]]
    source = sqs._queue_by_arn(asked["SourceArn"])
    with sqs._queues_lock:
        return sorted({origin(message) for message in visible(source)} - {""}) if source else []


# ---- The tasks ----


class Moves:
    """The tasks of all queues."""

    def __init__(self) -> None:
        self._tasks: dict[str, list[dict[str, Any]]] = {}  # by the queue moved from, the latest first

    def start(self, asked: Mapping[str, Any], _url: str) -> dict[str, Any]:
        """Answer StartMessageMoveTask."""
        source = _queue(asked, "SourceArn")
        arn = source["attributes"]["QueueArn"]
        if not any(_dead_letter_target(queue) == arn for queue in sqs._queues.values()):
            raise _invalid("Source queue must be configured as a Dead Letter Queue.")
        destination = _queue(asked, "DestinationArn") if asked.get("DestinationArn") else None
        if source["is_fifo"] or (destination and destination["is_fifo"]):
            raise sqs._Err("UnsupportedOperation", "FIFO queues are not moved here.")
        _within(asked, "MaxNumberOfMessagesPerSecond", 500)

        with sqs._queues_lock:
            letters = visible(source)
            moved, failure = move(source, letters, destination)
        task = {name: asked[name] for name in ("DestinationArn", "MaxNumberOfMessagesPerSecond") if asked.get(name)}
        task |= {
            "SourceArn": arn,
            "Status": "FAILED" if failure else "COMPLETED",
            "ApproximateNumberOfMessagesMoved": moved,
            "ApproximateNumberOfMessagesToMove": len(letters),
            "StartedTimestamp": int(time.time() * 1000),
        }
        self._tasks.setdefault(arn, []).insert(0, task | ({"FailureReason": failure} if failure else {}))
        handle = json.dumps({"taskId": str(uuid.uuid4()), "sourceArn": arn})
        return {"TaskHandle": base64.b64encode(handle.encode()).decode()}

    def recent(self, asked: Mapping[str, Any], _url: str) -> dict[str, Any]:
        """Answer ListMessageMoveTasks."""
        arn = _queue(asked, "SourceArn")["attributes"]["QueueArn"]
        return {"Results": self._tasks.get(arn, [])[: _within(asked, "MaxResults", 10) or 1]}


def _dead_letter_target(queue: Mapping[str, Any]) -> str | None:
    policy = json.loads(queue["attributes"].get("RedrivePolicy") or "{}")
    target: str | None = policy.get("deadLetterTargetArn")
    return target


def _queue(asked: Mapping[str, Any], field: str) -> Any:
    queue = sqs._queue_by_arn(str(asked.get(field)))
    if queue is None:
        message = f"The resource that you specified for the {field} parameter doesn't exist."
        raise sqs._Err("ResourceNotFoundException", message, 404)
    return queue


def _within(asked: Mapping[str, Any], field: str, most: int) -> int | None:
    value: int | None = asked.get(field)
    if value is not None and not 1 <= value <= most:
        raise _invalid(f"Value {value} for parameter {field} is invalid. Reason: Must be between 1 and {most}.")
    return value


def _invalid(message: str) -> Exception:
    error: Exception = sqs._Err("InvalidParameterValue", message)
    return error
