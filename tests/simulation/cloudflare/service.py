"""The API without HTTP: route, identity, limits, body, and the purge of the cache."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from tests.simulation.cloudflare import refusal
from tests.simulation.cloudflare.body import purge_in
from tests.simulation.cloudflare.cache import Cache
from tests.simulation.cloudflare.identities import Identities, Identity
from tests.simulation.cloudflare.journal import ApiRequest
from tests.simulation.cloudflare.limits import Allowance, Limits
from tests.simulation.cloudflare.refusal import Refusal
from tests.simulation.cloudflare.zone import Zone

BASE = "/client/v4"
VERIFY = f"{BASE}/user/tokens/verify"
ZONES = f"{BASE}/zones"
_ZONE_ID = re.compile(r"[0-9a-f]{32}")
# Cloudflare's own words: https://github.com/putyourlightson/craft-cloudflare/issues/88
_ACTIVE = {"code": 10000, "message": "This API Token is valid and active", "type": None}


class Service:
    """Answers requests."""

    def __init__(self, zones: Mapping[str, Zone], identities: Identities, limits: Limits, cache: Cache) -> None:
        self._zones, self._identities, self._limits, self._cache = zones, identities, limits, cache

    def answer(
        self, request: ApiRequest, headers: Mapping[str, str], address: str | None
    ) -> tuple[int, dict[str, str], str]:
        """Return status, headers and body, and write the outcome into the request."""
        said = {"Content-Type": "application/json"}
        told: dict[str, Any] = {"result": None}
        request.status, errors = 200, []
        try:
            if request.method == "GET" and request.path in (VERIFY, ZONES):
                told = self._read(request, headers, address)
            else:
                told = self._purge(request, headers, address, said)
        except Refusal as refused:
            request.status, errors = refused.status, refused.errors
            said.update(refused.headers)
        request.codes = [error["code"] for error in errors]
        return request.status, said, json.dumps({"success": not errors, "errors": errors, "messages": [], **told})

    def _read(self, request: ApiRequest, headers: Mapping[str, str], address: str | None) -> dict[str, Any]:
        """Return the fields of an answer to a GET, which has no `Ratelimit`, or raise a Refusal."""
        if request.path == ZONES:
            identity = self._identities.identify(headers, address)
            self._count(request, identity)
            return self._zones_listed(identity, request.query)
        shown = self._identities.find(headers, address)
        if shown is not None:
            self._count(request, shown)
        if "Authorization" not in headers:  # a Global API key, whether known or not
            raise refusal.NO_TOKEN.refusal()
        if shown is None or shown.is_account_owned:
            raise refusal.NO_USERS_TOKEN.refusal()
        messages = [_ACTIVE] if shown.status == "active" else []
        return {"messages": messages, "result": {"id": shown.token_id, "status": shown.status}}

    def _zones_listed(self, identity: Identity, query: str) -> dict[str, Any]:
        """List the zones with a name (all, without one) in which the identity has any permission, on one page.

        If there are none, a token is denied (https://github.com/cert-manager/cert-manager/issues/2878), a user gets an
        empty list.
        """
        asked = parse_qs(query)
        name, page = asked.get("name", [""])[-1].lower(), int(asked.get("page", ["1"])[-1])
        found = [
            {"id": zone.id, "name": zone.name, "status": "active"}
            for zone in self._zones.values()
            if name in ("", zone.name) and identity.has_something_in(zone.id)
        ]
        if not found and not identity.is_user:
            raise refusal.no_zone_list(identity.token_id)
        info = {"page": page, "per_page": 20, "count": len(found), "total_count": len(found), "total_pages": 1}
        return {"result": found if page == 1 else [], "result_info": info}  # the SDK asks until a page is empty

    def _purge(
        self, request: ApiRequest, headers: Mapping[str, str], address: str | None, said: dict[str, str]
    ) -> dict[str, Any]:
        """Purge and return the fields of the answer, or raise a Refusal."""
        if request.path in (VERIFY, ZONES):
            raise refusal.METHOD.refusal(405)
        if not request.path.startswith(f"{ZONES}/"):
            raise refusal.NO_ROUTE.refusal(404)
        if request.zone is None or not _ZONE_ID.fullmatch(request.zone):
            raise refusal.unroutable(request.path.removeprefix(BASE))
        if request.method != "POST":
            raise refusal.METHOD.refusal(405)
        identity = self._identities.identify(headers, address)
        said.update(self._count(request, identity).headers)
        zone = self._zone_for(identity, request.zone)
        if request.environment is not None and request.environment not in zone.environments:
            raise refusal.NO_ENVIRONMENT.refusal()
        if not isinstance(request.body, (dict, list)):
            raise refusal.MALFORMED_JSON.refusal()
        purge = purge_in(request.body, zone)
        _pass(self._limits.take_purge(zone.plan, purge), refusal.RATE_LIMIT)
        act = self._cache.drop if request.kind == "purge_cache" else self._cache.invalidate
        act(purge, zone.id, request.environment)
        return {"result": {"id": request.zone}}

    def _count(self, request: ApiRequest, identity: Identity) -> Allowance:
        request.identity = identity.name
        return _pass(self._limits.take_request(identity.name), refusal.THROTTLED)

    def _zone_for(self, identity: Identity, zone_id: str) -> Zone:
        zone = self._zones.get(zone_id)
        if identity.is_user and zone is None:
            raise refusal.NO_ZONE.refusal()
        if identity.is_user and zone_id not in identity.zones:
            raise refusal.NO_ACCESS.refusal(403)
        # A token does not learn whether a zone exists in which it has no permission.
        if zone is None or zone_id not in identity.zones or "cache_purge" not in identity.permissions:
            raise refusal.AUTHENTICATION.refusal(403)
        return zone


def _pass(allowance: Allowance, reason: refusal.Reason) -> Allowance:
    if allowance.wait:
        refused = reason.refusal(429)
        refused.headers = allowance.headers
        raise refused
    return allowance
