"""The ledger finds what it is there for: each mistake is made in the function, and a schedule must show it."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.ledger.book import Unbalanced
from tests.ledger.mistakes import MISTAKES, Patch
from tests.ledger.play import play
from tests.ledger.schedule import Schedule
from tests.ledger.strategies import BURSTS


@pytest.mark.parametrize(("mistake", "said"), MISTAKES.items(), ids=[mistake.__name__ for mistake in MISTAKES])
def test_a_mistake_is_found(mistake: Callable[[Patch], None], said: str, monkeypatch: Patch) -> None:
    mistake(monkeypatch)

    @seed(8)
    @settings(
        max_examples=3000,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(BURSTS)
    def balances(schedule: Schedule) -> None:
        play(schedule)

    with pytest.raises(Unbalanced, match=said):
        balances()
