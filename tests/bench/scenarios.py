"""What is simulated: sizes, plans, outages, neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tests.simulation.cloudflare.plans import PLANS, Plan

OWN, SHARED = "its own token", "the same token"


@dataclass(frozen=True, slots=True)
class Outage:
    """Cloudflare is down; all times in seconds since the first upload."""

    begins: float
    seconds: float
    answer: int | None  # an HTTP status; None: no answer at all

    @property
    def ends(self) -> float:
        return self.begins + self.seconds

    @property
    def words(self) -> str:
        return f"{self.seconds / 3600:g} h of {self.answer or 'silence'}"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Somebody else who purges in the same account, at a steady rate."""

    token: str  # OWN or SHARED
    url_requests: float  # a second
    urls: int  # in each
    prefix_requests: float  # a second

    @property
    def requests(self) -> float:
        return self.url_requests + self.prefix_requests


@dataclass(frozen=True, slots=True)
class Scenario:
    """Objects that are uploaded, and the world they are uploaded into."""

    name: str
    objects: int
    plan_name: str = "free"
    purge_by: str = "url"
    uploads_per_second: float = 3_500.0  # what S3 takes for one prefix
    requests_per_second: float = 4.0
    max_concurrency: int = 2
    drain: int = 1_000
    collapse_above: int | None = None
    outage: Outage | None = None
    neighbour: Neighbour | None = None
    recycled_after: float = 1_800.0  # seconds after which Lambda takes a new environment
    seed: int = 1

    @property
    def plan(self) -> Plan:
        return PLANS[self.plan_name]

    @property
    def items_per_request(self) -> int:
        return self.plan.items if self.purge_by == "url" else 100

    @property
    def budget(self) -> float:
        """The requests a second the function may send: its setting, or four fifths of the plan's limit."""
        plan = self.plan
        own = plan.urls_per_second / self.items_per_request if self.purge_by == "url" else plan.requests_per_second
        return min(self.requests_per_second, 0.8 * own)


def neighbour(plan: Plan, token: str = OWN) -> Neighbour:
    """Return one within a fifth of the plan's limits, and of what its own token may send."""
    urls = min(plan.items, plan.urls_per_second // 10)
    return Neighbour(token, 2.0 if token == OWN else 0.9, urls, min(1.0, plan.requests_per_second / 5) / 2)


def _all() -> list[Scenario]:
    sizes = {"1k": 1_000, "100k": 100_000, "10m": 10_000_000}
    plain = [
        Scenario(f"{plan}-{size}", objects, plan, neighbour=neighbour(PLANS[plan]))
        for size, objects in sizes.items()
        for plan in PLANS
    ]
    free = neighbour(PLANS["free"])
    outages = [
        Scenario(
            f"outage-{hours}h-{'503' if status else 'silence'}-{size}",
            objects,
            outage=Outage(300.0 if objects > 1_000_000 else 0.0, hours * 3600.0, status),
            neighbour=free,
        )
        for size, objects in sizes.items()
        for hours in (1, 4)
        for status in (503, None)
        if objects < 1_000_000 or (hours == 4) == (status == 503)
    ]
    prefixes = [
        Scenario(f"prefix-{size}", objects, purge_by="prefix", neighbour=free)
        for size, objects in {"1k": 1_000, "20k": 20_000}.items()
    ]
    collapsed = [
        Scenario(f"collapse-{plan}-100k", 100_000, plan, collapse_above=500, neighbour=neighbour(PLANS[plan]))
        for plan in ("free", "pro")
    ]
    # What is left of the 1,200 requests in five minutes after the neighbour's 0.91 a second.
    shared = Scenario("shared-token", 400_000, requests_per_second=3.0, neighbour=neighbour(PLANS["free"], SHARED))
    return [*plain, *outages, *prefixes, *collapsed, shared]


VARIABLE: dict[str, type[int] | type[float]] = {
    "objects": int,
    "uploads_per_second": float,
    "requests_per_second": float,
    "max_concurrency": int,
    "drain": int,
    "recycled_after": float,
    "seed": int,
}
SCENARIOS = {scenario.name: scenario for scenario in _all()}


def quick() -> list[Scenario]:
    """Return one small scenario of each sort, for the tests."""
    long = SCENARIOS["outage-4h-503-1k"]
    return [
        replace(SCENARIOS["free-100k"], name="quick-free", objects=20_000),
        replace(SCENARIOS["enterprise-100k"], name="quick-enterprise", objects=20_000),
        replace(long, name="quick-outage", objects=150),
        replace(SCENARIOS["prefix-1k"], name="quick-prefix"),
        replace(SCENARIOS["shared-token"], name="quick-shared", objects=20_000),
        replace(SCENARIOS["collapse-pro-100k"], name="quick-collapse", objects=5_000),
    ]


def varied(scenario: Scenario, setting: str) -> list[Scenario]:
    """Return a scenario once for each value of a `field=value,value`.

    Raises:
        ValueError: there is no such field, or a value is no number of its kind.
    """
    name, _, values = setting.partition("=")
    if name not in VARIABLE:
        raise ValueError(f"{setting!r} is none of " + ", ".join(f"{each}=VALUE" for each in VARIABLE))
    found = []
    for value in values.split(","):
        change: dict[str, Any] = {name: VARIABLE[name](value)}
        found.append(replace(scenario, name=f"{scenario.name} {name}={value}", **change))
    return found
