"""The API over HTTP: what was asked, delays and faults around the service."""

import asyncio
import json
import re
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

from tests.simulation.cloudflare.journal import ApiRequest
from tests.simulation.cloudflare.service import ZONES, Service

_PURGE = re.compile(rf"{ZONES}/([^/]*)/(?:environments/([^/]*)/)?(purge_cache|invalidate_cache)")
_PAGE = "<!DOCTYPE html><html><body>Not Cloudflare</body></html>"
_ERRORS = [{"code": 10013, "message": "Unknown error"}]
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: closing sends RST


@dataclass(slots=True)
class Fault:
    """One order, for `times` purge requests (None: until cleared).

    Kinds: `status` answers `status` with `headers` and `errors` or `raw` (text); `delay` only waits, then answers
    normally; `reset` aborts the TCP connection; `garbage` answers 200 with a page; `success_false` answers 200 with
    `errors`. Every kind waits `seconds` first. Except with `delay`, nothing is purged unless `acted`: then the purge is
    done and only its answer lost.
    """

    kind: Literal["status", "delay", "reset", "garbage", "success_false"]
    times: int | None = 1
    acted: bool = False
    seconds: float = 0
    status: int = 500
    headers: Mapping[str, str] | None = None
    raw: str | None = None
    errors: list[dict[str, Any]] | None = None

    @property
    def answer(self) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of the kinds that answer."""
        status = self.status if self.kind == "status" else 200
        if self.kind == "garbage" or self.raw is not None:
            return status, {"Content-Type": "text/html", **(self.headers or {})}, self.raw or _PAGE
        headers = {"Content-Type": "application/json", **(self.headers or {})}
        errors = self.errors or (_ERRORS if self.kind == "success_false" else None)
        document = {"success": False, "errors": errors, "messages": [], "result": None}
        return status, headers, json.dumps(document) if errors else ""


class Api:
    """Answers requests and keeps what was asked."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.latency_ms = 0.0
        self.faults: list[Fault] = []
        self.requests: list[ApiRequest] = []

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        path, _, query = http.raw_path.partition("?")
        request = ApiRequest(time.time(), http.method, path, query)
        if parts := _PURGE.fullmatch(path):
            request.zone, request.environment, request.kind = parts.groups()
        # Before anything else, so that a test sees a request that is never answered.
        self.requests.append(request)
        body = await http.content.read()
        request.body = _decoded(body) if body else None
        await asyncio.sleep(self.latency_ms / 1000)
        fault = self._fault() if request.kind else None
        if fault is not None:
            request.fault = fault.kind
            await asyncio.sleep(fault.seconds)
        is_lost = fault is not None and fault.kind != "delay"
        if fault is None or not is_lost or fault.acted:
            status, headers, text = self._service.answer(request, http.headers, http.remote)
        if fault is not None and fault.kind == "reset":
            request.status = request.codes = None
            if http.transport is not None:
                http.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                http.transport.abort()
            return web.Response()  # to nobody
        if fault is not None and is_lost:
            status, headers, text = fault.answer
            request.status, request.codes = status, [error["code"] for error in fault.errors or ()]
        return web.Response(status=status, headers=headers, body=text.encode())

    def _fault(self) -> Fault | None:
        """Return the first order, which uses it up."""
        fault = next(iter(self.faults), None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self.faults.remove(fault)
        return fault


def _decoded(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.decode(errors="replace")
