"""Purges → requests: each copy once, no request above the plan's limit. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cf_purge.targets import Purge


@dataclass(frozen=True, slots=True)
class Job:
    """One change, or one URL named by hand, with all it needs; done when every purge is accepted."""

    source: str  # the message's id; "" outside SQS
    name: str  # the key, or the URL
    at: float | None  # when it changed, seconds since the epoch
    purges: tuple[Purge, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One body for Cloudflare: purges of one zone."""

    zone_id: str
    purges: tuple[Purge, ...]

    def halves(self) -> tuple[Request, Request]:
        middle = len(self.purges) // 2
        return Request(self.zone_id, self.purges[:middle]), Request(self.zone_id, self.purges[middle:])


def requests_for(purges: Iterable[Purge], limit: int) -> Iterator[Request]:
    """Yield requests of at most `limit` distinct purges, zone by zone, in the order of first appearance."""
    zones: dict[str, dict[Purge, None]] = {}
    for purge in purges:
        zones.setdefault(purge.zone_id, {})[purge] = None
    for zone_id, distinct in zones.items():
        ordered = tuple(distinct)
        for start in range(0, len(ordered), limit):
            yield Request(zone_id, ordered[start : start + limit])
