"""What the path of a request says."""

from __future__ import annotations

import re

from tests.simulation.cloudflare.journal import Entry

BASE = "/client/v4"
VERIFY = f"{BASE}/user/tokens/verify"
ZONES = f"{BASE}/zones"
_PURGE = re.compile(rf"{ZONES}/([^/]*)/(?:environments/([^/]*)/)?(purge_cache|invalidate_cache)")


def route(entry: Entry) -> None:
    """Write down what the path says."""
    if parts := _PURGE.fullmatch(entry.path):
        entry.zone, entry.environment, entry.kind = parts[1], parts[2], parts[3]


def is_read(entry: Entry) -> bool:
    """Whether a request asks for one of the two things this API tells."""
    return entry.method == "GET" and entry.path in (VERIFY, ZONES)
