"""Where the simulation listens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Addresses:
    """Base URLs, without a slash at the end."""

    api: str  # what `cloudflare.api_url` and an SDK's `base_url` take
    edge_http: str
    edge_https: str
    control: str
