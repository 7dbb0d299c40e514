"""Input that no one should send: parked with its reason on the first receive, and its neighbours purged."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.unit.factories import (
    BUCKET,
    HOST,
    eventbridge_event,
    failed_invocation,
    s3_event,
    s3_record,
    sns_body,
    sns_event,
    sqs_event,
)
from tests.unit.fakes import Reply, Sent, World, answer, aws_error

GOOD = f"https://{HOST}/good.css"
NO_JSON, NO_OBJECT, NO_KEY = "is not JSON", "is not a JSON object", "is not a string, or empty"
SQS_BYTES = 1 << 20  # of one message, its attributes included
NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def roomy(world: World) -> World:
    """Let SQS take what it takes: a mebibyte for body and attributes, of characters that XML has."""
    always = world.aws.reply

    def reply(sent: Sent) -> Reply:
        if not sent.headers["X-Amz-Target"].endswith(".SendMessage"):
            return always(sent)
        body, attributes = sent.body["MessageBody"], sent.body.get("MessageAttributes", {})
        words = [body, *attributes, *(text for value in attributes.values() for text in value.values())]
        if not body or sum(len(text.encode(errors="surrogatepass")) for text in words) > SQS_BYTES:
            return aws_error(400, "InvalidParameterValueException", "Message must be shorter than 1048576 bytes.")
        if NO_CHARACTER.search(body):
            return aws_error(400, "InvalidMessageContents")
        world.aws.parked.append(sent.body)
        return answer(200, {"MessageId": "p"})

    world.aws.reply = reply  # type: ignore[method-assign]
    return world


def record(**fields: Any) -> str:
    return json.dumps({"Records": [{**s3_record("a"), **fields}]})


def with_key(key: Any) -> str:
    return record(s3={"bucket": {"name": BUCKET}, "object": {"key": key}})


def nested(depth: int, around: str = "%s") -> str:
    return around % ("[" * depth + "]" * depth)


BAD = {
    "text of 300 KB": ("x" * 300_000, "UnknownEvent", NO_JSON),
    "text of nearly all that a message holds": ("x" * (SQS_BYTES - 2000), "UnknownEvent", NO_JSON),
    "what was not UTF-8": ("\ufffd\ufffd{}", "UnknownEvent", NO_JSON),
    "a byte order mark": ("\ufeff" + json.dumps(s3_event("a")), "UnknownEvent", NO_JSON),
    "half an event": (json.dumps(s3_event("a"))[:-1], "UnknownEvent", NO_JSON),
    "two events": (json.dumps(s3_event("a")) * 2, "UnknownEvent", NO_JSON),
    "blanks": (" \t\r\n", "UnknownEvent", NO_JSON),
    "null": ("null", "UnknownEvent", NO_OBJECT),
    "a list": ("[]", "UnknownEvent", NO_OBJECT),
    "a list of an event": (json.dumps([s3_event("a")]), "UnknownEvent", NO_OBJECT),
    "NaN": ("NaN", "UnknownEvent", NO_OBJECT),
    "a number": ("5", "UnknownEvent", NO_OBJECT),
    "text of text": (json.dumps(json.dumps(s3_event("a"))), "UnknownEvent", NO_OBJECT),
    "an empty object": ("{}", "UnknownEvent", "none of"),
    "lists in lists": (nested(900), "UnknownEvent", NO_OBJECT),
    "lists in lists that Python cannot read": (nested(100_000), "UnknownEvent", NO_JSON),
    "objects in objects that Python cannot read": ('{"a":' * 100_000 + "1" + "}" * 100_000, "UnknownEvent", NO_JSON),
    "records in records": (nested(900, '{"Records": %s}'), "UnknownEvent", "A record " + NO_OBJECT),
    "a whole number that Python does not read": (with_key(0).replace("0}", "1" * 5000 + "}"), "UnknownEvent", NO_JSON),
    "Records of null": ('{"Records": null}', "UnknownEvent", "none of"),
    "Records of an object": (json.dumps({"Records": s3_record("a")}), "UnknownEvent", "none of"),
    "Records of numbers": ('{"Records": [1]}', "UnknownEvent", "A record " + NO_OBJECT),
    "a record without s3": ('{"Records": [{"eventVersion": "2.1"}]}', "UnknownEvent", "neither from S3 nor"),
    "s3 of null": (record(s3=None), "UnknownEvent", "names no bucket and object key"),
    "s3 of a list": (record(s3=[]), "UnknownEvent", "names no bucket and object key"),
    "an object of text": (record(s3={"bucket": "b", "object": "o"}), "UnknownEvent", "names no bucket and object key"),
    "a bucket of a number": (
        record(s3={"bucket": {"name": 5}, "object": {"key": "a"}}), "UnknownEvent", "bucket name is not a string"
    ),
    "a bucket that is none": (
        record(s3={"bucket": {"name": "\ud800"}, "object": {"key": "a"}}), "ForeignBucket", "about bucket"
    ),
    "a version of a number": (record(eventVersion=3), "UnknownEvent", "S3 event version '3' is not 2.x"),
    "a version of lists": (record(eventVersion=[[]]), "UnknownEvent", "is not 2.x"),
    "a key of a number": (with_key(5), "UnknownEvent", NO_KEY),
    "a key of a fraction": (with_key(1.5), "UnknownEvent", NO_KEY),
    "a key without end": (with_key(float("inf")), "UnknownEvent", NO_KEY),
    "a key of true": (with_key(True), "UnknownEvent", NO_KEY),
    "a key of null": (with_key(None), "UnknownEvent", NO_KEY),
    "a key of a list": (with_key(["a"]), "UnknownEvent", NO_KEY),
    "an empty key": (with_key(""), "UnknownEvent", NO_KEY),
    "a key of 1,025 bytes": (with_key("k" * 1025), "UnknownEvent", "longer than the 1024 bytes"),
    "a key of 1,026 bytes in 513 characters": (with_key("%C3%BC" * 513), "UnknownEvent", "longer than the 1024 bytes"),
    "a key that is not UTF-8": (with_key("%FF"), "UnknownEvent", "not UTF-8"),
    "a key of half a character": (with_key("\ud83d"), "UnknownEvent", "not UTF-8"),
    "an empty key named by hand": ('{"keys": [""]}', "UnknownEvent", "non-empty string"),
    "keys of numbers": ('{"keys": [1]}', "UnknownEvent", "non-empty string"),
    "keys of text": ('{"keys": "a"}', "UnknownEvent", "must be a list"),
    "half a character as a tag": ('{"tags": ["\\ud800"]}', "MalformedTag", "is not a tag"),
    "half a character as a URL": (f'{{"urls": ["https://{HOST}/\\ud800"]}}', "MalformedUrl", "is not a URL"),
    "half a character as a field": ('{"keys": ["a"], "\\ud800": 1}', "UnknownEvent", "has no field"),
    "SQS in SQS": (json.dumps(sqs_event(s3_event("a"))), "UnknownEvent", "neither from S3 nor"),
    "SNS around nothing": (json.dumps(sns_body("")), "UnknownEvent", NO_JSON),
    "SNS around null": (json.dumps({**sns_body(""), "Message": None}), "UnknownEvent", NO_OBJECT),
    "a record of SNS around null": (json.dumps({"Records": [{"Sns": {}}]}), "UnknownEvent", NO_OBJECT),
    "a dead letter of nothing": (json.dumps(failed_invocation(None)), "UnknownEvent", NO_OBJECT),
    "EventBridge without its detail": (
        json.dumps({**eventbridge_event(), "detail": None}), "UnknownEvent", "names no bucket and object key"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_parked_with_its_reason_at_once_and_its_neighbours_are_purged(name: str) -> None:
    body, code, words = BAD[name]
    world = roomy(World())
    assert world.returned(sqs_event(s3_event("good.css"), body, s3_event("good.css"))) == []
    [(given_code, reason)] = world.parked_reasons
    assert (given_code, words in reason) == (code, True), reason
    [parked] = world.aws.parked
    assert parked["MessageBody"] == body
    assert set(world.cloudflare.urls) == {GOOD}
    assert not world.logged("unexpected error")


ODD = {
    "a key of 1,024 bytes": (with_key("k" * 1024), "k" * 1024),
    "a key of 512 characters that take two bytes": (with_key("%C3%BC" * 512), "%C3%BC" * 512),
    "a key with a NUL": (with_key("a\x00b"), "a%00b"),
    "a key beyond XML": (with_key("\uffff"), "%EF%BF%BF"),
    "what replaced a bad byte": (with_key("\ufffd"), "%EF%BF%BD"),
    "a field twice: the last counts": ('{"keys": ["no"], "keys": ["a"]}', "a"),
    "a time of a number": (record(eventTime=1e400), "a"),
    "a time of text without end": (record(eventTime="9" * 100_000), "a"),
    "fields nobody knows": (record(more={"a": [[[]]]}), "a"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_input_that_is_right_all_the_same_is_purged(name: str, world: World) -> None:
    body, path = ODD[name]
    assert world.returned(sqs_event(body)) == []
    assert world.cloudflare.urls == [f"https://{HOST}/{path}"]
    assert world.aws.parked == []


def test_a_message_with_good_and_bad_records_has_the_good_ones_purged_and_is_parked() -> None:
    mixed = [5, s3_record("one"), None, {"Sns": {"Message": "?"}}, *sns_event(s3_event("two"))["Records"], {"s3": []}]
    world = roomy(World())
    assert world.returned(sqs_event(json.dumps({"Records": mixed}))) == []
    assert world.cloudflare.urls == [f"https://{HOST}/one", f"https://{HOST}/two"]
    assert [code for code, _ in world.parked_reasons] == ["UnknownEvent"]


@pytest.mark.parametrize("body", ["", "\x00", "\uffff", "\ud800", "x" * (SQS_BYTES + 1)])
def test_what_sqs_itself_would_not_take_disturbs_no_neighbour(body: str) -> None:
    """Only who invokes the function by hand can hand it in, and no message waits to be received again."""
    world = roomy(World())
    assert "m0" not in world.returned(sqs_event(s3_event("good.css"), body))
    assert world.cloudflare.urls == [GOOD]
    assert len(world.aws.parked) + len(world.logged("not parked")) == 1


@pytest.mark.parametrize("room", [0, 1, 50, 100, 400, 1100, 3000])
def test_a_body_that_leaves_no_room_for_the_reason_is_parked_without_it_and_the_log_has_it(room: int) -> None:
    body = "x" * (SQS_BYTES - room)
    world = roomy(World())
    assert world.returned(sqs_event(body)) == []
    [parked] = world.aws.parked
    assert parked["MessageBody"] == body
    assert ("MessageAttributes" in parked) == (room >= 100)
    [line] = world.logged("parked")
    assert (line["code"], line["reason"]) == ("UnknownEvent", "The message is not JSON.")
    assert (world.metrics["Parked"], world.metrics["Misconfigured"]) == (1, 0)


def test_what_no_queue_takes_is_nobody_s_misconfiguration() -> None:
    world = roomy(World())
    assert world.returned(sqs_event("\x00")) == ["m0"]
    assert world.metrics["Misconfigured"] == 0
    assert "No queue takes this message" in world.logged("not parked")[0]["reason"]
