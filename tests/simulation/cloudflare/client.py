"""For tests and the demo: orders to the simulation and what it tells of itself. `Visitor` is their other half."""

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.simulation.cloudflare.identities import Status
from tests.simulation.cloudflare.journal import ApiRequest
from tests.simulation.cloudflare.visitor import Visit, Visitor

__all__ = ["ApiRequest", "Control", "ControlError", "State", "Visit", "Visitor"]


class ControlError(Exception):
    """The control plane refused an order; the text says why."""


@dataclass(frozen=True, slots=True)
class State:
    copies: Mapping[str, int]  # by zone
    faults: Sequence[Mapping[str, Any]]  # still to come
    identities: Sequence[str]  # names of tokens and users

    def copies_of(self, zone_id: str) -> int:
        return self.copies[zone_id]


class Control:
    """Orders to a running simulation. Every call is one short connection; safe from several threads."""

    def __init__(self, control_url: str) -> None:
        self._host = urlsplit(control_url).netloc

    def state(self) -> State:
        return State(**self._order("state"))

    def requests(self) -> list[ApiRequest]:
        """Return what the API was asked, in the order of arrival."""
        return [ApiRequest(**request) for request in self._order("requests")]

    def forget_requests(self) -> None:
        self._order("forget_requests")

    def add_fault(self, kind: str, **order: Any) -> None:
        """Order a fault; `api.Fault` has the kinds and what belongs to them.

        `add_fault("status", status=503, headers={"Retry-After": "2"})`, `add_fault("delay", seconds=5)`,
        `add_fault("status", status=400, errors=[{"code": 971, "message": "…"}], times=None)`,
        `add_fault("reset", acted=True)`, `add_fault("garbage")`, `add_fault("success_false", zone_id="…")`.
        """
        self._order("add_fault", kind=kind, **order)

    def add_edge_fault(self, kind: str, **order: Any) -> None:
        """Order a fault of the edge; `faults.EdgeFault` has the kinds and what belongs to them.

        `add_edge_fault("keep", times=1)` keeps what the next purge should take, with `by="files"` whenever it is
        purged by URL; `add_edge_fault("answer", status=403, headers={"cf-mitigated": "challenge"}, path="/a.css")`,
        `add_edge_fault("answer", status=301, headers={"Location": "https://…"})`, `add_edge_fault("weak_etag")`,
        `add_edge_fault("headers", headers={"ETag": None})`, `add_edge_fault("headers", headers={"CF-Cache-Status":
        None})`, `add_edge_fault("dynamic")`, `add_edge_fault("cache_in_front")`, `add_edge_fault("cache_behind")`.
        """
        self._order("add_edge_fault", kind=kind, **order)

    def set_cache_rules(self, zone_id: str, rules: Sequence[Mapping[str, Any]]) -> None:
        """Give a zone its Cache Response Rules, in the place of any others."""
        self._order("set_cache_rules", zone_id=zone_id, rules=rules)

    def clear_faults(self) -> None:
        self._order("clear_faults")

    def add_token(
        self,
        value: str,
        zones: Sequence[str],
        permissions: Sequence[str] = ("cache_purge",),
        *,
        name: str,
        status: Status = "active",
        account_owned: bool | None = None,
        addresses: Sequence[str] = (),
    ) -> None:
        """Make a token known. Whose it is, its prefix says where `account_owned` does not; `addresses` may use it."""
        self._order(
            "add_token",
            value=value,
            zones=zones,
            permissions=permissions,
            name=name,
            status=status,
            account_owned=account_owned,
            addresses=addresses,
        )

    def revoke_token(self, name: str) -> None:
        """Make one token invalid.

        Raises:
            ControlError: there is none of that name.
        """
        if not self._order("revoke_tokens", name=name):
            raise ControlError(f"There is no token named {name}.")

    def revoke_all_tokens(self) -> None:
        self._order("revoke_tokens", name=None)

    def reset_limits(self) -> None:
        self._order("reset_limits")

    def set_latency(self, milliseconds: float) -> None:
        """Delay every API answer from now on."""
        self._order("set_latency", milliseconds=milliseconds)

    def empty_cache(self, zone_id: str | None = None) -> None:
        """Forget the copies of one zone, or all, without any purge."""
        self._order("empty_cache", zone_id=zone_id)

    def _order(self, order: str, **arguments: Any) -> Any:
        connection = http.client.HTTPConnection(self._host, timeout=60)
        try:
            connection.request("POST", f"/{order}", json.dumps(arguments))
            response = connection.getresponse()
            answer: Any = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ControlError(answer["error"])
        return answer
