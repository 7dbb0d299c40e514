"""Nothing is lost: every change ends purged after it happened, or parked with its reason."""

import secrets

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.ledger.play import play
from tests.ledger.schedule import Schedule
from tests.ledger.strategies import BURSTS, HOURS, MINUTES

_ROUND = 1000  # schedules per run of hypothesis, which keeps all examples in memory


def play_share(config: pytest.Config, share: float, strategy: st.SearchStrategy[Schedule]) -> None:
    """Play a share of the schedules; the first that does not balance is minimized and raised."""
    number = config.getoption("--hypothesis-seed") or secrets.randbelow(2**32)
    left = max(1, round(config.getoption("--schedules") * share))
    while left > 0:

        @seed(f"{number} {share} {left}")
        @settings(max_examples=min(left, _ROUND), deadline=None, print_blob=True, suppress_health_check=[*HealthCheck])
        @given(strategy)
        def balances(schedule: Schedule) -> None:
            play(schedule)

        balances()
        left -= _ROUND


def test_nothing_is_lost_in_faults_of_minutes(pytestconfig: pytest.Config) -> None:
    play_share(pytestconfig, 0.5, MINUTES)


def test_nothing_of_a_burst_is_lost_in_faults_during_the_drain(pytestconfig: pytest.Config) -> None:
    play_share(pytestconfig, 0.4, BURSTS)


def test_nothing_is_lost_or_given_up_in_outages_of_hours(pytestconfig: pytest.Config) -> None:
    play_share(pytestconfig, 0.1, HOURS)
