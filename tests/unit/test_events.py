from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.errors import Rejected, UnknownEvent
from cf_purge.events import Change, Message, asked_by, messages_in
from tests.unit.factories import (
    AT,
    BUCKET,
    QUEUE_ARN,
    eventbridge_event,
    failed_invocation,
    s3_event,
    s3_record,
    s3_test_event,
    sns_body,
    sns_event,
    sqs_event,
)

KEYS = [
    "index.html",
    "img/red flower.jpg",
    "a+b.css",
    "a%2Bb.css",
    "100%.html",
    "%25%20+ %",
    "(1)+.css",
    "q?x=1&y=2#top",
    "ünï/文件/🎉.png",
    "a//b/",
    "/leading",
    "tab\tand\nline",
    'quote"and\\backslash',
    "nul\x00byte",
    "e\u0301 is not é",
]
FIELDS = [
    *("Records", "s3", "object", "key", "bucket", "name", "Sns", "Message", "Type", "source", "detail"),
    *("requestPayload", "keys", "urls", "prefixes", "tags", "hosts", "everything", "check", "zone_id", "hop"),
    *("dry_run", "eventVersion", "eventTime", "Event", "eventSource"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text() | st.sampled_from(FIELDS),
            inner
            | st.sampled_from(["Notification", "aws.s3", "aws:sqs", "s3:TestEvent", "2.1", "my-assets", "%FF", "a+b"]),
            max_size=5,
        )
    ),
    max_leaves=25,
)


def keys_of(document: object) -> list[str]:
    asked = asked_by(document)
    assert asked.errors == []
    return [change.key for change in asked.changes]


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda event: event, id="as it is"),
        pytest.param(json.dumps, id="in SQS, or in SNS with raw delivery"),
        pytest.param(sns_event, id="in SNS"),
        pytest.param(sns_body, id="in SNS in SQS"),
        pytest.param(lambda event: json.dumps(sns_body(event)), id="in SNS in SQS, as text"),
        pytest.param(failed_invocation, id="taken back from the dead-letter queue"),
        pytest.param(lambda event: failed_invocation(sns_event(event)), id="from SNS, taken back"),
        pytest.param(lambda event: sns_body(sns_body(event)), id="in SNS in SNS"),
    ],
)
@pytest.mark.parametrize(
    "event",
    [
        pytest.param(s3_event("img/a b.jpg"), id="S3"),
        pytest.param(s3_event("img/a b.jpg", event="ObjectRemoved:Delete"), id="S3 delete"),
        pytest.param(s3_event("img/a b.jpg", event="LifecycleExpiration:Delete"), id="S3 expiry"),
        pytest.param(eventbridge_event("img/a b.jpg"), id="EventBridge"),
        pytest.param(eventbridge_event("img/a b.jpg", kind="Object Deleted"), id="EventBridge delete"),
    ],
)
def test_an_object_change_is_found_in_every_envelope(event: dict[str, Any], wrap: Any) -> None:
    assert asked_by(wrap(event)).changes == [Change("img/a b.jpg", BUCKET, AT)]


@pytest.mark.parametrize("wrap", [sns_body, failed_invocation])
def test_five_envelopes_are_opened_and_a_sixth_is_not(wrap: Any) -> None:
    event: dict[str, Any] = s3_event("a")
    for _ in range(5):
        event = wrap(event)
    assert keys_of(event) == ["a"]
    with pytest.raises(UnknownEvent, match="envelopes"):
        asked_by(sns_body(event))


def test_every_record_of_an_event_and_every_message_of_sns_is_a_change() -> None:
    assert keys_of(s3_event("a", "b", "a")) == ["a", "b", "a"]
    assert keys_of(sns_event(s3_event("a", "b"), s3_event("c"))) == ["a", "b", "c"]


def test_a_delete_without_size_and_etag_is_a_change() -> None:
    record = s3_record("gone.css", event="ObjectRemoved:DeleteMarkerCreated")
    record["s3"]["object"] = {"key": "gone.css", "sequencer": "0055AED6DCD90281E5"}
    assert keys_of({"Records": [record]}) == ["gone.css"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda key: quote_plus(key, safe="/"), id="slash raw, as AWS"),
        pytest.param(quote_plus, id="slash encoded, as some emulators"),
        pytest.param(lambda key: quote(key, safe=""), id="space as %20"),
        pytest.param(lambda key: "".join(f"%{byte:02x}" for byte in key.encode()), id="all encoded in lower case"),
    ],
)
def test_a_notification_key_is_form_decoded_once(key: str, encode: Any) -> None:
    assert keys_of({"Records": [s3_record(raw_key=encode(key))]}) == [key]


@pytest.mark.parametrize("key", KEYS)
def test_an_eventbridge_key_is_taken_raw(key: str) -> None:
    assert keys_of(eventbridge_event(key)) == [key]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_named_by_hand_is_taken_raw(key: str) -> None:
    assert keys_of({"keys": [key]}) == [key]


@given(st.text(min_size=1))
def test_decoding_undoes_the_encoding_of_any_key(key: str) -> None:
    assert keys_of(s3_event(key)) == [key]
    assert keys_of(json.dumps(s3_event(key))) == [key]
    assert keys_of(sns_body(eventbridge_event(key))) == [key]


@pytest.mark.parametrize(
    "wrap", [lambda event: event, json.dumps, sns_event, sns_body, failed_invocation, lambda e: json.dumps(sns_body(e))]
)
def test_a_test_event_of_s3_asks_for_nothing(wrap: Any) -> None:
    asked = asked_by(wrap(s3_test_event()))
    assert (asked.changes, asked.named, asked.errors) == ([], [], [])
    assert (asked.dry_run, asked.is_repurge) == (False, False)


def test_of_very_many_records_that_are_none_a_few_errors_say_enough() -> None:
    """An error holds the stack it was raised from: half a million of them are a gigabyte."""
    asked = asked_by({"Records": [*[1] * 5000, *s3_event("a")["Records"]]})
    assert [change.key for change in asked.changes] == ["a"]
    assert 1 <= len(asked.errors) <= 100


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.6", "2.99"])
def test_any_second_version_of_the_notification_is_read(version: str) -> None:
    assert keys_of(s3_event("a", version=version)) == ["a"]


@pytest.mark.parametrize("version", ["1.0", "3.0", "20.1", "x" * 9999])
def test_another_version_of_the_notification_is_refused_by_name(version: str) -> None:
    [error] = asked_by(s3_event("a", version=version)).errors
    assert f"version '{version[:3]}" in str(error)
    assert len(str(error)) < 100


@pytest.mark.parametrize(
    ("time", "at"),
    [
        ("2026-11-23T06:00:00.123Z", AT + 0.123),
        ("2026-11-23T06:00:00Z", AT),
        ("2026-11-23T07:00:00+01:00", AT),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1795413600, None),
        ({}, None),
        ("2026-13-45T99:00:00Z", None),
    ],
)
def test_a_time_nobody_can_read_costs_only_the_lag(time: Any, at: float | None) -> None:
    for event in (s3_event("a", time=time), eventbridge_event("a", time=time)):
        [change] = asked_by(event).changes
        assert (change.key, change.at) == ("a", pytest.approx(at))


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "0001-01-01T00:00:00+14:00"])
def test_a_time_at_the_end_of_time_costs_at_most_the_lag(time: str) -> None:
    assert keys_of(s3_event("a", time=time)) == ["a"]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("not json", "not JSON"),
        ("", "not JSON"),
        ("{", "not JSON"),
        ('{"a": ' + "[" * 100_000, "not JSON"),
        ("\ufeff{}", "not JSON"),
        ("null", "not a JSON object"),
        ("[]", "not a JSON object"),
        ('"{}"', "not a JSON object"),
        ("7", "not a JSON object"),
        (None, "not a JSON object"),
        ([], "not a JSON object"),
        (3.5, "not a JSON object"),
        ({}, "none of: S3"),
        ({"Records": {}}, "none of: S3"),
        ({"Records": None}, "none of: S3"),
        ({"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe"}, "none of: S3"),
        ({"Type": "Notification"}, "none of: S3"),
        ({"source": "aws.ec2", "detail": {"bucket": {"name": BUCKET}, "object": {"key": "a"}}}, "none of: S3"),
        ({"Event": "s3:Other"}, "none of: S3"),
        (sns_body("hello"), "not JSON"),
        (sns_body("[1]"), "not a JSON object"),
        ({"Type": "Notification", "Message": None}, "not a JSON object"),
        ({"requestPayload": None}, "not a JSON object"),
        (failed_invocation(failed_invocation(sns_body(sns_body(sns_body(sns_body(s3_event("a"))))))), "envelopes"),
        ({"source": "aws.s3"}, "names no bucket"),
        ({"source": "aws.s3", "detail": None}, "names no bucket"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": BUCKET}}}, "names no bucket"),
        ({"source": "aws.s3", "detail": {"object": {"key": "a"}}}, "names no bucket"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": 7}, "object": {"key": "a"}}}, "bucket name"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": ""}, "object": {"key": "a"}}}, "bucket name"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": BUCKET}, "object": {"key": ""}}}, "key is not a string"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": BUCKET}, "object": {"key": None}}}, "key is not a string"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": BUCKET}, "object": {"key": "\ud800"}}}, "not UTF-8"),
    ],
)
def test_a_document_that_is_no_known_event_is_refused_in_words(document: object, words: str) -> None:
    with pytest.raises(UnknownEvent, match=words) as caught:
        asked_by(document)
    assert caught.value.code == "UnknownEvent"


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (None, "not a JSON object"),
        ("s3", "not a JSON object"),
        ([], "not a JSON object"),
        ({}, "neither from S3 nor from SNS"),
        ({"eventSource": "aws:dynamodb", "dynamodb": {}}, "neither from S3 nor from SNS"),
        ({"Sns": "text"}, "neither from S3 nor from SNS"),
        ({"Sns": {}}, "not a JSON object"),
        ({"Sns": {"Message": "hello"}}, "not JSON"),
        ({"s3": None}, "names no bucket"),
        ({"s3": "text"}, "names no bucket"),
        ({"s3": {"bucket": {"name": BUCKET}, "object": {}}}, "names no bucket"),
        ({"s3": {"bucket": BUCKET, "object": {"key": "a"}}}, "names no bucket"),
        ({"s3": {"bucket": {"name": None}, "object": {"key": "a"}}}, "bucket name"),
        (s3_record(raw_key=""), "key is not a string"),
        ({"s3": {"bucket": {"name": BUCKET}, "object": {"key": 7}}}, "key is not a string"),
        (s3_record(raw_key="%FF"), "not UTF-8"),
        (s3_record(raw_key="caf%E9"), "not UTF-8"),
        (s3_record(raw_key="\udc80"), "not UTF-8"),
        (s3_record("a", version="3.0"), "not 2.x"),
    ],
)
def test_a_bad_record_is_an_error_of_its_own_and_its_neighbours_are_read(record: object, words: str) -> None:
    asked = asked_by({"Records": [s3_record("before"), record, s3_record("after")]})
    assert [change.key for change in asked.changes] == ["before", "after"]
    [error] = asked.errors
    assert isinstance(error, Rejected)
    assert words in str(error)


@given(JSON)
def test_any_json_is_read_or_refused_and_nothing_else(document: object) -> None:
    for form in (document, json.dumps(document)):
        try:
            asked = asked_by(form)
        except UnknownEvent:
            continue
        assert all(isinstance(change.key, str) and change.key.encode() for change in asked.changes)
        assert all(isinstance(named.item, str) for named in asked.named)
        assert all(isinstance(error, Rejected) for error in asked.errors)


@given(st.text())
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    with pytest.raises(UnknownEvent):  # no text of hypothesis' making is a whole event
        asked_by(text)


def test_an_sqs_event_is_read_as_messages() -> None:
    assert messages_in(sqs_event(s3_event("a"), "garbage", receives=3)) == [
        Message("m0", json.dumps(s3_event("a")), "receipt-m0", 3, QUEUE_ARN),
        Message("m1", "garbage", "receipt-m1", 3, QUEUE_ARN),
    ]


@pytest.mark.parametrize(
    "event",
    [
        s3_event("a"),
        sns_event(s3_event("a")),
        eventbridge_event("a"),
        {"keys": ["a"]},
        {"Records": []},
        {"Records": None},
        {"Records": [sqs_event("a")["Records"][0], s3_record("a")]},
        {"Records": [None]},
        None,
        "text",
        [],
    ],
)
def test_every_other_event_is_no_batch_of_messages(event: object) -> None:
    assert messages_in(event) is None


@pytest.mark.parametrize("missing", ["messageId", "body"])
@pytest.mark.parametrize("instead", [None, 7, [], {}])
def test_a_message_that_sqs_never_sends_acknowledges_nothing(missing: str, instead: object) -> None:
    event = sqs_event("{}", "{}")
    event["Records"][1][missing] = instead
    with pytest.raises(UnknownEvent, match="no messageId or no body"):
        messages_in(event)


@pytest.mark.parametrize("missing", ["receiptHandle", "attributes", "eventSourceARN"])
@pytest.mark.parametrize("instead", [None, 7, [], {}])
def test_a_message_made_by_hand_needs_only_its_id_and_its_body(missing: str, instead: object) -> None:
    event = sqs_event("first", "second")
    event["Records"][1][missing] = instead
    messages = messages_in(event)
    assert messages is not None
    assert [message.body for message in messages] == ["first", "second"]
    assert messages[1].receives >= 1
