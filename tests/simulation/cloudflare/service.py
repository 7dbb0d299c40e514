"""From a request to what it asks for: route, identity, limits, body, and then the edge's cache."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.simulation.cloudflare import reads, refusal
from tests.simulation.cloudflare.body import purge_in
from tests.simulation.cloudflare.cache import Cache
from tests.simulation.cloudflare.identities import Identities, Identity
from tests.simulation.cloudflare.journal import Entry
from tests.simulation.cloudflare.limits import Allowance, Limits
from tests.simulation.cloudflare.refusal import Refusal
from tests.simulation.cloudflare.route import BASE, VERIFY, ZONES, is_read
from tests.simulation.cloudflare.zone import ZONE_ID, Zone

_Said = dict[str, str]  # headers: what the limit that was looked at last says


class Service:
    """What the API does, apart from HTTP."""

    def __init__(self, zones: Mapping[str, Zone], identities: Identities, limits: Limits, cache: Cache) -> None:
        self._zones, self._identities, self._limits, self._cache = zones, identities, limits, cache

    def answer(self, entry: Entry, headers: Mapping[str, str]) -> tuple[int, dict[str, str], str]:
        """Do what is asked or refuse it; return status, headers and body. The entry gets the outcome."""
        said: _Said = {}
        told: dict[str, Any] = {"result": None}
        try:
            told = self._read(entry, headers, said) if is_read(entry) else self._purge(entry, headers, said)
        except Refusal as refused:
            entry.status, errors = refused.status, refused.errors
        else:
            entry.status, errors = 200, []
        entry.codes = [error["code"] for error in errors]
        document = {"success": not errors, "errors": errors, "messages": [], **told}
        return entry.status, {"Content-Type": "application/json", **said}, json.dumps(document)

    def _read(self, entry: Entry, headers: Mapping[str, str], said: _Said) -> dict[str, Any]:
        """Return the answer's result and what comes with it, or raise the Refusal."""
        if entry.path == VERIFY:
            shown = self._identities.find(headers)
            if shown is not None:
                self._count(entry, shown, said)
            if "Authorization" not in headers:  # a Global API key, whether known or not
                raise refusal.NO_TOKEN.refusal()
            return reads.verify(shown)
        identity = self._identities.identify(headers)
        self._count(entry, identity, said)
        return reads.zones_listed(identity, self._zones, entry.query)

    def _purge(self, entry: Entry, headers: Mapping[str, str], said: _Said) -> dict[str, Any]:
        """Purge and return the answer's result, or raise the Refusal."""
        if entry.path in (VERIFY, ZONES):
            raise refusal.METHOD.refusal(405)
        if not entry.path.startswith(f"{ZONES}/"):
            raise refusal.NO_ROUTE.refusal(404)
        if entry.zone is None or not ZONE_ID.fullmatch(entry.zone):
            raise refusal.unroutable(entry.path.removeprefix(BASE))
        if entry.method != "POST":
            raise refusal.METHOD.refusal(405)
        identity = self._identities.identify(headers)
        self._count(entry, identity, said)
        zone = self._zone_for(identity, entry.zone)
        # Copies are not kept apart by environment: purging one of them purges the zone's.
        if entry.environment is not None and entry.environment not in zone.environments:
            raise refusal.NO_ENVIRONMENT.refusal()
        if not isinstance(entry.body, (dict, list)):
            raise refusal.MALFORMED_JSON.refusal()
        purge = purge_in(entry.body, zone)
        if purge.files and entry.environment in zone.not_by_url:
            raise refusal.NOT_BY_URL.refusal()
        _pass(self._limits.take_purge(zone.plan, purge), refusal.RATE_LIMIT, said)
        act = self._cache.drop if entry.kind == "purge_cache" else self._cache.invalidate
        act(purge, zone.id)
        return {"result": {"id": entry.zone}}

    def _count(self, entry: Entry, identity: Identity, said: _Said) -> None:
        entry.identity = identity.name
        _pass(self._limits.take_request(identity.name), refusal.THROTTLED, said)

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


def _pass(allowance: Allowance, reason: refusal.Reason, said: _Said) -> None:
    said.update(allowance.headers)
    if allowance.wait:
        raise reason.refusal(429)
