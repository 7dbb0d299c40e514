"""`python -m tests.simulation.cloudflare CONFIG.json`: run until SIGTERM, SIGINT, or the end of standard input.

Prints one line of JSON, the addresses, when everything listens. Standard input is how it dies with its parent: start
it with a pipe and keep the other end open.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import ssl
import sys
import threading
import time
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path

from aiohttp import web

from tests.simulation.cloudflare.addresses import Addresses
from tests.simulation.cloudflare.api import Api
from tests.simulation.cloudflare.cache import Cache
from tests.simulation.cloudflare.config import Config, ConfigError, parse
from tests.simulation.cloudflare.control import Control
from tests.simulation.cloudflare.edge import Edge
from tests.simulation.cloudflare.faults import Faults
from tests.simulation.cloudflare.identities import Identities
from tests.simulation.cloudflare.journal import Journal
from tests.simulation.cloudflare.limits import Limits
from tests.simulation.cloudflare.origin import Origin
from tests.simulation.cloudflare.route import BASE
from tests.simulation.cloudflare.service import Service

_ADDRESS = "127.0.0.1"


async def run(config: Config, stop: asyncio.Event) -> None:
    """Serve until `stop` is set."""
    zones, identities, limits = config.zones, Identities(config.identities), Limits(time.monotonic)
    faults, journal, cache = Faults(), Journal(), Cache()
    api = Api(Service(zones, identities, limits, cache), faults, journal, config.latency_ms)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(config.certificate, config.private_key)
    async with AsyncExitStack() as stack:
        origin = Origin(config.origin_ca)
        stack.push_async_callback(origin.close)
        edge = Edge(zones, cache, origin)

        async def listen(runner: web.BaseRunner, name: str, context: ssl.SSLContext | None = None) -> str:
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            port = config.ports[name]
            try:
                await web.TCPSite(runner, _ADDRESS, port, ssl_context=context).start()
            except OSError as problem:
                text = f"ports.{name}: {port} is taken or forbidden, name another one or 0 for any that is free"
                raise ConfigError(text) from problem
            return f"{'https' if context else 'http'}://{_ADDRESS}:{runner.addresses[0][1]}"

        def server(handler: web.Server) -> web.ServerRunner:
            return web.ServerRunner(handler, access_log=None, shutdown_timeout=0.1)

        control = Control(zones, identities, limits, faults, journal, cache, api).application()
        addresses = Addresses(
            api=await listen(server(web.Server(api.handle)), "api", tls) + BASE,
            edge_http=await listen(server(web.Server(edge.handle)), "edge_http"),
            edge_https=await listen(server(web.Server(edge.handle)), "edge_https", tls),
            control=await listen(web.AppRunner(control, access_log=None, shutdown_timeout=0.1), "control"),
        )
        print(json.dumps(asdict(addresses)), flush=True)
        await stop.wait()


async def main(config: Config) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    threading.Thread(target=_await_end_of_input, args=(loop, stop), daemon=True).start()
    await run(config, stop)


def _await_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # Unbuffered, and in a thread: epoll refuses files, and a buffered reader's lock would block the exit.
    try:
        while os.read(0, 1 << 16):
            pass
    except OSError:
        pass
    if not loop.is_closed():
        loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.simulation.cloudflare CONFIG.json")
    try:
        configuration = parse(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    except (OSError, ValueError) as problem:
        text = str(problem) if isinstance(problem, (OSError, ConfigError)) else "it is not JSON"
        sys.exit(f"{sys.argv[1]}: {text}")
    if configuration.log:
        logging.basicConfig(filename=configuration.log, level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        asyncio.run(main(configuration))
    except ConfigError as problem:
        sys.exit(f"{sys.argv[1]}: {problem}")
