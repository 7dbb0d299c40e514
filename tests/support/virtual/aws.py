"""SQS and SSM with their JSON protocols, as botocore's service models describe them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html and its neighbours
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from cf_purge.http_client import Answer
from tests.support.fakes import answer, aws_error
from tests.support.virtual.network import Call, Fault
from tests.support.virtual.queue import Message, Queue

_MOST_BYTES = 262_144  # of a message, attributes included


class Refused(Exception):
    """What the service answers instead of a result: the code of its error."""


class Aws:
    """One account in one Region. `parameters` are SSM's values by name."""

    def __init__(self, queues: list[Queue], *, is_strict: bool) -> None:
        self.latency = 0.01  # seconds from request to answer
        self.parameters: dict[str, str] = {}
        self._queues = {queue.name: queue for queue in queues}
        self._is_strict = is_strict  # validate every call with botocore's model: slower

    def answer(self, call: Call, fault: Fault) -> Answer:
        assert call.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
        if self._is_strict:
            report = ParamValidator().validate(call.body, _input_shape(call.service, call.operation))
            assert not report.has_errors(), report.generate_report()
        try:
            return answer(200, self._result(call.operation, call.body, fault))
        except Refused as refused:
            return aws_error(400, str(refused))

    def _result(self, operation: str, body: Any, fault: Fault) -> dict[str, Any]:
        if operation == "GetParameter":
            assert body["WithDecryption"] is True
            value = self.parameters[body["Name"]]
            return {"Parameter": {"Name": body["Name"], "Type": "SecureString", "Value": value, "Version": 1}}
        queue = self._queues[body["QueueUrl"].rpartition("/")[2]]
        if operation == "SendMessage":
            return _sent(queue, body)
        if operation == "ReceiveMessage":
            assert body["WaitTimeSeconds"] == 0
            assert body["MessageSystemAttributeNames"] == ["ApproximateReceiveCount"]
            messages = queue.receive(_within(body["MaxNumberOfMessages"], 1, 10))
            return {"Messages": [_received(message) for message in messages]} if messages else {}
        if operation == "DeleteMessageBatch":
            return _batch(body, fault, lambda entry: queue.delete(entry["ReceiptHandle"]))

        def change(entry: dict[str, Any]) -> bool:
            return queue.change_visibility(entry["ReceiptHandle"], _within(entry["VisibilityTimeout"], 0, 43_200))

        assert operation == "ChangeMessageVisibilityBatch", operation
        return _batch(body, fault, change)


def _sent(queue: Queue, body: Any) -> dict[str, Any]:
    text, attributes = body["MessageBody"], body.get("MessageAttributes", {})
    parts = [text, *attributes, *(part for each in attributes.values() for part in each.values())]
    if not text or sum(len(part.encode()) for part in parts) > _MOST_BYTES:
        raise Refused("InvalidParameterValue")
    delay = _within(body.get("DelaySeconds", 0), 0, 900)
    return {"MessageId": queue.send(text, delay, attributes).id, "MD5OfMessageBody": "0" * 32}


def _received(message: Message) -> dict[str, Any]:
    return {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": "0" * 32,
        "Body": message.body,
        "Attributes": {"ApproximateReceiveCount": str(message.receives)},
    }


def _batch(body: Any, fault: Fault, act: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    entries = body["Entries"]
    if not 1 <= len({entry["Id"] for entry in entries}) == len(entries) <= 10:
        raise Refused("InvalidBatchEntries")
    successful, failed = [], []
    for place, entry in enumerate(entries):
        if place in fault.failed:
            failed.append({"Id": entry["Id"], "SenderFault": False, "Code": "InternalError", "Message": "no"})
        elif act(entry):
            successful.append({"Id": entry["Id"]})
        else:
            failed.append({"Id": entry["Id"], "SenderFault": True, "Code": "MessageNotInflight", "Message": "no"})
    return {"Successful": successful, "Failed": failed}


def _within(value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        raise Refused("InvalidParameterValue")
    return value


@cache
def _input_shape(service: str, operation: str) -> Any:
    return botocore.session.Session().get_service_model(service).operation_model(operation).input_shape
