"""The simulated Cloudflare, and an origin that the tests write to."""

import hashlib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.simulation import certificates
from tests.simulation.cloudflare.control import Control, running
from tests.simulation.cloudflare.plans import PLANS
from tests.simulation.cloudflare.visitor import Visit, Visitor
from tests.simulation.cloudflare.zone import Zone
from tests.support.servers import Handler, serving, write

FREE, SHOP, FOREIGN = "a" * 32, "c" * 32, "0" * 32  # two own zones with different plans; and a foreign one
ENVIRONMENT = "e" * 32
EMAIL, KEY = "ops@example.test", "0123456789abcdef0123456789abcdef01234"
TOKENS: dict[str, dict[str, Any]] = {
    "good": {"value": "cfut_" + "g" * 40, "zones": [FREE, SHOP]},
    "narrow": {"value": "n" * 40, "zones": [FREE]},
    "reader": {"value": "r" * 40, "zones": [FREE], "permissions": ["zone_read"]},
    "disabled": {"value": "x" * 39 + "d", "zones": [FREE], "status": "disabled"},
    "expired": {"value": "x" * 39 + "e", "zones": [FREE], "status": "expired"},
    "account": {"value": "cfat_" + "a" * 48, "zones": [FREE]},
    "elsewhere": {"value": "w" * 40, "zones": [FREE], "addresses": ["192.0.2.1"]},
}


@dataclass
class Object:
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


class Site:
    """The origin: objects by request target."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}

    def put(self, target: str, body: str, **options: Any) -> None:
        self.objects[f"/bucket{target}"] = Object(body.encode(), **options)

    def respond(self, handler: Handler) -> None:
        path = handler.path.partition("?")[0]  # S3 knows no query of a visitor
        found = self.objects.get(handler.path, self.objects.get(path, Object(b"not found", status=404)))
        etag = f'"{hashlib.sha256(found.body).hexdigest()[:16]}"'
        unchanged = handler.headers.get("If-None-Match") == etag
        body, status = (b"", 304) if unchanged else (found.body, found.status)
        write(handler, status, body, {"ETag": etag, **found.headers})


class World:
    """The simulation, its origin, and shortcuts for both."""

    def __init__(self, control: Control, site: Site, ca_file: str) -> None:
        self.control, self.site, self.ca_file = control, site, ca_file
        self.visitor = Visitor(control, ca_file)
        self.pool = urllib3.PoolManager(ca_certs=ca_file, retries=False)

    def visit(self, url: str, **headers: str) -> Visit:
        return self.visitor.visit(url, headers)

    def statuses(self, *urls: str, **headers: str) -> list[str | None]:
        """Visit and return each CF-Cache-Status."""
        return [self.visit(url, **headers).cache_status for url in urls]

    def fill(self, *urls: str, **headers: str) -> None:
        """Let the edge cache each URL."""
        self.statuses(*urls, **headers)
        assert self.statuses(*urls, **headers) == ["HIT"] * len(urls)

    def purge(self, body: dict[str, Any]) -> None:
        """Purge, and fail unless Cloudflare reports success."""
        response = self.pool.request(
            "POST",
            f"{self.control.api_url}/zones/{FREE}/purge_cache",
            json=body,
            headers={"Authorization": f"Bearer {TOKENS['good']['value']}"},
        )
        success = {"success": True, "errors": [], "messages": [], "result": {"id": FREE}}
        assert (response.status, response.json()) == (200, success)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    site, tls = Site(), certificates.issue(tmp_path, "*.example.test", "*.shop.test")
    monkeypatch.setenv("SSL_CERT_FILE", tls.authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.private_key)
    with serving(site.respond, context) as origin:
        url, hosts = f"{origin.url}/bucket", ("www.example.test", "img.example.test")
        free = Zone(FREE, "example.test", hosts, origin=url, environments=(ENVIRONMENT,))
        shop = Zone(SHOP, "shop.test", ("www.shop.test",), PLANS["enterprise"], url)
        with running([free, shop, Zone(FOREIGN, "foreign.test", ())], tls) as control:
            control.add_key(EMAIL, KEY, [FREE])
            for name, token in TOKENS.items():
                control.add_token(**token, name=name)
            world = World(control, site, tls.authority)
            yield world
            world.pool.clear()
