"""The simulated Cloudflare in a thread of this process, and what tests see of it and order."""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from threading import Thread
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from tests.simulation.certificates import Certificates
from tests.simulation.cloudflare.api import Api, Fault
from tests.simulation.cloudflare.cache import Cache, Keep
from tests.simulation.cloudflare.edge import Edge
from tests.simulation.cloudflare.identities import Identities
from tests.simulation.cloudflare.journal import ApiRequest
from tests.simulation.cloudflare.limits import Limits
from tests.simulation.cloudflare.service import BASE, Service
from tests.simulation.cloudflare.zone import Zone

T = TypeVar("T")


@contextmanager
def running(zones: Sequence[Zone], tls: Certificates) -> Iterator["Control"]:
    """Run the simulation for as long as the block."""
    loop, stack = asyncio.new_event_loop(), AsyncExitStack()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        control = Control(loop, zones)
        asyncio.run_coroutine_threadsafe(control.listen(tls, stack), loop).result()
        yield control
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _abort(server: web.Server) -> None:
    """Abort all connections: closing them waits for clients that keep theirs open."""
    for connection in server.connections:
        if connection.transport is not None:
            connection.transport.abort()


class Control:
    """The running simulation. Its methods can be called from any thread."""

    api_url: str  # what `cloudflare.api_url` and an SDK's `base_url` take
    edge_url: str  # https
    edge_http_url: str

    def __init__(self, loop: asyncio.AbstractEventLoop, zones: Sequence[Zone]) -> None:
        self._loop = loop
        self._zones = {zone.id: zone for zone in zones}
        self._identities, self._limits, self._cache = Identities(), Limits(time.monotonic), Cache()
        self._api = Api(Service(self._zones, self._identities, self._limits, self._cache))

    async def listen(self, tls: Certificates, stack: AsyncExitStack) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls.certificate, tls.private_key)
        trust = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=tls.authority))
        origins = await stack.enter_async_context(aiohttp.ClientSession(connector=trust))
        edge = Edge(self._zones, self._cache, origins)

        async def listening(handler: Any, context: ssl.SSLContext | None = None) -> str:
            server = web.Server(handler, access_log=None)
            runner = web.ServerRunner(server, shutdown_timeout=0.1)
            stack.push_async_callback(runner.cleanup)
            stack.callback(_abort, server)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
            return f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"

        self.api_url = await listening(self._api.handle, context) + BASE
        self.edge_url = await listening(edge.handle, context)
        self.edge_http_url = await listening(edge.handle)

    def requests(self) -> list[ApiRequest]:
        """Return what the API was asked, in the order of arrival."""
        return self._call(lambda: [replace(request) for request in self._api.requests])

    def forget_requests(self) -> None:
        self._call(self._api.requests.clear)

    def add_fault(self, kind: Any, **order: Any) -> None:
        """Order a fault of the API, such as `add_fault("answer", status=503)`: see `Fault`."""
        self._call(self._api.faults.append, Fault(kind, **order))

    def keep_copies(self, **order: Any) -> None:
        """Order that purges leave copies, such as `keep_copies(times=1)`: see `Keep`."""
        self._call(self._cache.orders.append, Keep(**order))

    def pending_faults(self) -> int:
        return len(self._api.faults)

    def clear_faults(self) -> None:
        self._call(self._api.faults.clear)
        self._call(self._cache.orders.clear)

    def set_cache_rules(self, zone_id: str, rules: Sequence[Mapping[str, Any]]) -> None:
        self._zones[zone_id].rules[:] = rules

    def add_token(self, **token: Any) -> None:
        """Add a token: `Identities.add_token` has the parameters."""
        self._call(lambda: self._identities.add_token(**token))

    def add_key(self, email: str, value: str, zones: Sequence[str]) -> None:
        self._call(self._identities.add_key, email, value, zones)

    def revoke(self, name: str | None = None) -> None:
        self._call(self._identities.revoke, name)

    def reset_limits(self) -> None:
        self._call(self._limits.reset)

    def set_latency(self, milliseconds: float) -> None:
        self._api.latency_ms = milliseconds

    def copies(self, zone_id: str) -> int:
        return self._call(self._cache.size, zone_id)

    def empty_cache(self, zone_id: str | None = None) -> None:
        """Forget the copies of one zone, or all, without a purge."""
        self._call(self._cache.clear, zone_id)

    def _call(self, order: Callable[..., T], *arguments: Any) -> T:
        """Call in the simulation's thread, where nothing else happens meanwhile."""

        async def called() -> T:
            return order(*arguments)

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result()
