"""SQS and SSM with their JSON protocols, as botocore's service models describe them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html and its neighbours
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from cf_purge.http_client import Answer
from tests.support.virtual.network import Call, Fault, json_answer
from tests.support.virtual.queue import Message, Queue

_MOST_BYTES = 262_144  # of a message, attributes included


class Refused(Exception):
    """What the service answers instead of a result: the code of its error."""


class Aws:
    """One account in one Region. `parameters` are SSM's values by name."""

    def __init__(self, queues: list[Queue], latency: float, *, is_strict: bool) -> None:
        self.latency = latency
        self.parameters: dict[str, str] = {}
        self._queues = {queue.name: queue for queue in queues}
        self._is_strict = is_strict  # validate every call with botocore's model: slower
        self._operations: Mapping[str, Callable[[Call, Fault], dict[str, Any]]] = {
            "GetParameter": self._get_parameter,
            "SendMessage": self._send,
            "ReceiveMessage": self._receive,
            "DeleteMessageBatch": self._delete_batch,
            "ChangeMessageVisibilityBatch": self._change_batch,
        }

    def answer(self, call: Call, fault: Fault) -> Answer:
        assert call.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
        if self._is_strict:
            report = ParamValidator().validate(call.body, _input_shape(call.service, call.operation))
            assert not report.has_errors(), report.generate_report()
        try:
            return json_answer(200, self._operations[call.operation](call, fault))
        except Refused as refused:
            return aws_error(400, str(refused))

    def _get_parameter(self, call: Call, _: Fault) -> dict[str, Any]:
        value = self.parameters[call.body["Name"]]
        assert call.body["WithDecryption"] is True
        return {"Parameter": {"Name": call.body["Name"], "Type": "SecureString", "Value": value, "Version": 1}}

    def _queue(self, call: Call) -> Queue:
        return self._queues[call.body["QueueUrl"].rpartition("/")[2]]

    def _send(self, call: Call, _: Fault) -> dict[str, Any]:
        body, attributes = call.body["MessageBody"], call.body.get("MessageAttributes", {})
        parts = [body, *attributes, *(text for each in attributes.values() for text in each.values())]
        if not body or sum(len(text.encode()) for text in parts) > _MOST_BYTES:
            raise Refused("InvalidParameterValue")
        delay = _within(call.body.get("DelaySeconds", 0), 0, 900)
        return {"MessageId": self._queue(call).send(body, delay, attributes).id, "MD5OfMessageBody": "0" * 32}

    def _receive(self, call: Call, _: Fault) -> dict[str, Any]:
        assert call.body["WaitTimeSeconds"] == 0
        messages = self._queue(call).receive(_within(call.body["MaxNumberOfMessages"], 1, 10))
        asked = set(call.body["MessageSystemAttributeNames"])
        return {"Messages": [_received(message, asked) for message in messages]} if messages else {}

    def _delete_batch(self, call: Call, fault: Fault) -> dict[str, Any]:
        queue = self._queue(call)
        return _batch(call, fault, lambda entry: queue.delete(entry["ReceiptHandle"]), "ReceiptHandleIsInvalid")

    def _change_batch(self, call: Call, fault: Fault) -> dict[str, Any]:
        queue = self._queue(call)

        def change(entry: dict[str, Any]) -> bool:
            return queue.change_visibility(entry["ReceiptHandle"], _within(entry["VisibilityTimeout"], 0, 43_200))

        return _batch(call, fault, change, "MessageNotInflight")


def _batch(call: Call, fault: Fault, act: Callable[[dict[str, Any]], bool], refusal: str) -> dict[str, Any]:
    entries = call.body["Entries"]
    if not 1 <= len({entry["Id"] for entry in entries}) == len(entries) <= 10:
        raise Refused("InvalidBatchEntries")
    successful, failed = [], []
    for place, entry in enumerate(entries):
        if place in fault.failed:
            failed.append({"Id": entry["Id"], "SenderFault": False, "Code": "InternalError", "Message": "no"})
        elif act(entry):
            successful.append({"Id": entry["Id"]})
        else:
            failed.append({"Id": entry["Id"], "SenderFault": True, "Code": refusal, "Message": "no"})
    return {"Successful": successful, "Failed": failed}


def _within(value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        raise Refused("InvalidParameterValue")
    return value


def attributes_of(message: Message) -> dict[str, str]:
    """The system attributes of a received message."""
    return {
        "ApproximateReceiveCount": str(message.receives),
        "SentTimestamp": str(int(message.sent_at * 1000)),
        "SenderId": "AROAEXAMPLE:S3-PROD-END",
        "ApproximateFirstReceiveTimestamp": str(int(message.first_received_at * 1000)),
    }


def _received(message: Message, asked: set[str]) -> dict[str, Any]:
    attributes = {name: value for name, value in attributes_of(message).items() if name in asked}
    return {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": "0" * 32,
        "Body": message.body,
        **({"Attributes": attributes} if attributes else {}),
    }


def aws_error(status: int, code: str) -> Answer:
    return json_answer(status, {"__type": f"com.amazonaws.sqs#{code}", "message": "no"})


@cache
def _input_shape(service: str, operation: str) -> Any:
    return botocore.session.Session().get_service_model(service).operation_model(operation).input_shape
