"""Nothing is lost: every change ends purged after it happened, or parked with its reason."""

from tests.ledger.season import Season
from tests.ledger.strategies import BURSTS, HOURS, MINUTES


def test_nothing_is_lost_whatever_goes_wrong_for_minutes(season: Season) -> None:
    season.play("minutes", 0.5, MINUTES)


def test_nothing_of_a_burst_is_lost_whatever_goes_wrong_while_it_is_drained(season: Season) -> None:
    season.play("bursts", 0.4, BURSTS)


def test_nothing_is_lost_and_nothing_given_up_whatever_goes_wrong_for_hours(season: Season) -> None:
    season.play("hours", 0.1, HOURS)
