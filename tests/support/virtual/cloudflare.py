"""The purge API in virtual time: tokens, the plan's limits, bodies; accepted purges are passed to `on_accepted`."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from cf_purge.http_client import Answer
from tests.simulation.cloudflare import refusal
from tests.simulation.cloudflare.body import purge_in
from tests.simulation.cloudflare.limits import Limits
from tests.simulation.cloudflare.plans import PLANS
from tests.simulation.cloudflare.purge import Purge
from tests.simulation.cloudflare.refusal import Reason, Refusal
from tests.simulation.cloudflare.zone import Zone
from tests.support.fakes import answer, result
from tests.support.virtual.hub import Hub
from tests.support.virtual.network import Call, Fault

_PATH = re.compile(r".*/zones/([0-9a-f]{32})(?:/environments/([^/]+))?/(?:purge|invalidate)_cache")

# Time, zone ID, kind, and the items as in the body; for everything, [True].
Accepted = Callable[[float, str, str, list[Any]], None]


class Cloudflare:
    """One account; `zones` are the domains by zone ID."""

    def __init__(self, hub: Hub, zones: Mapping[str, str], plan: str, *, is_strict: bool) -> None:
        self.latency = 0.25  # seconds from request to answer
        self.tokens: set[str] = set()
        self.refuses: Callable[[str], Reason | None] = lambda _: None  # called for every item, if set
        self.on_accepted: Accepted = lambda *_: None
        self.limited = 0  # requests
        self._hub, self._plan, self._limits = hub, PLANS[plan], Limits(lambda: hub.now)
        self._zones = {id_: Zone(id_, name, (), self._plan) for id_, name in zones.items()}
        self._is_strict = is_strict  # parse every item as the edge would: slower

    def answer(self, call: Call, _: Fault) -> Answer:
        """Answer a purge; every GET finds nothing."""
        if call.body is None:
            return result([])
        said: dict[str, str] = {}
        try:
            self._purge(call, said)
        except Refusal as refused:
            self.limited += refused.status == 429
            document = {"success": False, "errors": refused.errors, "messages": [], "result": None}
            return answer(refused.status, document)._replace(headers=said)
        return result({"id": "023e105f4ecef8ad"})._replace(headers=said)

    def _purge(self, call: Call, said: dict[str, str]) -> None:
        path = _PATH.fullmatch(call.url)
        assert path is not None
        scheme, _, token = call.headers["Authorization"].partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            raise refusal.AUTHENTICATION.refusal(401)
        self._count(said, token=token)
        zone = self._zones[path[1]]
        [kind] = call.body
        items = call.body[kind] if isinstance(call.body[kind], list) else [call.body[kind]]
        if len(items) > self._plan.items:
            raise refusal.TOO_MANY.refusal()
        purge = purge_in(call.body, zone) if self._is_strict else Purge(urls=len(items) if kind == "files" else 0)
        for item in items:
            reason = self.refuses(item["url"] if isinstance(item, dict) else str(item))
            if reason is not None:
                raise reason.refusal(400)
        self._count(said, purge=purge)
        self.on_accepted(self._hub.now, zone.id, kind, items)

    def _count(self, said: dict[str, str], token: str = "", purge: Purge | None = None) -> None:
        allowance = self._limits.take_request(token) if purge is None else self._limits.take_purge(self._plan, purge)
        said.update({name.lower(): value for name, value in allowance.headers.items()})
        if allowance.wait:
            raise (refusal.THROTTLED if purge is None else refusal.RATE_LIMIT).refusal(429)
