"""A full batch shows a burst: the function receives more by itself, and deletes what it purged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.factories import DLQ_ARN, HOST, QUEUE_ARN, document, s3_event, sqs_event, sqs_record, target
from tests.unit.fakes import Reply, Sent, World, answer, aws_error, outage, refusal

SQS = ("ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch", "SendMessage")


def world_of(waiting: int, **changes: Any) -> World:
    """A function that drains up to 1,000 messages, and so many in its queue besides what it is given."""
    world = World(document(**{"queue_arn": QUEUE_ARN, "drain": 1000, "max_concurrency": 2, **changes}))
    world.aws.waiting = [(f"w{n}", json.dumps(s3_event(f"w{n}"))) for n in range(waiting)]
    return world


def batch(size: int = 10) -> dict[str, Any]:
    return sqs_event(*(s3_event(f"m{n}") for n in range(size)))


def calls(world: World, operation: str) -> list[dict[str, Any]]:
    return [body for name, body in world.aws.calls if name == operation]


def url(name: str) -> str:
    return f"https://{HOST}/{name}"


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{n}" for n in range(count)]


# ---- When ----


def test_a_full_batch_is_purged_together_with_what_else_waits() -> None:
    world = world_of(123)
    assert world.returned(batch()) == []
    assert sorted(world.cloudflare.urls) == sorted(url(name) for name in (*names("m", 10), *names("w", 123)))
    assert [len(sent.items) for sent in world.cloudflare.requests] == [100, 33]
    assert sorted(world.aws.deleted) == sorted(f"receipt-w{n}" for n in range(123))
    assert world.aws.waiting == []
    assert (world.metrics["Changes"], world.metrics["Purged"], world.metrics["Requests"]) == (133, 133, 2)
    assert [line["messages"] for line in world.logged("drained")] == [123]


@pytest.mark.parametrize("size", range(1, 10))
def test_less_than_a_full_batch_is_purged_at_once(size: int) -> None:
    world = world_of(50)
    assert world.returned(batch(size)) == []
    assert calls(world, "ReceiveMessage") == []
    assert len(world.cloudflare.urls) == size
    assert world.clock.slept == []


@pytest.mark.parametrize(
    "changes",
    [{"drain": 0}, {"drain": 10}, {"drain": 5}, {"batch_size": 1}, {"batch_size": 11}],
    ids=["turned off", "no more than a batch", "less than a batch", "batches of one", "not full"],
)
def test_there_are_settings_without_a_drain(changes: dict[str, int]) -> None:
    world = world_of(50, **changes)
    assert world.returned(batch()) == []
    assert calls(world, "ReceiveMessage") == []


def test_a_batch_is_full_when_it_is_as_large_as_configured() -> None:
    world = world_of(50, batch_size=3)
    assert world.returned(batch(3)) == []
    assert len(world.aws.deleted) == 50


def test_of_another_queue_s_messages_nothing_is_concluded() -> None:
    world = world_of(50)
    event = batch()
    event["Records"][4]["eventSourceARN"] = DLQ_ARN
    assert world.returned(event) == []
    assert calls(world, "ReceiveMessage") == []


@pytest.mark.parametrize("fault", [outage(), refusal(403, 10000), answer(429, {}, retry_after="300")])
def test_while_cloudflare_takes_nothing_the_rest_stays_in_the_queue_and_keeps_its_receives(fault: Reply) -> None:
    world = world_of(50)
    world.cloudflare.script = [fault] * 3
    assert len(world.returned(batch(1))) == 1
    world.cloudflare.script = [fault] * 3
    assert len(world.returned(batch())) == 10
    assert calls(world, "ReceiveMessage") == []
    world.cloudflare.script = []
    world.clock.time += 900
    assert world.returned(batch()) == []
    assert world.returned(batch()) == []
    assert len(world.aws.deleted) == 50


# ---- How much ----


def test_no_more_is_received_than_configured() -> None:
    world = world_of(2000)
    assert world.returned(batch()) == []
    assert [len(sent.items) for sent in world.cloudflare.requests] == [100] * 10
    assert len(world.aws.deleted) == 990


def test_no_more_is_received_than_the_budget_can_purge() -> None:
    """Two prefix requests a minute are left to this environment once its bucket is empty."""
    world = world_of(2000, targets=[target(purge_by="prefix")])
    assert world.returned(batch(), seconds=60) == []
    received = len(world.aws.deleted)
    assert 900 < received <= 1000
    world.aws.deleted.clear()
    assert world.returned(batch(), seconds=60) == []
    assert 50 < len(world.aws.deleted) <= 200
    assert world.aws.delays == {}


def test_many_urls_a_key_make_fewer_messages() -> None:
    targets = [target(hosts=[f"h{n}.example.com" for n in range(30)])]
    world = world_of(2000, targets=targets)
    assert world.returned(batch(), seconds=60) == []
    assert 200 < len(world.aws.deleted) < 600
    assert len(world.cloudflare.requests) == -(-30 * (len(world.aws.deleted) + 10) // 100)


def test_receiving_takes_a_share_of_the_time_and_as_much_is_kept_back_to_delete() -> None:
    world = world_of(990)
    ends: list[float] = []

    def slow(sent: Sent) -> None:
        operation = sent.headers.get("X-Amz-Target", "").rpartition(".")[2]
        if operation in SQS:
            world.clock.time += 1.0
        if "files" in sent.body:
            ends.append(world.clock.time + sent.timeout)

    world.transport.on_post = slow
    start = world.clock.time
    assert world.returned(batch(), seconds=60) == []
    receives = len(calls(world, "ReceiveMessage"))
    assert 11 <= receives <= 22  # a fifth of the time, and what was under way then
    assert max(ends) <= start + 60 - 5 - receives + 1e-6
    assert world.clock.time <= start + 60


def test_a_collapse_counts_all_that_was_drained() -> None:
    world = world_of(200, collapse_above=150)
    assert world.returned(batch()) == []
    assert [sent.kind for sent in world.cloudflare.requests] == ["prefixes"]
    assert len(world.aws.deleted) == 200


# ---- How it ends ----


def test_what_was_not_purged_is_given_back_with_its_delay_and_not_deleted() -> None:
    world = world_of(50)
    world.cloudflare.script = [answer(503, b"", retry_after="77")]
    assert len(world.returned(batch())) == 10
    assert world.aws.deleted == []
    assert world.aws.delays == {f"receipt-{name}": 77 for name in (*names("m", 10), *names("w", 50))}
    assert world.metrics["Retried"] == 60


def test_a_drained_message_is_never_named_in_the_answer() -> None:
    """Lambda takes an unknown id for a failure of the whole batch."""
    world = world_of(50)
    world.cloudflare.script = [outage()] * 9
    assert world.returned(batch()) == names("m", 10)


def test_bad_messages_among_the_drained_are_parked_and_deleted() -> None:
    world = world_of(5)
    world.aws.waiting[2:2] = [("poison", "{"), ("foreign", '{"urls": ["https://evil.invalid/"]}')]
    assert world.returned(batch()) == []
    assert [code for code, _ in world.parked_reasons] == ["UnknownEvent", "ForeignHost"]
    assert {"receipt-poison", "receipt-foreign"} <= set(world.aws.deleted)
    assert len(world.aws.deleted) == 7


def test_a_bad_message_that_cannot_be_parked_is_not_deleted() -> None:
    world = world_of(0)
    world.aws.waiting = [("poison", "{")]
    world.aws.script["SendMessage"] = [aws_error(500, "InternalError")]
    assert world.returned(batch()) == []
    assert world.aws.deleted == []
    assert list(world.aws.delays) == ["receipt-poison"]


def test_a_second_purge_that_cannot_be_asked_for_keeps_the_drained_message() -> None:
    world = world_of(3, repurge_after_seconds=60)
    world.aws.script["SendMessage"] = [aws_error(500, "InternalError")]
    assert len(world.returned(batch())) == 10
    assert world.aws.deleted == []
    assert len(world.aws.delays) == 13


def test_the_number_of_receives_of_a_drained_message_sets_its_delay() -> None:
    world = world_of(0)
    message = {"MessageId": "w", "ReceiptHandle": "r", "Body": json.dumps(s3_event("w"))}
    message["Attributes"] = {"ApproximateReceiveCount": "4"}  # type: ignore[assignment]
    world.aws.script["ReceiveMessage"] = [answer(200, {"Messages": [message]})]
    world.cloudflare.script = [outage()] * 3
    world.returned(batch())
    assert world.aws.delays["r"] == 38
    assert world.aws.delays["receipt-m0"] == 5


def test_a_message_that_is_both_delivered_and_drained_is_one_message() -> None:
    world = world_of(0)
    world.aws.waiting = [("m3", json.dumps(s3_event("m3"))), ("p", "{"), ("p", "{")]
    assert world.returned(batch()) == []
    assert world.metrics["Changes"] == 10
    assert len(world.aws.parked) == 1
    assert world.aws.deleted == ["receipt-m3", "receipt-p", "receipt-p"]


@pytest.mark.parametrize(
    "fault",
    [
        outage(),
        aws_error(403, "AccessDenied"),
        aws_error(500, "InternalError"),
        answer(200, {"Messages": None}),
        answer(200, {"Messages": [None, {}, {"MessageId": "x", "Body": 7, "ReceiptHandle": "y"}]}),
        answer(200, []),
        RuntimeError("boom"),
    ],
)
def test_a_queue_that_gives_nothing_costs_nothing_but_the_drain(fault: Any) -> None:
    world = world_of(50)
    world.aws.script["ReceiveMessage"] = [fault]
    assert world.returned(batch()) == []
    assert world.aws.deleted == []
    assert len(world.cloudflare.urls) == 10


@pytest.mark.parametrize(
    "fault",
    [
        outage(),
        aws_error(500, "InternalError"),
        RuntimeError("boom"),
        answer(200, {"Successful": [], "Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]}),
        answer(200, {"Successful": None, "Failed": None}),
        answer(200, {}),
    ],
)
def test_what_cannot_be_deleted_is_tried_once_more_and_then_comes_again(fault: Any) -> None:
    world = world_of(23)
    world.aws.script["DeleteMessageBatch"] = [None, fault]
    assert world.returned(batch()) == []
    assert sorted(set(world.aws.deleted)) == sorted(f"receipt-w{n}" for n in range(23))
    assert world.logged("not deleted") == []

    world = world_of(23)
    world.aws.script["DeleteMessageBatch"] = [fault] * 99
    assert world.returned(batch()) == []
    assert [line["messages"] for line in world.logged("not deleted")] == [23]


def test_of_a_partial_failure_only_the_failed_are_deleted_again() -> None:
    world = world_of(3)
    partly = answer(200, {"Successful": [{"Id": "0"}, {"Id": "2"}], "Failed": [{"Id": "1"}]})
    world.aws.script["DeleteMessageBatch"] = [partly]
    assert world.returned(batch()) == []
    assert world.aws.deleted == ["receipt-w1"]


def test_the_end_of_the_time_is_kept_even_if_sqs_is_slow() -> None:
    world = world_of(990)

    def slow(sent: Sent) -> None:
        if sent.headers.get("X-Amz-Target", "").endswith("DeleteMessageBatch"):
            world.clock.time += 3.0

    world.transport.on_post = slow
    start = world.clock.time
    assert world.returned(batch(), seconds=60) == []
    assert world.clock.time <= start + 60 + 3


def test_what_is_done_is_deleted_before_time_is_spent_on_the_rest() -> None:
    world = world_of(0)
    world.aws.waiting = [(f"w{n}", json.dumps(s3_event(f"w{n}")) if n % 2 else "{") for n in range(990)]

    def slow(sent: Sent) -> None:
        if sent.headers.get("X-Amz-Target", "").endswith("SendMessage"):
            world.clock.time += 0.5

    world.transport.on_post = slow
    assert world.returned(batch(), seconds=60) == []
    deleted = set(world.aws.deleted)
    assert {f"receipt-w{n}" for n in range(1, 990, 2)} <= deleted
    assert len(world.aws.parked) == len(deleted) - 495 > 0, "what is parked is deleted, what is not is given back"
    assert len(world.aws.delays) == 495 - len(world.aws.parked)


def test_a_forged_id_deletes_no_message_that_was_not_read() -> None:
    world = world_of(0)
    world.aws.waiting = [("m3", json.dumps(s3_event("real")))]
    assert world.returned(batch()) == []
    assert world.aws.deleted == []


def test_more_messages_than_were_asked_for_end_the_drain() -> None:
    world = world_of(0, drain=12)
    messages = [
        {"MessageId": f"x{n}", "ReceiptHandle": f"receipt-x{n}", "Body": json.dumps(s3_event(f"x{n}"))}
        for n in range(5)
    ]
    world.aws.script["ReceiveMessage"] = [answer(200, {"Messages": messages})]
    assert world.returned(batch()) == []
    assert len(world.aws.deleted) == 5


def test_large_bodies_end_the_drain_before_they_fill_the_memory() -> None:
    world = world_of(0)
    body = json.dumps({"keys": ["k"], "padding": "x" * 250_000})
    world.aws.waiting = [(f"w{n}", body) for n in range(500)]
    assert world.returned(batch()) == []
    assert 24 <= len(world.aws.deleted) + len(world.aws.parked) <= 120


def test_a_message_fits_or_does_not_however_late_it_is_drained() -> None:
    world = world_of(80)
    world.aws.waiting.append(("large", json.dumps({"keys": [f"l{n}" for n in range(5800)]})))

    def slow(sent: Sent) -> None:
        if sent.headers.get("X-Amz-Target", "").endswith("ReceiveMessage"):
            world.clock.time += 0.9

    world.transport.on_post = slow
    world.returned(batch())
    assert world.aws.parked == []


# ---- When requests are scarce ----


def use_up(world: World, requests: int) -> None:
    waiting, world.aws.waiting = world.aws.waiting, []
    world.aws.on_long_poll = lambda _: None
    for number in range(requests):
        assert world.returned(sqs_event(s3_event(f"used{number}"))) == []
    world.aws.waiting, world.aws.on_long_poll = waiting, world.clock.pass_
    world.aws.calls.clear()
    world.cloudflare.requests.clear()


def test_scarce_requests_do_not_go_half_empty_while_messages_come() -> None:
    world = world_of(30)
    use_up(world, 10)
    late = [(f"late{n}", json.dumps(s3_event(f"late{n}"))) for n in range(200)]

    def some_come(seconds: int) -> None:
        world.clock.pass_(0.3)
        world.aws.waiting += late[:5]
        del late[:5]

    world.aws.on_long_poll = some_come
    assert world.returned(batch()) == []
    [request] = world.cloudflare.requests
    assert len(request.items) == 40 + 11 * 5  # for three seconds


def test_a_request_is_filled_and_not_overfilled() -> None:
    world = world_of(30)
    use_up(world, 6)
    world.aws.on_long_poll = lambda _: world.aws.waiting.extend(
        (f"late{n}", json.dumps(s3_event(f"late{n}"))) for n in range(60)
    )
    assert world.returned(batch()) == []
    assert [len(request.items) for request in world.cloudflare.requests] == [100]


def test_with_requests_to_spare_nobody_waits_for_more() -> None:
    world = world_of(30)
    start = world.clock.time
    assert world.returned(batch()) == []
    assert world.clock.time == start
    assert {call["WaitTimeSeconds"] for call in calls(world, "ReceiveMessage")} == {0}


def test_the_wait_for_more_is_bounded() -> None:
    world = world_of(30)
    use_up(world, 6)

    def trickle(seconds: int) -> None:
        world.clock.pass_(0.9)
        number = len(world.aws.calls)
        world.aws.waiting.append((f"t{number}", json.dumps(s3_event(f"t{number}"))))

    world.aws.on_long_poll = trickle
    start = world.clock.time
    assert world.returned(batch()) == []
    assert world.clock.time - start < 4


def test_small_batches_are_drained_too_when_requests_are_scarce() -> None:
    world = world_of(30)
    use_up(world, 6)
    assert world.returned(sqs_event(s3_event("a"))) == []
    assert len(world.aws.deleted) == 30
    assert len(world.cloudflare.requests) == 1


# ---- While a burst goes on ----


def test_the_first_of_a_burst_is_purged_without_waiting_for_more() -> None:
    world = world_of(30)
    start = world.clock.time
    assert world.returned(batch()) == []
    assert world.clock.time == start


def test_the_next_batches_wait_a_little_for_what_fills_their_requests_however_small_they_are() -> None:
    for size in (10, 3):
        world = world_of(1)
        assert world.returned(batch()) == []
        world.aws.waiting = [(f"x{n}", json.dumps(s3_event(f"x{n}"))) for n in range(7)]
        late = [(f"late{n}", json.dumps(s3_event(f"late{n}"))) for n in range(100 - 7 - size)]

        def all_come(seconds: int, world: World = world, late: list[tuple[str, str]] = late) -> None:
            world.clock.pass_(0.9)
            world.aws.waiting += late
            late.clear()

        world.aws.on_long_poll = all_come
        start = world.clock.time
        assert world.returned(batch(size)) == []
        assert [len(request.items) for request in world.cloudflare.requests] == [11, 100]
        assert world.clock.time - start == pytest.approx(0.9)


def test_a_burst_is_over_when_nothing_came_for_a_second_and_then_a_single_upload_is_purged_at_once() -> None:
    world = world_of(30)
    assert world.returned(batch()) == []
    start = world.clock.time
    assert world.returned(batch(2)) == []
    assert world.clock.time - start == 1.0
    receives = len(calls(world, "ReceiveMessage"))
    assert world.returned(batch(1)) == []
    assert world.clock.time - start == 1.0
    assert len(calls(world, "ReceiveMessage")) == receives


def test_a_full_batch_with_nothing_behind_it_is_no_burst() -> None:
    world = world_of(0)
    assert world.returned(batch()) == []
    receives = len(calls(world, "ReceiveMessage"))
    start = world.clock.time
    assert world.returned(batch(1)) == []
    assert (world.clock.time, len(calls(world, "ReceiveMessage"))) == (start, receives)


def test_a_burst_that_was_not_seen_to_end_is_forgotten() -> None:
    world = world_of(30)
    assert world.returned(batch()) == []
    receives = len(calls(world, "ReceiveMessage"))
    world.clock.time += 10
    start = world.clock.time
    assert world.returned(batch(1)) == []
    assert world.clock.time == start
    assert len(calls(world, "ReceiveMessage")) == receives


def test_a_message_of_the_drain_is_not_seen_by_a_function_made_by_hand() -> None:
    world = World(document(queue_arn=None))
    assert world.returned({"Records": [sqs_record(s3_event(f"m{n}"), f"m{n}") for n in range(10)]}) == []
    assert calls(world, "ReceiveMessage") == []
