"""What happened in a scenario, counted where it happens: at the queue, at Cloudflare, at the neighbour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.bench.scenarios import Scenario


@dataclass(frozen=True, slots=True)
class Sample:
    """The queue at one moment, and what was counted since the sample before it."""

    at: float  # seconds since the first upload
    visible: int  # messages that wait
    in_flight: int  # messages that were received, and are not visible again
    oldest: float  # seconds since the oldest message was sent
    requests: int  # of the function, to Cloudflare
    accepted: int  # items
    refused: int  # requests answered 429


@dataclass(slots=True)
class Books:
    """Counts of one scenario; times in seconds since the first upload."""

    scenario: Scenario
    requests: int = 0
    answered: int = 0  # requests accepted
    refused: int = 0  # requests answered 429
    accepted: int = 0  # items, each as often as it was purged
    last_accepted_at: float = 0.0
    neighbours_requests: int = 0
    neighbours_refused: int = 0
    invocations: int = 0
    environments: int = 0
    dead_letters: int = 0
    most_receives: int = 0
    samples: list[Sample] = field(default_factory=list)
    _purged: bytearray = field(default_factory=bytearray)
    _before: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        self._purged = bytearray(self.scenario.objects)

    def accept(self, numbers: Iterable[int], at: float) -> None:
        """Count a request that was accepted, with the objects that its items stand for."""
        purged, count = self._purged, 0
        for number in numbers:
            purged[number] = 1
            count += 1
        self.answered += 1
        self.accepted += count
        self.last_accepted_at = at

    def accept_all(self, uploaded: int, at: float) -> None:
        """Count a request that was accepted and drops every object there is by then, the first `uploaded`."""
        self._purged[:uploaded] = b"\1" * uploaded
        self.answered += 1
        self.accepted += 1
        self.last_accepted_at = at

    def sample(self, at: float, visible: int, in_flight: int, oldest: float) -> None:
        now = (self.requests, self.accepted, self.refused)
        since = (now[0] - self._before[0], now[1] - self._before[1], now[2] - self._before[2])
        self._before = now
        self.samples.append(Sample(at, visible, in_flight, oldest, *since))

    @property
    def purged(self) -> int:
        """Objects that were purged at least once."""
        return self._purged.count(1)

    @property
    def missing(self) -> int:
        """Objects that were neither purged nor parked."""
        return max(0, self.scenario.objects - self.purged - self.dead_letters)
