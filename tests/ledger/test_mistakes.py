"""The ledger finds seeded mistakes: each is made in the function, and a schedule must reveal it."""

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.ledger.book import Unbalanced
from tests.ledger.mistakes import MISTAKES, Mistake
from tests.ledger.play import play
from tests.ledger.schedule import Schedule
from tests.ledger.strategies import BURSTS


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.instead.__name__ for mistake in MISTAKES])
def test_a_mistake_is_found(mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, said, instead = mistake
    original = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *values, **options: instead(original, *values, **options))

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
