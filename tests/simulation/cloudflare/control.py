"""The control plane: how a test looks into the simulation and gives it orders. JSON in, JSON out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

from tests.simulation.cloudflare.api import Api
from tests.simulation.cloudflare.cache import Cache
from tests.simulation.cloudflare.config import token_in
from tests.simulation.cloudflare.faults import Faults, fault_in
from tests.simulation.cloudflare.identities import Identities
from tests.simulation.cloudflare.journal import Journal
from tests.simulation.cloudflare.limits import Limits
from tests.simulation.cloudflare.zone import Zone

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """One method per endpoint."""

    def __init__(
        self,
        zones: Mapping[str, Zone],
        identities: Identities,
        limits: Limits,
        faults: Faults,
        journal: Journal,
        cache: Cache,
        api: Api,
    ) -> None:
        self._zones, self._identities, self._limits = zones, identities, limits
        self._faults, self._journal, self._cache, self._api = faults, journal, cache, api
        self._tokens_added = 0

    def application(self) -> web.Application:
        application = web.Application(middlewares=[_bad_requests])
        application.add_routes(
            [
                web.get("/state", self.state),
                web.get("/requests", self.requests),
                web.delete("/requests", self.forget_requests),
                web.post("/faults", self.add_fault),
                web.delete("/faults", self.clear_faults),
                web.post("/tokens", self.add_token),
                web.delete("/tokens", self.revoke_tokens),
                web.post("/reset-limits", self.reset_limits),
                web.post("/latency", self.set_latency),
                web.delete("/cache", self.empty_cache),
            ]
        )
        return application

    async def state(self, request: web.Request) -> web.Response:
        zones = [
            {"id": z.id, "name": z.name, "hosts": z.hosts, "plan": z.plan.name, "copies": self._cache.size(z.id)}
            for z in self._zones.values()
        ]
        return _answer(
            zones=zones,
            copies=sum(zone["copies"] for zone in zones),
            faults=[asdict(fault) for fault in self._faults.pending],
            identities=self._identities.names,
            latency_ms=self._api.latency_ms,
        )

    async def requests(self, request: web.Request) -> web.Response:
        return _answer(requests=[asdict(entry) for entry in self._journal.entries])

    async def forget_requests(self, request: web.Request) -> web.Response:
        self._journal.entries.clear()
        return _answer()

    async def add_fault(self, request: web.Request) -> web.Response:
        self._faults.pending.append(fault_in(await request.json()))
        return _answer()

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._faults.pending.clear()
        return _answer()

    async def add_token(self, request: web.Request) -> web.Response:
        self._tokens_added += 1
        digest, identity = token_in(await request.json(), f"added-token-{self._tokens_added}")
        if identity.name in self._identities.names:
            raise ValueError(f"There is already a token named {identity.name}.")
        self._identities.add(digest, identity)
        return _answer(name=identity.name)

    async def revoke_tokens(self, request: web.Request) -> web.Response:
        return _answer(revoked=self._identities.revoke(request.query.get("name")))

    async def reset_limits(self, request: web.Request) -> web.Response:
        self._limits.reset()
        return _answer()

    async def set_latency(self, request: web.Request) -> web.Response:
        self._api.latency_ms = float((await request.json())["latency_ms"])
        return _answer()

    async def empty_cache(self, request: web.Request) -> web.Response:
        self._cache.clear(request.query.get("zone_id"))
        return _answer()


def _answer(**document: Any) -> web.Response:
    return web.json_response(document)


@web.middleware
async def _bad_requests(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # The class only where the text could quote what was sent: a token must not come back.
        text = str(error) if type(error).__module__ != "json.decoder" else "The body is not JSON."
        return web.json_response({"error": text or type(error).__name__}, status=400)
