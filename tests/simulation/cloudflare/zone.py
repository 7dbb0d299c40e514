"""A zone: a domain, what it serves and what it may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.cloudflare.plans import PLANS, Plan


@dataclass(frozen=True, slots=True)
class Zone:
    id: str
    name: str
    hosts: tuple[str, ...]  # served by the edge
    plan: Plan = PLANS["free"]
    origin: str = ""  # base URL of its objects
    environments: tuple[str, ...] = ()  # beside Production
    rules: list[Mapping[str, Any]] = field(default_factory=list)  # Cache Response Rules

    def owns(self, host: str) -> bool:
        """Tell whether a purge of this zone may name that (lower-case) host."""
        return host == self.name or host.endswith(f".{self.name}") or host in self.hosts
