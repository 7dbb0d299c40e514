"""The control plane: how a test looks into the simulation and gives it orders, `POST /ORDER` with its arguments."""

import json
from dataclasses import asdict
from typing import Any

from aiohttp import web

from tests.simulation.cloudflare.api import Api, Fault
from tests.simulation.cloudflare.cache import Cache
from tests.simulation.cloudflare.faults import EdgeFault, EdgeFaults
from tests.simulation.cloudflare.identities import Identities
from tests.simulation.cloudflare.limits import Limits
from tests.simulation.cloudflare.zone import Zone


class Control:
    """Every public method is an order; `client.Control` says what each does."""

    def __init__(
        self,
        zones: dict[str, Zone],
        identities: Identities,
        limits: Limits,
        cache: Cache,
        api: Api,
        edge_faults: EdgeFaults,
    ) -> None:
        self._zones, self._identities, self._limits, self._cache, self._api = zones, identities, limits, cache, api
        self._edge_faults = edge_faults

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        arguments = json.loads(await http.content.read())
        try:
            answer = getattr(self, http.path.lstrip("/"))(**arguments)
        except (TypeError, ValueError, AttributeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(answer)

    def state(self) -> dict[str, Any]:
        return {
            "copies": {zone_id: self._cache.size(zone_id) for zone_id in self._zones},
            "faults": [*map(asdict, self._api.faults), *map(asdict, self._edge_faults.orders)],
            "identities": self._identities.names,
        }

    def requests(self) -> list[dict[str, Any]]:
        return [asdict(request) for request in self._api.requests]

    def forget_requests(self) -> None:
        self._api.requests.clear()

    def add_fault(self, **order: Any) -> None:
        self._api.faults.append(Fault(**order))

    def add_edge_fault(self, **order: Any) -> None:
        self._edge_faults.orders.append(EdgeFault(**order))

    def set_cache_rules(self, zone_id: str, rules: list[Any]) -> None:
        self._zones[zone_id].rules[:] = rules

    def clear_faults(self) -> None:
        self._api.faults.clear()
        self._edge_faults.clear()

    def add_token(self, **token: Any) -> None:
        self._identities.add_token(**token)

    def revoke_tokens(self, name: str | None) -> int:
        return self._identities.revoke(name)

    def reset_limits(self) -> None:
        self._limits.reset()

    def set_latency(self, milliseconds: float) -> None:
        self._api.latency_ms = milliseconds

    def empty_cache(self, zone_id: str | None) -> None:
        self._cache.clear(zone_id)
