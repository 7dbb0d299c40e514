from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.pace import Pace


def take(pace: Pace, now: float) -> float:
    wait = pace.wait(now)
    pace.take()
    return wait


RATES = st.sampled_from([0.05, 0.5, 1.0, 2.0, 4.0, 7.5, 50.0])


@pytest.mark.parametrize(("rate", "at_once"), [(0.1, 1), (0.5, 1), (1, 1), (2, 2), (4, 4), (50, 50)])
def test_a_second_s_worth_and_at_least_one_request_may_go_at_once(rate: float, at_once: int) -> None:
    pace = Pace(rate)
    waits = [take(pace, 1000.0) for _ in range(at_once + 2)]
    assert waits[:at_once] == [0] * at_once
    assert waits[at_once:] == pytest.approx([1 / rate, 2 / rate])


def test_a_rest_fills_the_budget_up_to_a_second_s_worth_and_no_further() -> None:
    pace = Pace(2)
    assert [take(pace, 0.0), take(pace, 0.0)] == [0, 0]
    assert take(pace, 0.5) == 0
    assert [take(pace, 3600.0), take(pace, 3600.0)] == [0, 0]
    assert take(pace, 3600.0) == pytest.approx(0.5)


def test_a_clock_that_is_set_back_gives_no_budget_and_takes_none() -> None:
    pace = Pace(1)
    assert take(pace, 100.0) == 0
    assert take(pace, 50.0) == pytest.approx(1.0)
    assert take(pace, 52.0) == pytest.approx(0.0)


@given(RATES, st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_no_window_of_time_holds_more_than_the_rate_and_the_burst(rate: float, gaps: list[float]) -> None:
    pace, now, sent = Pace(rate), 0.0, []
    for gap in gaps:
        now += gap
        wait = take(pace, now)
        assert wait >= 0
        now += wait  # the purger sleeps before it sends
        sent.append(now)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            allowed = max(1.0, rate) + (sent[last] - sent[first]) * rate
            assert last - first + 1 <= allowed + 1e-6


def test_asking_takes_nothing() -> None:
    pace = Pace(1)
    assert [pace.wait(10.0) for _ in range(5)] == [0.0] * 5
