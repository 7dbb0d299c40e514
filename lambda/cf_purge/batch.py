"""Purges → requests: each copy once, no request above Cloudflare's limits. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from cf_purge.events import Change
from cf_purge.purge import EVERYTHING, FILES, Purge, Zone

# https://developers.cloudflare.com/cache/how-to/purge-cache/#availability-and-limits; by URL it depends on the plan.
_ITEMS_PER_REQUEST = 100


class Job(NamedTuple):
    """One change, or one item named by hand, with all it needs; done when every purge is accepted."""

    source: str  # the message's id; "" outside SQS
    name: str  # the key, or the item
    purges: tuple[Purge, ...]
    change: Change | None = None
    is_check: bool = False


class Request(NamedTuple):
    """One body for Cloudflare: purges of one zone and one kind."""

    zone: Zone
    kind: str
    purges: tuple[Purge, ...]

    @property
    def body(self) -> dict[str, object]:
        return {self.kind: True if self.kind == EVERYTHING else [purge.shown for purge in self.purges]}

    def halves(self) -> tuple[Request, Request]:
        middle = len(self.purges) // 2
        return (
            Request(self.zone, self.kind, self.purges[:middle]),
            Request(self.zone, self.kind, self.purges[middle:]),
        )

    def parts(self, size: int) -> Iterator[Request]:
        """Yield the same in requests of at most `size` purges."""
        for start in range(0, len(self.purges), size):
            yield Request(self.zone, self.kind, self.purges[start : start + size])


class Load:
    """Distinct purges by zone and kind, and how many requests they make."""

    def __init__(self, urls_per_request: int) -> None:
        self.urls_per_request = urls_per_request
        self._groups: dict[tuple[Zone, str], dict[Purge, None]] = {}

    def add(self, purges: Iterable[Purge]) -> None:
        for purge in purges:
            self._groups.setdefault((purge.zone, purge.kind), {})[purge] = None

    @property
    def groups(self) -> Collection[tuple[Zone, str]]:
        """The zones and kinds."""
        return self._groups.keys()

    @property
    def count(self) -> int:
        """How many requests they make."""
        return self.requests_by_url + self.other_requests

    @property
    def size(self) -> int:
        return sum(len(distinct) for distinct in self._groups.values())

    @property
    def urls(self) -> int:
        return sum(len(distinct) for (_, kind), distinct in self._groups.items() if kind == FILES)

    @property
    def requests_by_url(self) -> int:
        return sum(-(-len(d) // self._limit(kind)) for (_, kind), d in self._groups.items() if kind == FILES)

    @property
    def other_requests(self) -> int:
        return sum(-(-len(d) // self._limit(kind)) for (_, kind), d in self._groups.items() if kind != FILES)

    @property
    def free_places(self) -> int:
        """How many more purges would fit into these requests."""
        return sum(-len(distinct) % self._limit(kind) for (_, kind), distinct in self._groups.items())

    def requests(self) -> Iterator[Request]:
        """Yield the requests, zone by zone and kind by kind, in the order of first appearance."""
        for (zone, kind), distinct in self._groups.items():
            limit, ordered = self._limit(kind), tuple(distinct)
            for start in range(0, len(ordered), limit):
                yield Request(zone, kind, ordered[start : start + limit])

    def _limit(self, kind: str) -> int:
        return self.urls_per_request if kind == FILES else 1 if kind == EVERYTHING else _ITEMS_PER_REQUEST


def requests_for(purges: Iterable[Purge], urls_per_request: int) -> Iterator[Request]:
    """Yield requests of distinct purges, zone by zone and kind by kind, in the order of first appearance."""
    load = Load(urls_per_request)
    load.add(purges)
    return load.requests()
