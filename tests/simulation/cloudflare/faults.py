"""What goes wrong at the edge, by order of a test."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Kind = Literal["keep", "answer", "headers", "weak_etag", "dynamic", "cache_in_front", "cache_behind"]


class Visited(NamedTuple):
    """What a visitor asks for."""

    host: str
    path: str


@dataclass(eq=False, slots=True)
class EdgeFault:
    """One order, carried out `times` times (None: until cleared) on what fits `host` and the start of `path`.

    Kinds: `keep` accepts a purge and keeps the copies, of purges by `by` ("files", "prefixes" …) if given; `answer`
    answers `status` and `headers` in the place of everything else (a challenge, a redirect, an error); `headers` sets
    headers of every answer, or removes those that are None (a Worker's answer has no CF-Cache-Status); `weak_etag`
    weakens the ETag; `dynamic` caches nothing; `cache_in_front` and `cache_behind` are other caches, before and behind
    Cloudflare, which no purge reaches.
    """

    kind: Kind
    times: int | None = None
    host: str | None = None
    path: str = "/"
    by: str | None = None
    status: int = 403
    headers: Mapping[str, str | None] = field(default_factory=dict)


class EdgeFaults:
    """The orders that hold, and what the other caches keep: answers by kind and URL, with the time."""

    def __init__(self) -> None:
        self.orders: list[EdgeFault] = []
        self.kept: dict[tuple[str, str], tuple[float, Any]] = {}

    def clear(self) -> None:
        self.orders.clear()
        self.kept.clear()

    def fitting(self, kind: Kind, visited: Visited) -> list[EdgeFault]:
        return [
            fault
            for fault in self.orders
            if fault.kind == kind and fault.host in (None, visited.host) and visited.path.startswith(fault.path)
        ]

    def take(self, kind: Kind, visited: Visited) -> EdgeFault | None:
        """Return the first order that fits, which uses it up."""
        fault = next(iter(self.fitting(kind, visited)), None)
        if fault is not None:
            self.use(fault)
        return fault

    def use(self, fault: EdgeFault) -> None:
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self.orders.remove(fault)
