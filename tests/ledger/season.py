"""All the schedules of one run, drawn from one seed."""

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.ledger.play import play
from tests.ledger.schedule import Schedule

_ROUND = 1000  # schedules after which hypothesis forgets what it has drawn: it all takes memory


@dataclass
class Season:
    """How many schedules there are to be, and how many of each name were played."""

    seed: int
    schedules: int
    played: dict[str, int] = field(default_factory=dict)

    def play(self, name: str, share: float, strategy: st.SearchStrategy[Schedule]) -> None:
        """Play a share of the schedules; the first that does not balance is made small and raised."""
        left = max(1, round(self.schedules * share))
        while left > 0:
            self._play(name, min(left, _ROUND), left, strategy)
            left -= _ROUND

    def _play(self, name: str, count: int, left: int, strategy: st.SearchStrategy[Schedule]) -> None:
        @seed(f"{self.seed} {name} {left}")
        @settings(max_examples=count, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
        @given(strategy)
        def balances(schedule: Schedule) -> None:
            self.played[name] = self.played.get(name, 0) + 1
            play(schedule)

        balances()
