"""A zone: a domain, what it serves and what it may ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.simulation.cloudflare.plans import Plan

ZONE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class OriginSite:
    """Where a zone's objects come from; `index_document` is added to paths that end in a slash."""

    url: str
    index_document: str


@dataclass(frozen=True, slots=True)
class Zone:
    id: str
    name: str
    hosts: tuple[str, ...]  # served by the edge
    plan: Plan
    environments: tuple[str, ...]
    not_by_url: frozenset[str]  # environments that cannot be purged by URL
    origin: OriginSite

    def owns(self, host: str) -> bool:
        """Whether a purge of this zone may name that (lower-case) host."""
        return host == self.name or host.endswith(f".{self.name}") or host in self.hosts
