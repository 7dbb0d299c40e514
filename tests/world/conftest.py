"""A real simulation in a process of its own, once for all tests."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.simulation.cloudflare.process import running
from tests.world.origin import Handler, Site
from tests.world.simulation import BLOG, DOWN, EMAIL, ENVIRONMENT, FOREIGN, FREE, KEY, NOT_BY_URL, SHOP, TOKENS, World


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    """Return a CA and a directory with ca.pem, cert.pem and key.pem."""
    directory = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    issued = ca.issue_cert("127.0.0.1", "*.example.test", "*.blog.test", "*.shop.test", "*.down.test", "unknown.test")
    ca.cert_pem.write_to_path(str(directory / "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(str(directory / "cert.pem"))
    issued.private_key_pem.write_to_path(str(directory / "key.pem"))
    return ca, directory


@pytest.fixture(scope="session")
def site_and_url(certificates: tuple[trustme.CA, Path]) -> Iterator[tuple[Site, str]]:
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"site": site}))
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates[0].issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site, f"https://127.0.0.1:{server.server_port}/bucket"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def config(
    certificates: tuple[trustme.CA, Path], site_and_url: tuple[Site, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Return a whole configuration; copy it before changing it."""
    tls = certificates[1]
    url = site_and_url[1]
    return {
        "tls": {"cert": str(tls / "cert.pem"), "key": str(tls / "key.pem"), "origin_ca": str(tls / "ca.pem")},
        "ports": {"api": 0, "edge_http": 0, "edge_https": 0, "control": 0},
        "origin": {"url": url, "index_document": "index.html"},
        "zones": [
            {
                "id": FREE,
                "name": "example.test",
                "hosts": ["www.example.test", "img.example.test"],
                "plan": "free",
                "environments": [ENVIRONMENT, NOT_BY_URL],
                "not_by_url": [NOT_BY_URL],
            },
            {"id": BLOG, "name": "blog.test", "hosts": ["www.blog.test"], "plan": "free"},
            {
                "id": SHOP,
                "name": "shop.test",
                "hosts": ["www.shop.test"],
                "plan": "enterprise",
                "origin": {"url": f"{url}/shop", "index_document": "home.html"},
            },
            {
                "id": DOWN,
                "name": "down.test",
                "hosts": ["www.down.test"],
                "plan": "pro",
                "origin": {"url": "https://127.0.0.1:1"},
            },
            {"id": FOREIGN, "name": "foreign.test", "hosts": []},
        ],
        "tokens": [{**token, "name": name} for name, token in TOKENS.items()],
        "keys": [{"email": EMAIL, "value": KEY, "zones": [FREE]}],
        "latency_ms": 0,
        "log": str(tmp_path_factory.mktemp("log") / "world.log"),
    }


@pytest.fixture(scope="session")
def started(
    config: dict[str, Any],
    certificates: tuple[trustme.CA, Path],
    site_and_url: tuple[Site, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    path = tmp_path_factory.mktemp("config") / "config.json"
    path.write_text(json.dumps(config))
    with running(path) as addresses:
        world = World(addresses, site_and_url[0], str(certificates[1] / "ca.pem"), Path(config["log"]))
        yield world
        world.pool.clear()


@pytest.fixture
def world(started: World) -> World:
    """Return the simulation as it was when it started."""
    started.reset()
    return started
