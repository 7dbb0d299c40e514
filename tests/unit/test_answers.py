"""Answers to events that are no messages: a summary or an exception."""

from __future__ import annotations

from typing import Any

import pytest

from cf_purge.errors import PurgeError, Rejected
from cf_purge.purge import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS
from tests.unit.factories import (
    HOST,
    ZONE,
    document,
    eventbridge_event,
    failed_invocation,
    s3_event,
    s3_record,
    s3_test_event,
    sns_event,
    sqs_event,
)
from tests.unit.fakes import Item, Reply, World, answer, outage, refusal


def url(path: str) -> str:
    return f"https://{HOST}/{path}"


# Every kind by itself, with what becomes of it.
SHOWN: list[tuple[dict[str, Any], list[object], list[tuple[str, Item]]]] = [
    ({"urls": [url("a"), url("a"), url("b")]}, [url("a"), url("b")], [(FILES, url("a")), (FILES, url("b"))]),
    ({"prefixes": [f"{HOST}/a/"]}, [f"{HOST}/a/"], [(PREFIXES, f"{HOST}/a/")]),
    ({"tags": ["t", "u,v"]}, ["t", "u,v"], [(TAGS, "t"), (TAGS, "u,v")]),
    ({"hosts": [HOST.upper()]}, [HOST], [(HOSTS, HOST)]),
    (
        {"everything": True, "zone_id": ZONE.upper()},
        [{"everything": True, "zone_id": ZONE}],
        [(EVERYTHING, "")],
    ),
    (
        {"keys": ["a"], "urls": [url("a")], "tags": ["t"], "zone_id": ZONE},
        [url("a"), "t"],
        [(FILES, url("a")), (TAGS, "t")],
    ),
]
BY_HAND = [event for event, _, _ in SHOWN]


@pytest.mark.parametrize(
    "event",
    [
        s3_event("a b.css"),
        sns_event(s3_event("a b.css")),
        eventbridge_event("a b.css"),
        failed_invocation(s3_event("a b.css")),
        {"keys": ["a b.css"]},
        {"urls": [url("a%20b.css")]},
    ],
)
def test_an_event_that_is_no_message_gets_a_summary(world: World, event: dict[str, Any]) -> None:
    assert world.invoke(event) == {
        "success": True,
        "invalidations": [url("a%20b.css")],
        "skipped": [],
        "requests": 1,
    }
    assert world.cloudflare.accepted == [(ZONE, FILES, url("a%20b.css"))]


@pytest.mark.parametrize(("event", "shown", "accepted"), SHOWN)
def test_what_is_named_by_hand_is_purged_and_shown_as_cloudflare_is_sent_it(
    world: World, event: dict[str, Any], shown: list[object], accepted: list[tuple[str, Item]]
) -> None:
    summary = world.invoke(event)
    assert summary["invalidations"] == shown
    assert summary["requests"] == len(world.cloudflare.requests) == len({kind for kind, _ in accepted})
    assert world.cloudflare.accepted == [(ZONE, kind, item) for kind, item in accepted]
    assert world.cloudflare.malformed == []
    queued = World()
    assert queued.returned(sqs_event(event)) == []
    assert queued.cloudflare.accepted == world.cloudflare.accepted
    assert queued.metrics["Purged"] == len(accepted)


def test_the_summary_names_each_copy_once_and_the_keys_that_need_none() -> None:
    world = World(document(exclude=["*.map"]))
    assert world.invoke(s3_event("index.html", "a.map", "folder/", "index.html")) == {
        "success": True,
        "invalidations": [url("index.html"), url("")],
        "skipped": ["a.map", "folder/"],
        "requests": 1,
    }
    assert [line["key"] for line in world.logged("skipped")] == ["a.map", "folder/"]


@pytest.mark.parametrize("event", [s3_test_event(), sns_event(s3_test_event()), {"Records": []}, s3_event("folder/")])
def test_an_event_that_asks_for_nothing_makes_no_call(world: World, event: dict[str, Any]) -> None:
    summary = world.invoke(event)
    assert (summary["success"], summary["invalidations"], summary["requests"]) == (True, [], 0)
    assert world.transport.sent == []


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        (None, "UnknownEvent", "not a JSON object"),
        ({}, "UnknownEvent", "none of"),
        ({"keys": []}, "UnknownEvent", '"keys" must be'),
        ({"urls": []}, "UnknownEvent", '"urls" must be'),
        ({"urls": ["https://evil.example.org/"]}, "Rejected", "evil.example.org is the host of no target"),
        (s3_event("a", bucket="elsewhere"), "Rejected", "bucket elsewhere"),
        ({"Records": [s3_record("a"), {"bad": True}]}, "UnknownEvent", "neither from S3 nor from SNS"),
    ],
)
def test_a_failure_outside_sqs_is_an_exception_never_a_return_value(
    world: World, event: object, kind: str, words: str
) -> None:
    with pytest.raises(Rejected) as caught:
        world.invoke(event)
    assert type(caught.value).__name__ == kind
    assert words in str(caught.value)


@pytest.mark.parametrize("dry", [False, True])
@pytest.mark.parametrize(
    "event",
    [
        {"urls": ["https://evil.example.org/"]},
        {"keys": ["a"], "bucket": "elsewhere"},
        {"Records": [s3_record("a"), {"bad": True}]},
    ],
)
def test_a_dry_run_fails_where_the_run_would(world: World, event: dict[str, Any], dry: bool) -> None:
    with pytest.raises(Rejected):
        world.invoke({**event, "dry_run": dry})


def test_what_can_be_purged_is_purged_before_the_exception(world: World) -> None:
    with pytest.raises(Rejected):
        world.invoke({"Records": [{"bad": True}, s3_record("a"), s3_record("b", bucket="elsewhere")]})
    assert world.cloudflare.urls == [url("a")]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (outage(), "Transient"),
        (answer(429, {}), "RateLimited"),
        (refusal(403, 10000), "Unauthorized"),
        (refusal(400, 1012), "Rejected"),
        (RuntimeError("boom"), "Transient"),
    ],
)
def test_a_direct_invocation_that_failed_raises_so_that_lambda_tries_again(
    world: World, reply: Reply, kind: str
) -> None:
    world.cloudflare.script = [reply] * 9
    with pytest.raises(PurgeError) as caught:
        world.invoke(s3_event("a"))
    assert type(caught.value).__name__ == kind


@pytest.mark.parametrize("event", [{"keys": ["index.html"]}, {"urls": [url("a")]}, s3_event("a b"), *BY_HAND])
def test_a_dry_run_says_what_it_would_purge_and_touches_nothing(world: World, event: dict[str, Any]) -> None:
    summary = world.invoke({**event, "dry_run": True})
    assert world.transport.sent == []
    assert summary.pop("dry_run") is True
    assert summary.pop("requests") == 0
    assert summary["invalidations"]
    wet = world.invoke(event)
    assert summary == {name: value for name, value in wet.items() if name != "requests"}
