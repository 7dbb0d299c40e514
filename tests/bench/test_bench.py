"""Budgets that no change may exceed: counts, because times differ from run to run."""

import json
from collections.abc import Iterator

import pytest

from tests.bench import cost, latency, memory, simulate
from tests.bench.__main__ import requests
from tests.bench.bench import OURS, SITE, Bench, running
from tests.support import factories

# A tenth above the counts of Python 3.11, the highest.
COLD = {"modules": 222, "instructions": 2_250_000, "TLS contexts": 1, "features": 0}
BURST = {"instructions": 8_000_000}  # for 1,000 changes, drained
MOST_REQUESTS_WITH_RELATED = 120  # of a burst of 10,000 objects
KEYS = [f"assets/img/{number}.jpg" for number in range(1_000)]


@pytest.fixture(scope="module")
def bed() -> Iterator[Bench]:
    with running() as bed:
        yield bed


def exceeded(counts: dict[str, int], budget: dict[str, int]) -> dict[str, int]:
    return {name: counts.get(name, 0) for name, most in budget.items() if counts.get(name, 0) > most}


def test_a_cold_start_and_a_burst_stay_within_their_budget(bed: Bench) -> None:
    bodies = [json.dumps(factories.s3_event(key)) for key in KEYS]
    with bed.start(OURS, runtime="counted", cloudflare={"requests_per_second": 100}) as process:
        cold = process.ask(latency.event_of(OURS)).result
        bed.aws.fill(bodies[10:])
        burst = process.ask(json.dumps(factories.sqs_event(*bodies[:10])).encode()).result
    bed.check(f"{SITE}/css/site.css", *(f"{SITE}/{key}" for key in KEYS))
    assert exceeded(cold, COLD) == {}
    assert exceeded(burst, BURST) == {}


def test_a_burst_takes_few_requests_and_none_is_rate_limited() -> None:
    assert [figure for figure in requests() if not figure.is_met] == []


def test_related_pages_and_a_delay_take_few_requests_more() -> None:
    burst = simulate.BURSTS[10_000]._replace(related=("/", "/feed.xml"))
    for result in map(simulate.run, (burst, burst._replace(delay_seconds=60))):
        assert result.is_good
        assert result.requests <= MOST_REQUESTS_WITH_RELATED


def test_no_burst_takes_more_memory_than_is_promised(bed: Bench) -> None:
    peaks = {name: memory.run(bed, *burst)[0] for name, burst in memory.BURSTS.items()}
    assert {name: peak for name, peak in peaks.items() if peak > memory.MOST_MEMORY} == {}


def test_costs_of_a_month_are_a_dollar_and_of_a_million_in_a_burst_half_of_one() -> None:
    assert sum(cost.month(200, 40, cost.WAYS[0]).values()) == pytest.approx(1.0, abs=0.1)
    assert sum(cost.of(cost.WAYS[2]).values()) == pytest.approx(0.5, abs=0.1)
