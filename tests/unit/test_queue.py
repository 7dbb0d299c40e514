from __future__ import annotations

import math
import tracemalloc

import pytest

from cf_purge.errors import Misconfigured, Transient
from cf_purge.queue import delay_after
from tests.unit.factories import REGION, document, environment, s3_event, sqs_event, sqs_record, target
from tests.unit.fakes import Sent, World, answer, aws_error, outage, refusal


@pytest.mark.parametrize(
    ("receives", "seconds"),
    [(1, 5), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 320), (8, 640), (9, 900), (10, 900), (1000, 900)],
)
@pytest.mark.parametrize(("chance", "share"), [(0.0, 1.0), (0.5, 0.95), (1 - 2**-53, 0.9)])
def test_a_message_is_seen_again_after_five_seconds_doubled_each_time_less_some_jitter(
    receives: int, seconds: int, chance: float, share: float
) -> None:
    for error in (Transient("no"), RuntimeError("no")):
        assert delay_after(error, receives, chance) == math.ceil(seconds * share - 1e-9)


@pytest.mark.parametrize(
    ("asked", "seconds"), [(0, 1), (0.2, 1), (1, 1), (7.2, 8), (300, 300), (900, 900), (901, 900), (999999, 900)]
)
@pytest.mark.parametrize("receives", [1, 8])
@pytest.mark.parametrize("chance", [0.0, 0.9])
def test_the_wait_that_was_asked_for_comes_before_our_own_and_has_no_jitter(
    asked: float, seconds: int, receives: int, chance: float
) -> None:
    assert delay_after(Transient("no", asked), receives, chance) == seconds


@pytest.mark.parametrize("receives", [1, 30])
def test_what_a_person_must_mend_waits_a_quarter_of_an_hour(receives: int) -> None:
    assert delay_after(Misconfigured("no"), receives, 0.9) == 900


@pytest.mark.parametrize("chance", [0.0, 0.5, 1 - 2**-53])
def test_thirty_receives_ride_out_more_than_five_hours_however_chance_has_it(chance: float) -> None:
    assert sum(delay_after(Transient("no"), receives, chance) for receives in range(1, 30)) > 5 * 3600


@pytest.mark.parametrize("asked", [0.0, 1.0])
def test_thirty_receives_ride_out_more_than_four_hours_of_being_asked_to_come_again_at_once(asked: float) -> None:
    assert sum(delay_after(Transient("no", asked), receives, 1 - 2**-53) for receives in range(1, 30)) > 4 * 3600


def test_returned_messages_get_their_visibility_in_calls_of_ten() -> None:
    world = World()
    world.cloudflare.script = [outage()] * 3
    event = {"Records": [sqs_record(s3_event(f"k{n}"), f"m{n}", receives=n % 3 + 1) for n in range(23)]}
    assert world.returned(event) == [f"m{n}" for n in range(23)]
    calls = [body for operation, body in world.aws.calls if operation == "ChangeMessageVisibilityBatch"]
    assert [len(call["Entries"]) for call in calls] == [10, 10, 3]
    assert {call["QueueUrl"] for call in calls} == {f"https://sqs.{REGION}.amazonaws.com/123456789012/cf-purge"}
    assert world.aws.delays == {f"receipt-m{n}": math.ceil(0.95 * 5 * 2 ** (n % 3)) for n in range(23)}
    assert world.metrics["Retried"] == 23


def test_a_message_that_can_never_work_is_parked_untouched_with_its_reason(world: World) -> None:
    body = '{ "nonsense" : "\\u00fc ünï 🎉" }\n'
    assert world.returned(sqs_event(body)) == []
    [parked] = world.aws.parked
    assert parked["MessageBody"] == body
    assert parked["QueueUrl"] == f"https://sqs.{REGION}.amazonaws.com/123456789012/cf-purge-dlq"
    assert parked["MessageAttributes"]["ReasonCode"] == {"DataType": "String", "StringValue": "UnknownEvent"}
    assert parked["MessageAttributes"]["Reason"]["DataType"] == "String"
    assert parked["MessageAttributes"]["Reason"]["StringValue"].startswith("The event is none of")
    assert world.metrics["Parked"] == 1
    [line] = world.logged("parked")
    assert (line["message_id"], line["code"], line["level"]) == ("m0", "UnknownEvent", "WARN")
    assert line["dead_letter_id"] == "p", "as SQS has answered"


@pytest.mark.parametrize(
    ("message", "words"),
    [("a\nb\x00c\x1f\u2028", "a\ufffdb\ufffdc\ufffd\ufffd"), ("\ud800", "\ufffd"), ("ünï", "ünï")],
)
def test_a_reason_is_made_a_text_that_sqs_takes(world: World, message: str, words: str) -> None:
    world.cloudflare.script = [refusal(400, 1012, message=message)]
    assert world.returned(sqs_event(s3_event("a"))) == []
    [(_, reason)] = world.parked_reasons
    assert words in reason
    assert reason.encode()


def test_a_reason_is_of_bounded_length(world: World) -> None:
    assert world.returned(sqs_event({"urls": ["https://" + "ü" * 3000 + "/"], "bucket": "x"})) == []
    [(_, reason)] = world.parked_reasons
    assert 0 < len(reason) <= 1000


@pytest.mark.parametrize("fault", [outage(), aws_error(500, "InternalError"), aws_error(400, "RequestThrottled")])
def test_a_message_that_cannot_be_parked_now_is_given_back(world: World, fault: Exception) -> None:
    world.aws.script["SendMessage"] = [fault]
    assert world.returned(sqs_event("poison", s3_event("a"), receives=3)) == ["m0"]
    assert world.aws.delays == {"receipt-m0": 19}
    assert (world.metrics["Parked"], world.metrics["Retried"], world.metrics["Misconfigured"]) == (0, 1, 0)
    [line] = world.logged("not parked")
    assert (line["level"], line["message_id"], line["code"]) == ("ERROR", "m0", "UnknownEvent")


@pytest.mark.parametrize("code", ["AccessDenied", "QueueDoesNotExist", "KMS.DisabledException"])
def test_a_dead_letter_queue_that_refuses_is_misconfigured(world: World, code: str) -> None:
    world.aws.script["SendMessage"] = [aws_error(403, code)]
    assert world.returned(sqs_event("poison")) == ["m0"]
    assert world.aws.delays == {"receipt-m0": 900}
    assert world.metrics["Misconfigured"] == 1
    assert code in world.logged("not parked")[0]["reason"]


def test_without_a_dead_letter_queue_the_message_goes_back_to_the_queue_s_own() -> None:
    world = World(document(dead_letter_queue_arn=None))
    assert world.returned(sqs_event("poison")) == ["m0"]
    assert world.metrics["Parked"] == 0
    assert "no dead-letter queue" in world.logged("not parked")[0]["reason"]


def test_an_unexpected_error_while_parking_gives_back_that_message_alone(world: World) -> None:
    def explode(sent: Sent) -> None:
        if sent.headers.get("X-Amz-Target") == "AmazonSQS.SendMessage" and sent.body["MessageBody"] == "poison":
            raise RuntimeError("boom")

    world.transport.on_post = explode
    assert world.returned(sqs_event("poison", s3_event("a"), "other poison")) == ["m0"]
    assert [parked["MessageBody"] for parked in world.aws.parked] == ["other poison"]


@pytest.mark.parametrize(
    "fault",
    [
        outage(),
        aws_error(403, "AccessDenied"),
        aws_error(500, "InternalError"),
        answer(200, {"Successful": [], "Failed": [{"Id": "0", "Code": "ReceiptHandleIsInvalid"}]}),
        RuntimeError("boom"),
    ],
)
def test_a_visibility_that_cannot_be_changed_costs_only_the_choice(world: World, fault: Exception) -> None:
    world.cloudflare.script = [outage()] * 3
    world.aws.script["ChangeMessageVisibilityBatch"] = [fault]
    assert world.returned(sqs_event(s3_event("a"))) == ["m0"]
    assert world.metrics["Retried"] == 1
    assert [line["messages"] for line in world.logged("visibility not changed")] == [1]


def test_with_nothing_to_settle_sqs_is_not_called(world: World) -> None:
    assert world.returned(sqs_event(s3_event("a"), s3_event("b"))) == []
    assert [operation for operation, _ in world.aws.calls] == ["GetParameter"]


def test_the_queue_s_region_is_its_own() -> None:
    world = World(environ=environment(document(dead_letter_queue_arn="arn:aws-cn:sqs:cn-north-1:123456789012:dlq")))
    assert world.returned(sqs_event("poison")) == []
    [sent] = [s for s in world.transport.sent if s.headers.get("X-Amz-Target") == "AmazonSQS.SendMessage"]
    assert sent.url == "https://sqs.cn-north-1.amazonaws.com.cn/"
    assert sent.body["QueueUrl"] == "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/dlq"
    assert "/cn-north-1/sqs/aws4_request" in sent.headers["Authorization"]


@pytest.mark.parametrize("asked", [0.0, 1.0, 20.0])
def test_a_short_retry_after_cannot_use_up_the_receives_within_minutes(asked: float) -> None:
    delays = [delay_after(Transient("busy", asked), receives, 0.999) for receives in range(1, 31)]
    assert delays[:8] == [max(1, asked)] * 8
    assert sum(delays) > 4 * 3600


def test_what_there_is_no_time_to_park_is_given_back() -> None:
    world = World()
    world.transport.on_post = lambda sent: setattr(world.clock, "time", world.clock.time + 2.0)
    returned = world.returned(sqs_event(*["poison"] * 10), seconds=10.0)
    assert 0 < len(returned) < 10
    assert len(world.aws.parked) == 10 - len(returned)


def test_a_message_without_a_receipt_is_named_all_the_same() -> None:
    world = World()
    world.cloudflare.script = [outage()] * 3
    event = sqs_event(s3_event("a"))
    del event["Records"][0]["receiptHandle"]
    assert world.returned(event) == ["m0"]
    assert world.aws.delays == {}


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sqs:evil.invalid/x:1:q",
        "arn:aws:sqs:evil.invalid:123456789012:q",
        f"arn:aws:sqs:{REGION}@evil:123456789012:q",
        f"arn:aws:sqs:{REGION}:123456789012:q/../x",
        f"arn:aws:sns:{REGION}:123456789012:q",
        "x",
    ],
)
def test_what_only_looks_like_a_message_chooses_no_host_to_talk_to(world: World, arn: str) -> None:
    world.cloudflare.script = [outage()] * 3
    event = {"Records": [{**sqs_record(s3_event("a"), "m0"), "eventSourceARN": arn}]}
    assert world.returned(event) == ["m0"]
    assert [operation for operation, _ in world.aws.calls] == ["GetParameter"]


def test_a_message_that_no_invocation_can_get_through_is_parked_at_once_and_others_are_purged() -> None:
    world = World(document(cloudflare={"requests_per_second": 2}))
    large = [f"{number}.html" for number in range(12_000)]
    assert world.returned(sqs_event({"keys": large}, {"keys": large[:3000]}, s3_event("a"))) == []
    [(code, reason)] = world.parked_reasons
    assert (code, "split it" in reason) == ("TooLarge", True)
    assert len(world.cloudflare.urls) == 3001
    assert world.returned(sqs_event({"keys": large, "dry_run": True})) == []
    assert world.parked_reasons == [(code, reason)]


def test_a_message_that_is_much_too_large_is_refused_before_all_of_it_is_held() -> None:
    """A mebibyte of keys on ten hosts would be millions of purges: more memory than the function has."""
    world = World(document(targets=[target(hosts=[f"www{number}.example.com" for number in range(10)])]))
    keys = [f"{number} (x)" for number in range(60_000)]
    tracemalloc.start()
    try:
        assert world.returned(sqs_event({"keys": keys}, s3_event("a"))) == []
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    [(code, reason)] = world.parked_reasons
    assert (code, "(60000 items)" in reason) == ("TooLarge", True)
    assert len(world.cloudflare.urls) == 10
    assert peak < 150e6
