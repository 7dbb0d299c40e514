"""A zone: a domain, what it serves and what it may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.cloudflare.plans import Plan


@dataclass(frozen=True, slots=True)
class OriginSite:
    """Where a zone's objects come from; `index_document` is added to paths that end in a slash."""

    url: str
    index_document: str = "index.html"


@dataclass(frozen=True, slots=True)
class Zone:
    id: str
    name: str
    hosts: tuple[str, ...]  # served by the edge
    plan: Plan
    environments: tuple[str, ...]  # but Production
    not_by_url: frozenset[str]  # environments that cannot be purged by URL
    origin: OriginSite
    rules: list[Mapping[str, Any]] = field(default_factory=list)  # Cache Response Rules

    def owns(self, host: str) -> bool:
        """Whether a purge of this zone may name that (lower-case) host."""
        return host == self.name or host.endswith(f".{self.name}") or host in self.hosts
