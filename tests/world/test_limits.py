"""The limits on a clock of our own."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.cloudflare.limits import Bucket, Limits
from tests.simulation.cloudflare.plans import PLANS
from tests.simulation.cloudflare.purge import Purge


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


BY_HOST = Purge(hosts=frozenset({"www.example.test"}))


def accepted(limits: Limits, plan: str, purge: Purge, tries: int) -> int:
    return sum(not limits.take_purge(PLANS[plan], purge).wait for _ in range(tries))


@pytest.mark.parametrize(
    ("plan", "at_once", "per_minute"),
    [("free", 25, 5), ("pro", 25, 300), ("business", 50, 600), ("enterprise", 500, 3000)],
)
def test_each_plan_has_its_bucket_and_its_rate(plan: str, at_once: int, per_minute: int) -> None:
    clock = Clock()
    limits = Limits(clock)
    assert accepted(limits, plan, BY_HOST, 1000) == at_once
    admitted = 0
    for _ in range(60 * 100):
        clock.time += 0.01
        admitted += accepted(limits, plan, BY_HOST, 1)
    assert admitted == pytest.approx(per_minute, abs=1)
    clock.time += 3600
    assert accepted(limits, plan, BY_HOST, 1000) == at_once


@pytest.mark.parametrize(("plan", "urls"), [("free", 800), ("pro", 1500), ("business", 1500), ("enterprise", 3000)])
def test_each_plan_has_its_limit_of_urls_a_second(plan: str, urls: int) -> None:
    clock = Clock()
    limits = Limits(clock)
    assert accepted(limits, plan, Purge(urls=100), 100) == urls // 100
    clock.time += 0.5
    assert accepted(limits, plan, Purge(urls=1), 10_000) == urls // 2


def test_urls_and_the_other_kinds_do_not_share_a_bucket_but_all_other_kinds_do() -> None:
    limits = Limits(Clock())
    assert accepted(limits, "free", Purge(urls=100), 100) == 8
    kinds = [Purge(tags=frozenset({"a"})), Purge(everything=True), Purge(prefixes=frozenset({("a", "/b")})), BY_HOST]
    assert [accepted(limits, "free", kind, 10) for kind in kinds] == [10, 10, 5, 0]


@given(
    rate=st.sampled_from([5 / 60, 5.0, 10.0, 50.0, 800.0]),
    capacity=st.integers(1, 500),
    steps=st.lists(st.tuples(st.floats(0, 100), st.integers(1, 5)), max_size=60),
)
@settings(deadline=None)
def test_no_bucket_ever_gives_more_than_its_capacity_and_rate(
    rate: float, capacity: int, steps: list[tuple[float, int]]
) -> None:
    clock = Clock()
    bucket, given_out, passed = Bucket(rate, capacity, clock), 0, 0.0
    for seconds, cost in steps:
        clock.time += seconds
        passed += seconds
        allowance = bucket.take(cost)
        given_out += 0 if allowance.wait else cost
        assert given_out <= capacity + rate * passed + 1e-6
        assert 0 <= allowance.remaining <= capacity


@given(cost=st.integers(1, 25), spent=st.integers(1, 25))
@settings(deadline=None)
def test_who_waits_as_long_as_told_passes(cost: int, spent: int) -> None:
    clock = Clock()
    bucket = Bucket(5 / 60, 25, clock)
    bucket.take(spent)
    wait = bucket.take(cost).wait
    if wait:
        clock.time += wait * 0.99
        assert bucket.take(cost).wait > 0
        clock.time += wait * 0.01
        assert bucket.take(cost).wait == 0


def test_the_1201st_request_of_a_token_closes_the_api_to_it_for_five_minutes() -> None:
    clock = Clock()
    limits = Limits(clock)
    for _ in range(1200):
        assert limits.take_request("mine").wait == 0
    refused = limits.take_request("mine")
    assert refused.headers == {
        "Ratelimit": '"default";r=0;t=300',
        "Ratelimit-Policy": '"default";q=1200;w=300',
        "retry-after": "300",
    }
    assert limits.take_request("other").wait == 0
    clock.time += 299.5
    assert limits.take_request("mine").headers["retry-after"] == "1"
    clock.time += 0.5
    assert limits.take_request("mine").wait == 0


def test_1200_requests_in_every_five_minutes_are_never_refused() -> None:
    clock = Clock()
    limits = Limits(clock)
    for _ in range(5000):
        assert limits.take_request("mine").wait == 0
        clock.time += 0.25


def test_a_reset_forgets_every_limit() -> None:
    limits = Limits(Clock())
    accepted(limits, "free", BY_HOST, 100)
    for _ in range(1201):
        limits.take_request("mine")
    limits.reset()
    assert limits.take_request("mine").remaining == 1199
    assert accepted(limits, "free", BY_HOST, 1) == 1


def test_retry_after_never_exceeds_300_seconds_and_is_never_rounded_down() -> None:
    clock = Clock()
    bucket = Bucket(1 / 1000, 1, clock)
    bucket.take(1)
    assert bucket.take(1).headers["retry-after"] == "300"
    bucket = Bucket(1 / 10, 1, clock)
    bucket.take(1)
    clock.time += 0.1
    allowance = bucket.take(1)
    assert allowance.headers["retry-after"] == str(math.ceil(allowance.wait)) == "10"
