"""Is it the zone, or is it what was sent? What each answer leads to, played through the whole function."""

import gc
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.errors import PurgeError, Rejected, TimedOut
from cf_purge.plan import Plan
from cf_purge.targets import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS
from tests.support.factories import document, s3_event, sqs_event, sqs_record, target
from tests.support.fakes import Reply, Sent, World, answer, aws_error, outage, refusal, result
from tests.support.names import HOST, OTHER_ZONE, SITE, ZONE

PROBE = ".cf-purge-check"
HTML = b"<html>Forbidden</html>"
TWO_ZONES = [target(), target(zone_id=OTHER_ZONE, hosts=["b.example.net"], key_prefix="b")]
# Answers that may be about the zone or about what was sent.
UNCLEAR: dict[str, Reply] = {
    "403 HTML": answer(403, HTML), "403 JSON": refusal(403, 10000), "unknown code": refusal(400, 4711),
    "500": answer(500, HTML), "garbage": answer(200, b"x" * 2000), "reset": outage(),
    "hang": TimedOut("No answer within 2 s."),
}  # fmt: skip


def batch(*names: str, receives: int = 1) -> dict[str, Any]:
    """Messages about one object each, with the object's name as their ID."""
    return {"Records": [sqs_record(s3_event(name), name, receives) for name in names]}


def names(count: int) -> list[str]:
    return [f"k{number}" for number in range(count)]


def world_of(*targets: dict[str, Any], **changes: Any) -> World:
    return World(document(**{"targets": list(targets) or [target()], "max_receive_count": 30, **changes}))


def refuse(world: World, reply: Reply, about: Callable[[str], bool]) -> None:
    """Answer every request that has such an item with `reply`; a hang takes its time."""
    world.cloudflare.bad, world.cloudflare.bad_reply = about, reply

    def hang(sent: Sent) -> None:
        if isinstance(reply, TimedOut) and "/zones/" in sent.url and any(map(about, sent.urls)):
            world.clock.pass_(sent.timeout)

    world.transport.on_post = hang


def is_probe(sent: Sent) -> bool:
    return sent.method == "POST" and PROBE in json.dumps(sent.body)


def named(world: World) -> list[str]:
    """What was purged, without probes."""
    return sorted(url.removeprefix(f"{SITE}/") for url in world.cloudflare.urls if not url.endswith(PROBE))


# ---- An item that makes its requests fail ----


@pytest.mark.parametrize("name", UNCLEAR)
def test_one_of_ten_messages_that_makes_its_requests_fail_harms_no_other(name: str) -> None:
    world = world_of()
    refuse(world, UNCLEAR[name], lambda item: item == f"{SITE}/bad")
    bodies = [*names(5), "bad", *names(9)[5:]]
    is_unknown = name == "unknown code"
    began = world.clock.time
    assert world.returned(batch(*bodies)) == ([] if is_unknown else ["bad"])
    assert named(world) == names(9)
    assert world.clock.time - began <= 15
    assert world.metrics["Misconfigured"] == 0
    assert [code for code, _ in world.parked_reasons] == (["RejectedByCloudflare"] if is_unknown else [])
    # Fresh messages are not behind it: at its next receive it is asked for alone, after them.
    world.cloudflare.requests.clear()
    if not is_unknown:
        world.clock.pass_(5)
        again = batch("bad", receives=2)["Records"] + batch("fresh")["Records"]
        assert world.returned({"Records": again}) == ["bad"]
        assert next(sent.urls for sent in world.cloudflare.requests if not is_probe(sent)) == [f"{SITE}/fresh"]
        assert "fresh" in named(world)


@given(st.integers(1, 40), st.sets(st.integers(0, 39)), st.sampled_from([refusal(400, 1012), answer(413, HTML)]))
def test_exactly_the_bad_items_are_found(count: int, bad: set[int], reply: Reply) -> None:
    world = world_of(cloudflare={"requests_per_second": 1000})
    refuse(world, reply, lambda item: int(item.rpartition("k")[2]) in bad)
    assert world.returned(batch(*names(count))) == []
    assert len(world.aws.parked) == sum(number in bad for number in range(count))
    assert named(world) == sorted(f"k{number}" for number in range(count) if number not in bad)


def test_a_direct_invocation_purges_all_but_what_is_refused() -> None:
    world = world_of()
    refuse(world, refusal(400, 1012), lambda item: item.endswith("00"))
    with pytest.raises(Rejected):
        world.invoke({"urls": [f"{SITE}/{number}" for number in range(1, 901)]})
    assert len(named(world)) == 891


@pytest.mark.parametrize("name", UNCLEAR)
def test_a_direct_invocation_purges_all_but_what_makes_its_requests_fail(name: str) -> None:
    world = world_of()
    refuse(world, UNCLEAR[name], lambda item: item == f"{SITE}/bad")
    with pytest.raises(PurgeError, match=rf"Not purged: {SITE}/bad\.$"):
        world.invoke({"urls": [f"{SITE}/{name}" for name in (*names(9), "bad")]})
    assert named(world) == names(9)


@pytest.mark.parametrize("code", [1012, 4711])
def test_an_item_that_is_refused_is_named(code: int) -> None:
    world = world_of()
    refuse(world, refusal(400, code), lambda item: item == f"{SITE}/bad")
    with pytest.raises(Rejected, match=rf"{code} .*\. Not purged: {SITE}/bad\.$"):
        world.invoke({"urls": [f"{SITE}/{name}" for name in ("a", "bad", "b")]})
    assert named(world) == ["a", "b"]


# ---- An unknown code, and nobody beside it ----


@pytest.mark.parametrize(("status", "name"), [(400, "a"), (404, "a/index.html"), (409, "[1] and 2.css")])
def test_a_single_upload_that_gets_an_unknown_code_is_judged_by_the_probe(status: int, name: str) -> None:
    world = world_of()
    refuse(world, refusal(status, 4711, message="odd"), lambda item: not item.endswith(PROBE))
    with pytest.raises(Rejected):
        world.invoke({"keys": ["direct"]})  # it is no message
    assert world.returned(batch(name)) == []
    [(code, reason)] = world.parked_reasons
    assert (code, "4711 odd" in reason) == ("RejectedByCloudflare", True)
    # One message in an environment: a fault of Cloudflare's may spare the probe.
    assert world.returned(batch("b")) == ["b"]

    world = world_of()
    world.cloudflare.zones[ZONE] = refusal(status, 4711)
    assert world.returned(batch("a")) == ["a"]
    assert world.aws.parked == []


# ---- The token and the zone ----


@pytest.mark.parametrize(
    "reply", [refusal(400, 9106), refusal(401, 10000), refusal(403, 4711), refusal(404, 7003, 7000), answer(401, HTML)]
)
def test_a_token_or_zone_that_is_refused_with_the_probe_alarms_at_once_and_parks_nothing(reply: Reply) -> None:
    world = world_of()
    world.cloudflare.zones[ZONE] = reply
    assert world.returned(batch(*names(10))) == names(10)
    assert world.aws.parked == []
    assert world.metrics["Misconfigured"] == 1
    assert len(world.cloudflare.requests) <= 4
    assert world.aws.fetches() == 2
    assert {delay % 60 for delay in world.aws.delays.values()} == {59}, "all at the next whole minute"


def test_a_valid_token_that_is_refused_twice_is_used_once_more(world: World) -> None:
    world.cloudflare.script = [refusal(401, 10000)] * 2
    began = world.clock.time
    assert world.returned(batch("a")) == []
    assert world.clock.time - began <= 5
    assert world.metrics["Misconfigured"] == 0


def test_a_second_rotation_within_a_minute_is_noticed_at_once(world: World) -> None:
    for token in ("first", "second", "third"):
        world.aws.token, world.cloudflare.tokens = token, {token}
        began = world.clock.time
        assert world.returned(batch(token)) == []
        assert world.clock.time - began <= 5


@pytest.mark.parametrize("reply", [refusal(429, 1134, retry_after="30"), answer(503, HTML, retry_after="30")])
def test_in_the_minute_after_a_wait_that_was_named_a_refused_token_is_no_alarm(reply: Reply) -> None:
    world = world_of()
    world.cloudflare.zones[ZONE] = reply
    world.returned(batch("a"))
    world.cloudflare.zones[ZONE] = refusal(403, 9109)
    for seconds, misconfigured in ((31, 0), (40, 0), (60, 1)):
        world.clock.pass_(seconds)
        assert world.returned(batch("a")) == ["a"]
        assert world.metrics["Misconfigured"] == misconfigured


@pytest.mark.parametrize("code", ["AccessDeniedException", "ParameterNotFound"])
def test_a_token_that_cannot_be_read_is_misconfigured_and_asks_cloudflare_nothing(world: World, code: str) -> None:
    world.aws.script["GetParameter"] = [aws_error(400, code)] * 9
    assert world.returned(batch("a", "b")) == ["a", "b"]
    assert world.metrics["Misconfigured"] == 1
    assert world.cloudflare.requests == []


# ---- Waits and holds ----


@pytest.mark.parametrize(
    "reply", [answer(429, {}), answer(429, HTML, retry_after="0"), refusal(200, 971), refusal(400, 1012, 1134)]
)
def test_an_answer_that_throttles_holds_the_zone_without_a_probe_and_parks_nothing(reply: Reply) -> None:
    world = world_of()
    world.cloudflare.script = [reply] * 99
    assert world.returned(batch(*names(10))) == names(10)
    assert world.aws.parked == []
    assert not is_probe(world.cloudflare.requests[0])
    assert world.metrics["RateLimited"] == world.metrics["Requests"] == len(world.cloudflare.requests) <= 5
    assert world.metrics["Misconfigured"] == 0


@pytest.mark.parametrize(
    "script",
    [
        [refusal(429, 1134, retry_after="120")],
        [answer(503, HTML, retry_after="120"), answer(503, HTML, retry_after="120")],
        [answer(503, HTML, retry_after="120"), answer(503, HTML)],
    ],
    ids=["429", "503", "503, and the probe names no wait"],
)
@pytest.mark.parametrize("has_worked", [False, True])
def test_a_wait_that_is_named_is_kept_by_later_invocations_and_ends_with_a_probe(
    script: list[Reply], has_worked: bool
) -> None:
    world, before = world_of(), [False, True][: len(script)]
    assert not has_worked or world.returned(batch("first")) == []
    world.cloudflare.requests.clear()
    world.cloudflare.script = [*script]
    assert world.returned(batch("a")) == ["a"]
    assert 120 <= world.aws.delays["receipt-a"] <= 180
    world.clock.pass_(60)
    assert world.returned(batch("b")) == ["b"]
    assert len(world.cloudflare.requests) == len(before)
    world.clock.pass_(60)
    assert world.returned(batch("b")) == []
    assert [is_probe(sent) for sent in world.cloudflare.requests] == [*before, True, False]


def test_the_parts_of_a_request_wait_as_long_as_an_answer_to_another_part_says() -> None:
    world = world_of()
    world.cloudflare.script = [answer(500, b""), result({}), answer(429, None, retry_after="600")]
    assert world.returned(batch(*names(10), receives=3)) == names(10)
    assert min(world.aws.delays.values()) >= 600


@pytest.mark.parametrize("reply", [answer(503, HTML), outage(), answer(500, b"")], ids=["503", "reset", "500"])
def test_a_passing_fault_is_ridden_out_within_the_invocation(world: World, reply: Reply) -> None:
    world.cloudflare.script = [reply, reply]
    assert world.returned(batch(*names(10))) == []
    assert sum(world.clock.slept) <= 5


# ---- Zones and kinds ----


@pytest.mark.parametrize("reply", [answer(503, HTML), outage(), refusal(403, 10000), answer(429, {}, retry_after="70")])
@pytest.mark.parametrize("order", [1, -1], ids=["broken last", "broken first"])
def test_a_broken_zone_keeps_nothing_from_the_other_and_the_other_is_not_purged_again(reply: Reply, order: int) -> None:
    world = world_of(*TWO_ZONES[::order])
    world.cloudflare.zones[OTHER_ZONE] = reply
    assert world.returned(batch("a", "b/x", "c")) == ["b/x"]
    for receives in range(2, 12):
        world.clock.pass_(900)
        assert world.returned(batch("b/x", receives=receives)) == ["b/x"]
    assert sorted(world.cloudflare.urls) == [f"{SITE}/a", f"{SITE}/b/x", f"{SITE}/c"]
    del world.cloudflare.zones[OTHER_ZONE]
    world.clock.pass_(900)
    assert world.returned(batch("b/x", receives=12)) == []
    assert (OTHER_ZONE, FILES, "https://b.example.net/x") in world.cloudflare.accepted
    assert world.cloudflare.urls.count(f"{SITE}/b/x") == 1
    # Once done it is forgotten: a redriven message is a new one.
    assert world.returned(batch("b/x", receives=1)) == []
    assert world.cloudflare.urls.count(f"{SITE}/b/x") == 2


KINDS: dict[str, dict[str, Any]] = {
    FILES: {"urls": [f"{SITE}/a"]},
    PREFIXES: {"prefixes": [f"{HOST}/a"]},
    TAGS: {"tags": ["a"]},
    HOSTS: {"hosts": [HOST]},
    EVERYTHING: {"everything": True, "zone_id": ZONE},
}


def test_a_purge_that_was_accepted_or_rejected_is_not_sent_again_and_the_reason_names_it() -> None:
    world = world_of(target(keys=["k", "bad"]), TWO_ZONES[1], verify={})
    refuse(world, refusal(400, 1012), lambda item: item == f"{SITE}/bad")
    world.cloudflare.zones[OTHER_ZONE] = answer(500, HTML)
    body = s3_event("k", "bad", "b/x")
    assert world.returned({"Records": [sqs_record(body, "m")]}) == ["m"]
    gc.collect()
    plans = [each for each in gc.get_objects() if isinstance(each, Plan)]
    assert "m" not in [
        task.message.id for plan in plans for task in plan.tasks
    ]  # what is remembered keeps no invocation
    del world.cloudflare.zones[OTHER_ZONE]
    world.cloudflare.requests.clear()
    world.clock.pass_(60)
    assert world.returned({"Records": [sqs_record(body, "m", 2)]}) == []
    assert [sent.urls for sent in world.cloudflare.requests if not is_probe(sent)] == [["https://b.example.net/x"]]
    [(code, reason)] = world.parked_reasons
    assert (code, f"{SITE}/bad" in reason) == ("RejectedByCloudflare", True)
    looks = [json.loads(message["MessageBody"]) for message in world.aws.delayed]
    assert [change["key"] for look in looks for change in look["changes"]] == ["k", "b/x"]
    # Another message about it is sent again.
    world.cloudflare.bad = lambda item: False
    assert world.returned(batch("bad")) == []
    assert world.cloudflare.urls[-1] == f"{SITE}/bad"


def test_a_probe_that_must_wait_for_its_limit_keeps_no_other_zone_waiting() -> None:
    world = world_of(target(keys=["k"]), {**TWO_ZONES[1], "purge_by": "prefix"}, max_concurrency=2)
    for number in range(9):  # all but one of the ten requests by prefix at once
        world.invoke({"prefixes": [f"b.example.net/{number}"]})
    world.cloudflare.zones[OTHER_ZONE] = refusal(403, 10000)
    assert world.returned(batch("b/x", "k")) == ["b/x"]
    assert named(world)[-1] == "k"
    assert sum(world.clock.slept) <= 5
    assert world.metrics["Misconfigured"] == 0


@pytest.mark.parametrize(
    "reply", [answer(503, HTML), refusal(403, 10000), refusal(400, 1012)], ids=["503", "403", "item"]
)
def test_urls_and_the_other_kinds_of_a_zone_fail_apart(reply: Reply) -> None:
    for broken in (FILES, PREFIXES, TAGS):
        world = world_of()
        world.cloudflare.kinds = {broken: reply}
        if broken == PREFIXES:  # the probe is a tag, and something else works
            world.cloudflare.kinds[TAGS] = answer(200, {"success": True})
        returned = world.returned(sqs_event(*KINDS.values()))
        parked = [json.loads(message["MessageBody"]) for message in world.aws.parked]
        failed = {kind for n, kind in enumerate(KINDS) if f"m{n}" in returned or KINDS[kind] in parked}
        assert broken in failed
        assert failed == {FILES} or FILES not in failed


def test_one_environment_of_a_zone_can_be_broken_and_the_others_are_not() -> None:
    world = world_of(target(), target(environment_id="staging"), target(environment_id="next"))
    world.cloudflare.zones[f"{ZONE}/environments/staging"] = refusal(400, 1136)
    assert world.returned(batch("a")) == ["a"]
    done = [(zone, item) for zone, _, item in world.cloudflare.accepted]
    assert done == [(ZONE, f"{SITE}/a"), (f"{ZONE}/environments/next", f"{SITE}/a")]
    assert any(line["zone_id"] == f"{ZONE} (environment staging)" for line in world.logged("not purged"))
