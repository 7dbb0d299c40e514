"""Object changes, manual events and own messages are read; anything else is refused in a sentence."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.errors import Rejected, TooLarge, UnknownEvent
from cf_purge.events import Change, Event, Item, Look, bodies_of, messages_in, parse
from tests.support.factories import (
    eventbridge_event,
    failed_invocation,
    s3_event,
    s3_record,
    s3_test_event,
    sns_body,
    sns_event,
    sqs_event,
    sqs_record,
)
from tests.support.fakes import World
from tests.support.names import AT, BUCKET, HOST, OTHER_ZONE, ZONE

KEYS = ["a+b.css", "a%2Bb.css", "100%.html", "q?x=1&y=2#top", "/leading//double/", 'quote"\\nul\x00']
KEYS += ["k" * 1024, "ü" * 512]  # the longest that S3 allows
Wrap = Callable[[Any], Any]
ENVELOPES: dict[str, Wrap] = {
    "as it is": lambda event: event,
    "in SQS, or in SNS with raw delivery": json.dumps,
    "in SNS": sns_event,
    "in SNS in SQS": lambda event: json.dumps(sns_body(event)),
    "in SNS in SNS": lambda event: sns_body(sns_body(event)),
    "failed and taken back": failed_invocation,
    "from SNS, failed and taken back": lambda event: failed_invocation(sns_event(event)),
    "from SNS, failed and sent by SNS": lambda event: sns_event(failed_invocation(sns_event(event))),
}
in_every_envelope = pytest.mark.parametrize("wrap", ENVELOPES.values(), ids=ENVELOPES)
LISTS = ("keys", "urls", "prefixes", "tags", "hosts")
SWITCHES = ("everything", "check")


def changes_in(event: Event) -> list[Change]:
    return [entry for entry in event.entries if isinstance(entry, Change)]


def keys_of(document: object) -> list[str]:
    changes = changes_in(parse(document))
    assert changes == [*parse(document).entries]
    return [change.key for change in changes]


# By field: an item of a manual event, and how it is read.
MANUAL: dict[str, tuple[Any, Change | Item]] = {
    "keys": (["x"], Change("x")),
    "urls": ([f"https://{HOST}/x"], Item("urls", f"https://{HOST}/x", HOST, "/x")),
    "prefixes": ([f"{HOST}/x"], Item("prefixes", f"{HOST}/x", HOST, "/x")),
    "tags": (["x"], Item("tags", "x")),
    "hosts": ([HOST], Item("hosts", HOST, HOST)),
    **{name: (True, Item(name, "")) for name in SWITCHES},
}


def manual(name: str) -> dict[str, Any]:
    return {name: MANUAL[name][0], "zone_id": ZONE}


def refusal_of(document: object) -> str:
    with pytest.raises(UnknownEvent) as caught:
        parse(document)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert len(sentence) < 300
    return sentence


# ---- Object changes ----


@in_every_envelope
@pytest.mark.parametrize("event", [s3_event("img/a b.jpg"), eventbridge_event("img/a b.jpg")])
def test_an_object_change_is_found_in_every_envelope(event: dict[str, Any], wrap: Wrap) -> None:
    found = parse(wrap(event))
    assert [change[:4] for change in changes_in(found)] == [("img/a b.jpg", BUCKET, AT, None)]
    assert found == Event(tuple(changes_in(found)))


VERSION_ID = {"versionId": "3sL4kqtJlcpXroDTDmJ", "version-id": "3sL4kqtJlcpXroDTDmJ"}


@pytest.mark.parametrize(
    ("name", "more", "kind"),
    [
        *((f"ObjectCreated:{how}", {}, "put") for how in ("Put", "CompleteMultipartUpload")),
        ("s3:ObjectCreated:Put", VERSION_ID, "put"),
        ("ObjectRemoved:Delete", {}, "delete"),
        ("ObjectRemoved:Delete", VERSION_ID, None),
        ("ObjectRemoved:Delete", {"versionId": "null"}, None),
        ("ObjectRemoved:DeleteMarkerCreated", VERSION_ID, "delete"),
        ("LifecycleExpiration:Delete", VERSION_ID, None),
        ("LifecycleExpiration:DeleteMarkerCreated", VERSION_ID, "delete"),
        ("ObjectTagging:Put", VERSION_ID, None),
    ],
)
def test_a_notification_says_what_changed_and_who_changed_it(name: str, more: dict[str, str], kind: str | None) -> None:
    record = s3_record("a", event=name)
    record["s3"]["object"].update(more)
    [change] = changes_in(parse({"Records": [record]}))
    assert change == Change(
        "a", BUCKET, AT, None, "d41d8cd98f00b204e9800998ecf8427e", "0055AED6DCD90281E5", "AWS:AROAEXAMPLE:deploy", kind
    )
    for bare in ({"key": "a", "eTag": 7, "sequencer": None}, {"key": "a"}):
        record["userIdentity"], record["s3"]["object"] = ["?"], bare
        [change] = changes_in(parse({"Records": [record]}))
        assert (change.etag, change.sequencer, change.principal) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "deletion", "more", "kind"),
    [
        ("Object Created", None, VERSION_ID, "put"),
        ("Object Deleted", "Delete Marker Created", VERSION_ID, "delete"),
        ("Object Deleted", "Permanently Deleted", VERSION_ID, None),
        ("Object Deleted", "Permanently Deleted", {}, "delete"),
        ("Object Deleted", None, {}, "delete"),
        ("Object Restore Completed", None, {}, None),
    ],
)
def test_an_eventbridge_event_says_what_changed_and_which_account_changed_it(
    name: str, deletion: str | None, more: dict[str, str], kind: str | None
) -> None:
    event = eventbridge_event("a", kind=name)
    event["detail"]["deletion-type"] = deletion
    event["detail"]["object"].update({"sequencer": "617f08299329d189", **more})
    [change] = changes_in(parse(event))
    assert change == Change(
        "a", BUCKET, AT, None, "b1946ac92492d2347c6235b4d2611184", "617f08299329d189", "123456789012", kind
    )


def test_five_envelopes_are_opened_and_twenty_are_not() -> None:
    event: dict[str, Any] = s3_event("a")
    for _ in range(5):
        event = sns_body(event)
    assert keys_of(event) == ["a"]
    for _ in range(15):
        event = sns_body(event)
    assert "too many envelopes" in refusal_of(event)


@given(st.text(min_size=1, max_size=200) | st.sampled_from(KEYS))
def test_any_key_is_read_as_s3_and_eventbridge_and_the_function_itself_write_it(key: str) -> None:
    for event in (s3_event(key), eventbridge_event(key), {"changes": [{"key": key}]}):
        assert keys_of(event) == [key]


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
        *((time, None) for time in ("yesterday", None, 1795413600, "2026-13-45T99:00:00Z", "9" * 100_000)),
    ],
)
def test_an_unreadable_time_only_loses_the_lag(time: Any, at: float | None) -> None:
    for event in (s3_event("a", time=time), eventbridge_event("a", time=time)):
        [change] = changes_in(parse(event))
        assert (change.key, change.at) == ("a", at)
    for end in ("0001-01-01T00:00:00", "9999-12-31T23:59:59", "0001-01-01T00:00:00+14:00"):
        assert keys_of(s3_event("a", time=end)) == ["a"]  # it is read or ignored


# ---- What is not an event ----


NO_OBJECTS: list[Any] = ["null", '"{}"', "NaN", None, [], sns_body("[1]")]
NO_OBJECTS += ["not json", "", "{", "\ufeff{}", '{"a": ' + "[" * 100_000, "9" * 5000]
UNKNOWN: list[Any] = [{}, {"Records": {}}, {"Type": "Notification"}, {"Event": "s3:Other"}, {"files": ["a"]}]
UNKNOWN += [{"zone_id": ZONE}, {"hop": 1, "purged": 1}]
OWN = {"changes": [{"key": "a"}], "hop": 1, "purged": 1}
NO_RECORDS: list[Any] = [{}, sqs_record("a"), OWN, {"Sns": {}}, {"Sns": sns_body(OWN)}]
NO_RECORD_OBJECTS: list[Any] = [None, [], {"Sns": []}, {"Sns": {"Message": "hello"}}]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        *((event, "not a JSON object") for event in NO_OBJECTS),
        *((event, "none of: S3") for event in UNKNOWN),
        ({"source": "aws.ec2", "detail": {"bucket": {"name": BUCKET}, "object": {"key": "a"}}}, "none of: S3"),
        ({"source": "aws.s3"}, "no bucket or no object key"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": 7}, "object": {"key": "a"}}}, "no bucket or no"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": BUCKET}, "object": {"key": ""}}}, "no object key"),
        ({"source": "aws.s3", "detail": {"bucket": {"name": BUCKET}, "object": {"key": "\ud800"}}}, "not UTF-8"),
    ],
)
def test_a_document_that_is_not_an_event_is_refused_in_a_sentence(document: object, words: str) -> None:
    assert words in refusal_of(document)
    with pytest.raises(UnknownEvent):
        World().invoke(document)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        *((record, "none of: S3 notification, SNS") for record in NO_RECORDS),
        *((record, "not a JSON object") for record in NO_RECORD_OBJECTS),
        *(({"s3": s3}, "no bucket or no object key") for s3 in (None, {"bucket": {"name": BUCKET}, "object": {}})),
        *(({"s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}}, "no object key") for key in (7, True, ["a"])),
        (s3_record(raw_key=""), "no object key"),
        *((s3_record(raw_key=key), "not UTF-8") for key in ("%FF", "caf%E9", "\udc80")),
        *((s3_record(raw_key=key), "longer than the 1024 bytes") for key in ("k" * 1025, "%C3%BC" * 513)),
        *((s3_record("a", version=version), "eventVersion is not 2.x") for version in ("1.0", "3.0", "20.1", "x" * 9)),
    ],
)
def test_an_invalid_record_is_counted_and_its_neighbours_are_read(record: object, words: str) -> None:
    event = parse({"Records": [s3_record("before"), record, s3_record("after")]})
    assert [change.key for change in changes_in(event)] == ["before", "after"]
    _, error, _ = event.entries
    assert isinstance(error, Rejected)
    assert words in str(error)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        *((text, "UnknownEvent") for text in ("poison", json.dumps(s3_event("a")) * 2, " \n", "[" * 900 + "]" * 900)),
        (json.dumps(sqs_event(s3_event("a"))), "UnknownEvent"),
        (json.dumps(s3_event("a", bucket="\ud800")), "ForeignBucket"),
        (json.dumps({"Records": [s3_record(bucket="other"), 5]}), "ForeignBucket"),  # the first of several
        (json.dumps({"tags": ["\ud800"]}), "MalformedTag"),
        (json.dumps({"keys": ["k"] * 1001}), "TooLarge"),
        (json.dumps({"keys": ["/"] * 1001}), "TooLarge"),
        (json.dumps({"Records": [1] * 1001}), "TooLarge"),
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


# ---- The cap ----


@pytest.mark.parametrize(
    "events",
    [
        lambda more: sns_event(s3_event(*["a"] * 500), s3_event(*["b"] * (499 + more))),
        lambda more: {"keys": ["a"] * (998 + more), "check": True},
        lambda more: {"prefixes": ["x"] * 999, "tags": ["x"] * more},
    ],
)
def test_an_event_has_at_most_1000_items(events: Callable[[int], dict[str, Any]]) -> None:
    assert len(parse(events(1)).entries) == 1000
    with pytest.raises(TooLarge, match="more than 1000 items: split it"):
        parse(events(2))


# ---- Manual events ----


@in_every_envelope
@pytest.mark.parametrize("name", MANUAL)
def test_a_manual_event_is_read_in_every_envelope(name: str, wrap: Wrap) -> None:
    event = parse(wrap({**manual(name), "bucket": "b"}))
    assert event == Event((MANUAL[name][1]._replace(bucket="b", zone_id=ZONE),))


@pytest.mark.parametrize("event", [*map(manual, MANUAL), s3_event("a"), eventbridge_event("a")])
def test_any_event_can_be_a_dry_run(event: dict[str, Any]) -> None:
    for wrap in ENVELOPES.values():
        assert parse(wrap({**event, "dry_run": True})).dry_run is True
    assert parse({**sns_body(event), "dry_run": True}).dry_run is True
    assert parse({**event, "dry_run": False}).dry_run is False
    for value in ("yes", 1, None):
        assert refusal_of({**event, "dry_run": value}) == '"dry_run" must be true or false.'
        [inner] = parse(sns_event({**event, "dry_run": value})).entries
        assert isinstance(inner, UnknownEvent)
    with pytest.raises(UnknownEvent, match='"dry_run" belongs in the body of each message'):
        messages_in({**sqs_event(event), "dry_run": True})


NO_LISTS: list[Any] = [[], None, "a", {"a": 1}, [""], ["a", 7], [["a"]], True]
NOT_TRUE: list[Any] = [False, 1, "true", None, [True]]
NO_TEXTS: list[Any] = ["", 7, True, [ZONE]]
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
        [inner] = parse(sns_event({**good, **fields})).entries
        assert isinstance(inner, UnknownEvent)


def test_bucket_and_zone_may_be_null() -> None:
    assert changes_in(parse({"keys": ["a"], "bucket": None, "zone_id": None})) == [Change("a")]


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("/news/index.html", "news/index.html"),
        ("/", ""),
        ("/" + "k" * 900, "k" * 256),
        ("https://www.example.com/css/a.css", "css/a.css"),
        ("HTTP://www.example.com", ""),
        ("http:///css/a.css", "a.css"),
        ("s3://my-assets/css/a.css", "css/a.css"),
    ],
)
def test_a_manual_key_that_is_a_path_or_a_url_is_refused_with_the_right_form(key: str, right: str) -> None:
    event = parse({"keys": ["before", key, "after"]})
    assert [change.key for change in changes_in(event)] == ["before", "after"]
    _, error, _ = event.entries
    assert isinstance(error, Rejected)
    assert error.code == "MalformedKey"
    example = f", such as {right!r}" if right else ""
    assert str(error) == f'{key[:256]!r} is a path or a URL: write it as in S3{example}, or use "urls".'
    # S3 keys may look like that, and the function's own messages are about S3 keys.
    assert keys_of({"changes": [{"key": key}]}) == keys_of(s3_event(key)) == [key]


@pytest.mark.parametrize("key", ["http://", "https:/a", "ftp://host/a", "a/https://b", "../a"])
def test_a_manual_key_that_only_looks_odd_is_a_key(key: str) -> None:
    assert keys_of({"keys": [key]}) == [key]


def test_a_message_that_is_delivered_twice_is_one_with_the_last_receipt() -> None:
    event = sqs_event("a")
    event["Records"].append({**event["Records"][0], "receiptHandle": "later"})
    assert [(message.id, message.receipt) for message in messages_in(event) or []] == [("m0", "later")]


# ---- Own messages: read as they were written ----

_texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
_changes = st.builds(
    Change,
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=250),
    bucket=st.sampled_from([None, BUCKET]),
    at=st.none() | st.floats(0, 1e10),
    zone_id=st.sampled_from([None, ZONE, OTHER_ZONE]),
    etag=_texts,
    sequencer=_texts,
    principal=_texts,
    kind=st.sampled_from(["put", "delete", None]),
)


@given(st.lists(_changes, max_size=40), st.integers(1, 50), st.booleans())
def test_a_written_message_is_read_as_the_same_changes(changes: list[Change], most: int, is_look: bool) -> None:
    head = {"hop": 2, "purged": AT} if is_look else {}
    read: list[Change] = []
    for body, part in bodies_of(changes, most, head):
        look = Look(2, AT, changes=tuple(part))
        assert parse(body) == (Event(look=look) if is_look else Event(tuple(part), is_own=True))
        assert len(part) <= most
        read += part
    assert sorted(map(repr, read)) == sorted(map(repr, changes))


@pytest.mark.parametrize("letter", ["a", "文", "\x00"])
def test_a_message_fits_into_the_queue(letter: str) -> None:
    key = letter * (1000 // len(letter.encode()))
    changes = [Change(f"{number}{key}", BUCKET, AT, None, "e" * 32, "5" * 18, "p" * 60, "put") for number in range(900)]
    bodies = [body for body, _ in bodies_of(changes, 1000)]
    assert max(len(body.encode()) for body in bodies) < 256 * 1024
    assert [change for body in bodies for change in changes_in(parse(body))] == changes


def own(**changes: Any) -> dict[str, Any]:
    return {"changes": [{"key": "a", "bucket": BUCKET, "at": AT, "kind": "put"}], **changes}


WRONG_CHANGES: list[Any] = [[], {}, "a", None, [7], [{}], [None], *([{"key": key}] for key in ("", 7, None))]


@pytest.mark.parametrize(
    "document",
    [
        *(own(changes=changes) for changes in WRONG_CHANGES),
        *(own(changes=[{"key": "a", name: 7}]) for name in ("etag", "sequencer", "principal", "kind")),
        *(own(changes=[{"key": "a", "at": at}]) for at in ("now", "", float("nan"), 10**400)),
        own(changes=[{"key": "a", "unknown": 1}]),
        own(changes=[{"key": "k" * 1025}]),
        *(own(changes=[{"key": "a", name: value}]) for name in ("bucket", "zone_id") for value in (7, "")),
        *(own(hop=1, purged=purged) for purged in (None, "now")),
        *(own(hop=1, purged=AT, **{name: [1]}) for name in ("sample", "left")),
        own(hop=1),
        *(own(hop=hop, purged=AT) for hop in (None, "1", 1.0)),
        own(purged=AT),
        own(dry_run=True),
        own(unknown=1),
    ],
    ids=str,
)
def test_a_message_that_the_function_did_not_write_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(UnknownEvent) as caught:
        parse(json.dumps(document))
    assert str(caught.value).endswith(".")
