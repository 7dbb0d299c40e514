"""The figures of one scenario, and whether they are what is promised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.bench.books import Books, Sample
from tests.bench.scenarios import Scenario

LEAST_SHARE = 0.95  # of the budget, while there is something to do
MOST_REFUSED = 0.001  # of all requests
# A shorter backlog is a burst: it is gone before there is anything to wait for.
_SHORTEST_BACKLOG = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Goal:
    """One promise, as words and a verdict."""

    words: str
    is_met: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What the report says of one scenario; times in seconds."""

    name: str
    objects: int
    drain: float  # from the first upload, or the end of the outage, to the last purge
    limit: float  # the least that could be, with the budget spent to the last request
    share: float | None  # of the budget, while there was a backlog; None: it was gone too soon to tell, or collapsed
    fill: float  # items in an accepted request
    requests: int
    refused: int
    oldest: float
    dead_letters: int
    missing: int
    most_receives: int
    invocations: int
    environments: int
    neighbours_requests: int
    neighbours_refused: int
    wall: float  # what the simulation itself took

    @property
    def goals(self) -> list[Goal]:
        goals = [
            Goal("nothing missing", self.missing == 0),
            Goal("no dead letters", self.dead_letters == 0),
            Goal(f"429s below {MOST_REFUSED:.1%}", self.refused < MOST_REFUSED * self.requests or not self.refused),
            Goal("neighbour never refused", self.neighbours_refused == 0),
        ]
        if self.share is not None:
            goals.append(Goal(f"budget used to {LEAST_SHARE:.0%}", self.share >= LEAST_SHARE))
        return goals

    @property
    def missed(self) -> list[str]:
        return [goal.words for goal in self.goals if not goal.is_met]


def result_of(books: Books, wall: float) -> Result:
    scenario = books.scenario
    begin = scenario.outage.ends if scenario.outage else 0.0
    return Result(
        name=scenario.name,
        objects=scenario.objects,
        drain=books.last_accepted_at - begin,
        limit=least_drain(scenario),
        share=share_of(books.samples, scenario),
        fill=books.accepted / max(1, books.answered),
        requests=books.requests,
        refused=books.refused,
        oldest=max((sample.oldest for sample in books.samples), default=0.0),
        dead_letters=books.dead_letters,
        missing=books.missing,
        most_receives=books.most_receives,
        invocations=books.invocations,
        environments=books.environments,
        neighbours_requests=books.neighbours_requests,
        neighbours_refused=books.neighbours_refused,
        wall=wall,
    )


def least_drain(scenario: Scenario) -> float:
    """Return the seconds after which the last object can be purged at the earliest, with the whole budget.

    They count from the first upload, or from the end of the outage. Before either, what the plan and five seconds of
    `requests_per_second` let through at once has been saved up.
    """
    plan, items = scenario.plan, scenario.items_per_request
    at_once = plan.urls_per_second / items if scenario.purge_by == "url" else plan.bucket
    saved = min(5 * scenario.requests_per_second, 0.8 * at_once) * items
    rate = scenario.budget * items
    uploaded = scenario.objects / scenario.uploads_per_second
    if scenario.collapse_above is not None:
        return uploaded  # one prefix after the last upload
    if scenario.outage is None:
        return max(uploaded, (scenario.objects - saved) / rate, 0.0)
    before = scenario.outage.begins
    left = scenario.objects - min(scenario.uploads_per_second * before, (saved + rate * before) * (before > 0))
    return max(uploaded - scenario.outage.ends, (left - saved) / rate, 0.0)


def share_of(samples: Sequence[Sample], scenario: Scenario) -> float | None:
    """Return accepted items over what the budget allows, in the time in which a drain's worth of messages waited."""
    seconds, accepted = 0.0, 0
    for before, after in _busy(samples, scenario):
        seconds += after.at - before.at
        accepted += after.accepted
    # Of a prefix that stands for all there is, a few are enough: no budget is used up.
    if seconds < _SHORTEST_BACKLOG or scenario.collapse_above is not None:
        return None
    return accepted / (scenario.budget * scenario.items_per_request * seconds)


def _busy(samples: Sequence[Sample], scenario: Scenario) -> Iterator[tuple[Sample, Sample]]:
    enough = max(scenario.drain, 10) * scenario.max_concurrency
    outage = scenario.outage
    for before, after in pairwise(samples):
        is_down = outage is not None and before.at < outage.ends and after.at > outage.begins
        if not is_down and before.visible >= enough and after.visible >= enough:
            yield before, after
