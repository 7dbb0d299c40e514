"""For tests and the demo: orders to the simulation and what it tells of itself. `Visitor` is their other half."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.simulation.cloudflare.identities import Status
from tests.simulation.cloudflare.visitor import Visit, Visitor

__all__ = ["ApiRequest", "Control", "ControlError", "State", "Visit", "Visitor"]


class ControlError(Exception):
    """The control plane refused an order; the text says why."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request the API received. `status` is None while it is not answered, and after a reset."""

    time: float  # seconds since the epoch
    method: str
    path: str
    query: str
    zone: str | None
    kind: str | None  # purge_cache, invalidate_cache; None for what only reads
    environment: str | None
    body: Any
    identity: str | None  # the name of the token or user
    fault: str | None
    status: int | None
    codes: Sequence[int] | None
    answered: float | None  # seconds since the epoch, when its answer was made

    @property
    def urls(self) -> tuple[str, ...]:
        """The URLs it asked to purge; none when it purged by something else, or only read."""
        items = self.body.get("files") if isinstance(self.body, dict) else None
        urls = [item.get("url") if isinstance(item, dict) else item for item in items or ()]
        return tuple(url for url in urls if isinstance(url, str))


@dataclass(frozen=True, slots=True)
class State:
    zones: Sequence[Mapping[str, Any]]  # id, name, hosts, plan, copies
    copies: int
    faults: Sequence[Mapping[str, Any]]  # still to come
    identities: Sequence[str]  # names of tokens and users
    latency_ms: float

    def copies_of(self, zone_id: str) -> int:
        return sum(zone["copies"] for zone in self.zones if zone["id"] == zone_id)


class Control:
    """Orders to a running simulation. Every call is one short connection; safe from several threads."""

    def __init__(self, control_url: str) -> None:
        self._host = urlsplit(control_url).netloc

    def state(self) -> State:
        return State(**self._call("GET", "/state"))

    def requests(self) -> list[ApiRequest]:
        """Return what the API was asked, in the order of arrival."""
        return [ApiRequest(**entry) for entry in self._call("GET", "/requests")["requests"]]

    def forget_requests(self) -> None:
        self._call("DELETE", "/requests")

    def add_fault(self, kind: str, *, times: int | None = 1, zone_id: str | None = None, **order: Any) -> None:
        """Order a fault for the next `times` API requests (None: until cleared); see `faults.Fault` for the kinds.

        What only reads, the token's state and the list of zones, is left alone but for `reads=True`: then reads alone
        meet the fault.

        `add_fault("status", status=503, headers={"Retry-After": "2"})`, `add_fault("delay", seconds=5)`,
        `add_fault("reset", acted=True)`, `add_fault("garbage")`, `add_fault("success_false", errors=[...])`.
        """
        self._call("POST", "/faults", {"kind": kind, "times": times, "zone_id": zone_id, **order})

    def clear_faults(self) -> None:
        self._call("DELETE", "/faults")

    def add_token(
        self,
        value: str,
        zones: Sequence[str],
        permissions: Sequence[str] = ("cache_purge",),
        name: str | None = None,
        status: Status = "active",
    ) -> str:
        """Make a token known and return its name. One whose value begins with `cfat_` is an account's own."""
        token = {
            "value": value,
            "zones": list(zones),
            "permissions": list(permissions),
            "name": name,
            "status": status,
        }
        answered: str = self._call("POST", "/tokens", token)["name"]
        return answered

    def revoke_token(self, name: str) -> None:
        """Make one token invalid.

        Raises:
            ControlError: there is none of that name.
        """
        if not self._call("DELETE", f"/tokens?{urlencode({'name': name})}")["revoked"]:
            raise ControlError(f"There is no token named {name}.")

    def revoke_all_tokens(self) -> None:
        self._call("DELETE", "/tokens")

    def reset_limits(self) -> None:
        self._call("POST", "/reset-limits")

    def set_latency(self, milliseconds: float) -> None:
        """Delay every API answer from now on."""
        self._call("POST", "/latency", {"latency_ms": milliseconds})

    def empty_cache(self, zone_id: str | None = None) -> None:
        """Forget the copies of one zone, or all, without any purge."""
        self._call("DELETE", "/cache" + (f"?{urlencode({'zone_id': zone_id})}" if zone_id else ""))

    def _call(self, method: str, path: str, document: Any = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._host, timeout=10)
        try:
            connection.request(method, path, None if document is None else json.dumps(document))
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ControlError(answer.get("error", response.reason))
        return answer
