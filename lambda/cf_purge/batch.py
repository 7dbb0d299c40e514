"""Purges → requests: each copy once, no request above Cloudflare's limits. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cf_purge.events import Change
from cf_purge.purge import EVERYTHING, FILES, Purge, Zone

# https://developers.cloudflare.com/cache/how-to/purge-cache/#availability-and-limits; by URL it depends on the plan.
_ITEMS_PER_REQUEST = 100


@dataclass(frozen=True, slots=True)
class Job:
    """One change, or one item named by hand, with all it needs; done when every purge is accepted."""

    source: str  # the message's id; "" outside SQS
    name: str  # the key, or the item
    purges: tuple[Purge, ...]
    change: Change | None = None
    is_check: bool = False


@dataclass(frozen=True, slots=True)
class Request:
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


def requests_for(purges: Iterable[Purge], files_per_request: int) -> Iterator[Request]:
    """Yield requests of distinct purges, zone by zone and kind by kind, in the order of first appearance."""
    groups: dict[tuple[Zone, str], dict[Purge, None]] = {}
    for purge in purges:
        groups.setdefault((purge.zone, purge.kind), {})[purge] = None
    for (zone, kind), distinct in groups.items():
        limit = files_per_request if kind == FILES else _ITEMS_PER_REQUEST
        ordered = tuple(distinct)
        for start in range(0, len(ordered), limit):
            yield Request(zone, kind, ordered[start : start + limit])
