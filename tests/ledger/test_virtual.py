"""The world the ledger is played in keeps the rules of the real one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.parsers import create_parser
from botocore.session import Session

from cf_purge.errors import Transient
from tests.support.factories import PARAMETER, TOKEN
from tests.support.virtual.aws import Aws
from tests.support.virtual.hub import Hub
from tests.support.virtual.network import Call, Fault, Network, Wire
from tests.support.virtual.queue import Queue
from tests.support.virtual.world import START

_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/cf-purge"
_HEADERS = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE"}


class Place:
    """A queue with its dead letters behind AWS's API, and a clock."""

    def __init__(self) -> None:
        self.hub = Hub(START)
        self.dead_letters = Queue(self.hub, "cf-purge-dlq")
        self.queue = Queue(self.hub, "cf-purge", max_receive_count=2, dead_letters=self.dead_letters)
        self.aws = Aws(self.hub, [self.queue, self.dead_letters], 0.01, is_strict=True)
        self.aws.parameters[PARAMETER] = TOKEN
        self.network = Network(self.hub, self.aws, self.aws)

    def after(self, seconds: float) -> None:
        self.hub.run(self.hub.now + seconds)

    def call(self, operation: str, fault: Fault | None = None, service: str = "sqs", **body: Any) -> dict[str, Any]:
        """Call AWS and read its answer as botocore does."""
        body = body if service == "ssm" else {"QueueUrl": _URL, **body}
        answer = self.aws.answer(Call(self.hub.now, _URL, _HEADERS, body, 3.0, service, operation), fault or Fault())
        model = Session().get_service_model(service)
        shape: Any = model.operation_model(operation).output_shape
        parsed: dict[str, Any] = create_parser("json").parse(
            {"status_code": answer.status, "headers": {}, "body": answer.body}, shape
        )
        known = set(shape.members) if shape is not None else set()
        assert answer.status != 200 or set(json.loads(answer.body)) <= known
        return parsed


@pytest.fixture
def place() -> Iterator[Place]:
    place = Place()
    yield place
    place.hub.close()


def test_botocore_reads_every_answer(place: Place) -> None:
    assert "Messages" not in place.call("ReceiveMessage", MaxNumberOfMessages=10, VisibilityTimeout=0)
    sent = place.call("SendMessage", MessageBody="text", MessageAttributes={})
    [message] = place.call("ReceiveMessage", MessageSystemAttributeNames=["ApproximateReceiveCount"])["Messages"]
    assert message["MessageId"] == sent["MessageId"]
    assert message["Body"] == "text"
    assert set(message["Attributes"]) == {"ApproximateReceiveCount"}
    receipt = message["ReceiptHandle"]
    entries = [{"Id": "0", "ReceiptHandle": receipt, "VisibilityTimeout": 9}, {"Id": "1", "ReceiptHandle": "x#1"}]
    entries[1]["VisibilityTimeout"] = 9
    changed = place.call("ChangeMessageVisibilityBatch", Entries=entries)
    assert ([e["Id"] for e in changed["Successful"]], [e["Id"] for e in changed["Failed"]]) == (["0"], ["1"])
    assert place.call("ChangeMessageVisibility", ReceiptHandle=receipt, VisibilityTimeout=5)
    deleted = place.call("DeleteMessageBatch", Entries=[{"Id": "0", "ReceiptHandle": receipt}])
    assert deleted["Successful"] == [{"Id": "0"}]
    assert deleted["Failed"] == []
    parameter = place.call("GetParameter", service="ssm", Name=PARAMETER, WithDecryption=True)["Parameter"]
    assert parameter["Value"] == TOKEN


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("ReceiveMessage", {"MaxNumberOfMessages": 11}, "InvalidParameterValue"),
        ("ReceiveMessage", {"WaitTimeSeconds": 21}, "InvalidParameterValue"),
        ("SendMessage", {"MessageBody": "x" * 262_145}, "InvalidParameterValue"),
        ("SendMessage", {"MessageBody": "x", "DelaySeconds": 901}, "InvalidParameterValue"),
        ("DeleteMessage", {"ReceiptHandle": "no receipt"}, "ReceiptHandleIsInvalid"),
        ("DeleteMessageBatch", {"Entries": []}, "EmptyBatchRequest"),
        ("DeleteMessageBatch", {"Entries": [{"Id": "0", "ReceiptHandle": "m#1"}] * 2}, "BatchEntryIdsNotDistinct"),
        ("DeleteMessageBatch", {"Entries": [{"Id": "0", "ReceiptHandle": "m#1"}] * 11}, "TooManyEntriesInBatchRequest"),
        ("SendMessage", {"MessageBody": "x", "QueueUrl": f"{_URL}-2"}, "QueueDoesNotExist"),
    ],
)
def test_what_sqs_refuses_is_refused(place: Place, operation: str, body: dict[str, Any], code: str) -> None:
    body = {"QueueUrl": _URL, **body}
    answer = place.aws.answer(Call(START, _URL, _HEADERS, body, 3.0, "sqs", operation), Fault())
    assert answer.status == 400
    assert json.loads(answer.body)["__type"].endswith(f"#{code}")


_SEND = json.dumps({"QueueUrl": _URL, "MessageBody": "text"}).encode()


@pytest.mark.parametrize(
    ("fault", "is_done", "seconds"),
    [
        (Fault(is_lost=True), False, 0.01),
        (Fault(is_lost=True, acts=True), True, 0.01),
        (Fault(is_lost=True, seconds=float("inf")), False, 3.0),
        (Fault(is_lost=True, seconds=float("inf"), acts=True), True, 3.0),
        (Fault(seconds=4.0), True, 3.0),
    ],
)
def test_an_answer_that_does_not_come_says_nothing_of_what_was_done(
    place: Place, fault: Fault, is_done: bool, seconds: float
) -> None:
    place.network.fault = lambda _: fault
    wire = Wire(place.hub, place.network, place.hub.sleep_until)
    at: list[float] = []

    def body() -> None:
        with pytest.raises(Transient):
            wire.request("POST", _URL, {**_HEADERS, "X-Amz-Target": "AmazonSQS.SendMessage"}, _SEND, 3.0, 1 << 20)
        at.append(place.hub.now - START)

    place.hub.spawn(body)
    place.after(9)
    assert at == [pytest.approx(seconds, abs=1e-6)]
    assert len(place.queue) == is_done
