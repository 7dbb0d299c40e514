"""`python -m tests.simulation.cloudflare CONFIG.json`: run until SIGTERM, SIGINT, or the end of standard input.

Prints one line of JSON, the addresses, when everything listens. Standard input is how it dies with its parent: start
it with a pipe and keep the other end open.

The configuration has `tls` (`cert`, `key` and, for the origin, `origin_ca`), `zones`, and perhaps `tokens`, `keys`,
an `origin` for the zones that have none, and a `log`; `_zone` and `identities.Identities` know what belongs to each.
"""

import asyncio
import json
import logging
import os
import signal
import ssl
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.simulation.cloudflare.api import Api
from tests.simulation.cloudflare.cache import Cache
from tests.simulation.cloudflare.control import Control
from tests.simulation.cloudflare.edge import Edge, Origin
from tests.simulation.cloudflare.faults import EdgeFaults
from tests.simulation.cloudflare.identities import Identities
from tests.simulation.cloudflare.limits import Limits
from tests.simulation.cloudflare.plans import PLANS
from tests.simulation.cloudflare.process import Addresses
from tests.simulation.cloudflare.service import BASE, Service
from tests.simulation.cloudflare.zone import OriginSite, Zone

_ADDRESS = "127.0.0.1"


async def main(config: Mapping[str, Any]) -> None:
    zones = {zone["id"]: _zone({"origin": config.get("origin"), **zone}) for zone in config["zones"]}
    identities, limits, edge_faults = Identities(), Limits(time.monotonic), EdgeFaults()
    cache = Cache(edge_faults)
    for token in config.get("tokens", ()):
        identities.add_token(**token)
    for key in config.get("keys", ()):
        identities.add_key(**key)
    api = Api(Service(zones, identities, limits, cache))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(config["tls"]["cert"], config["tls"]["key"])
    async with AsyncExitStack() as stack:
        origin = Origin(config["tls"]["origin_ca"])
        stack.push_async_callback(origin.close)
        edge = Edge(zones, cache, origin, edge_faults)
        control = Control(zones, identities, limits, cache, api, edge_faults)

        async def listening(handler: Any, context: ssl.SSLContext | None = None) -> str:
            runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=0.1)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            await web.TCPSite(runner, _ADDRESS, 0, ssl_context=context).start()
            return f"{'https' if context else 'http'}://{_ADDRESS}:{runner.addresses[0][1]}"

        addresses = Addresses(
            api=await listening(api.handle, tls) + BASE,
            edge_http=await listening(edge.handle),
            edge_https=await listening(edge.handle, tls),
            control=await listening(control.handle),
        )
        print(json.dumps(asdict(addresses)), flush=True)
        await _told_to_stop()


def _zone(told: Mapping[str, Any]) -> Zone:
    return Zone(
        id=told["id"],
        name=told["name"],
        hosts=tuple(told["hosts"]),
        plan=PLANS[told.get("plan", "free")],
        environments=tuple(told.get("environments", ())),
        not_by_url=frozenset(told.get("not_by_url", ())),
        origin=OriginSite(**told["origin"]),
    )


async def _told_to_stop() -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def await_end_of_input() -> None:
        # Unbuffered, and in a thread: epoll refuses files, and a buffered reader's lock would block the exit.
        while os.read(0, 1 << 16):
            pass
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=await_end_of_input, daemon=True).start()
    await stop.wait()


if __name__ == "__main__":
    configuration = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if "log" in configuration:
        logging.basicConfig(filename=configuration["log"], level=logging.INFO, format="%(asctime)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # until the loop listens to it: Ctrl-C may come at any moment
    asyncio.run(main(configuration))
