"""Object changes and manual events are read from every envelope; anything else is refused in a sentence."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.errors import Rejected, TooLarge, UnknownEvent
from cf_purge.events import Change, Event, Item, Message, messages_in, parse
from tests.support.factories import (
    eventbridge_event,
    failed_invocation,
    s3_event,
    s3_record,
    s3_test_event,
    sns_body,
    sns_event,
    sqs_event,
)
from tests.support.fakes import World
from tests.support.names import AT, BUCKET, HOST, QUEUE_ARN, ZONE

KEYS = [
    "index.html",
    "img/red flower.jpg",
    "a+b.css",
    "a%2Bb.css",
    "100%.html",
    "q?x=1&y=2#top",
    "ünï/文件/🎉.png",
    "/leading//double/",
    'tab\tline\nquote"\\nul\x00',
    "e\u0301 is not é",
    "k" * 1024,  # the longest that S3 allows
    "ü" * 512,
]
ENVELOPES = {
    "as it is": lambda event: event,
    "in SQS, or in SNS with raw delivery": json.dumps,
    "in SNS": sns_event,
    "in SNS in SQS": lambda event: json.dumps(sns_body(event)),
    "in SNS in SNS": lambda event: sns_body(sns_body(event)),
    "failed and taken back": failed_invocation,
    "from SNS, failed and taken back": lambda event: failed_invocation(sns_event(event)),
}
in_every_envelope = pytest.mark.parametrize("wrap", ENVELOPES.values(), ids=ENVELOPES)
LISTS = ("keys", "urls", "prefixes", "tags", "hosts")
SWITCHES = ("everything", "check")
Wrap = Callable[[Any], Any]


def keys_of(document: object) -> list[str]:
    event = parse(document)
    assert event.error is None
    return [change.key for change in event.changes]


def manual(name: str) -> dict[str, Any]:
    return {name: True, "zone_id": ZONE} if name in SWITCHES else {name: ["x"]}


def refusal_of(document: object) -> str:
    with pytest.raises(UnknownEvent) as caught:
        parse(document)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert len(sentence) < 300
    return sentence


# ---- Object changes ----


@in_every_envelope
@pytest.mark.parametrize(
    "event",
    [
        s3_event("img/a b.jpg"),
        s3_event("img/a b.jpg", event="ObjectRemoved:Delete"),
        s3_event("img/a b.jpg", event="LifecycleExpiration:Delete"),
        eventbridge_event("img/a b.jpg"),
        eventbridge_event("img/a b.jpg", kind="Object Deleted"),
    ],
)
def test_an_object_change_is_found_in_every_envelope(event: dict[str, Any], wrap: Wrap) -> None:
    found = parse(wrap(event))
    assert [change[:4] for change in found.changes] == [("img/a b.jpg", BUCKET, AT, None)]
    assert found._replace(changes=()) == Event()


VERSION_ID = {"versionId": "3sL4kqtJlcpXroDTDmJ", "version-id": "3sL4kqtJlcpXroDTDmJ"}


@pytest.mark.parametrize(
    ("name", "more", "kind"),
    [
        *((f"ObjectCreated:{how}", {}, "put") for how in ("Put", "Post", "Copy", "CompleteMultipartUpload")),
        ("s3:ObjectCreated:Put", VERSION_ID, "put"),
        ("ObjectRemoved:Delete", {}, "delete"),
        ("ObjectRemoved:Delete", {"versionId": None}, "delete"),
        ("ObjectRemoved:Delete", VERSION_ID, "version"),
        ("ObjectRemoved:Delete", {"versionId": "null"}, "version"),
        ("ObjectRemoved:DeleteMarkerCreated", VERSION_ID, "delete"),
        ("LifecycleExpiration:Delete", {}, "delete"),
        ("LifecycleExpiration:Delete", VERSION_ID, "version"),
        ("LifecycleExpiration:DeleteMarkerCreated", VERSION_ID, "delete"),
        ("ObjectTagging:Put", VERSION_ID, None),
        ("ObjectRestore:Completed", {}, None),
    ],
)
def test_a_notification_says_what_changed_and_who_changed_it(name: str, more: dict[str, str], kind: str | None) -> None:
    record = s3_record("a", event=name)
    record["s3"]["object"].update(more)
    [change] = parse({"Records": [record]}).changes
    assert change == Change(
        "a", BUCKET, AT, None, "d41d8cd98f00b204e9800998ecf8427e", "0055AED6DCD90281E5", "AWS:AROAEXAMPLE:deploy", kind
    )
    for bare in ({"key": "a", "eTag": 7, "sequencer": None}, {"key": "a"}):
        record["userIdentity"], record["s3"]["object"] = ["?"], bare
        [change] = parse({"Records": [record]}).changes
        assert (change.etag, change.sequencer, change.principal) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "deletion", "more", "kind"),
    [
        ("Object Created", None, {}, "put"),
        ("Object Created", None, VERSION_ID, "put"),
        ("Object Deleted", "Delete Marker Created", VERSION_ID, "delete"),
        ("Object Deleted", "Permanently Deleted", VERSION_ID, "version"),
        ("Object Deleted", "Permanently Deleted", {}, "delete"),
        ("Object Deleted", None, {}, "delete"),
        ("Object Restore Completed", None, {}, None),
    ],
)
@pytest.mark.parametrize("reason", ["DeleteObject", "Lifecycle Expiration", None])
def test_an_eventbridge_event_says_what_changed_and_which_account_changed_it(
    name: str, deletion: str | None, more: dict[str, str], kind: str | None, reason: str | None
) -> None:
    event = eventbridge_event("a", kind=name)
    event["detail"].update({"reason": reason, "deletion-type": deletion})
    event["detail"]["object"].update({"sequencer": "617f08299329d189", **more})
    [change] = parse(event).changes
    assert change == Change(
        "a", BUCKET, AT, None, "b1946ac92492d2347c6235b4d2611184", "617f08299329d189", "123456789012", kind
    )


def test_five_envelopes_are_opened_and_a_sixth_is_not() -> None:
    event: dict[str, Any] = s3_event("a")
    for _ in range(5):
        event = sns_body(event)
    assert keys_of(event) == ["a"]
    assert "too many envelopes" in refusal_of(sns_body(event))


def test_each_record_is_a_change_even_if_they_name_the_same_key() -> None:
    assert keys_of(sns_event(s3_event("a", "b", "a"), s3_event("c"))) == ["a", "b", "a", "c"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda key: quote_plus(key, safe="/"), id="as AWS"),
        pytest.param(quote_plus, id="slash encoded"),
        pytest.param(lambda key: quote(key, safe=""), id="space as %20"),
        pytest.param(lambda key: "".join(f"%{byte:02x}" for byte in key.encode()), id="all encoded in lower case"),
    ],
)
def test_a_notification_key_is_form_decoded_once(key: str, encode: Callable[[str], str]) -> None:
    assert keys_of({"Records": [s3_record(raw_key=encode(key))]}) == [key]


@given(st.text(min_size=1, max_size=200) | st.sampled_from(KEYS))
def test_any_key_is_read_as_s3_and_eventbridge_and_the_function_itself_write_it(key: str) -> None:
    for event in (s3_event(key), eventbridge_event(key), {"changes": [{"key": key}]}):
        assert keys_of(event) == keys_of(json.dumps(event)) == keys_of(sns_body(event)) == [key]


@in_every_envelope
def test_s3_s_test_event_asks_for_nothing_and_any_2_x_notification_is_read(wrap: Wrap) -> None:
    assert parse(wrap(s3_test_event())) == Event()
    for version in ("2.0", "2.1", "2.99"):
        assert keys_of(wrap(s3_event("a", version=version))) == ["a"]


@pytest.mark.parametrize(
    ("time", "at"),
    [
        ("2026-11-23T06:00:00.125Z", AT + 0.125),
        ("2026-11-23T07:00:00+01:00", AT),
        *zip(["yesterday", "", None, 1795413600, {}, "2026-13-45T99:00:00Z", "9" * 100_000], [None] * 7, strict=True),
    ],
)
def test_an_unreadable_time_only_loses_the_lag(time: Any, at: float | None) -> None:
    for event in (s3_event("a", time=time), eventbridge_event("a", time=time)):
        [change] = parse(event).changes
        assert (change.key, change.at) == ("a", at)
    for end in ("0001-01-01T00:00:00", "9999-12-31T23:59:59", "0001-01-01T00:00:00+14:00"):
        assert keys_of(s3_event("a", time=end)) == ["a"]  # it is read or ignored


# ---- What is not an event ----


@pytest.mark.parametrize(
    ("document", "words"),
    [
        *((text, "not JSON") for text in ("not json", "", "{", "\ufeff{}", '{"a": ' + "[" * 100_000, "9" * 5000)),
        *((text, "not a JSON object") for text in ("null", "[]", '"{}"', "7", "NaN")),
        (None, "not a JSON object"),
        ([], "not a JSON object"),
        ({}, "none of: S3"),
        ({"Records": {}}, "none of: S3"),
        ({"Records": None}, "none of: S3"),
        ({"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe"}, "none of: S3"),
        ({"Type": "Notification"}, "none of: S3"),
        ({"source": "aws.ec2", "detail": {"bucket": {"name": BUCKET}, "object": {"key": "a"}}}, "none of: S3"),
        ({"Event": "s3:Other"}, "none of: S3"),
        *((event, "none of: S3") for event in ({"files": ["a"]}, {"zone_id": ZONE}, {"hop": 1, "purged": 1})),
        (sns_body("hello"), "not JSON"),
        (sns_body("[1]"), "not a JSON object"),
        ({"requestPayload": None}, "not a JSON object"),
        ({"source": "aws.s3"}, "no bucket or no object key"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": BUCKET}}}, "no bucket or no object key"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": 7}, "object": {"key": "a"}}}, "bucket name"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": BUCKET}, "object": {"key": ""}}}, "key is not a string"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": BUCKET}, "object": {"key": "\ud800"}}}, "not UTF-8"),
    ],
)
def test_a_document_that_is_not_an_event_is_refused_in_a_sentence(document: object, words: str) -> None:
    assert words in refusal_of(document)


def test_the_refusal_of_an_unknown_event_lists_what_can_be_asked_for() -> None:
    assert {*LISTS, *SWITCHES} <= set(re.findall(r"\w+", refusal_of({})))


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (None, "not a JSON object"),
        ([], "not a JSON object"),
        ({}, "neither from S3 nor from SNS"),
        ({"eventSource": "aws:dynamodb", "dynamodb": {}}, "neither from S3 nor from SNS"),
        (sqs_event("a")["Records"][0], "neither from S3 nor from SNS"),
        ({"Sns": "text"}, "neither from S3 nor from SNS"),
        ({"Sns": {}}, "not a JSON object"),
        ({"Sns": {"Message": "hello"}}, "not JSON"),
        ({"s3": None}, "no bucket or no object key"),
        ({"s3": {"bucket": {"name": BUCKET}, "object": {}}}, "no bucket or no object key"),
        ({"s3": {"bucket": {"name": None}, "object": {"key": "a"}}}, "bucket name"),
        *(({"s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}}, "not a string") for key in (7, True, ["a"])),
        (s3_record(raw_key=""), "key is not a string, or empty"),
        *((s3_record(raw_key=key), "not UTF-8") for key in ("%FF", "caf%E9", "\udc80")),
        *((s3_record(raw_key=key), "longer than the 1024 bytes") for key in ("k" * 1025, "%C3%BC" * 513)),
        *((s3_record("a", version=version), f"version '{version[:3]}") for version in ("1.0", "3.0", "20.1", "x" * 9)),
    ],
)
def test_an_invalid_record_is_counted_and_its_neighbours_are_read(record: object, words: str) -> None:
    event = parse({"Records": [s3_record("before"), record, s3_record("after")]})
    assert [change.key for change in event.changes] == ["before", "after"]
    assert (event.errors, words in str(event.error)) == (1, True)


def test_of_many_invalid_records_the_first_error_and_their_number_are_kept() -> None:
    event = parse({"Records": [*s3_event("a")["Records"], {"s3": None}, *[1] * 200_000]})
    assert [change.key for change in event.changes] == ["a"]
    assert event.errors == 200_001
    assert "no bucket or no object key" in str(event.error)
    assert event.error is not None
    assert event.error.__traceback__ is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        *((text, "UnknownEvent") for text in ("poison", "\ufffd{}", json.dumps(s3_event("a")) * 2, "[]", "{}", " \n")),
        *(("[" * depth + "]" * depth, "UnknownEvent") for depth in (900, 100_000)),
        (json.dumps(s3_event("a")).replace("1024", "9" * 5000), "UnknownEvent"),
        (json.dumps(sqs_event(s3_event("a"))), "UnknownEvent"),
        (json.dumps({"Records": [{**s3_record("a"), "eventVersion": [[]]}]}), "UnknownEvent"),
        (json.dumps(s3_event("a", bucket="\ud800")), "ForeignBucket"),
        (json.dumps({"tags": ["\ud800"]}), "MalformedTag"),
        (json.dumps({"tags": ["t"], "zone_id": "c" * 32}), "ForeignZone"),
        (json.dumps({"keys": ["k"] * 1001}), "TooLarge"),
    ],
)
def test_a_bad_message_is_parked_unchanged_at_its_first_receive_and_its_neighbours_are_purged(
    body: str, code: str
) -> None:
    world = World()
    assert world.returned(sqs_event(s3_event("good.css"), body, s3_event("fine.css"))) == []
    assert [given for given, _ in world.parked_reasons] == [code]
    assert [message["MessageBody"] for message in world.aws.parked] == [body]
    assert world.cloudflare.urls == [f"https://{HOST}/good.css", f"https://{HOST}/fine.css"]


def test_of_a_message_with_good_and_bad_records_the_good_ones_are_purged_before_it_is_parked() -> None:
    world = World()
    mixed = [5, s3_record("one"), {"Sns": {"Message": "?"}}, *sns_event(s3_event("two"))["Records"], {"s3": []}]
    assert world.returned(sqs_event({"Records": mixed})) == []
    assert world.cloudflare.urls == [f"https://{HOST}/one", f"https://{HOST}/two"]
    reason = "A record is not a JSON object. The same message has 2 more invalid items."
    assert world.parked_reasons == [("UnknownEvent", reason)]


# ---- The cap ----


@pytest.mark.parametrize(
    "events",
    [
        lambda more: s3_event(*["a"] * (999 + more)),
        lambda more: sns_event(s3_event(*["a"] * 500), s3_event(*["b"] * (499 + more))),
        lambda more: {"keys": ["a"] * (999 + more)},
        lambda more: {"keys": ["a"] * (998 + more), "check": True},
        lambda more: {"prefixes": ["x"] * 999, "tags": ["x"] * more},
        lambda more: {"urls": ["x"] * 500, "hosts": ["x"] * (499 + more)},
    ],
)
@in_every_envelope
def test_an_event_has_at_most_1000_items(events: Callable[[int], dict[str, Any]], wrap: Wrap) -> None:
    assert parse(wrap(events(1))).size == 1000
    with pytest.raises(TooLarge, match="more than 1000 items: split it"):
        parse(wrap(events(2)))


# ---- Manual events ----


@in_every_envelope
@pytest.mark.parametrize("name", [*LISTS, *SWITCHES])
def test_a_manual_event_is_read_in_every_envelope(name: str, wrap: Wrap) -> None:
    event = parse(wrap({**manual(name), "bucket": "b", "zone_id": ZONE}))
    wish = Change("x", "b", None, ZONE) if name == "keys" else Item(name, "x" if name in LISTS else "", "b", ZONE)
    assert [*event.changes, *event.items] == [wish]
    assert (event.dry_run, event.look, event.error) == (False, None, None)


def test_one_manual_event_may_ask_for_all_kinds() -> None:
    event = parse({**{name: ["x", "y"] for name in LISTS}, "everything": True, "check": True, "zone_id": ZONE})
    assert [change.key for change in event.changes] == ["x", "y"]
    assert [item.kind for item in event.items] == [*(kind for kind in LISTS[1:] for _ in "xy"), *SWITCHES]


@pytest.mark.parametrize("event", [*map(manual, (*LISTS, *SWITCHES)), s3_event("a"), eventbridge_event("a")])
def test_any_event_can_be_a_dry_run(event: dict[str, Any]) -> None:
    for wrap in (dict, sns_body, sns_event, failed_invocation):
        assert parse(wrap({**event, "dry_run": True})).dry_run is True
    assert parse({**sns_body(event), "dry_run": True}).dry_run is True
    assert parse({**event, "dry_run": False}).dry_run is False
    wrong: list[Any] = ["yes", 1, 0, None, []]
    for value in wrong:
        assert refusal_of({**event, "dry_run": value}) == '"dry_run" must be true or false.'
        inner = parse(sns_event({**event, "dry_run": value}))
        assert (inner.size, inner.errors) == (0, 1)


NO_LISTS: list[Any] = [[], None, "a", {"a": 1}, [""], ["a", 7], ["a", None], [["a"]], 7, True]
NOT_TRUE: list[Any] = [False, 1, 0, "true", None, [], [True]]
NO_TEXTS: list[Any] = ["", 7, True, [ZONE], {}]
REFUSED: list[tuple[str, dict[str, Any]]] = [
    *((f'"{name}" must be a list of at least one', {name: items}) for name in LISTS for items in NO_LISTS),
    *((f'"{name}" must be true', {name: value, "zone_id": ZONE}) for name in SWITCHES for value in NOT_TRUE),
    *((f'"{name}" must be a non-empty string', {name: text}) for name in ("bucket", "zone_id") for text in NO_TEXTS),
    *(('"everything" needs the "zone_id"', {"everything": True, **more}) for more in ({}, {"zone_id": None})),
    *((f"no field {name[:64]!r}", {name: True}) for name in ("dryrun", "zoneid", "Everything", "x" * 999, "\ud800")),
]


@pytest.mark.parametrize(("words", "fields"), REFUSED)
def test_a_manual_event_with_one_wrong_field_is_refused_whole_in_a_sentence_that_names_it(
    words: str, fields: dict[str, Any]
) -> None:
    for good in ({"keys": ["a"]}, {"check": True}):
        assert words in refusal_of({**good, **fields})


def test_bucket_and_zone_may_be_null() -> None:
    assert parse({"keys": ["a"], "bucket": None, "zone_id": None}).changes == (Change("a"),)


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("/news/index.html", "news/index.html"),
        ("//a", "a"),
        ("/", ""),
        ("/" + "k" * 900, "k" * 256),
        ("https://www.example.com/css/a.css", "css/a.css"),
        ("HTTP://www.example.com", ""),
        ("http:///css/a.css", "a.css"),
    ],
)
def test_a_manual_key_that_is_a_path_or_a_url_is_refused_with_the_right_form(key: str, right: str) -> None:
    event = parse({"keys": ["a", key, "b"]})
    assert [change.key for change in event.changes] == ["a", "b"]
    assert isinstance(event.error, Rejected)
    assert (event.error.code, event.errors) == ("MalformedKey", 1)
    rule = 'begins with a slash or is a URL: put URLs in "urls", and write keys as in S3'
    assert str(event.error) == f"{key[:256]!r} {rule}{f', such as {right!r}' if right else ''}."
    # S3 keys may look like that, and the function's own messages are about S3 keys.
    assert keys_of({"changes": [{"key": key}]}) == keys_of(s3_event(key)) == [key]


@pytest.mark.parametrize("key", ["http://", "https:/a", "ftp://host/a", "a/https://b", "http", "a/", "../a", "http:a"])
def test_a_manual_key_that_only_looks_odd_is_a_key(key: str) -> None:
    assert keys_of({"keys": [key]}) == [key]


# ---- SQS ----


def test_an_sqs_event_is_a_batch_of_messages() -> None:
    assert messages_in(sqs_event(s3_event("a"), "garbage", receives=3)) == [
        Message("m0", json.dumps(s3_event("a")), "receipt-m0", 3, QUEUE_ARN),
        Message("m1", "garbage", "receipt-m1", 3, QUEUE_ARN),
    ]


@pytest.mark.parametrize(
    "event",
    [
        *(s3_event("a"), sns_event(s3_event("a")), eventbridge_event("a"), {"keys": ["a"]}, None, "text", []),
        *({"Records": records} for records in ([], None, [None], [sqs_event("a")["Records"][0], s3_record("a")])),
    ],
)
def test_any_other_event_is_not_a_batch(event: object) -> None:
    assert messages_in(event) is None


def test_a_message_that_is_delivered_twice_is_one_with_the_last_receipt() -> None:
    event = sqs_event("a")
    event["Records"].append({**event["Records"][0], "receiptHandle": "later"})
    assert [(message.id, message.receipt) for message in messages_in(event) or []] == [("m0", "later")]
    event["Records"][1]["body"] = "b"
    with pytest.raises(UnknownEvent, match="same messageId"):
        messages_in(event)
