from __future__ import annotations

import copy
import json
import math
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cf_purge.errors import Misconfigured, Rejected, UnknownEvent
from cf_purge.purge import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS
from tests.unit.factories import (
    AT,
    HOST,
    OTHER_ZONE,
    TOKEN,
    ZONE,
    document,
    eventbridge_event,
    failed_invocation,
    s3_event,
    s3_record,
    s3_test_event,
    sns_body,
    sqs_event,
    target,
)
from tests.unit.fakes import Item, Reply, Sent, World, answer, aws_error, outage, refusal

TWO_ZONES = document(targets=[target(), target(zone_id=OTHER_ZONE, hosts=["b.example.net"], key_prefix="b/")])
GARBAGE = st.one_of(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ).map(json.dumps),
    st.sampled_from(
        [
            json.dumps(body)
            for body in (
                s3_event("a"),
                s3_event("a", "b", "index.html"),
                s3_event("img/(1)+ ü.css"),
                s3_event("a", bucket="elsewhere"),
                s3_event(raw_key="%FF", key="x"),
                s3_event("a/"),
                s3_test_event(),
                sns_body(s3_event("sns")),
                sns_body("nonsense"),
                eventbridge_event("bridge+%"),
                failed_invocation(s3_event("failed")),
                {"Records": [s3_record("good"), {"bad": True}]},
                {"Records": []},
                {"keys": ["k"]},
                {"keys": ["k"], "dry_run": True},
                {"keys": []},
                {"urls": [f"https://{HOST}/u?x=1"]},
                {"urls": ["https://evil.example.org/"]},
                {"urls": [f"https://{HOST}/bad"]},
            )
        ]
    ),
)
REPLIES = st.sampled_from(
    [
        None,
        None,
        None,
        outage(),
        answer(429, {}, retry_after="300"),
        answer(200, b"<html>"),
        refusal(401, 10000),
        refusal(400, 1012),
        refusal(400, 1016, message=f"Bearer {TOKEN}"),
        RuntimeError("boom"),
        OSError("boom"),
    ]
)
AWS_REPLIES = st.sampled_from([None, None, outage(), aws_error(403, "AccessDenied"), aws_error(500, "X")])


def url(path: str) -> str:
    return f"https://{HOST}/{path}"


# ---- Batches of messages ----


def test_a_batch_that_worked_returns_nothing_and_needs_one_request(world: World) -> None:
    assert world.returned(sqs_event(*(s3_event(f"k{n}") for n in range(10)))) == []
    assert world.cloudflare.accepted == [(ZONE, FILES, url(f"k{n}")) for n in range(10)]
    assert len(world.cloudflare.requests) == 1


def test_a_thousand_changes_become_ten_requests() -> None:
    world = World(document(cloudflare={"requests_per_second": 1000}))
    assert world.returned(sqs_event(*(s3_event(*(f"{m}/{n}" for n in range(100))) for m in range(10)))) == []
    assert len(world.cloudflare.requests) == 10
    assert len(set(world.cloudflare.urls)) == 1000


@pytest.mark.parametrize("receives", [1, 4, 30])
def test_an_outage_gives_every_message_back_for_later(world: World, receives: int) -> None:
    world.cloudflare.script = [outage()] * 3
    assert world.returned(sqs_event(s3_event("a"), s3_event("b"), receives=receives)) == ["m0", "m1"]
    delay = math.ceil(0.95 * min(900, 5 * 2 ** (receives - 1)))
    assert world.aws.delays == {"receipt-m0": delay, "receipt-m1": delay}
    assert world.metrics["Retried"] == 2
    assert world.metrics["Misconfigured"] == 0


def test_a_retry_after_that_does_not_fit_is_when_the_message_is_seen_again(world: World) -> None:
    world.cloudflare.script = [answer(429, {}, retry_after="240")]
    assert world.returned(sqs_event(s3_event("a"), receives=5)) == ["m0"]
    assert world.aws.delays == {"receipt-m0": 240}
    assert world.metrics["RateLimited"] == 1


@pytest.mark.parametrize("reply", [refusal(401, 10000), refusal(404, 7003, 7000), refusal(400, 6003)])
def test_what_a_person_must_mend_goes_back_for_a_quarter_of_an_hour_and_into_the_metric(
    world: World, reply: Reply
) -> None:
    world.cloudflare.zones = {ZONE: reply}
    assert world.returned(sqs_event(s3_event("a"), s3_event("b"))) == ["m0", "m1"]
    assert world.aws.delays == {"receipt-m0": 900, "receipt-m1": 900}
    assert world.metrics["Misconfigured"] == 1
    assert world.aws.parked == []
    assert world.aws.fetches() == 2


def test_of_two_zones_the_broken_one_holds_back_only_its_own_messages() -> None:
    world = World(TWO_ZONES)
    world.cloudflare.zones = {OTHER_ZONE: refusal(403, 10000)}
    assert world.returned(sqs_event(s3_event("a"), s3_event("b/x"), s3_event("c"))) == ["m1"]
    assert world.cloudflare.urls == [url("a"), url("b/x"), url("c")]
    assert world.aws.delays == {"receipt-m1": 900}
    assert world.metrics["Misconfigured"] == 1


def test_a_bad_url_is_parked_with_its_message_and_the_others_are_purged(world: World) -> None:
    world.cloudflare.bad = lambda each: each.endswith("/bad")
    bodies = [s3_event("a"), s3_event("bad"), s3_event("b", "bad", "c"), s3_event("d")]
    assert world.returned(sqs_event(*bodies)) == []
    assert sorted(world.cloudflare.urls) == [url(name) for name in "abcd"]
    assert [json.loads(parked["MessageBody"]) for parked in world.aws.parked] == [bodies[1], bodies[2]]
    assert {code for code, _ in world.parked_reasons} == {"ForeignHost"}
    assert world.metrics["Parked"] == 2


@pytest.mark.parametrize(
    ("poison", "code"),
    [
        ("not json", "UnknownEvent"),
        ("", "UnknownEvent"),
        ("[" * 100_000, "UnknownEvent"),
        ({"Records": [{"bad": True}]}, "UnknownEvent"),
        (s3_event("a", version="3.0"), "UnknownEvent"),
        (s3_event("a", bucket="elsewhere"), "ForeignBucket"),
        ({"urls": ["https://evil.example.org/"]}, "ForeignHost"),
        ({"urls": ["nonsense"]}, "MalformedUrl"),
        ({"prefixes": [f"https://{HOST}/a"]}, "MalformedPrefix"),
        ({"tags": ["a b"]}, "MalformedTag"),
        ({"hosts": ["a b"]}, "MalformedHost"),
        ({"hosts": ["evil.example.org"]}, "ForeignHost"),
        ({"tags": ["a"], "zone_id": OTHER_ZONE}, "ForeignZone"),
        ({"keys": ["a"], "zone_id": OTHER_ZONE}, "ForeignZone"),
        ({"check": True, "zone_id": OTHER_ZONE}, "ForeignZone"),
        ({"everything": True, "zone_id": OTHER_ZONE}, "ForeignZone"),
        ({"everything": True}, "UnknownEvent"),
        ({"everything": False, "zone_id": ZONE}, "UnknownEvent"),
        ({"keys": ["a"], "tags": []}, "UnknownEvent"),
        ({"keys": []}, "UnknownEvent"),
    ],
)
def test_a_poison_message_is_parked_under_its_code_and_holds_nothing_up(
    world: World, poison: object, code: str
) -> None:
    assert world.returned(sqs_event(s3_event("before"), poison, s3_event("after"))) == []
    assert world.cloudflare.urls == [url("before"), url("after")]
    assert [found for found, _ in world.parked_reasons] == [code]


def test_the_good_records_of_a_bad_message_are_purged_before_it_is_parked(world: World) -> None:
    assert world.returned(sqs_event({"Records": [s3_record("a"), {"bad": True}, s3_record("b")]})) == []
    assert world.cloudflare.urls == [url("a"), url("b")]
    assert len(world.aws.parked) == 1


def test_a_bad_message_is_not_parked_while_its_good_records_wait(world: World) -> None:
    world.cloudflare.script = [outage()] * 3
    assert world.returned(sqs_event({"Records": [s3_record("a"), {"bad": True}]})) == ["m0"]
    assert world.aws.parked == []


def test_a_test_event_in_the_queue_is_acknowledged_silently(world: World) -> None:
    assert world.returned(sqs_event(s3_test_event(), sns_body(s3_test_event()))) == []
    assert world.transport.sent == []
    assert len(world.lines) == 1  # the metrics


def test_when_the_time_is_up_the_rest_goes_back() -> None:
    world = World(document(cloudflare={"requests_per_second": 0.5}))
    event = sqs_event(*(s3_event(*(f"{m}/{n}" for n in range(100))) for m in range(10)))
    returned = world.returned(event, seconds=9)
    assert world.clock.time <= AT + 1 + 9
    assert 3 <= len(world.cloudflare.requests) <= 7
    assert returned == [f"m{n}" for n in range(len(world.cloudflare.requests), 10)]
    assert set(world.aws.delays) == {f"receipt-{each}" for each in returned}


def test_with_no_time_left_nothing_is_begun_and_everything_is_returned(world: World) -> None:
    assert world.returned(sqs_event(s3_event("a"), s3_event("b")), seconds=1.2) == ["m0", "m1"]
    assert world.cloudflare.requests == []


def test_lambda_s_default_of_three_seconds_is_enough_for_a_purge(world: World) -> None:
    assert world.returned(sqs_event(s3_event("a")), seconds=3.0) == []
    assert world.cloudflare.urls == [url("a")]


@pytest.mark.parametrize(("seconds", "kept"), [(900.0, 5.0), (60.0, 5.0), (25.0, 5.0), (15.0, 3.0), (3.0, 0.6)])
def test_time_is_kept_back_to_give_messages_back_and_park_them(world: World, seconds: float, kept: float) -> None:
    world.cloudflare.script = [outage()] * 9
    ends: list[float] = []
    world.transport.on_post = lambda sent: ends.append(world.clock.time + sent.timeout)
    world.returned(sqs_event(s3_event("a")), seconds=seconds)
    to_cloudflare = [end for end, sent in zip(ends, world.transport.sent, strict=True) if "files" in sent.body]
    assert to_cloudflare
    assert max(to_cloudflare) <= AT + 1 + seconds - kept + 1e-6


def test_messages_of_several_kinds_share_their_requests(world: World) -> None:
    by_hand: dict[str, Any] = {"prefixes": [f"{HOST}/a"], "tags": ["t"], "hosts": [HOST]}
    bodies: list[dict[str, Any]] = [{name: items} for name, items in by_hand.items()]
    bodies += [{"everything": True, "zone_id": ZONE}, {"urls": [url("a")]}, s3_event("a")] * 2
    assert world.returned(sqs_event(*bodies)) == []
    assert sorted(sent.kind for sent in world.cloudflare.requests) == sorted([FILES, PREFIXES, TAGS, HOSTS, EVERYTHING])
    assert len(set(world.cloudflare.accepted)) == len(world.cloudflare.accepted)


def test_of_two_kinds_the_broken_one_holds_back_only_its_own_messages(world: World) -> None:
    world.cloudflare.kinds = {TAGS: answer(429, {}, retry_after="300"), HOSTS: refusal(403, 10000)}
    bodies = [{"tags": ["t"]}, {"hosts": [HOST]}, {"urls": [url("a")]}, {"urls": [url("b")], "tags": ["u"]}]
    assert world.returned(sqs_event(*bodies)) == ["m0", "m1", "m3"]
    assert world.cloudflare.urls == [url("a"), url("b")]
    assert world.aws.delays == {"receipt-m0": 300, "receipt-m1": 900, "receipt-m3": 300}


def test_a_dry_run_in_the_queue_is_logged_and_done_with(world: World) -> None:
    assert world.returned(sqs_event({"keys": ["a"], "dry_run": True}, s3_event("b"))) == []
    assert world.cloudflare.urls == [url("b")]
    [line] = world.logged("dry run")
    assert line["invalidations"] == [url("a")]


# ---- What nobody expects ----


@pytest.mark.parametrize(
    "place",
    [
        "cf_purge.invocation.asked_by",
        "cf_purge.invocation.purges_for",
        "cf_purge.lane.requests_for",
        "cf_purge.cloudflare.Cloudflare.send",
        "cf_purge.cloudflare._document",
    ],
)
@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyError("boom"), RecursionError(), MemoryError()])
def test_an_unexpected_error_fails_closed(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception
) -> None:
    def explode(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(place, explode)
    assert world.returned(sqs_event(s3_event("a"), s3_event("b"))) == ["m0", "m1"]
    assert world.aws.parked == []
    assert world.aws.delays == {"receipt-m0": 5, "receipt-m1": 5}
    unexpected = world.logged("unexpected error")
    assert {line["kind"] for line in unexpected} == {type(error).__name__}
    assert all("explode" in "".join(line["where"]) for line in unexpected)


def test_an_unexpected_error_in_one_message_holds_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from cf_purge.invocation import purges_for

    def explode(key: str, *rest: Any) -> Any:
        if key == "cursed":
            raise RuntimeError("boom")
        return purges_for(key, *rest)

    monkeypatch.setattr("cf_purge.invocation.purges_for", explode)
    assert world.returned(sqs_event(s3_event("a"), s3_event("x", "cursed", "y"), s3_event("b"))) == ["m1"]
    assert {url("a"), url("b")} <= set(world.cloudflare.urls)
    assert world.aws.delays == {"receipt-m1": 5}


def test_what_was_accepted_before_an_unexpected_error_is_not_returned() -> None:
    world = World(TWO_ZONES)

    def explode(sent: Sent) -> None:
        if OTHER_ZONE in sent.url:
            raise RuntimeError("boom")

    world.transport.on_post = explode
    assert world.returned(sqs_event(s3_event("a"), s3_event("b/x"))) == ["m1"]
    assert world.metrics["Purged"] == 2


def test_a_batch_that_sqs_never_sends_is_an_exception(world: World) -> None:
    event = sqs_event(s3_event("a"))
    del event["Records"][0]["messageId"]
    with pytest.raises(UnknownEvent):
        world.invoke(event)
    assert world.metrics["Purged"] == 0


# ---- Metrics ----


def test_the_metrics_say_what_one_invocation_did() -> None:
    world = World(document(exclude=["*.map"]))
    world.cloudflare.script = [answer(429, {}), None]
    world.cloudflare.bad = lambda each: each.endswith("bad")
    bodies = [s3_event("a"), s3_event("(1)"), s3_event("x.map"), s3_event("bad"), {"urls": [url("u")]}, "poison"]
    assert world.returned(sqs_event(*bodies)) == []
    counts = {name: value for name, value in world.metrics.items() if isinstance(value, int)}
    assert counts == {
        "Changes": 5,
        "Purged": 4,
        "Skipped": 1,
        "Parked": 2,
        "Retried": 0,
        "Requests": len(world.cloudflare.requests),
        "RateLimited": 1,
        "Misconfigured": 0,
    }
    assert world.metrics["Name"] == "site"
    assert world.metrics["_aws"]["Timestamp"] == round(world.clock.time * 1000)
    assert len([line for line in world.lines if "_aws" in line]) == 1


def test_lag_is_from_the_change_to_the_accepted_purge_of_its_last_copy() -> None:
    world = World(TWO_ZONES)
    world.clock.time = AT + 2
    world.cloudflare.script = [None, outage()]
    assert world.returned(sqs_event(s3_event("a"), s3_event("b/x", time="2026-11-23T05:59:59.250Z"))) == []
    assert world.metrics["Lag"] == [2000, 3250]


def test_a_change_from_the_future_has_no_lag_and_a_failed_or_timeless_one_has_none_to_tell(world: World) -> None:
    world.invoke(s3_event("a", time="2027-01-01T00:00:00Z"))
    assert world.metrics["Lag"] == [0]
    world.invoke({"keys": ["a"]})
    assert "Lag" not in world.metrics
    world.invoke(s3_event("folder/"))
    assert "Lag" not in world.metrics
    world.cloudflare.script = [outage()] * 3
    world.returned(sqs_event(s3_event("a")))
    assert "Lag" not in world.metrics


def test_the_metrics_are_written_when_the_invocation_raises_too(world: World) -> None:
    with pytest.raises(Rejected):
        world.invoke({"nonsense": True})
    assert world.metrics["Requests"] == 0
    world.cloudflare.tokens = set()
    with pytest.raises(Misconfigured):
        world.invoke(s3_event("a"))
    assert world.metrics["Misconfigured"] == 1


# ---- Laws ----


@settings(max_examples=300)
@given(
    st.lists(GARBAGE, min_size=1, max_size=10),
    st.lists(REPLIES, max_size=12),
    st.lists(AWS_REPLIES, max_size=3),
    st.lists(AWS_REPLIES, max_size=3),
    st.sampled_from([60.0, 5.0, 0.1]),
)
def test_every_message_is_purged_parked_or_returned_and_nothing_else_is_purged(
    bodies: list[str], script: list[Reply | None], ssm: list[Reply | None], sqs: list[Reply | None], seconds: float
) -> None:
    world = World()
    world.cloudflare.script = list(script)
    world.cloudflare.bad = lambda each: each.endswith("/bad")
    world.aws.script = {"GetParameter": ssm, "SendMessage": sqs, "ChangeMessageVisibilityBatch": list(sqs)}
    event = sqs_event(*bodies)
    before = copy.deepcopy(event)
    returned = world.returned(event, seconds)
    assert event == before
    assert len(set(returned)) == len(returned)

    calm = World()  # the same messages one by one, with nothing in their way
    done = set(world.cloudflare.accepted)
    parked = [parked["MessageBody"] for parked in world.aws.parked]
    asked: set[tuple[str, str, Item]] = set()
    for index, body in enumerate(bodies):
        calm.cloudflare.accepted.clear()
        calm.aws.parked.clear()
        calm.clock.time += 60
        assert calm.returned(sqs_event(body)) == []
        asked |= set(calm.cloudflare.accepted)
        if f"m{index}" in returned:
            continue
        if body in parked:
            parked.remove(body)
            continue
        assert not calm.aws.parked
        assert set(calm.cloudflare.accepted) <= done
    assert parked == []
    assert done <= asked
    assert {(zone, kind) for zone, kind, _ in done} <= {(ZONE, FILES)}
    assert all(str(each).startswith(f"https://{HOST}/") for _, _, each in done)
    assert TOKEN not in world.output


KEY = st.lists(st.text(min_size=1, max_size=6) | st.sampled_from(["index.html", "a", "b"]), min_size=1, max_size=3).map(
    "/".join
)


@given(st.lists(KEY, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_order_duplicates_and_division_into_messages_change_nothing(keys: list[str], random: Any) -> None:
    config = document(targets=[target(hosts=[HOST, "cdn.example.com"]), target(zone_id=OTHER_ZONE, key_prefix="b")])
    one, other = World(config), World(config)
    one.invoke(s3_event(*keys))
    assert len(set(one.cloudflare.accepted)) == len(one.cloudflare.accepted)
    shuffled = keys * 2
    random.shuffle(shuffled)
    other.returned(sqs_event(*(s3_event(key) for key in shuffled)))
    assert sorted(other.cloudflare.accepted) == sorted(one.cloudflare.accepted)


@given(st.lists(KEY, min_size=1, max_size=6), st.sampled_from(["", "static", "a b/ü"]))
def test_every_url_purged_is_explained_by_a_change_below_the_path(keys: list[str], path: str) -> None:
    world = World(document(targets=[target(path_prefix=path, index_documents=["index.html"])]))
    world.invoke(s3_event(*keys))
    below = f"https://{HOST}/{path}/" if path else f"https://{HOST}/"
    explained = {below + key for key in keys} | {below + key[: -len("index.html")] for key in keys}
    assert {unquote(each, errors="strict") for each in world.cloudflare.urls} <= explained


def test_a_message_that_is_refused_in_part_and_never_gets_through_is_parked_before_hours_have_passed() -> None:
    """Telling sixty bad URLs from each other takes twice as many requests, more than an invocation has."""
    event = {"keys": [f"bad/{n}" for n in range(60)]}
    for receives, returned in ((1, ["m0"]), (2, ["m0"]), (3, [])):
        world = World(document(cloudflare={"requests_per_second": 0.5}))
        world.cloudflare.bad = lambda item: "/bad/" in item
        world.cloudflare.bad_reply = refusal(400, 4711)
        assert world.returned(sqs_event(event, receives=receives)) == returned
        assert [code for code, _ in world.parked_reasons] == ["RejectedByCloudflare"] * (not returned)


def test_a_message_that_is_refused_in_part_waits_for_an_outage_however_often_it_was_received(world: World) -> None:
    world.cloudflare.kinds = {TAGS: refusal(400, 1012), FILES: outage()}
    assert world.returned(sqs_event({"tags": ["t"], "urls": [url("a")]}, receives=20)) == ["m0"]
    assert world.aws.parked == []


@pytest.mark.parametrize("seconds", [60.0, 10.0, 3.0])
def test_when_nothing_can_be_sent_the_next_batch_is_not_taken_at_once(world: World, seconds: float) -> None:
    world.cloudflare.script = [answer(429, {}, retry_after="300")]
    assert world.returned(sqs_event(s3_event("a")), seconds=60.0) == ["m0"]
    assert world.clock.slept == []
    start = world.clock.time
    assert world.returned(sqs_event(s3_event("b")), seconds=seconds) == ["m0"]
    assert world.aws.delays == {"receipt-m0": 300}
    assert world.clock.time - start == pytest.approx(min(5.0, seconds - min(0.5, 0.05 * seconds)))
    assert len(world.cloudflare.requests) == 1


def test_without_a_token_the_parameter_is_not_asked_for_in_a_loop(world: World) -> None:
    world.aws.script["GetParameter"] = [aws_error(400, "AccessDeniedException")] * 9
    assert world.returned(sqs_event(s3_event("a"))) == ["m0"]
    assert world.clock.slept == [5.0]


def test_a_message_that_is_parked_holds_nobody_up(world: World) -> None:
    assert world.returned(sqs_event("poison")) == []
    assert world.clock.slept == []


def test_a_zone_that_asked_to_wait_is_waited_for_though_another_refuses_the_message() -> None:
    targets = [target(), target(zone_id=OTHER_ZONE)]
    world = World(document(targets=targets))
    world.cloudflare.zones = {OTHER_ZONE: answer(429, {}, retry_after="120")}
    assert world.returned(sqs_event(s3_event("first"))) == ["m0"]
    world.cloudflare.zones = {ZONE: refusal(400, 1016)}
    assert world.returned(sqs_event(s3_event("a"), receives=3)) == ["m0"]
    assert world.aws.parked == []
