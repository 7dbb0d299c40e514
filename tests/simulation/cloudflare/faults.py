"""Faults on demand: what the API does instead of its work."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

Kind = Literal["status", "delay", "reset", "garbage", "success_false"]
_PAGE = "<!DOCTYPE html><html><body>Something on the way is not Cloudflare</body></html>"
_ERRORS = [{"code": 10013, "message": "Unknown error"}]


@dataclass(slots=True)
class Fault:
    """One order, carried out `times` times (None: until cleared) on the API requests of one zone, or of any.

    What only reads is no zone's; it meets the orders with `reads`, and nothing else does.

    Kinds: `status` answers `status` with `headers` and either `body` (JSON) or `raw` (text); `delay` only
    waits, then goes on normally; `reset` aborts the TCP connection; `garbage` answers 200 with `raw`; `success_false`
    answers 200 with `errors`. Every kind waits `seconds` first. But for `delay`, nothing is purged unless `acted`: then
    the purge is done and only its answer lost.
    """

    kind: Kind
    times: int | None = 1
    zone_id: str | None = None
    reads: bool = False
    acted: bool = False
    seconds: float = 0
    status: int = 500
    headers: Mapping[str, str] | None = None
    body: Any = None
    raw: str | None = None
    errors: list[dict[str, Any]] | None = None

    @property
    def answer(self) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of the kinds that answer."""
        if self.kind == "garbage":
            return 200, {"Content-Type": "text/html"}, _PAGE if self.raw is None else self.raw
        if self.kind == "success_false":
            failure = {"success": False, "errors": self.errors or _ERRORS, "messages": [], "result": None}
            return 200, {"Content-Type": "application/json"}, json.dumps(failure)
        text = json.dumps(self.body) if self.body is not None else ""
        content_type = "text/plain" if self.raw is not None else "application/json"
        return (
            self.status,
            {"Content-Type": content_type, **(self.headers or {})},
            text if self.raw is None else self.raw,
        )


class Faults:
    """Orders in the sequence given; the first that fits a request is used up by it."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []

    def take(self, zone_id: str | None, reads: bool) -> Fault | None:
        fitting = (f for f in self.pending if f.reads is reads and f.zone_id in (None, zone_id))
        fault = next(fitting, None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self.pending.remove(fault)
        return fault


def fault_in(document: Any) -> Fault:
    """Read an order.

    Raises:
        ValueError: it is none; the text says why.
    """
    known = {field.name for field in fields(Fault)}
    if not isinstance(document, dict) or document.get("kind") not in get_args(Kind):
        raise ValueError(f"A fault has a kind: {', '.join(get_args(Kind))}.")
    if unknown := set(document) - known:
        raise ValueError(f"A fault has no {', '.join(sorted(unknown))}.")
    fault = Fault(**document)
    if fault.times is not None and (not isinstance(fault.times, int) or fault.times < 1):
        raise ValueError("A fault's times is a positive number, or null: until cleared.")
    if not isinstance(fault.status, int) or not 200 <= fault.status <= 599:
        raise ValueError("A fault's status is between 200 and 599.")
    if not isinstance(fault.reads, bool) or (fault.reads and fault.zone_id is not None):
        raise ValueError("A fault's reads is true or false, and what reads is no zone's.")
    if not all(isinstance(value, str) for value in (fault.headers or {}).values()):
        raise ValueError("A fault's headers are strings by name.")
    if not isinstance(fault.seconds, (int, float)) or fault.seconds < 0:
        raise ValueError("A fault's seconds are a number.")
    return fault
