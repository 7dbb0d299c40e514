"""Time and limits: no more requests than Cloudflare accepts, and no wait that lasts longer than it should."""

import math
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.budget import Budget, Cost
from cf_purge.config import PLANS, SHARE, Config
from tests.support.fakes import clock_of

# https://developers.cloudflare.com/cache/how-to/purge-cache/#availability-and-limits
OTHERS = {"free": (5 / 60, 25), "pro": (5, 25), "business": (10, 50), "enterprise": (50, 500)}
URLS = {"free": 800, "pro": 1500, "business": 1500, "enterprise": 3000}
WINDOW = 300.0  # seconds of Cloudflare's limit for all requests


def urls(count: int) -> Cost:
    return {"requests": 1, "urls": count}


URL, OTHER = urls(1), {"requests": 1, "others": 1}


def config_of(plan: str = "free", rate: float = 4, environments: float = 1) -> Config:
    return Config("site", (), plan=PLANS[plan], requests_per_second=rate, max_concurrency=environments)


def times(budget: Budget, cost: Cost, count: int) -> list[float]:
    """When so many requests are sent, each as soon as it may be."""
    sent, now = [], 1000.0
    for _ in range(count):
        now += budget.wait(now, cost)
        assert budget.wait(now, cost) == pytest.approx(0, abs=1e-6)
        budget.take(cost)
        sent.append(now)
    return sent


def most_in(sent: list[float], seconds: float) -> int:
    return max(bisect_left(sent, first + seconds) - index for index, first in enumerate(sent))


@pytest.mark.parametrize("rate", [0.1, 1, 4, 20])
@pytest.mark.parametrize("environments", [1, 2, 10])
@pytest.mark.parametrize("plan", PLANS)
def test_all_environments_together_use_nearly_all_of_the_rate_in_five_minutes_and_never_more(
    rate: float, environments: int, plan: str
) -> None:
    share = rate / environments
    sent = times(Budget(config_of(plan, rate, environments)), URL, math.ceil(share * 1000) + 10)
    most = most_in(sent, WINDOW) * environments
    assert most <= max(rate * WINDOW, 2 * environments) + environments
    if share * WINDOW > 100:
        assert most >= 0.95 * rate * WINDOW


@pytest.mark.parametrize("environments", [1, 2, 5])
@pytest.mark.parametrize("plan", PLANS)
def test_prefixes_tags_and_hosts_take_four_fifths_of_the_plans_limit(plan: str, environments: int) -> None:
    rate, at_once = OTHERS[plan]
    sent = times(Budget(config_of(plan, 1000, environments)), OTHER, 2000)
    burst = sum(at == 1000.0 for at in sent) * environments
    assert 0.7 * at_once <= burst <= SHARE * at_once
    sustained = (len(sent) - burst / environments) / (sent[-1] - 1000.0) * environments
    assert sustained == pytest.approx(SHARE * rate, rel=0.01)


@pytest.mark.parametrize("environments", [1, 2, 4, 100])
@pytest.mark.parametrize("plan", PLANS)
def test_urls_are_counted_one_by_one_and_a_full_request_can_always_be_sent(plan: str, environments: int) -> None:
    config = config_of(plan, 1000 * environments, environments)
    items = config.urls_per_request
    assert items <= (500 if plan == "enterprise" else 100)
    sent = times(Budget(config), urls(items), 200)
    assert sent[0] == 1000.0
    second = SHARE * URLS[plan] / environments  # may be sent at once
    assert (sum(at == 1000.0 for at in sent) + 1) * items > second
    assert times(Budget(config), OTHER, 1) == [1000.0]
    assert most_in(sent, 1.0) * items * environments <= 2 * SHARE * URLS[plan] + items * environments
    rate = (len(sent) - 1) * items * environments / (sent[-1] - 1000.0)
    assert rate <= 1.1 * SHARE * URLS[plan] or items == 1


def test_each_kind_has_its_own_limit_and_all_share_the_requests() -> None:
    budget = Budget(config_of("free", 4))
    assert times(budget, OTHER, 20) == [1000.0] * 20
    assert budget.wait(1010.0, OTHER) > 1
    assert budget.wait(1010.0, URL) == 0
    budget = Budget(config_of("enterprise", 2))
    times(budget, OTHER, 10)
    assert budget.wait(1000.0, URL) > 0


@pytest.mark.parametrize("seconds", [0.0, 7.0, 30.0])
@pytest.mark.parametrize("cost", [URL, OTHER, urls(100)])
def test_the_share_of_a_message_can_be_spent_in_its_time(seconds: float, cost: Cost) -> None:
    config = config_of("pro", 4, 2)
    affordable = Budget(config).capacity(seconds)
    count = min(math.floor(affordable[limit] / own) for limit, own in cost.items())
    sent = times(Budget(config), cost, count + 1)
    assert sent[count - 1] - 1000.0 <= seconds + 1e-6 < sent[count] - 1000.0 + 2e-6


def test_second_purges_use_only_the_buckets_that_are_more_than_half_full() -> None:
    budget = Budget(config_of("free", 40))
    times(budget, OTHER, 9)  # of twenty
    assert budget.is_ample(1000.0, OTHER)
    budget.take(OTHER)
    assert not budget.is_ample(1000.0, OTHER)
    assert budget.is_ample(1000.0, URL)


@given(st.sampled_from([0.05, 0.5, 4.0, 50.0]), st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_no_span_of_time_sees_more_than_the_rate_and_the_burst(rate: float, gaps: list[float]) -> None:
    budget, now, sent = Budget(config_of("enterprise", rate)), 0.0, []
    for gap in gaps:
        now += gap
        now += budget.wait(now, URL)
        budget.take(URL)
        sent.append(now)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            assert last - first + 1 <= max(1.0, 5 * rate) + (sent[last] - sent[first]) * rate + 1e-6


# ---- Time ----


@pytest.mark.parametrize(
    ("steps", "passed"),
    [
        ([(5, 5), (5, 5)], 10),
        ([(3600, 0), (1, 1)], 3601),  # frozen
        ([(-3600, 5), (1, 1)], 6),  # the clock is set back
        ([(0, 5), (7200, 5)], 7205),
        ([(-10, 0), (10, 0)], 10),
    ],
)
def test_the_time_passed_is_the_larger_of_what_both_clocks_say(steps: list[tuple[float, float]], passed: float) -> None:
    wall, monotonic = 1e9, 50.0
    clock = clock_of(lambda: wall, lambda: monotonic)
    start = clock.now()
    for more_wall, more_monotonic in steps:
        wall, monotonic = wall + more_wall, monotonic + more_monotonic
        clock.now()
    assert clock.now() - start == pytest.approx(passed)
