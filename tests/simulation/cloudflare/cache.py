"""The copies the edge holds."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from multidict import CIMultiDict

from tests.simulation.cloudflare.purge import CacheKey, Purge
from tests.simulation.cloudflare.zone import Zone

# https://developers.cloudflare.com/cache/concepts/default-cache-behavior/, seconds
_LIFETIMES = {200: 120 * 60.0, 404: 3 * 60.0}
_UNCACHEABLE = frozenset({"private", "no-store", "no-cache"})


@dataclass(slots=True)
class Copy:
    """One answer of an origin, kept."""

    resized: str  # "" for the object as it is; else how /cdn-cgi/image/ changed it
    vary: Mapping[str, str | None]  # what the request had in each header that Vary names
    status: int
    headers: CIMultiDict[str]
    body: bytes
    tags: frozenset[str]  # lower case
    stored_at: float
    fresh_until: float  # -inf after a soft purge


# The copies of one environment of a zone: those of one key differ by `vary` and `resized`, and are purged together.
_Part = dict[CacheKey, list[Copy]]


class Cache:
    """Every copy of every zone and environment; an environment of None is Production."""

    def __init__(self) -> None:
        self._parts: defaultdict[tuple[str, str | None], _Part] = defaultdict(dict)

    def get(
        self, zone_id: str, environment: str | None, key: CacheKey, resized: str, headers: Mapping[str, str]
    ) -> Copy | None:
        for copy in self._parts[zone_id, environment].get(key, ()):
            if copy.resized == resized and all(headers.get(name) == value for name, value in copy.vary.items()):
                return copy
        return None

    def put(self, zone_id: str, environment: str | None, key: CacheKey, copy: Copy) -> None:
        copies = self._parts[zone_id, environment].setdefault(key, [])
        copies[:] = [each for each in copies if (each.resized, each.vary) != (copy.resized, copy.vary)] + [copy]

    def drop(self, purge: Purge, zone_id: str, environment: str | None) -> None:
        for part, key, copy in list(self._matching(purge, zone_id, environment)):
            part[key].remove(copy)
            if not part[key]:
                del part[key]

    def invalidate(self, purge: Purge, zone_id: str, environment: str | None) -> None:
        """Keep the copies but ask the origin before the next visitor gets one."""
        for _, _, copy in self._matching(purge, zone_id, environment):
            copy.fresh_until = -math.inf

    def clear(self, zone_id: str | None) -> None:
        for zone, environment in list(self._parts):
            if zone_id in (None, zone):
                del self._parts[zone, environment]

    def size(self, zone_id: str) -> int:
        parts = [part for (zone, _), part in self._parts.items() if zone == zone_id]
        return sum(len(copies) for part in parts for copies in part.values())

    def _matching(self, purge: Purge, zone_id: str, environment: str | None) -> Iterator[tuple[_Part, CacheKey, Copy]]:
        for (zone, place), part in self._parts.items():
            if zone != zone_id or (place != environment and not (purge.everything and environment is None)):
                continue
            # By URL is a look-up: ten thousand copies must not make a purge of a hundred slow.
            for key in purge.files & part.keys() if purge.files else part.keys():
                yield from ((part, key, copy) for copy in part[key] if purge.matches(key, copy.tags))


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


def tags_in(headers: CIMultiDict[str], zone: Zone) -> frozenset[str]:
    """Return the tags of an answer: of its Cache-Tag, and of what the zone's Cache Response Rules make tags of."""
    lines = [line for name in ("Cache-Tag", *zone.tag_headers) for line in headers.getall(name, [])]
    return frozenset(tag.strip().lower() for line in lines for tag in line.split(",") if tag.strip())
