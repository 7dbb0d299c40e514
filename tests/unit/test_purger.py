from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.batch import Request
from cf_purge.errors import Misconfigured, PurgeError, Rejected, Transient
from cf_purge.metrics import Metrics
from cf_purge.purge import FILES, PREFIXES, TAGS, Purge, Zone
from cf_purge.purger import REQUEST_TIMEOUT, TRIES
from tests.unit.factories import (
    HOST,
    OTHER_ZONE,
    TOKEN,
    ZONE,
    document,
    s3_event,
    sqs_event,
    target,
)
from tests.unit.fakes import Reply, Sent, World, answer, aws_error, outage, refusal, success

OTHER_HOST = "elsewhere.example"
Outcome = tuple[Request, PurgeError | None]


def url(name: object) -> str:
    return f"https://{HOST}/{name}"


def run(world: World, *names: object, zone_id: str = ZONE, seconds: float = 60.0) -> list[Outcome]:
    purges = [Purge(Zone(zone_id), FILES, url(name)) for name in names]
    with world.listening():
        return list(world.function._purger.run(purges, world.clock.time + seconds, Metrics()))


def kinds(outcomes: list[Outcome]) -> dict[str, str]:
    """How each URL's last path segment ended."""
    return {
        purge.item.rpartition("/")[2]: type(error).__name__ if error else "purged"
        for request, error in outcomes
        for purge in request.purges
    }


# ---- Tries ----


def test_a_purge_that_is_accepted_is_sent_once_and_waits_for_nothing(world: World) -> None:
    assert kinds(run(world, "a")) == {"a": "purged"}
    assert len(world.cloudflare.requests) == 1
    assert world.clock.slept == []


@pytest.mark.parametrize(
    "fault", [outage(), answer(500, b""), answer(429, b""), answer(200, b"<html>"), answer(408, {}), answer(302, b"")]
)
def test_a_passing_fault_is_ridden_out_within_the_invocation(world: World, fault: Reply) -> None:
    world.cloudflare.script = [fault, fault]
    assert kinds(run(world, "a")) == {"a": "purged"}
    assert world.clock.slept == [0.5, 1.0]
    assert world.cloudflare.accepted == [(ZONE, FILES, url("a"))]


def test_after_the_last_try_the_fault_is_the_outcome(world: World) -> None:
    world.cloudflare.script = [outage()] * 99
    [(_, error)] = run(world, "a")
    assert isinstance(error, Transient)
    assert len(world.cloudflare.requests) == TRIES == 3
    assert world.clock.slept == [0.5, 1.0]


@pytest.mark.parametrize(("chance", "slept"), [(0.0, [0.25, 0.5]), (0.5, [0.5, 1.0]), (1 - 2**-53, [0.75, 1.5])])
def test_jitter_spreads_the_tries_around_the_back_off(world: World, chance: float, slept: list[float]) -> None:
    world.clock.chance = chance
    world.cloudflare.script = [outage()] * 3
    run(world, "a")
    assert world.clock.slept == pytest.approx(slept)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": "0"}, 0),
        ({"ratelimit": '"default";r=0;t=9'}, 9),
        ({"retry_after": "7", "ratelimit": '"default";r=0;t=9'}, 7),
        ({"retry_after": "soon"}, 0.5),
    ],
)
def test_the_wait_cloudflare_asks_for_is_kept_when_it_fits(world: World, headers: dict[str, str], wait: float) -> None:
    world.cloudflare.script = [answer(429, {}, **headers)]
    assert kinds(run(world, "a")) == {"a": "purged"}
    assert world.clock.slept == ([wait] if wait else [])


def test_a_wait_that_does_not_fit_is_not_begun(world: World) -> None:
    world.cloudflare.script = [answer(429, {}, retry_after="300")]
    [(_, error)] = run(world, "a", seconds=56)
    assert isinstance(error, Transient)
    assert error.retry_after == 300
    assert world.clock.slept == []
    assert len(world.cloudflare.requests) == 1


@pytest.mark.parametrize(("seconds", "tries"), [(0.5, 0), (1.0, 1), (1.4, 1), (1.5, 2), (2.4, 2), (2.5, 3), (60, 3)])
def test_no_try_is_begun_that_cannot_end_before_the_deadline(world: World, seconds: float, tries: int) -> None:
    world.cloudflare.script = [outage()] * 9
    [(_, error)] = run(world, "a", seconds=seconds)
    assert isinstance(error, Transient)
    assert len(world.cloudflare.requests) == tries


@pytest.mark.parametrize(("seconds", "timeout"), [(60, REQUEST_TIMEOUT), (10, 10), (4, 4), (1.5, 1.5)])
def test_no_request_waits_beyond_the_deadline(world: World, seconds: float, timeout: float) -> None:
    run(world, "warm")
    run(world, "a", seconds=seconds)
    assert world.cloudflare.requests[-1].timeout == pytest.approx(timeout)


def test_tries_take_their_share_of_the_pace_too() -> None:
    world = World(document(cloudflare={"requests_per_second": 0.2}))
    world.cloudflare.script = [outage()]
    assert kinds(run(world, "a")) == {"a": "purged"}
    assert sum(world.clock.slept) == pytest.approx(5, rel=0.02)


# ---- Pace ----


def test_requests_keep_to_the_rate_across_invocations() -> None:
    world = World(document(cloudflare={"requests_per_second": 4}, max_concurrency=2))
    start = world.clock.time
    for number in range(50):
        assert kinds(run(world, number)) == {str(number): "purged"}
    assert world.clock.time - start == pytest.approx((50 - 10) / 2, rel=0.02)


def test_what_the_pace_leaves_no_time_for_is_said_to_fit_later() -> None:
    world = World(document(cloudflare={"requests_per_second": 0.01}))
    assert kinds(run(world, "a")) == {"a": "purged"}
    [(_, error)] = run(world, "b")
    assert isinstance(error, Transient)
    assert error.retry_after == pytest.approx(100, rel=1)
    assert error.retry_after >= 100
    assert world.clock.slept == []


def test_a_request_that_was_not_sent_has_taken_nothing_of_the_budget() -> None:
    world = World(document(cloudflare={"requests_per_second": 0.01}))
    run(world, "a")
    for _ in range(3):
        [(_, error)] = run(world, "b")
        assert isinstance(error, Transient)
    world.clock.time += error.retry_after or 0
    assert kinds(run(world, "b")) == {"b": "purged"}


# ---- The token ----


def test_a_token_that_was_rotated_while_warm_is_fetched_anew_and_tried_at_once(world: World) -> None:
    run(world, "a")
    world.aws.token = "rotated-token"
    world.cloudflare.tokens = {"rotated-token"}
    assert kinds(run(world, "b")) == {"b": "purged"}
    assert world.aws.fetches() == 2
    assert world.clock.slept == []


def test_a_wrong_token_is_tried_twice_and_then_misconfigured(world: World) -> None:
    world.cloudflare.tokens = set()
    [(_, error)] = run(world, "a")
    assert isinstance(error, Misconfigured)
    assert len(world.cloudflare.requests) == 2
    assert world.aws.fetches() == 2
    assert world.clock.slept == []


def test_a_fault_after_the_fresh_token_is_ridden_out_too(world: World) -> None:
    world.cloudflare.script = [refusal(401, 10000), outage(), outage()]
    assert kinds(run(world, "a")) == {"a": "purged"}
    assert len(world.cloudflare.requests) == 4


def test_a_parameter_that_may_not_be_read_is_misconfigured_and_asks_cloudflare_nothing(world: World) -> None:
    world.aws.script["GetParameter"] = [aws_error(400, "AccessDeniedException")] * 9
    [(_, error)] = run(world, "a")
    assert isinstance(error, Misconfigured)
    assert "allow the function's role ssm:GetParameter" in str(error)
    assert world.cloudflare.requests == []
    assert world.aws.fetches() == 2


def test_ssm_s_own_fault_is_ridden_out_like_cloudflare_s(world: World) -> None:
    world.aws.script["GetParameter"] = [outage(), aws_error(400, "ThrottlingException")]
    assert kinds(run(world, "a")) == {"a": "purged"}
    assert world.clock.slept == [0.5, 1.0]


# ---- Zones ----


@pytest.mark.parametrize(
    "fault", [refusal(403, 10000), refusal(404, 7003), outage(), answer(429, {}, retry_after="300")]
)
def test_what_stops_a_zone_holds_for_the_rest_of_it_and_for_no_other(fault: Reply) -> None:
    world = World(document(cloudflare={"requests_per_second": 1000}))
    world.cloudflare.zones = {ZONE: fault}
    purges = [Purge(Zone(zone_id), FILES, url(number)) for number in range(450) for zone_id in (ZONE, OTHER_ZONE)]
    with world.listening():
        outcomes = list(world.function._purger.run(purges, world.clock.time + 60, Metrics()))
    broken = next(error for request, error in outcomes if request.zone.id == ZONE)
    assert {(r.zone.id, type(error)) for r, error in outcomes} == {(ZONE, type(broken)), (OTHER_ZONE, type(None))}
    assert isinstance(broken, Transient | Misconfigured)
    assert sum(len(request.purges) for request, _ in outcomes) == 900
    assert len({sent.body["files"][0] for sent in world.cloudflare.requests if sent.zone_id == ZONE}) == 1
    assert len([sent for sent in world.cloudflare.requests if sent.zone_id == ZONE]) <= TRIES


@pytest.mark.parametrize("fault", [outage(), answer(503), answer(429, {}, retry_after="12")])
@pytest.mark.parametrize("kinds_of_broken", [(FILES,), (FILES, PREFIXES, TAGS)])
def test_whoever_has_to_wait_lets_the_others_go_first(fault: Reply, kinds_of_broken: tuple[str, ...]) -> None:
    world = World(document(cloudflare={"requests_per_second": 1000}))
    world.cloudflare.zones = {ZONE: fault}
    waits = 10.0 if isinstance(fault, Exception) else 0.0  # until a hanging request is given up

    def slow(sent: Sent) -> None:
        world.clock.time += waits if f"/zones/{ZONE}/" in sent.url else 0.0

    world.transport.on_post = slow
    started = world.clock.time
    purges = [Purge(Zone(ZONE), kind, "x") for kind in kinds_of_broken]
    purges += [Purge(Zone(OTHER_ZONE), FILES, url(number)) for number in range(250)]
    healthy = []
    for request, error in world.function._purger.run(purges, started + 60, Metrics()):
        if request.zone.id == OTHER_ZONE:
            assert error is None
            healthy.append(world.clock.time - started)
    assert len(healthy) == 3
    assert max(healthy) <= waits, "a hanging request, once for the zone, is all that may come before"


def test_zones_take_turns_so_that_a_large_one_starves_no_small_one() -> None:
    world = World(document(cloudflare={"requests_per_second": 1}, max_concurrency=1))
    purges = [Purge(Zone(ZONE), FILES, url(number)) for number in range(10_000)]
    purges += [Purge(Zone(OTHER_ZONE), FILES, url("small"))]
    outcomes = list(world.function._purger.run(purges, world.clock.time + 10, Metrics()))
    assert [error for request, error in outcomes if request.zone.id == OTHER_ZONE] == [None]
    assert any(error is not None for request, error in outcomes if request.zone.id == ZONE)


def test_a_zone_that_was_stopped_is_asked_again_in_the_next_run(world: World) -> None:
    world.cloudflare.zones = {ZONE: refusal(403, 10000)}
    assert kinds(run(world, "a")) == {"a": "Unauthorized"}
    world.cloudflare.zones = {}
    assert kinds(run(world, "a")) == {"a": "purged"}


# ---- Halving ----


def test_halving_ends_at_the_bad_one_and_purges_the_others(world: World) -> None:
    world.cloudflare.bad = lambda each: each == url(3)
    assert kinds(run(world, *range(8))) == {**{str(n): "purged" for n in range(8)}, "3": "Rejected"}


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_single_bad_url_costs_two_requests_for_each_halving(size: int) -> None:
    world = World(document(cloudflare={"requests_per_second": 1000}))
    world.cloudflare.bad = lambda each: each == url(size - 1)
    run(world, *range(size))
    assert len(world.cloudflare.requests) == 1 + 2 * math.ceil(math.log2(size))


@given(st.integers(1, 40), st.sets(st.integers(0, 39)), st.booleans())
def test_halving_isolates_exactly_the_bad_ones(size: int, bad: set[int], enterprise: bool) -> None:
    plan = "enterprise" if enterprise else "free"
    world = World(document(cloudflare={"requests_per_second": 1000, "plan": plan}))
    world.cloudflare.bad = lambda each: int(each.rpartition("/")[2]) in bad
    outcomes = run(world, *range(size))
    assert kinds(outcomes) == {str(n): "Rejected" if n in bad else "purged" for n in range(size)}
    assert sum(len(request.purges) for request, _ in outcomes) == size
    assert all(len(request.purges) == 1 for request, error in outcomes if isinstance(error, Rejected))
    assert sorted(world.cloudflare.urls) == sorted(url(n) for n in range(size) if n not in bad)


def test_a_fault_amid_the_halving_stops_what_is_left_of_the_zone(world: World) -> None:
    world.cloudflare.bad = lambda each: each == url(3)
    world.cloudflare.script = [None, None, *[outage()] * 3]
    assert kinds(run(world, *range(4))) == {"0": "purged", "1": "purged", "2": "Transient", "3": "Transient"}


# ---- Reports ----


def test_every_purged_url_is_in_the_log_in_lines_of_bounded_length() -> None:
    world = World(document(cloudflare={"plan": "enterprise"}))
    run(world, *range(120))
    lines = world.logged("purged")
    assert [u for line in lines for u in line["urls"]] == [url(n) for n in range(120)]
    assert max(len(line["urls"]) for line in lines) == 50
    assert {line["zone_id"] for line in lines} == {ZONE}


def test_a_purge_that_failed_is_in_the_log_with_its_reason(world: World) -> None:
    world.cloudflare.script = [refusal(400, 1016, message="foreign")]
    run(world, "a")
    [line] = world.logged("not purged")
    assert (line["level"], line["kind"], line["urls"], line["first"]) == ("ERROR", "Rejected", 1, url("a"))
    assert "1016 foreign" in line["reason"]


def test_tries_are_in_the_log_only_at_debug() -> None:
    for level, lines in (("INFO", 0), ("DEBUG", 2)):
        world = World(document(log_level=level))
        world.cloudflare.script = [outage()] * 2
        run(world, "a")
        assert len(world.logged("trying again")) == lines


# ---- Laws of the whole ----


@given(
    st.lists(
        st.sampled_from(["ok", "outage", "429", "401", "400", "html"]).map(
            lambda name: {
                "ok": success(),
                "outage": outage(),
                "429": answer(429, {}, retry_after="2"),
                "401": refusal(401, 10000),
                "400": refusal(400, 1012),
                "html": answer(200, b"<html>"),
            }[name]
        ),
        max_size=30,
    ),
    st.integers(1, 12),
    st.floats(0, 30),
)
def test_every_purge_has_exactly_one_outcome_whatever_cloudflare_answers(
    script: list[Reply], size: int, seconds: float
) -> None:
    world = World()
    world.cloudflare.script = list(script)
    begun = world.clock.time
    outcomes = run(world, *range(size), seconds=seconds)
    assert sorted(p.item for request, _ in outcomes for p in request.purges) == sorted(url(n) for n in range(size))
    assert world.clock.time <= begun + seconds
    sent = {u for request in world.cloudflare.requests for u in request.urls}
    assert {p.item for request, error in outcomes if error is None for p in request.purges} <= sent


def test_a_message_whose_urls_fail_by_halves_is_returned_until_the_rest_is_purged() -> None:
    config: dict[str, Any] = document(targets=[target(), target(zone_id=OTHER_ZONE, hosts=["b.example.net"])])
    world = World(config)
    world.cloudflare.zones = {OTHER_ZONE: refusal(400, 1016), ZONE: outage()}
    assert world.returned(sqs_event(s3_event("a"))) == ["m0"]
    assert world.aws.parked == []
    world.cloudflare.zones = {OTHER_ZONE: refusal(400, 1016)}
    assert world.returned(sqs_event(s3_event("a"))) == []
    assert [code for code, _ in world.parked_reasons] == ["ForeignHost"]
    assert TOKEN not in world.output


# ---- Hosts that are not the zone's ----


def test_when_nothing_of_a_host_is_taken_the_rest_of_it_is_not_asked_for() -> None:
    world = World(document(cloudflare={"requests_per_second": 1000}))
    world.cloudflare.bad = lambda item: "/bad/" in item or OTHER_HOST in item
    purges = [Purge(Zone(ZONE), FILES, f"https://{OTHER_HOST}/{n}") for n in range(60)]
    purges += [Purge(Zone(ZONE), FILES, url(n)) for n in range(40)]
    with world.listening():
        outcomes = list(world.function._purger.run(purges, world.clock.time + 60, Metrics()))
    refused = [purge.item for request, error in outcomes for purge in request.purges if error]
    assert sorted(refused) == sorted(purge.item for purge in purges[:60])
    assert sorted(world.cloudflare.urls) == sorted(purge.item for purge in purges[60:])
    assert len(world.cloudflare.requests) < 45


def test_a_host_of_which_something_is_taken_is_halved_to_the_end() -> None:
    world = World(document(cloudflare={"requests_per_second": 1000}))
    world.cloudflare.bad = lambda item: not item.endswith("/0")
    assert kinds(run(world, *range(60))) == {str(n): "Rejected" if n else "purged" for n in range(60)}
    assert len(world.cloudflare.requests) > 100


def test_the_search_for_the_bad_ones_goes_on_where_the_time_ran_out() -> None:
    world = World(document(cloudflare={"requests_per_second": 1}))
    bad = {"7", "21", "38"}
    world.cloudflare.bad = lambda item: item.rpartition("/")[2] in bad
    world.cloudflare.bad_reply = refusal(400, 4711)
    ended: dict[str, str] = {}
    invocations = 0
    while set(ended.values()) != {"purged", "Rejected"} and invocations < 9:
        left = [str(n) for n in range(40) if ended.get(str(n), "Transient") in ("Transient", "OutOfTime")]
        ended.update(kinds(run(world, *left, seconds=6)))
        world.clock.time += 60
        invocations += 1
    assert ended == {str(n): "Rejected" if str(n) in bad else "purged" for n in range(40)}
    assert invocations > 1, "it must take several for this to show anything"
    assert len(world.cloudflare.requests) < 40


def refused_together(world: World, *names: int) -> None:
    """A request is refused, and then there is no more time to find out for whose sake."""
    world.cloudflare.script = [refusal(400, 4711), answer(429, {}, retry_after="300")]
    run(world, *names)
    world.cloudflare.requests.clear()


@pytest.mark.parametrize(("seconds", "sizes"), [(300, [1, 2, 2]), (1700, [1, 2, 2]), (1801, [5])])
def test_what_was_refused_together_is_asked_for_apart_for_half_an_hour(
    world: World, seconds: float, sizes: list[int]
) -> None:
    refused_together(world, *range(4))
    world.clock.time += seconds
    assert set(kinds(run(world, "new", *range(4))).values()) == {"purged"}
    assert [len(sent.items) for sent in world.cloudflare.requests] == sizes


def test_what_was_accepted_is_above_suspicion(world: World) -> None:
    refused_together(world, *range(4))
    world.clock.time += 300
    run(world, *range(4))
    run(world, *range(4))
    assert [len(sent.items) for sent in world.cloudflare.requests] == [2, 2, 4]


# ---- What answers say of the limits ----


def test_a_limit_that_others_use_up_slows_the_next_request_down_before_it_is_refused(world: World) -> None:
    world.cloudflare.script = [answer(200, {"success": True}, ratelimit='"default";r=2;t=10')]
    assert kinds(run(world, "a")) == {"a": "purged"}
    assert kinds(run(world, "b")) == {"b": "purged"}
    assert world.clock.slept == [5.0]


def test_the_wait_after_a_429_holds_for_the_next_invocation_too(world: World) -> None:
    world.cloudflare.script = [answer(429, {}, retry_after="100")]
    assert kinds(run(world, "a")) == {"a": "RateLimited"}
    world.clock.time += 10
    [(_, error)] = run(world, "b")
    assert isinstance(error, Transient)
    assert error.retry_after == pytest.approx(90)
    assert len(world.cloudflare.requests) == 1
    world.clock.time += 50
    assert kinds(run(world, "b")) == {"b": "purged"}
    assert world.clock.slept == [40.0]
