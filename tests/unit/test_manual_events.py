"""Events that a person writes: what is named, what is asked for, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.errors import UnknownEvent
from cf_purge.events import Change, Named, asked_by
from tests.unit.factories import (
    BUCKET,
    ZONE,
    eventbridge_event,
    failed_invocation,
    s3_event,
    s3_test_event,
    sns_body,
    sns_event,
)

LISTS = ("keys", "urls", "prefixes", "tags", "hosts")
SWITCHES = ("everything", "check")
WRAPS = [
    pytest.param(lambda event: event, id="as it is"),
    pytest.param(json.dumps, id="as a message"),
    pytest.param(sns_body, id="in SNS in SQS"),
    pytest.param(sns_event, id="in SNS"),
    pytest.param(failed_invocation, id="taken back"),
    pytest.param(lambda event: failed_invocation(sns_event(event)), id="from SNS, taken back"),
]


def asked_for(name: str) -> dict[str, Any]:
    """An event that asks for one thing only."""
    return {name: True, "zone_id": ZONE} if name in SWITCHES else {name: ["x"]}


def test_a_manual_event_names_keys_urls_and_a_bucket() -> None:
    asked = asked_by({"keys": ["a", "b c"], "urls": ["https://www.example.com/x"], "bucket": "other"})
    assert asked.changes == [Change("a", "other"), Change("b c", "other")]
    assert asked.named == [Named("urls", "https://www.example.com/x", "other")]
    assert asked.dry_run is False
    assert asked.is_repurge is False


@pytest.mark.parametrize("kind", LISTS[1:])
def test_items_named_by_hand_keep_their_kind_and_their_order(kind: str) -> None:
    assert asked_by({kind: ["x", "y", "x"]}).named == [Named(kind, each) for each in ("x", "y", "x")]


@pytest.mark.parametrize("kind", SWITCHES)
def test_what_is_switched_on_has_no_item(kind: str) -> None:
    assert asked_by({kind: True, "zone_id": ZONE}).named == [Named(kind, "", None, ZONE)]


def test_a_check_needs_no_zone() -> None:
    assert asked_by({"check": True}).named == [Named("check", "")]
    assert asked_by({"check": True, "bucket": BUCKET}).named == [Named("check", "", BUCKET)]


@pytest.mark.parametrize("name", LISTS)
def test_zone_and_bucket_hold_for_everything_that_is_named(name: str) -> None:
    asked = asked_by({**asked_for(name), "zone_id": ZONE, "bucket": "b"})
    wishes: list[Change | Named] = [*asked.changes, *asked.named]
    assert [(each.zone_id, each.bucket) for each in wishes] == [(ZONE, "b")]


def test_one_event_may_ask_for_all_kinds_at_once() -> None:
    event = {**{name: ["x"] for name in LISTS}, "everything": True, "check": True, "zone_id": ZONE}
    asked = asked_by(event)
    assert asked.changes == [Change("x", None, None, ZONE)]
    assert [named.kind for named in asked.named] == ["urls", "prefixes", "tags", "hosts", "everything", "check"]
    assert asked.errors == []


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("name", [*LISTS, *SWITCHES])
def test_a_manual_event_is_read_in_every_envelope(name: str, wrap: Any) -> None:
    bare, wrapped = asked_by(asked_for(name)), asked_by(wrap(asked_for(name)))
    assert vars(bare) == vars(wrapped)
    assert [*bare.changes, *bare.named]


def test_a_manual_event_may_come_as_a_message_too() -> None:
    asked = asked_by('{"urls": ["https://www.example.com/x"]}')
    assert asked.named == [Named("urls", "https://www.example.com/x")]
    assert asked_by(sns_body({"keys": ["a"]})).changes == [Change("a")]


@pytest.mark.parametrize(
    "event",
    [
        *(asked_for(name) for name in (*LISTS, *SWITCHES)),
        {"keys": ["a"]},
        {"urls": ["https://www.example.com/"]},
        s3_event("a"),
        eventbridge_event("a"),
    ],
)
def test_any_event_can_be_a_dry_run(event: dict[str, Any]) -> None:
    assert asked_by({**event, "dry_run": True}).dry_run is True
    assert asked_by(sns_body({**event, "dry_run": True})).dry_run is True
    assert asked_by(sns_event({**event, "dry_run": True})).dry_run is True
    assert asked_by({**event, "dry_run": False}).dry_run is False
    assert asked_by(event).dry_run is False


# ---- The mark of a second purge ----


@pytest.mark.parametrize("hop", [1, 0, None, False, True, "", "1", [], {}, -1, 1.5])
@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("event", [{"keys": ["a"]}, s3_event("a"), eventbridge_event("a"), {"check": True}])
def test_a_second_purge_is_marked_at_any_depth_and_with_any_value(event: dict[str, Any], wrap: Any, hop: Any) -> None:
    asked = asked_by(wrap({**event, "hop": hop}))
    assert asked.is_repurge is True
    assert asked.errors == []
    assert asked_by(wrap(event)).is_repurge is False


@pytest.mark.parametrize("wrap", [sns_body, sns_event, failed_invocation])
def test_the_mark_on_the_envelope_counts_as_well(wrap: Any) -> None:
    assert asked_by({**wrap(s3_event("a")), "hop": 1}).is_repurge is True


def test_a_mark_alone_asks_for_nothing() -> None:
    with pytest.raises(UnknownEvent, match="none of"):
        asked_by({"hop": 1})
    assert asked_by({**s3_test_event(), "hop": 1}).changes == []


# ---- What is refused ----


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "items", [[], None, "a", {"a": 1}, [""], ["a", 7], ["a", None], [["a"]], [True], 7, True, ["a", {"url": "b"}]]
)
def test_a_list_is_one_of_strings_with_something_in_it(name: str, items: Any) -> None:
    for event in ({name: items}, {name: items, "everything": True, "zone_id": ZONE}, {"keys": ["k"], name: items}):
        with pytest.raises(UnknownEvent) as caught:
            asked_by(event)
        assert str(caught.value) == f'"{name}" must be a list of at least one non-empty string.'


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("value", [False, 1, 0, "true", "", None, [], [True], {}])
def test_a_switch_is_on_or_left_out(switch: str, value: Any) -> None:
    for event in ({switch: value, "zone_id": ZONE}, {"keys": ["a"], switch: value, "zone_id": ZONE}):
        with pytest.raises(UnknownEvent) as caught:
            asked_by(event)
        assert str(caught.value) == f'"{switch}" must be true: leave it out to not ask for it.'


@pytest.mark.parametrize("value", [True, False, 1, "true", None])
@pytest.mark.parametrize("more", [{}, {"keys": ["a"]}, {"zone_id": None}, {"bucket": BUCKET}, {"dry_run": True}])
def test_everything_names_the_zone_to_empty(value: Any, more: dict[str, Any]) -> None:
    with pytest.raises(UnknownEvent, match='"everything" needs the "zone_id"'):
        asked_by({"everything": value, **more})


@pytest.mark.parametrize("name", ["bucket", "zone_id"])
@pytest.mark.parametrize("value", ["", 7, True, [ZONE], {}])
@pytest.mark.parametrize("event", [{"keys": ["a"]}, {"tags": ["a"]}, {"check": True}])
def test_bucket_and_zone_are_texts(event: dict[str, Any], name: str, value: Any) -> None:
    with pytest.raises(UnknownEvent, match=f'"{name}" must be a non-empty string'):
        asked_by({**event, name: value})


@pytest.mark.parametrize("name", ["bucket", "zone_id"])
def test_null_is_no_bucket_and_no_zone(name: str) -> None:
    assert asked_by({"keys": ["a"], name: None}).changes == [Change("a")]


@pytest.mark.parametrize("value", ["yes", "true", 1, 0, None, [], {}])
@pytest.mark.parametrize("event", [*(asked_for(name) for name in (*LISTS, *SWITCHES)), s3_event("a")])
def test_a_dry_run_is_one_or_is_none(event: dict[str, Any], value: Any) -> None:
    with pytest.raises(UnknownEvent, match='"dry_run" must be true or false'):
        asked_by({**event, "dry_run": value})


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"keys": []}, '"keys" must be a list of at least one'),
        ({"urls": []}, '"urls" must be a list of at least one'),
        ({"keys": [], "urls": ["https://www.example.com/"]}, '"keys" must be a list of at least one'),
        ({"keys": None}, '"keys" must be'),
        ({"keys": "a"}, '"keys" must be'),
        ({"keys": {"a": 1}}, '"keys" must be'),
        ({"keys": [""]}, '"keys" must be'),
        ({"keys": ["a", 7]}, '"keys" must be'),
        ({"keys": ["a", None]}, '"keys" must be'),
        ({"keys": ["a", "\ud800"]}, "not UTF-8"),
        ({"urls": [["a"]]}, '"urls" must be'),
        ({"keys": ["a"], "bucket": 7}, '"bucket" must be'),
        ({"keys": ["a"], "dry_run": "yes"}, '"dry_run" must be'),
        ({"keys": ["a"], "dry_run": 1}, '"dry_run" must be'),
        ({"keys": ["a"], "dry_run": None}, '"dry_run" must be'),
        ({"keys": ["a"], "dryrun": True}, "no field 'dryrun'"),
        ({"urls": ["https://www.example.com/"], "x" * 999: 1}, "no field 'xxx"),
        ({"tags": ["a"], "zoneid": ZONE}, "no field 'zoneid'"),
        ({"everything": True, "zone_id": ZONE, "zone": ZONE}, "no field 'zone'"),
        ({"check": True, "Everything": True}, "no field 'Everything'"),
        ({"files": ["https://www.example.com/"]}, "none of: S3"),
        ({"purge_everything": True, "zone_id": ZONE}, "none of: S3"),
        ({"zone_id": ZONE}, "none of: S3"),
        ({"bucket": BUCKET, "dry_run": True}, "none of: S3"),
    ],
)
def test_a_manual_event_that_is_wrong_is_refused_in_words(event: dict[str, Any], words: str) -> None:
    with pytest.raises(UnknownEvent) as caught:
        asked_by(event)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 250


def test_an_event_that_is_none_is_told_all_that_can_be_asked_for() -> None:
    with pytest.raises(UnknownEvent) as caught:
        asked_by({})
    for words in (*(f'{{"{name}": [...]}}' for name in LISTS), *(f'{{"{name}": true}}' for name in SWITCHES)):
        assert words in str(caught.value)


@pytest.mark.parametrize("name", [*LISTS, *SWITCHES])
def test_an_event_with_a_wrong_dry_run_counts_for_nothing_in_sns_either(name: str) -> None:
    asked = asked_by(sns_event({**asked_for(name), "dry_run": "yes"}))
    assert len(asked.errors) == 1
    assert [*asked.changes, *asked.named] == []


@given(
    st.dictionaries(st.sampled_from(LISTS), st.lists(st.text(min_size=1).filter(str.isprintable), max_size=3)),
    st.sets(st.sampled_from(SWITCHES)),
    st.none() | st.just(ZONE),
)
def test_nothing_is_asked_for_that_is_not_in_the_event(
    lists: dict[str, list[str]], switches: set[str], zone_id: str | None
) -> None:
    event = {**lists, **dict.fromkeys(switches, True), "zone_id": zone_id}
    whole = (lists or switches) and all(lists.values()) and (zone_id is not None or "everything" not in switches)
    try:
        asked = asked_by(event)
    except UnknownEvent:
        assert not whole
        return
    assert whole
    assert [change.key for change in asked.changes] == lists.get("keys", [])
    for name in LISTS[1:]:
        assert [named.item for named in asked.named if named.kind == name] == lists.get(name, [])
    assert {named.kind for named in asked.named} - set(LISTS) == switches
