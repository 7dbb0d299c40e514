from __future__ import annotations

import math
from bisect import bisect_left
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.batch import Load, Request
from cf_purge.config import PLANS, SHARE, Config
from cf_purge.pace import LONGEST_HOLD, WINDOW, Bucket, Pace, Quota
from cf_purge.purge import FILES, HOSTS, PREFIXES, Purge, Zone
from tests.unit.factories import OTHER_ZONE, ZONE

PREFIX_LIMITS = {"free": (5 / 60, 25), "pro": (5, 25), "business": (10, 50), "enterprise": (50, 500)}
URLS_PER_SECOND = {"free": 800, "pro": 1500, "business": 1500, "enterprise": 3000}


def pace_of(plan: str = "free", rate: float = 4, environments: float = 1) -> Pace:
    config = Config("site", (), plan=PLANS[plan], requests_per_second=rate, max_concurrency=environments)
    return Pace(config)


def request(kind: str = FILES, items: int = 1, zone: str = ZONE) -> Request:
    return Request(Zone(zone), kind, tuple(Purge(Zone(zone), kind, str(n)) for n in range(items)))


def load_of(kind: str, items: int) -> Load:
    load = Load(100)
    load.add(request(kind, items).purges)
    return load


def send(pace: Pace, now: float, what: Request) -> float:
    """Send as the purger does and return when it went."""
    wait = pace.wait(now, what)
    assert wait >= 0
    pace.take(what)
    return now + wait


def times(pace: Pace, what: Request, count: int, now: float = 1000.0) -> list[float]:
    sent = []
    for _ in range(count):
        now = send(pace, now, what)
        sent.append(now)
    return sent


def most_in(sent: list[float], seconds: float) -> int:
    return max(bisect_left(sent, first + seconds) - index for index, first in enumerate(sent))


@pytest.mark.parametrize(("rate", "at_once"), [(0.1, 1), (0.2, 1), (1, 5), (2, 10), (4, 20)])
def test_five_seconds_worth_and_at_least_one_request_may_go_at_once(rate: float, at_once: int) -> None:
    sent = times(pace_of(rate=rate), request(), at_once + 1)
    assert sent[:at_once] == [1000.0] * at_once
    assert sent[at_once] > 1000.0


@pytest.mark.parametrize("rate", [0.1, 1, 4, 20])
@pytest.mark.parametrize("environments", [1, 2, 10])
@pytest.mark.parametrize("plan", PLANS)
def test_no_five_minutes_of_all_environments_hold_more_than_the_rate_and_nearly_all_of_it_is_used(
    rate: float, environments: int, plan: str
) -> None:
    share = rate / environments
    sent = times(pace_of(plan, rate, environments), request(), math.ceil(share * 1000) + 10)
    most = most_in(sent, WINDOW) * environments
    assert most <= max(rate * WINDOW, 2 * environments) + environments
    if share * WINDOW > 100:
        assert most >= 0.95 * rate * WINDOW


@pytest.mark.parametrize("environments", [1, 2, 5])
@pytest.mark.parametrize("plan", PLANS)
def test_the_kinds_that_are_not_urls_take_four_fifths_of_the_plan_s_limit_and_leave_the_rest(
    plan: str, environments: int
) -> None:
    rate, at_once = PREFIX_LIMITS[plan]
    pace = pace_of(plan, 1000, environments)
    sent = times(pace, request(PREFIXES), 2000)
    burst = sum(at == 1000.0 for at in sent) * environments
    assert 0.7 * at_once <= burst <= SHARE * at_once
    sustained = (len(sent) - burst / environments) / (sent[-1] - 1000.0) * environments
    assert sustained == pytest.approx(SHARE * rate, rel=0.01)


@pytest.mark.parametrize("plan", PLANS)
def test_urls_are_counted_one_by_one(plan: str) -> None:
    items = PLANS[plan].urls_per_request
    sent = times(pace_of(plan, 1000, 2), request(FILES, items), 200)
    urls = (len(sent) - 2) * items * 2 / (sent[-1] - 1000.0)
    assert urls == pytest.approx(SHARE * URLS_PER_SECOND[plan], rel=0.05)
    assert most_in(sent, 1.0) * items * 2 <= 2 * SHARE * URLS_PER_SECOND[plan] + items


@pytest.mark.parametrize(("plan", "urls"), [("free", 100), ("pro", 100), ("business", 100), ("enterprise", 500)])
@pytest.mark.parametrize("environments", [1, 2, 4, 12, 100, 1000, 10_000])
def test_a_full_request_can_always_go_and_all_environments_at_once_stay_below_a_second_s_urls(
    plan: str, urls: int, environments: int
) -> None:
    config = Config("site", (), plan=PLANS[plan], max_concurrency=environments)
    assert config.urls_per_request <= urls
    assert config.urls_per_request == urls or environments * urls > SHARE * URLS_PER_SECOND[plan]
    assert times(pace_of(plan, 4, environments), request(FILES, config.urls_per_request), 1) == [1000.0]
    assert times(pace_of(plan, 4, environments), request(PREFIXES, 100), 1) == [1000.0]
    if environments <= 1000:
        assert config.urls_per_request * environments <= max(SHARE * URLS_PER_SECOND[plan], environments)


def test_each_kind_has_its_own_limit_and_all_share_the_requests() -> None:
    pace = pace_of("free", 4)
    assert times(pace, request(HOSTS), 20) == [1000.0] * 20
    assert pace.wait(1010.0, request(PREFIXES)) > 3
    assert pace.wait(1010.0, request()) == 0
    pace = pace_of("enterprise", 2)
    times(pace, request(HOSTS), 10)
    assert pace.wait(1000.0, request()) > 0


def test_a_rest_fills_the_budget_and_no_further() -> None:
    bucket = Bucket(2, 4)
    bucket.fill(0.0)
    bucket.take(4)
    assert bucket.wait(0.5, 1) == 0
    assert bucket.wait(0.5, 2) == pytest.approx(0.5)
    assert bucket.fill(3600.0) == 1
    assert bucket.wait(3600.0, 5) == pytest.approx(0.5)
    assert bucket.wait_when_full(5) == pytest.approx(0.5)
    assert bucket.wait_when_full(4) == 0


def test_a_clock_that_is_set_back_gives_no_budget_and_takes_none() -> None:
    bucket = Bucket(1, 1)
    bucket.fill(100.0)
    bucket.take(1)
    assert bucket.wait(50.0, 1) == pytest.approx(1.0)
    assert bucket.wait(51.0, 1) == pytest.approx(0.0)


@given(
    st.sampled_from([0.05, 0.5, 1.0, 2.0, 4.0, 7.5, 50.0]),
    st.lists(st.floats(0, 5), min_size=1, max_size=60),
)
def test_no_window_of_time_holds_more_than_the_rate_and_the_burst(rate: float, gaps: list[float]) -> None:
    pace, now, sent = pace_of("enterprise", rate), 0.0, []
    for gap in gaps:
        now = send(pace, now + gap, request())
        sent.append(now)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            allowed = max(1.0, 5 * rate) + (sent[last] - sent[first]) * rate
            assert last - first + 1 <= allowed + 1e-6


def test_asking_takes_nothing() -> None:
    pace = pace_of(rate=0.2)
    assert [pace.wait(10.0, request()) for _ in range(5)] == [0.0] * 5


# ---- What a load takes ----


def test_what_a_load_takes_is_what_its_requests_wait_for() -> None:
    for kind in (FILES, PREFIXES):
        pace, load = pace_of("free", 4, 2), load_of(kind, 1730)
        from_full = pace.seconds_for(load)
        sent = [send(pace, 1000.0, each) for each in load.requests()]
        assert max(sent) - 1000.0 == pytest.approx(from_full)
        assert pace.seconds_for(load) == from_full
        assert pace.seconds_for(load, 1000.0) > from_full


def test_a_load_that_is_held_takes_as_long_as_the_hold() -> None:
    pace = pace_of()
    pace.hold(request(), 70, 1000.0)
    assert pace.seconds_for(load_of(FILES, 1), 1000.0) == pytest.approx(70)
    assert pace.seconds_for(load_of(PREFIXES, 1), 1000.0) == 0
    assert pace.seconds_for(load_of(FILES, 1)) == 0


def test_requests_are_scarce_when_less_than_half_of_a_burst_is_left() -> None:
    pace, nothing, prefix = pace_of("enterprise", 4, 2), Load(100), load_of(PREFIXES, 1)
    times(pace, request(), 5)
    assert not pace.is_scarce(nothing, 1000.0)
    times(pace, request(), 1)
    assert pace.is_scarce(nothing, 1000.0)
    assert not pace.is_scarce(nothing, 1001.0)
    pace = pace_of("free", 1000)
    times(pace, request(PREFIXES), 11)
    assert pace.is_scarce(prefix, 1000.0)
    assert not pace.is_scarce(nothing, 1000.0)


# ---- What answers say ----


def test_a_hold_is_for_one_kind_of_one_zone_and_ends() -> None:
    pace = pace_of()
    pace.hold(request(), 30, 1000.0)
    pace.hold(request(), 10, 1000.0)  # the longer one stays
    assert pace.wait(1010.0, request()) == pytest.approx(20)
    assert pace.wait(1010.0, request(HOSTS)) == 0
    assert pace.wait(1010.0, request(zone=OTHER_ZONE)) == 0
    assert pace.wait(1030.0, request()) == 0


def test_no_answer_holds_for_longer_than_a_quarter_of_an_hour() -> None:
    pace = pace_of()
    pace.hold(request(), 1e9, 1000.0)
    assert pace.wait(1000.0, request()) == LONGEST_HOLD == 900


@pytest.mark.parametrize(
    ("quota", "wait"),
    [
        (Quota(0, 30, 1200), 30),
        (Quota(0, 30), 30),
        (Quota(1, 30, 1200), 30),  # two environments, one request left
        (Quota(2, 30), 30),
        (Quota(20, 30, 1200), 3),  # ten for each of them
        (Quota(239, 300, 1200), 600 / 239),
        (Quota(240, 300, 1200), 0),  # a fifth is what is left to others
        (Quota(1199, 300, 1200), 0),
        (Quota(0, 10**6, 1200), WINDOW),
        (Quota(0, 0, 1200), 0),
    ],
)
def test_what_an_answer_leaves_of_a_limit_is_shared_out_over_the_time(quota: Quota, wait: float) -> None:
    pace = pace_of(environments=2)
    pace.heed(request(), quota, 1000.0)
    assert pace.wait(1000.0, request()) == pytest.approx(wait)


@given(st.integers(0, 10**9), st.floats(0, 1e9), st.none() | st.integers(0, 10**9), st.sampled_from([1, 2, 1000]))
def test_no_quota_whatever_it_says_stops_the_function_for_longer_than_a_window(
    remaining: int, seconds: float, limit: Any, environments: int
) -> None:
    pace = pace_of(environments=environments)
    pace.heed(request(), Quota(remaining, seconds, limit), 1000.0)
    assert 0 <= pace.wait(1000.0, request()) <= WINDOW
