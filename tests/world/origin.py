"""An origin that the tests can write to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any


@dataclass
class Object:
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    etag: bool = True


class Site:
    """The origin: objects by the request target they answer, and what was asked for."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.asked: list[tuple[str, str, Mapping[str, str]]] = []  # method, target, headers by lower-case name
        self.before_answer: Callable[[str], None] = lambda target: None

    def put(self, target: str, body: str, **options: Any) -> None:
        self.objects[target] = Object(body.encode(), **options)

    def targets_asked(self) -> list[str]:
        return [target for _, target, _ in self.asked]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two would wait 40 ms for a delayed ACK
    site: Site

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.site.asked.append((self.command, self.path, headers))
        found = self.site.objects.get(self.path, Object(b"not found", status=404, etag=False))
        etag = f'"{hashlib.sha256(found.body).hexdigest()[:16]}"'
        self.site.before_answer(self.path)
        unchanged = found.etag and headers.get("if-none-match") == etag
        body = b"" if unchanged else found.body
        self.send_response(304 if unchanged else found.status)
        if found.etag:
            self.send_header("ETag", etag)
        for name, value in found.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Say nothing."""
