"""The API over HTTP: the journal, the delays and the faults around the service."""

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

from tests.simulation.cloudflare.journal import ApiRequest, log_request
from tests.simulation.cloudflare.service import VERIFY, ZONES, Service

_PURGE = re.compile(rf"{ZONES}/([^/]*)/(?:environments/([^/]*)/)?(purge_cache|invalidate_cache)")
_PAGE = "<!DOCTYPE html><html><body>Something on the way is not Cloudflare</body></html>"
_ERRORS = [{"code": 10013, "message": "Unknown error"}]
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: closing sends RST


@dataclass(slots=True)
class Fault:
    """One order, carried out `times` times (None: until cleared) on the API requests of one zone, or of any.

    What only reads is no zone's; it meets the orders with `reads`, and nothing else does.

    Kinds: `status` answers `status` with `headers` and either `errors`, `body` (JSON) or `raw` (text); `delay` only
    waits, then goes on normally; `reset` aborts the TCP connection; `garbage` answers 200 with a page; `success_false`
    answers 200 with `errors`. Every kind waits `seconds` first. But for `delay`, nothing is purged unless `acted`: then
    the purge is done and only its answer lost.
    """

    kind: Literal["status", "delay", "reset", "garbage", "success_false"]
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
        status = self.status if self.kind == "status" else 200
        if self.kind == "garbage" or self.raw is not None:
            return status, {"Content-Type": "text/html", **(self.headers or {})}, self.raw or _PAGE
        errors = self.errors or (_ERRORS if self.kind == "success_false" else None)
        refused = {"success": False, "errors": errors, "messages": [], "result": None}
        document = refused if errors else self.body
        headers = {"Content-Type": "application/json", **(self.headers or {})}
        return status, headers, "" if document is None else json.dumps(document)


class Api:
    """Answers requests and keeps what was asked. `latency_ms`, `faults` and `requests` may be changed at any time."""

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
        # Written down before anything else, so that a test sees a request that is never answered.
        self.requests.append(request)
        body = await http.content.read()
        request.body = _decoded(body) if body else None
        await asyncio.sleep(self.latency_ms / 1000)
        response = await self._answer(http, request)
        request.answered = None if request.status is None else time.time()
        log_request(request)
        return response

    async def _answer(self, http: web.BaseRequest, request: ApiRequest) -> web.Response:
        fault = self._fault(request)
        if fault is not None:
            request.fault = fault.kind
            await asyncio.sleep(fault.seconds)
        done = None
        if fault is None or fault.kind == "delay" or fault.acted:
            done = self._service.answer(request, http.headers, http.remote)
        if fault is None or fault.kind == "delay":
            assert done is not None
            status, headers, text = done
        elif fault.kind == "reset":
            request.status = request.codes = None
            if http.transport is not None:
                http.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                http.transport.abort()
            return web.Response()  # to nobody
        else:
            status, headers, text = fault.answer
            said = _decoded(text.encode())
            request.status = status
            request.codes = [error["code"] for error in said.get("errors", ())] if isinstance(said, dict) else []
        return web.Response(status=status, headers=headers, body=text.encode())

    def _fault(self, request: ApiRequest) -> Fault | None:
        """Return the first order that fits a request, which uses it up."""
        reads = request.method == "GET" and request.path in (VERIFY, ZONES)
        for fault in self.faults:
            if fault.reads is reads and fault.zone_id in (None, request.zone):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self.faults.remove(fault)
                return fault
        return None


def _decoded(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.decode(errors="replace")
