"""The edge in virtual time: what visitors get for each URL, and how purges fail."""

from collections.abc import Callable, Iterable
from email.utils import formatdate
from itertools import count
from typing import Any, NamedTuple

from cf_purge.errors import TimedOut
from cf_purge.http_client import Answer
from tests.support.names import HOST, ZONE
from tests.support.virtual.hub import Hub

# `keeps once`: the first purge of a copy evicts nothing; `keeps files`: no purge by URL does; `slow fill`: the old body
# is stored again just after the first purge. The others change answers.
FAULTS = ("none", "keeps once", "keeps files", "slow fill", "no ETag", "challenge", "hangs")
_LATENCY = 0.05  # seconds


class Version(NamedTuple):
    """One version of an object; later ones compare as larger."""

    at: float
    etag: str
    is_gone: bool = False


_OLD = Version(0.0, "old")


class Edge:
    """One cache for everything; `served` has each answer to a visitor, by CF-Ray."""

    def __init__(self, hub: Hub, fault: str, before: Version = _OLD) -> None:
        self.fault = fault
        self.served: dict[str, Version] = {}
        self.visited = 0.0  # the last time
        self._hub, self._rays, self._before = hub, count(), before
        self._origin: dict[str, Version] = {}
        self._copies: dict[str, tuple[Version, float]] = {}  # with the time at which each was stored
        self._failed: set[str] = set()

    def change(self, urls: Iterable[str], version: Version) -> None:
        """Change an object whose URLs have been visited before."""
        for url in urls:
            before = self._origin.get(url, self._before)
            self._copies.setdefault(url, (before, self._hub.now - 60))
            self._origin[url] = max(before, version)

    def purge(self, zone: str, kind: str, items: Iterable[Any]) -> None:
        texts = [item["url"] if isinstance(item, dict) else str(item) for item in items]
        for url, (version, _) in list(self._copies.items()):
            if not any(_covers(zone, kind, text, url) for text in texts):
                continue
            is_first = url not in self._failed
            self._failed.add(url)
            if self.fault == "keeps files" and kind == "files":
                continue
            if self.fault == "slow fill" and is_first:
                self._copies[url] = version, self._hub.now + 0.5
            elif self.fault != "keeps once" or not is_first:
                del self._copies[url]

    def visit(self, url: str, timeout: float, pause: Callable[[float], None]) -> Answer:
        pause(self._hub.now + (timeout if self.fault == "hangs" else _LATENCY))
        if self.fault == "hangs":
            raise TimedOut("No answer in time.")
        if self.fault == "challenge":
            return Answer(403, {"cf-mitigated": "challenge"}, b"")
        now, is_hit = self._hub.now, url in self._copies
        version, stored = self._copies.setdefault(url, (self._origin.get(url, self._before), now))
        ray = str(next(self._rays))
        self.served[ray], self.visited = version, now
        headers = {"cf-ray": ray, "cf-cache-status": "HIT" if is_hit else "MISS", "age": str(max(0, int(now - stored)))}
        if version.is_gone:
            return Answer(404, headers, b"")
        headers["last-modified"] = formatdate(version.at, usegmt=True)
        return Answer(200, headers | ({} if self.fault == "no ETag" else {"etag": f'W/"{version.etag}"'}), b"")

    def old_copies(self) -> list[str]:
        """Return the URLs with an old version in the cache; dates have whole seconds, and a 404 is like any other."""
        pairs = [(url, version, self._origin[url]) for url, (version, _) in self._copies.items()]
        return [url for url, own, new in pairs if own.at < new.at - 1 and not (own.is_gone and new.is_gone)]


def _covers(zone: str, kind: str, item: str, url: str) -> bool:
    address = url.partition("://")[2]
    host = address.partition("/")[0]
    if (zone == ZONE) != host.endswith(HOST.partition(".")[2]):
        return False
    if kind == "files":
        return item.partition("://")[2] == address
    return address.startswith(item) if kind == "prefixes" else kind != "hosts" or item == host
