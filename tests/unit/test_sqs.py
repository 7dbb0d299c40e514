"""What the function does with SQS itself: it drains a burst, deletes, parks and returns."""

import itertools
import json
from typing import Any

import pytest

from tests.support.factories import document, environment, s3_event, sqs_event, sqs_record, target
from tests.support.fakes import Sent, World, answer, aws_error, outage, refusal
from tests.support.names import HOST, QUEUE_ARN, REGION


def world_of(waiting: int, **changes: Any) -> World:
    """A function that drains up to 1,000 messages, and so many in its queue beside its batch."""
    world = World(document(**{"drain": 1000, "max_concurrency": 2, **changes}))
    world.aws.waiting = [(f"w{n}", json.dumps(s3_event(f"w{n}"))) for n in range(waiting)]
    return world


def batch(size: int = 10) -> dict[str, Any]:
    return sqs_event(*(s3_event(f"m{n}") for n in range(size)))


def calls(world: World, operation: str) -> list[dict[str, Any]]:
    return [body for name, body in world.aws.calls if name == operation]


def operation_of(sent: Sent) -> str:
    return sent.headers.get("X-Amz-Target", "").rpartition(".")[2]


# ---- Draining: when ----


def test_a_full_batch_is_purged_together_with_what_else_waits() -> None:
    world = world_of(123)
    assert world.returned(batch()) == []
    names = [*(f"m{n}" for n in range(10)), *(f"w{n}" for n in range(123))]
    assert sorted(world.cloudflare.urls) == sorted(f"https://{HOST}/{name}" for name in names)
    assert [len(sent.items) for sent in world.cloudflare.requests] == [100, 33]
    assert sorted(world.aws.deleted) == sorted(f"receipt-{name}" for name in names)
    assert (world.metrics["Changes"], world.metrics["Purged"], world.metrics["Requests"]) == (133, 133, 2)


@pytest.mark.parametrize(
    ("size", "changes"),
    [
        *((1, {}), (9, {}), (10, {"drain": 0}), (10, {"drain": 10}), (1, {"batch_size": 1}), (10, {"batch_size": 11})),
        (10, {"queue_arn": None, "drain": 0}),
    ],
)
def test_less_than_a_full_batch_is_purged_at_once(size: int, changes: dict[str, Any]) -> None:
    world = world_of(50, **changes)
    assert world.returned(batch(size)) == []
    assert calls(world, "ReceiveMessage") == []
    assert len(world.cloudflare.urls) == size
    assert world.clock.slept == []


def test_a_backlog_is_drained_at_once_though_every_answer_is_short() -> None:
    world = world_of(900)
    lengths = itertools.cycle([1, 1, 1, 1, 3, 2, 4, 4])  # one short answer to four calls does not end a drain

    def shorten(sent: Sent) -> None:
        if operation_of(sent) == "ReceiveMessage":
            sent.body["MaxNumberOfMessages"] = next(lengths)

    world.transport.on_post = shorten
    assert world.returned(batch()) == []
    assert len(world.cloudflare.urls) == 10 + 900


# ---- Draining: how much ----


def test_no_more_than_a_thousand_messages_are_drained() -> None:
    world = world_of(2000)
    assert world.returned(batch()) == []
    assert [len(sent.items) for sent in world.cloudflare.requests] == [100] * 10
    assert len(world.aws.deleted) == 1000


@pytest.mark.parametrize(
    ("padding", "least"),
    [
        ("x" * 250_000, 32),
        ("é" * 125_000, 32),
        ("\n" * 125_000, 32),
        ("🎈" * 62_500, 32),
        ("x" * 250_000 + "🎈", 8),  # in memory each character of a text takes as much as its largest one
    ],
    ids=["x", "é", "escaped", "🎈", "x and 🎈"],
)
def test_no_more_than_eight_megabytes_are_drained(padding: str, least: int) -> None:
    world = world_of(0)
    body = json.dumps({"keys": ["k"], "padding": padding}, ensure_ascii=False)
    world.aws.waiting = [(f"w{n}", body) for n in range(990)]
    assert world.returned(batch()) == []
    drained = len(world.aws.deleted) - 10
    assert least <= drained <= least + 4 * 5
    assert drained + len(world.aws.waiting) == 990


def test_draining_takes_a_fifth_of_the_time() -> None:
    world = world_of(990)
    world.transport.on_post = lambda sent: world.clock.pass_(1.0 if operation_of(sent) == "ReceiveMessage" else 0)
    start = world.clock.time
    assert world.returned(batch(), seconds=60) == []
    assert world.clock.time - start <= 12 + 8
    assert 11 <= len(calls(world, "ReceiveMessage")) <= 20


def test_a_message_that_fits_into_an_invocation_does_not_become_too_large_in_a_slow_drain() -> None:
    fitting = {"keys": [f"k{n}" for n in range(130)]}
    world = world_of(990, targets=[target(hosts=[f"h{n}.example.com" for n in range(50)])])
    world.transport.on_post = lambda sent: world.clock.pass_(1.0 if operation_of(sent) == "ReceiveMessage" else 0)
    world.returned(sqs_event(fitting, *(s3_event(f"m{n}") for n in range(9))), seconds=60)
    assert world.aws.parked == []


@pytest.mark.parametrize(
    "changes",
    [
        {"targets": [target(purge_by="prefix")], "max_concurrency": 20},
        {"targets": [target(hosts=[f"h{n}.example.com" for n in range(30)])]},
    ],
    ids=["prefixes of the free plan", "thirty hosts"],
)
def test_messages_beyond_the_rate_limits_are_returned_and_not_parked(changes: dict[str, Any]) -> None:
    world = world_of(800, drain=400, **changes)
    receipts = {f"receipt-{name}": (name, body) for name, body in world.aws.waiting}
    done: list[int] = []
    while world.aws.waiting and len(done) < 20:
        waiting = len(world.aws.waiting)
        world.returned(batch(), seconds=60)
        received = world.aws.deleted + list(world.aws.delays)
        assert len(received) == len(set(received)) == min(400 - 10, waiting) + 10
        done.append(len(receipts.keys() & set(world.aws.deleted)))
        world.aws.waiting += [receipts[each] for each in world.aws.delays if each in receipts]
        world.aws.deleted.clear()
        world.aws.delays.clear()
        world.clock.pass_(300)
    assert done[0] < 390
    assert min(done) > 0, done  # each invocation finishes some, whatever the others remember
    assert sum(done) == 800, done
    assert world.aws.parked == []


# ---- Draining: messages ----


def test_a_drained_message_is_never_named_in_the_answer() -> None:
    """Lambda takes an unknown ID for a failure of the whole batch."""
    world = world_of(50)
    world.cloudflare.script = [outage()] * 9
    assert world.returned(batch()) == [f"m{n}" for n in range(10)]
    assert world.aws.deleted == []
    assert len(world.aws.delays) == 60


def test_a_message_that_is_received_twice_is_one_message_with_its_last_receipt() -> None:
    world, event = world_of(0), batch()
    event["Records"][3]["receiptHandle"] = "older"
    world.aws.waiting = [("m3", json.dumps(s3_event("m3"))), ("p", "{"), ("p", "{")]
    assert world.returned(event) == []
    assert world.metrics["Changes"] == 10
    assert len(world.aws.parked) == 1
    assert sorted(world.aws.deleted) == [*(f"receipt-m{n}" for n in range(10)), "receipt-p"]


def test_a_message_with_the_id_of_another_is_not_deleted() -> None:
    """Anybody who may invoke the function can use any ID."""
    world = world_of(0)
    world.aws.waiting = [("m3", json.dumps(s3_event("real")))]
    assert world.returned(batch()) == []
    assert world.aws.deleted == []
    assert sorted(world.cloudflare.urls) == [f"https://{HOST}/m{n}" for n in range(10)]


def test_earlier_receives_of_a_drained_message_count() -> None:
    world = world_of(0)
    message: dict[str, Any] = {"MessageId": "w", "ReceiptHandle": "r", "Body": json.dumps(s3_event("w"))}
    message["Attributes"] = {"ApproximateReceiveCount": "7"}
    world.aws.script["ReceiveMessage"] = [answer(200, {"Messages": [message]})]
    world.cloudflare.script = [answer(503)] * 9
    world.returned(batch())
    assert world.aws.delays["r"] >= 320 > world.aws.delays["receipt-m0"]


@pytest.mark.parametrize(
    "fault",
    [
        *(outage(), aws_error(403, "AccessDenied"), aws_error(500, "InternalError"), RuntimeError("boom")),
        answer(200, {"Messages": [None, {}, {"MessageId": "x", "Body": 7, "ReceiptHandle": "y"}]}),
        *(answer(200, {"Messages": None}), answer(200, [])),
    ],
    ids=repr,
)
def test_a_drain_that_fails_or_finds_nothing_does_not_affect_the_batch(fault: Any) -> None:
    world = world_of(50)
    world.aws.script["ReceiveMessage"] = [fault] * 9
    assert world.returned(batch()) == []
    assert world.aws.deleted == []
    assert len(world.cloudflare.urls) == 10


# ---- Deleting ----


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (answer(200, {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "InternalError"}]}), "InternalError"),
        (aws_error(500, "InternalError"), "InternalError"),
        (outage(), "No answer"),
        (RuntimeError("boom"), "Unexpected error"),
    ],
    ids=repr,
)
def test_messages_that_cannot_be_deleted_are_logged_with_the_reason(fault: Any, reason: str) -> None:
    world = world_of(23)
    world.aws.script["DeleteMessageBatch"] = [None, fault]
    assert world.returned(batch()) == []
    assert set(world.aws.deleted) < {*(f"receipt-m{n}" for n in range(10)), *(f"receipt-w{n}" for n in range(23))}
    [line] = world.logged("DeleteMessageBatch failed")
    assert reason in line["reason"]


# ---- Parking ----


def test_a_message_is_parked_unchanged_with_its_reason(world: World) -> None:
    body = '{ "nonsense" : "\\u00fc ünï 🎉" }\n'
    assert world.returned(sqs_event(body)) == []
    [parked] = world.aws.parked
    assert parked["MessageBody"] == body
    assert parked["QueueUrl"] == f"https://sqs.{REGION}.amazonaws.com/123456789012/cf-purge-dlq"
    assert parked["MessageAttributes"]["ReasonCode"] == {"DataType": "String", "StringValue": "UnknownEvent"}
    assert parked["MessageAttributes"]["Reason"]["StringValue"].startswith("The event is none of")
    [line] = world.logged("parked")
    assert (line["message_id"], line["dead_letter_id"], line["code"]) == ("m0", "p", "UnknownEvent")


@pytest.mark.parametrize(
    ("text", "words"), [("a\nb\x00c\x07", "a b\ufffdc\ufffd"), ("\ud800", "\ufffd"), ("ünï", "ünï"), ("x" * 9000, "x")]
)
def test_a_reason_is_a_text_that_sqs_accepts(world: World, text: str, words: str) -> None:
    world.cloudflare.script = [refusal(400, 1012, message=text)]
    assert world.returned(sqs_event(s3_event("a"))) == []
    [(_, reason)] = world.parked_reasons
    assert words in reason
    assert 0 < len(reason.encode()) <= 4000


@pytest.mark.parametrize(("size", "has_room"), [(200_000, True), (259_000, True), (261_000, False), (262_144, False)])
def test_a_message_without_room_for_its_reason_is_parked_without_it(world: World, size: int, has_room: bool) -> None:
    """Attributes count towards the size of a message, of which the queue takes 262,144 bytes."""
    world.cloudflare.script = [refusal(400, 1012, message="\U0001f4a9" * 9000)]
    body = json.dumps(s3_event("ü", raw_key="ü"), ensure_ascii=False)
    assert world.returned(sqs_event(body + " " * (size - len(body.encode())))) == []
    [parked] = world.aws.parked
    attributes = parked.get("MessageAttributes", {})
    assert bool(attributes) is has_room
    names = ["String".join((name, value["StringValue"])) for name, value in attributes.items()]
    assert len("".join([parked["MessageBody"], *names]).encode()) <= 262_144
    assert world.logged("parked")[0]["code"] == "RejectedByCloudflare"


OF_THE_QUEUE = "InvalidClientTokenId InvalidAddress InvalidSecurity InvalidSignatureException AccessDenied"
OF_THE_QUEUE += " QueueDoesNotExist KMS.DisabledException"
OF_THE_MESSAGE = "InvalidParameterValue InvalidMessageContents"


@pytest.mark.parametrize(
    ("code", "misconfigured"), [(c, 1) for c in OF_THE_QUEUE.split()] + [(c, 0) for c in OF_THE_MESSAGE.split()]
)
def test_a_message_that_is_refused_is_returned_and_raises_an_alarm_unless_no_queue_takes_it(
    world: World, code: str, misconfigured: int
) -> None:
    world.aws.script["SendMessage"] = [aws_error(400, code)]
    assert world.returned(sqs_event("poison")) == ["m0"]
    assert (world.aws.parked, world.metrics["Misconfigured"], world.metrics["Parked"]) == ([], misconfigured, 0)
    assert code in world.logged("not parked")[0]["reason"]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"MessageId": null}', b"<html>"])
def test_an_answer_without_the_id_of_the_message_does_not_count_as_parked(world: World, body: bytes) -> None:
    world.aws.script["SendMessage"] = [answer(200, body)] * 2
    assert world.returned(sqs_event("not JSON")) == ["m0"]
    assert world.metrics["Parked"] == 0


@pytest.mark.parametrize("fault", [outage(), answer(500, b""), aws_error(400, "ThrottlingException")])
def test_parking_is_tried_twice_because_it_can_be_the_last_receive(world: World, fault: Any) -> None:
    world.aws.script["SendMessage"] = [fault]
    assert world.returned(sqs_event("not JSON")) == []
    assert world.metrics["Parked"] == 1


def test_an_unexpected_error_while_parking_returns_that_message_alone(world: World) -> None:
    def explode(sent: Sent) -> None:
        if operation_of(sent) == "SendMessage" and sent.body["MessageBody"] == "poison":
            raise RuntimeError("boom")

    world.transport.on_post = explode
    assert world.returned(sqs_event("poison", s3_event("a"), "other poison")) == ["m0"]
    assert [parked["MessageBody"] for parked in world.aws.parked] == ["other poison"]


def test_without_a_dead_letter_queue_the_message_goes_back() -> None:
    world = World(document(dead_letter_queue_arn=None))
    assert world.returned(sqs_event("poison")) == ["m0"]
    assert "does not name this queue" in world.logged("not parked")[0]["reason"]


def test_a_queue_is_called_in_its_own_region_and_partition() -> None:
    world = World(environ=environment(document(dead_letter_queue_arn="arn:aws-cn:sqs:cn-north-1:123456789012:dlq")))
    assert world.returned(sqs_event("poison")) == []
    [sent] = [sent for sent in world.transport.sent if operation_of(sent) == "SendMessage"]
    assert sent.url == "https://sqs.cn-north-1.amazonaws.com.cn/"
    assert sent.body["QueueUrl"] == "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/dlq"


# ---- Returning ----


@pytest.mark.parametrize(
    "fault",
    [
        answer(200, {"Successful": [], "Failed": [{"Id": "0", "Code": "ReceiptHandleIsInvalid"}]}),
        *(outage(), aws_error(403, "AccessDenied"), RuntimeError("boom")),
    ],
    ids=repr,
)
def test_a_visibility_that_cannot_be_changed_costs_only_the_delay(world: World, fault: Exception) -> None:
    world.cloudflare.script = [outage()] * 9
    world.aws.script["ChangeMessageVisibilityBatch"] = [fault]
    assert world.returned(sqs_event(s3_event("a"))) == ["m0"]
    assert [line["calls"] for line in world.logged("ChangeMessageVisibilityBatch failed")] == [1]


@pytest.mark.parametrize("arn", ["arn:aws:sqs:evil.invalid:123456789012:q", "x", None])
@pytest.mark.parametrize(("own", "called"), [(QUEUE_ARN, ["ChangeMessageVisibilityBatch"]), (None, [])])
def test_an_event_cannot_choose_the_host_of_a_call(arn: str | None, own: str | None, called: list[str]) -> None:
    world = World(document(queue_arn=own))
    world.cloudflare.script = [outage()] * 9
    event = {"Records": [{**sqs_record(s3_event("a"), "m0"), "eventSourceARN": arn}]}
    assert world.returned(event) == ["m0"]
    assert [name for name, _ in world.aws.calls] == ["GetParameter", *called]
    assert all(f"sqs.{REGION}.amazonaws.com" in sent.url for sent in world.transport.sent if "sqs" in sent.url)
