"""From a request for a purge to the purge: route, identity, limits, body, and then the edge's cache."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from world.cloudflare import refusal
from world.cloudflare.body import purge_in
from world.cloudflare.cache import Cache
from world.cloudflare.identities import Identities, Identity
from world.cloudflare.journal import Entry
from world.cloudflare.limits import Allowance, Limits
from world.cloudflare.refusal import Refusal
from world.cloudflare.zone import ZONE_ID, Zone

BASE = "/client/v4"
_ROUTE = re.compile(rf"{BASE}/zones/([^/]*)/(?:environments/([^/]*)/)?(purge_cache|invalidate_cache)")


class PurgeService:
    """What the API does, apart from HTTP."""

    def __init__(self, zones: Mapping[str, Zone], identities: Identities, limits: Limits, cache: Cache) -> None:
        self._zones, self._identities, self._limits, self._cache = zones, identities, limits, cache

    def answer(self, entry: Entry, headers: Mapping[str, str]) -> tuple[int, dict[str, str], str]:
        """Do what is asked or refuse it; return status, headers and body. The entry gets the outcome."""
        limit_headers: dict[str, str] = {}
        try:
            self._purge(entry, headers, limit_headers)
        except Refusal as refused:
            entry.status, errors = refused.status, refused.errors
        else:
            entry.status, errors = 200, []
        entry.codes = [error["code"] for error in errors]
        result = None if errors else {"id": entry.zone}
        document = {"success": not errors, "errors": errors, "messages": [], "result": result}
        return entry.status, {"Content-Type": "application/json", **limit_headers}, json.dumps(document)

    def _purge(self, entry: Entry, headers: Mapping[str, str], limit_headers: dict[str, str]) -> None:
        """Purge, or raise the Refusal. `limit_headers` gets what the limit that was looked at last says."""
        if not entry.path.startswith(f"{BASE}/zones/"):
            raise refusal.NO_ROUTE.refusal(404)
        if entry.zone is None or not ZONE_ID.fullmatch(entry.zone):
            raise refusal.unroutable(entry.path.removeprefix(BASE))
        if entry.method != "POST":
            raise refusal.METHOD.refusal(405)
        identity = self._identities.identify(headers)
        entry.identity = identity.name
        _pass(self._limits.take_request(identity.name), refusal.THROTTLED, limit_headers)
        zone = self._zone_for(identity, entry.zone)
        # Copies are not kept apart by environment: purging one of them purges the zone's.
        if entry.environment is not None and entry.environment not in zone.environments:
            raise refusal.NO_ENVIRONMENT.refusal()
        if not isinstance(entry.body, (dict, list)):
            raise refusal.MALFORMED_JSON.refusal()
        purge = purge_in(entry.body, zone)
        _pass(self._limits.take_purge(zone.plan, purge), refusal.RATE_LIMIT, limit_headers)
        act = self._cache.drop if entry.kind == "purge_cache" else self._cache.invalidate
        act(purge, zone.id)

    def _zone_for(self, identity: Identity, zone_id: str) -> Zone:
        zone = self._zones.get(zone_id)
        if identity.is_user and zone is None:
            raise refusal.NO_ZONE.refusal()
        if identity.is_user and zone_id not in identity.zones:
            raise refusal.NO_ACCESS.refusal(403)
        # A token is not told whether a zone exists that it may not touch.
        if zone is None or zone_id not in identity.zones or "cache_purge" not in identity.permissions:
            raise refusal.AUTHENTICATION.refusal(403)
        return zone


def route(entry: Entry) -> None:
    """Write down what the path says."""
    if parts := _ROUTE.fullmatch(entry.path):
        entry.zone, entry.environment, entry.kind = parts[1], parts[2], parts[3]


def _pass(allowance: Allowance, reason: refusal.Reason, limit_headers: dict[str, str]) -> None:
    limit_headers.update(allowance.headers)
    if allowance.wait:
        raise reason.refusal(429)
