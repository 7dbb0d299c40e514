"""What the tests get: a running simulation, its origin, and short ways to use both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from tests.simulation.cloudflare.addresses import Addresses
from tests.simulation.cloudflare.client import Control, Visit, Visitor
from tests.world.origin import Site

FREE, BLOG, SHOP, DOWN = "a" * 32, "b" * 32, "c" * 32, "d" * 32
FOREIGN = "0" * 32  # somebody else's: no token and no user reaches it
ENVIRONMENT, NOT_BY_URL = "e" * 32, "1" * 32
TOKENS: dict[str, dict[str, Any]] = {
    "good": {"value": "good-" + "x" * 35, "zones": [FREE, BLOG, SHOP, DOWN]},
    "narrow": {"value": "narrow-" + "x" * 33, "zones": [FREE]},
    "reader": {"value": "reader-" + "x" * 33, "zones": [FREE], "permissions": ["zone_read"]},
    "disabled": {"value": "disabled-" + "x" * 31, "zones": [FREE], "status": "disabled"},
    "expired": {"value": "expired-" + "x" * 32, "zones": [FREE], "status": "expired"},
    "account": {"value": "cfat_" + "x" * 48, "zones": [FREE]},
}
EMAIL, KEY = "ops@example.test", "0123456789abcdef0123456789abcdef01234"


@dataclass(frozen=True)
class Answer:
    status: int
    document: Any
    headers: Mapping[str, str]

    @property
    def codes(self) -> list[int]:
        return [error["code"] for error in self.document["errors"]]


class World:
    """What a test gets: the simulation, its origin, and short ways to use both."""

    def __init__(self, addresses: Addresses, site: Site, ca_file: str, log: Path) -> None:
        self.addresses, self.site, self.ca_file, self.log = addresses, site, ca_file, log
        self.control = Control(addresses.control)
        self.visitor = Visitor(addresses, ca_file)
        self.pool = urllib3.PoolManager(ca_certs=ca_file, retries=False)

    def reset(self) -> None:
        self.control.clear_faults()
        self.control.forget_requests()
        self.control.reset_limits()
        self.control.empty_cache()
        self.control.set_latency(0)
        self.control.revoke_all_tokens()
        for name, token in TOKENS.items():
            self.control.add_token(**token, name=name)
        self.site.objects.clear()
        self.site.asked.clear()
        self.site.before_answer = lambda target: None

    def visit(self, url: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Visit:
        return self.visitor.visit(url, headers, method)

    def status(self, url: str, **headers: str) -> str | None:
        """Visit and return the CF-Cache-Status."""
        return self.visit(url, headers).cache_status

    def ask(
        self,
        body: Any,
        zone: str = FREE,
        endpoint: str = "purge_cache",
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
        path: str | None = None,
    ) -> Answer:
        """Send a request to the API; `body` as JSON, or as it is when it is text."""
        headers = {"Authorization": f"Bearer {TOKENS['good']['value']}"} if headers is None else headers
        response = self.pool.request(
            method,
            self.addresses.api + (path or f"/zones/{zone}/{endpoint}"),
            body=body if isinstance(body, str) else json.dumps(body),
            headers={"Content-Type": "application/json", **headers},
        )
        answered = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, json.loads(response.data), answered)

    def read(self, path: str, name: str = "good") -> Answer:
        """Ask for what the API tells, as one of the tokens."""
        headers = {"Authorization": f"Bearer {TOKENS[name]['value']}"}
        return self.ask("", method="GET", path=path, headers=headers)

    def purge(self, body: Any, zone: str = FREE, endpoint: str = "purge_cache") -> None:
        """Purge, and fail unless Cloudflare would have called it a success."""
        answer = self.ask(body, zone, endpoint)
        assert (answer.status, answer.document) == (
            200,
            {"success": True, "errors": [], "messages": [], "result": {"id": zone}},
        )
