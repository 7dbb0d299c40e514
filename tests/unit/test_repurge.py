"""The second purge of a change: once, later, through the queue, and never a third."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cf_purge.errors import Misconfigured, Transient
from tests.unit.factories import (
    ACCOUNT,
    BUCKET,
    HOST,
    OTHER_ZONE,
    QUEUE_ARN,
    REGION,
    ZONE,
    document,
    eventbridge_event,
    failed_invocation,
    flat_environment,
    s3_event,
    s3_test_event,
    sns_body,
    sns_event,
    sqs_event,
    target,
)
from tests.unit.fakes import Sent, World, answer, aws_error, outage, refusal

SITE = f"https://{HOST}"
DENIED = aws_error(403, "AccessDenied", "not authorized to perform: sqs:sendmessage")


def world_of(**changes: Any) -> World:
    return World(document(**{"repurge_after_seconds": 45, "queue_arn": QUEUE_ARN, **changes}))


def asked_again(world: World) -> list[dict[str, Any]]:
    """The bodies in the queue, as the function will read them."""
    return [json.loads(message["MessageBody"]) for message in world.aws.delayed]


def test_the_second_purge_is_a_message_that_the_queue_holds_back() -> None:
    world = world_of()
    assert world.returned(sqs_event(s3_event("a b/ü.css"))) == []
    assert world.aws.delayed == [
        {
            "QueueUrl": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/cf-purge",
            "MessageBody": json.dumps({"keys": ["a b/ü.css"], "hop": 1, "bucket": BUCKET}),
            "DelaySeconds": 45,
        }
    ]


BY_WAY = {
    "S3": s3_event("(1)/index.html"),
    "SNS": sns_event(s3_event("(1)/index.html")),
    "SNS body": sns_body(s3_event("(1)/index.html")),
    "EventBridge": eventbridge_event("(1)/index.html"),
    "EventBridge in SNS": sns_body(eventbridge_event("(1)/index.html")),
    "by hand": {"keys": ["(1)/index.html"], "bucket": BUCKET},
    "dead letter": failed_invocation(s3_event("(1)/index.html")),
    "dead letter of EventBridge": failed_invocation(eventbridge_event("(1)/index.html")),
}


@pytest.mark.parametrize("event", BY_WAY.values(), ids=BY_WAY)
@pytest.mark.parametrize("in_queue", [True, False], ids=["queue", "direct"])
def test_whatever_way_a_change_comes_it_is_purged_twice_and_not_more(event: dict[str, Any], in_queue: bool) -> None:
    world = world_of()
    world.invoke(sqs_event(event) if in_queue else event)
    first = list(world.cloudflare.accepted)
    [second] = asked_again(world)
    assert second == {"keys": ["(1)/index.html"], "hop": 1, "bucket": BUCKET}
    assert world.returned(sqs_event(second)) == []
    assert first
    assert world.cloudflare.accepted == first * 2
    assert len(world.aws.delayed) == 1


@pytest.mark.parametrize(
    "targets",
    [
        [target(purge_by="prefix")],
        [target(purge_by="tag", tags=["{dir}"])],
        [target(purge_by="host"), target(zone_id=OTHER_ZONE, hosts=["cdn.example.org"], purge_by="everything")],
        [target(environment_id="staging", header_variants=[{"Origin": SITE}])],
    ],
    ids=["prefix", "tag", "host and everything", "variants in an environment"],
)
def test_every_kind_is_purged_twice(targets: list[dict[str, Any]]) -> None:
    world = world_of(targets=targets)
    world.returned(sqs_event(s3_event("a/index.html")))
    first = list(world.cloudflare.accepted)
    world.returned(sqs_event(*asked_again(world)))
    assert first
    assert world.cloudflare.accepted == first * 2
    assert len(world.aws.delayed) == 1


def test_a_batch_asks_once_for_all_of_its_changes_each_of_them_once() -> None:
    world = world_of()
    event = sqs_event(s3_event("a", "b", "a"), eventbridge_event("b"), s3_event("c"), sns_body(s3_event("a")))
    assert world.returned(event) == []
    assert asked_again(world) == [{"keys": ["a", "b", "c"], "hop": 1, "bucket": BUCKET}]


def test_bucket_and_zone_of_an_event_by_hand_are_those_of_its_second_purge() -> None:
    targets = [target(), target(zone_id=OTHER_ZONE, hosts=["cdn.example.org"])]
    world = world_of(targets=targets)
    here, there = {"keys": ["a"], "bucket": BUCKET}, {"keys": ["a"], "zone_id": OTHER_ZONE.upper()}
    assert world.returned(sqs_event(here, there, {"keys": ["b"]}, s3_event("b"))) == []
    assert asked_again(world) == [
        {"keys": ["a", "b"], "hop": 1, "bucket": BUCKET},
        {"keys": ["a"], "hop": 1, "zone_id": OTHER_ZONE.upper()},
        {"keys": ["b"], "hop": 1},
    ]
    world.cloudflare.accepted.clear()
    world.returned(sqs_event(asked_again(world)[1]))
    assert world.cloudflare.accepted == [(OTHER_ZONE, "files", "https://cdn.example.org/a")]


@pytest.mark.parametrize("changes", [{"repurge_after_seconds": 0}, {"repurge_after_seconds": 0, "queue_arn": None}])
def test_without_the_setting_there_is_no_second_purge(changes: dict[str, Any]) -> None:
    world = world_of(**changes)
    world.returned(sqs_event(s3_event("a")))
    assert world.cloudflare.urls == [f"{SITE}/a"]
    assert world.aws.delayed == []


def test_without_the_document_there_is_no_second_purge() -> None:
    world = World(environ=flat_environment())
    world.invoke(s3_event("a"))
    assert [operation for operation, _ in world.aws.calls] == []


@pytest.mark.parametrize(
    "event",
    [
        s3_event("img/"),
        s3_event("a/../b"),
        s3_event("a.map"),
        {"keys": ["a"], "dry_run": True},
        {"urls": [f"{SITE}/a"]},
        {"prefixes": [f"{HOST}/a"]},
        {"tags": ["a"]},
        {"hosts": [HOST]},
        {"everything": True, "zone_id": ZONE},
        {"check": True},
        s3_test_event(),
    ],
    ids=lambda event: next(iter(event)),
)
@pytest.mark.parametrize("in_queue", [True, False], ids=["queue", "direct"])
def test_what_is_no_purged_change_has_no_second_purge(event: dict[str, Any], in_queue: bool) -> None:
    world = world_of(exclude=["*.map"])
    world.invoke(sqs_event(event) if in_queue else event)
    assert world.aws.delayed == world.aws.parked == []


def test_of_a_mixed_event_only_the_keys_are_purged_twice() -> None:
    world = world_of()
    world.invoke({"keys": ["a", "img/"], "urls": [f"{SITE}/x"], "prefixes": [f"{HOST}/y"], "hosts": [HOST]})
    assert asked_again(world) == [{"keys": ["a"], "hop": 1}]


HOPS: list[object] = [1, 0, -1, 2, None, False, True, "", "no", [], {}, {"hop": 0}, 1e300]


@pytest.mark.parametrize("hop", HOPS, ids=repr)
@pytest.mark.parametrize("event", BY_WAY.values(), ids=BY_WAY)
def test_whatever_carries_the_mark_is_purged_and_not_again(event: dict[str, Any], hop: object) -> None:
    marked = {**event, "hop": hop}
    world = world_of()
    world.returned(sqs_event(marked, sns_body(marked), failed_invocation(marked), failed_invocation(sns_body(marked))))
    world.invoke(marked)
    world.invoke(sns_event(marked))
    world.invoke(failed_invocation(marked))
    assert len(world.cloudflare.accepted) == 4 * 4
    assert world.aws.delayed == world.aws.parked == []


def test_a_marked_message_leaves_its_neighbours_their_second_purge() -> None:
    world = world_of()
    world.returned(sqs_event({"keys": ["a"], "hop": 1}, s3_event("b"), {"keys": ["c"], "hop": 1}))
    assert [body["keys"] for body in asked_again(world)] == [["b"]]


def test_a_message_that_cannot_be_understood_is_purged_neither_once_nor_twice() -> None:
    world = world_of()
    with pytest.raises(Exception, match='"dry_run" must be true or false'):
        world.invoke(sns_event({"keys": ["a"], "hop": 1, "dry_run": "yes"}))
    assert world.cloudflare.accepted == []
    assert world.aws.delayed == []


def test_the_second_purge_is_asked_for_only_when_the_first_is_accepted() -> None:
    world = world_of()
    world.returned(sqs_event(s3_event("a", "b")))
    calls = [sent.headers.get("X-Amz-Target", "purge") for sent in world.transport.sent]
    assert calls == ["AmazonSSM.GetParameter", "purge", "AmazonSQS.SendMessage"]


@pytest.mark.parametrize(
    "reply", [answer(503), outage(), answer(429), refusal(403, 10000)], ids=["503", "outage", "429", "403"]
)
def test_what_is_not_purged_yet_is_not_asked_for_again(reply: Any) -> None:
    world = world_of(targets=[target(), target(zone_id=OTHER_ZONE, hosts=["cdn.example.org"])])
    world.cloudflare.zones[OTHER_ZONE] = reply
    assert world.returned(sqs_event(s3_event("a"))) == ["m0"]
    assert world.cloudflare.urls == [f"{SITE}/a"]
    assert world.aws.delayed == []
    # It comes again as a whole, and then it is.
    del world.cloudflare.zones[OTHER_ZONE]
    assert world.returned(sqs_event(s3_event("a"), receives=2)) == []
    assert [body["keys"] for body in asked_again(world)] == [["a"]]


@pytest.mark.parametrize("reply", [answer(503), refusal(403, 10000)], ids=["503", "403"])
def test_what_is_given_back_takes_all_of_its_changes_along_and_its_neighbours_go_their_way(reply: Any) -> None:
    world = world_of(targets=[target(), target(zone_id=OTHER_ZONE, hosts=["cdn.example.org"], key_prefix="there")])
    world.cloudflare.zones[OTHER_ZONE] = reply
    assert world.returned(sqs_event(s3_event("a", "there/b"), s3_event("c"))) == ["m0"]
    assert [body["keys"] for body in asked_again(world)] == [["c"]]


@pytest.mark.parametrize(
    "neighbour", [s3_event("bad.css"), s3_event("a.css", bucket="elsewhere"), {"Records": [{}]}], ids=lambda event: None
)
def test_what_is_good_of_a_parked_message_is_purged_twice(neighbour: dict[str, Any]) -> None:
    world = world_of()
    world.cloudflare.bad = lambda item: "bad" in item
    message = {"Records": [*s3_event("good.css")["Records"], *neighbour["Records"]]}
    assert world.returned(sqs_event(message, s3_event("other.css"))) == []
    assert [json.loads(parked["MessageBody"]) for parked in world.aws.parked] == [message]
    assert [body["keys"] for body in asked_again(world)] == [["good.css", "other.css"]]


@pytest.mark.parametrize(
    ("reply", "delay", "misconfigured"),
    [(answer(503), 5, 0), (outage(), 5, 0), (DENIED, 900, 1), (aws_error(400, "QueueDoesNotExist"), 900, 1)],
    ids=["503", "outage", "denied", "gone"],
)
def test_a_message_whose_second_purge_cannot_be_asked_for_comes_back(
    reply: Any, delay: int, misconfigured: int
) -> None:
    world = world_of()
    world.aws.script["SendMessage"] = [reply]
    event = sqs_event(s3_event("a"), s3_event("b"), {"urls": [f"{SITE}/c"]}, {"keys": ["d"], "hop": 1})
    assert world.returned(event) == ["m0", "m1"]
    assert world.aws.delays == {"receipt-m0": delay, "receipt-m1": delay}
    assert sorted(world.cloudflare.urls) == [f"{SITE}/{name}" for name in "abcd"]
    assert world.metrics["Misconfigured"] == misconfigured
    assert world.metrics["Retried"] == 2
    assert world.aws.delayed == world.aws.parked == []
    # Both of its purges come with it.
    assert world.returned(sqs_event(s3_event("a"), receives=2)) == []
    assert [body["keys"] for body in asked_again(world)] == [["a"]]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer(503), "HTTP 503 from sqs:SendMessage"),
        (DENIED, "AccessDenied"),
        (RuntimeError("secret"), "RuntimeError"),
    ],
    ids=["503", "denied", "unexpected"],
)
def test_the_log_says_why_a_second_purge_could_not_be_asked_for(reply: Any, reason: str) -> None:
    world = world_of()
    world.aws.script["SendMessage"] = [reply]
    assert world.returned(sqs_event(s3_event("a"))) == ["m0"]
    [line] = world.logged("second purge not asked for")
    assert line["level"] == "ERROR"
    assert reason in line["reason"]
    assert "secret" not in world.output


@pytest.mark.parametrize(("reply", "error"), [(answer(503), Transient), (DENIED, Misconfigured)])
def test_outside_sqs_it_is_an_exception(reply: Any, error: type[Exception]) -> None:
    world = world_of()
    world.aws.script["SendMessage"] = [reply]
    with pytest.raises(error, match="sqs:SendMessage"):
        world.invoke(s3_event("a"))
    assert world.cloudflare.urls == [f"{SITE}/a"]


def test_when_no_time_is_left_to_ask_the_message_comes_back() -> None:
    world = world_of()

    def slow(sent: Sent) -> None:
        world.clock.time += 59.5 if "/zones/" in sent.url else 0

    world.transport.on_post = slow
    assert world.returned(sqs_event(s3_event("a"))) == ["m0"]
    assert world.cloudflare.urls == [f"{SITE}/a"]
    assert world.aws.delayed == []


@pytest.mark.parametrize("letter", ["a", "ä", "文", "🎉", "\x01", '"'])
def test_keys_beyond_what_a_message_holds_are_shared_out_over_several(letter: str) -> None:
    world = world_of(targets=[target(purge_by="host")])
    keys = [f"{number:04}{letter * (1020 // len(letter.encode()))}" for number in range(500)]
    world.invoke({"keys": keys, "bucket": BUCKET, "zone_id": ZONE})
    bodies = asked_again(world)
    assert [key for body in bodies for key in body.pop("keys")] == keys
    assert bodies == [{"hop": 1, "bucket": BUCKET, "zone_id": ZONE}] * len(bodies)
    sizes = [len(message["MessageBody"]) for message in world.aws.delayed]
    assert max(sizes) < 256 * 1024
    assert all(one + next_one > 200_000 for one, next_one in pairwise(sizes))


def test_when_one_of_several_messages_is_refused_its_changes_come_back() -> None:
    world = world_of(targets=[target(purge_by="host")])
    world.aws.script["SendMessage"] = [None, answer(503)]
    first, second = ([f"{letter}{number:04}{'x' * 1019}" for number in range(150)] for letter in "ab")
    assert world.returned(sqs_event({"keys": first}, {"keys": second}, s3_event("c"))) == ["m1"]
    assert [body["keys"][0][0] for body in asked_again(world)] == ["a", "c"]


def test_what_fitted_into_an_invocation_as_several_messages_makes_no_message_that_does_not() -> None:
    hosts = [f"h{number}.example.com" for number in range(30)]
    world = world_of(targets=[target(hosts=hosts)])
    keys = [[f"{letter}{number}" for number in range(20)] for letter in "abc"]
    assert world.returned(sqs_event(*({"keys": part} for part in keys))) == []
    asked = [body["keys"] for body in asked_again(world)]
    assert [key for part in asked for key in part] == [key for part in keys for key in part]
    assert all(1 <= len(part) * 30 <= 100 for part in asked)
    for body in list(world.aws.delayed):
        assert world.returned(sqs_event(body["MessageBody"]), seconds=20) == []
    assert world.aws.parked == []


def test_a_key_that_no_object_has_is_parked_and_does_not_come_back_for_hours() -> None:
    world = world_of(targets=[target(purge_by="host")])
    assert world.returned(sqs_event(json.dumps({"keys": ["ä" * 100_000]}, ensure_ascii=False))) == []
    assert len(world.aws.parked) == 1


@dataclass(frozen=True)
class Delivery:
    """A message, and what the function should make of it."""

    body: dict[str, Any]
    changes: tuple[tuple[str, str | None, str | None], ...]  # key, bucket, zone_id
    is_marked: bool = False


SERVED = ["a.css", "b/index.html", "(1)+.css", "ü"]
KEYS = st.lists(st.sampled_from([*SERVED, "img/", "../x"]), min_size=1, max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=3,
)


# None forges a mark.
ENVELOPES: list[Callable[[object], dict[str, Any]] | None] = [sns_body, sns_event, failed_invocation, None]


@st.composite
def deliveries(draw: st.DrawFn) -> Delivery:
    keys = draw(KEYS)
    bucket, zone_id = draw(st.sampled_from([None, BUCKET])), draw(st.sampled_from([None, ZONE, OTHER_ZONE]))
    by_hand = {name: value for name, value in {"bucket": bucket, "zone_id": zone_id}.items() if value is not None}
    delivery = draw(
        st.sampled_from(
            [
                Delivery(s3_event(*keys), tuple((key, BUCKET, None) for key in keys)),
                Delivery(eventbridge_event(keys[0]), ((keys[0], BUCKET, None),)),
                Delivery({"keys": keys, **by_hand}, tuple((key, bucket, zone_id) for key in keys)),
                Delivery({"urls": [f"{SITE}/x"]}, ()),
            ]
        )
    )
    body, is_marked = delivery.body, False
    for wrap in draw(st.lists(st.sampled_from(ENVELOPES), max_size=4)):
        is_marked = is_marked or wrap is None
        body = {**body, "hop": draw(JSON)} if wrap is None else wrap(body)
    return Delivery(body, delivery.changes, is_marked)


def own(world: World, since: int) -> list[Delivery]:
    """The messages that the function has sent itself."""
    return [
        Delivery(body, tuple((key, body.get("bucket"), body.get("zone_id")) for key in body["keys"]), True)
        for body in asked_again(world)[since:]
    ]


def wanted(sent: list[Delivery]) -> set[tuple[str, str | None, str | None]]:
    return {change for one in sent if not one.is_marked for change in one.changes if change[0] in SERVED}


TWO_ZONES = [target(), target(zone_id=OTHER_ZONE, hosts=["cdn.example.org"], purge_by="prefix")]


@settings(max_examples=100)
@given(st.lists(deliveries(), min_size=1, max_size=8))
def test_every_change_has_exactly_one_second_purge_and_whatever_comes_back_none(sent: list[Delivery]) -> None:
    world = world_of(targets=TWO_ZONES)
    assert world.returned(sqs_event(*(one.body for one in sent))) == []
    seconds = own(world, 0)
    named = [change for one in seconds for change in one.changes]
    assert len(named) == len(set(named))
    assert set(named) == wanted(sent)
    for one in seconds:
        for body in (one.body, sns_body(one.body), failed_invocation(one.body)):
            assert world.returned(sqs_event(body)) == []
    assert len(world.aws.delayed) == len(seconds)
    assert world.aws.parked == []


FAULTS = st.lists(st.sampled_from([None, answer(503), outage(), refusal(403, 10000)]), max_size=8)
REFUSED = st.lists(st.sampled_from([None, answer(503), outage(), DENIED]), max_size=4)


@settings(max_examples=100)
@given(st.lists(deliveries(), min_size=1, max_size=6), FAULTS, REFUSED, st.integers(1, 10))
def test_whatever_fails_on_the_way_the_queue_runs_empty_and_every_change_is_purged_twice(
    sent: list[Delivery], faults: list[Any], refused: list[Any], batch: int
) -> None:
    world = world_of(targets=TWO_ZONES)
    world.cloudflare.script = list(faults)
    world.aws.script["SendMessage"] = list(refused)
    waiting, rounds = list(sent), 0
    while waiting:
        rounds += 1
        assert rounds < 100
        taken, waiting = waiting[:batch], waiting[batch:]
        before = len(world.aws.delayed)
        ids = world.returned(sqs_event(*(one.body for one in taken)))
        new = own(world, before)
        assert {change for one in new for change in one.changes} <= wanted(taken)
        waiting += [one for number, one in enumerate(taken) if f"m{number}" in ids] + new
    items = [item for _, _, item in world.cloudflare.accepted]
    for key, _, zone_id in wanted(sent):
        path = {"(1)+.css": "%281%29%2B.css", "ü": "%C3%BC"}.get(key, key)
        assert zone_id == OTHER_ZONE or items.count(f"{SITE}/{path}") >= 2
        assert zone_id == ZONE or items.count(f"cdn.example.org/{path}") >= 2
    assert world.aws.parked == []
