"""The copies at the edge."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from multidict import CIMultiDict

from tests.simulation.cloudflare.body import TAG
from tests.simulation.cloudflare.purge import CacheKey, Purge
from tests.simulation.cloudflare.rules import tags_added
from tests.simulation.cloudflare.zone import Zone

# https://developers.cloudflare.com/cache/concepts/default-cache-behavior/, seconds
_LIFETIMES = {200: 120 * 60.0, 404: 3 * 60.0}
_UNCACHEABLE = frozenset({"private", "no-store", "no-cache"})


@dataclass(slots=True)
class Copy:
    """One stored answer of an origin."""

    resized: str  # "" for the object as it is; else how /cdn-cgi/image/ changed it
    vary: Mapping[str, str | None]  # what the request had in each header that Vary names
    status: int
    headers: CIMultiDict[str]
    body: bytes
    tags: frozenset[str]  # lower case
    stored_at: float
    fresh_until: float  # -inf after a soft purge


class Place(NamedTuple):
    """One environment of a zone (None is Production)."""

    zone_id: str
    environment: str | None


# The copies of one place: those of one key differ by `vary` and `resized`, and are purged together.
_Part = dict[CacheKey, list[Copy]]


@dataclass(eq=False, slots=True)
class Keep:
    """A test's order: `times` purges (None: all) are accepted but leave the copies whose paths begin with `path`.

    Only purges by `by` ("files", "prefixes" …) if given.
    """

    times: int | None = None
    path: str = "/"
    by: str | None = None

    def includes(self, purge: Purge, key: CacheKey) -> bool:
        return key.path.startswith(self.path) and (self.by is None or bool(getattr(purge, self.by)))


class Cache:
    """Every copy of every place."""

    def __init__(self) -> None:
        self.orders: list[Keep] = []
        self._parts: defaultdict[Place, _Part] = defaultdict(dict)

    def get(self, place: Place, key: CacheKey, resized: str, headers: Mapping[str, str]) -> Copy | None:
        for copy in self._parts[place].get(key, ()):
            if copy.resized == resized and all(headers.get(name) == value for name, value in copy.vary.items()):
                return copy
        return None

    def put(self, place: Place, key: CacheKey, copy: Copy) -> None:
        copies = self._parts[place].setdefault(key, [])
        copies[:] = [each for each in copies if (each.resized, each.vary) != (copy.resized, copy.vary)] + [copy]

    def drop(self, purge: Purge, zone_id: str, environment: str | None) -> None:
        for part, key, copy in self._taken(purge, zone_id, environment):
            part[key].remove(copy)
            if not part[key]:
                del part[key]

    def invalidate(self, purge: Purge, zone_id: str, environment: str | None) -> None:
        """Keep the copies but ask the origin before the next visitor gets one."""
        for _, _, copy in self._taken(purge, zone_id, environment):
            copy.fresh_until = -math.inf

    def clear(self, zone_id: str | None) -> None:
        for place in list(self._parts):
            if zone_id in (None, place.zone_id):
                del self._parts[place]

    def size(self, zone_id: str) -> int:
        parts = [part for place, part in self._parts.items() if place.zone_id == zone_id]
        return sum(len(copies) for part in parts for copies in part.values())

    def _taken(self, purge: Purge, zone_id: str, environment: str | None) -> list[tuple[_Part, CacheKey, Copy]]:
        """Return the copies that a purge removes: what it matches, except what an order of a test keeps."""
        taken, keeping = [], set[Keep]()
        for part, key, copy in self._matching(purge, zone_id, environment):
            order = next((each for each in self.orders if each.includes(purge, key)), None)
            if order is None:
                taken.append((part, key, copy))
            else:
                keeping.add(order)
        for order in keeping:
            if order.times is not None:
                order.times -= 1
                if order.times == 0:
                    self.orders.remove(order)
        return taken

    def _matching(self, purge: Purge, zone_id: str, environment: str | None) -> Iterator[tuple[_Part, CacheKey, Copy]]:
        for place, part in self._parts.items():
            if place.zone_id != zone_id:
                continue
            if place.environment != environment and not (purge.everything and environment is None):
                continue
            # By URL is a look-up: ten thousand copies must not make a purge of a hundred slow.
            for key in purge.files & part.keys() if purge.files else part.keys():
                yield from ((part, key, copy) for copy in part[key] if purge.matches(key, copy.tags))


def lifetime(status: int, headers: CIMultiDict[str]) -> float | None:
    """Return how many seconds an answer may be stored, or None if it may not.

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


def tags_in(headers: CIMultiDict[str], zone: Zone, key: CacheKey) -> frozenset[str]:
    """Return the tags of an answer, in lower case: of its Cache-Tag, and what the zone's Cache Response Rules add."""
    by_name = {name.lower(): headers.getall(name) for name in headers}
    own = [tag.strip() for line in by_name.get("cache-tag", ()) for tag in line.split(",")]
    return frozenset(tag.lower() for tag in (*own, *tags_added(zone.rules, key, by_name)) if TAG.fullmatch(tag))
