"""The API over HTTP: what was asked, delays and faults around the service."""

import asyncio
import json
import re
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

from tests.simulation.cloudflare.journal import ApiRequest
from tests.simulation.cloudflare.service import ZONES, Service

_PURGE = re.compile(rf"{ZONES}/([^/]*)/(?:environments/([^/]*)/)?(purge_cache|invalidate_cache)")
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: closing sends RST


@dataclass(slots=True)
class Fault:
    """One order, for `times` purge requests (None: until cleared).

    Kinds: `answer` answers `status` with `headers` and either `errors` or `text`; `delay` only waits, then answers
    normally; `reset` aborts the TCP connection. Every kind waits `seconds` first. Except with `delay`, nothing is
    purged unless `acted`: then the purge is done and only its answer lost.
    """

    kind: Literal["answer", "delay", "reset"]
    times: int | None = 1
    acted: bool = False
    seconds: float = 0
    status: int = 200
    headers: Mapping[str, str] | None = None
    text: str = ""
    errors: Sequence[Mapping[str, Any]] = ()

    @property
    def answer(self) -> tuple[int, dict[str, str], str]:
        document = {"success": False, "errors": self.errors, "messages": [], "result": None}
        return self.status, dict(self.headers or {}), json.dumps(document) if self.errors else self.text


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
            request.status, request.codes = status, [error["code"] for error in fault.errors]
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
    except ValueError:
        return text.decode()
