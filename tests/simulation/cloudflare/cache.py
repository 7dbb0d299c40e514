"""The copies the edge holds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from multidict import CIMultiDict

from tests.simulation.cloudflare.cache_key import CacheKey
from tests.simulation.cloudflare.purge import Purge

# https://developers.cloudflare.com/cache/concepts/default-cache-behavior/, seconds
_LIFETIMES = {200: 120 * 60.0, 404: 3 * 60.0}
_UNCACHEABLE = frozenset({"private", "no-store", "no-cache"})


@dataclass(slots=True)
class Copy:
    """One answer of an origin, kept."""

    zone_id: str
    status: int
    headers: CIMultiDict[str]
    body: bytes
    tags: frozenset[str]  # lower case
    stored_at: float
    fresh_until: float  # -inf after a soft purge


class Cache:
    """Every copy of every zone, by key."""

    def __init__(self) -> None:
        self._copies: dict[CacheKey, Copy] = {}

    def get(self, key: CacheKey) -> Copy | None:
        return self._copies.get(key)

    def put(self, key: CacheKey, copy: Copy) -> None:
        self._copies[key] = copy

    def drop(self, purge: Purge, zone_id: str) -> None:
        for key in list(self._matching(purge, zone_id)):
            del self._copies[key]

    def invalidate(self, purge: Purge, zone_id: str) -> None:
        """Keep the copies but ask the origin before the next visitor gets one."""
        for key in self._matching(purge, zone_id):
            self._copies[key].fresh_until = -math.inf

    def clear(self, zone_id: str | None) -> None:
        self._copies = {k: c for k, c in self._copies.items() if zone_id not in (None, c.zone_id)}

    def size(self, zone_id: str) -> int:
        return sum(copy.zone_id == zone_id for copy in self._copies.values())

    def _matching(self, purge: Purge, zone_id: str) -> Iterator[CacheKey]:
        # By URL is a look-up: ten thousand copies must not make a purge of a hundred slow.
        keys = purge.files & self._copies.keys() if purge.files else self._copies.keys()
        for key in keys:
            copy = self._copies[key]
            if copy.zone_id == zone_id and purge.matches(key, copy.tags):
                yield key


def lifetime(status: int, headers: CIMultiDict[str]) -> float | None:
    """Return for how many seconds an answer may be kept; None when not at all.

    https://developers.cloudflare.com/cache/concepts/cache-control/: `s-maxage` before `max-age` before the default.
    """
    directives = {
        name.strip().lower(): value.strip(' "')
        for directive in ",".join(headers.getall("Cache-Control", [])).split(",")
        for name, _, value in [directive.partition("=")]
    }
    if status not in _LIFETIMES or not _UNCACHEABLE.isdisjoint(directives) or "Set-Cookie" in headers:
        return None
    asked = directives.get("s-maxage", directives.get("max-age", ""))
    seconds = float(asked) if re.fullmatch(r"[0-9]{1,9}", asked) else _LIFETIMES[status]
    return seconds or None


def tags_in(headers: CIMultiDict[str]) -> frozenset[str]:
    """Return the tags an origin gave; S3 can only say them as user metadata."""
    lines = [*headers.getall("Cache-Tag", []), *headers.getall("x-amz-meta-cache-tag", [])]
    return frozenset(tag.strip().lower() for line in lines for tag in line.split(",") if tag.strip())
