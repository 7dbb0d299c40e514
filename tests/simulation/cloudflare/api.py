"""The API over HTTP: the journal, the delays and the faults around the service."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from typing import Any

from aiohttp import web

from tests.simulation.cloudflare.faults import Faults
from tests.simulation.cloudflare.journal import Entry, Journal
from tests.simulation.cloudflare.route import is_read, route
from tests.simulation.cloudflare.service import Service

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: closing sends RST


class Api:
    """Answers requests. `latency_ms` may be changed at any time."""

    def __init__(self, service: Service, faults: Faults, journal: Journal, latency_ms: float) -> None:
        self._service, self._faults, self._journal = service, faults, journal
        self.latency_ms = latency_ms

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        entry = Entry(time.time(), request.method, path, query)
        route(entry)
        # Written down before anything else, so that a test sees a request that is never answered.
        self._journal.open(entry)
        body = await request.content.read()
        entry.body = _decoded(body) if body else None
        await asyncio.sleep(self.latency_ms / 1000)
        response = await self._answer(request, entry)
        entry.answered = None if entry.status is None else time.time()
        self._journal.close(entry)
        return response

    async def _answer(self, request: web.BaseRequest, entry: Entry) -> web.Response:
        fault = self._faults.take(entry.zone, is_read(entry))
        if fault is not None:
            entry.fault = fault.kind
            await asyncio.sleep(fault.seconds)
            if fault.acted and fault.kind != "delay":
                self._service.answer(entry, request.headers)
        if fault is None or fault.kind == "delay":
            status, headers, text = self._service.answer(entry, request.headers)
        elif fault.kind == "reset":
            entry.status = entry.codes = None
            _abort(request)
            return web.Response()  # to nobody
        else:
            status, headers, text = fault.answer
            entry.status, entry.codes = status, _codes_in(text)
        return web.Response(status=status, headers=headers, body=text.encode())


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        request.transport.abort()


def _decoded(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.decode(errors="replace")


def _codes_in(text: str) -> list[int]:
    document = _decoded(text.encode())
    errors = document.get("errors") if isinstance(document, dict) else None
    return [e["code"] for e in errors if isinstance(e, dict) and "code" in e] if isinstance(errors, list) else []
