"""A web server on 127.0.0.1 that can misbehave."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme


@dataclass
class Received:
    """One request as received; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class LocalServer:
    """A web server on 127.0.0.1 that answers as `respond` tells it."""

    url: str
    respond: Callable[[Handler], None]
    received: list[Received] = field(default_factory=list)
    accepted: int = 0  # connections


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection; `request_seen` is the current one."""

    protocol_version = "HTTP/1.1"  # connections stay open
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet: two would wait 40 ms for a delayed ACK
    local: LocalServer
    request_seen: Received

    def setup(self) -> None:
        super().setup()
        self.local.accepted += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.request_seen = Received(self.command, self.path, headers, body)
        self.local.received.append(self.request_seen)
        self.local.respond(self)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def write(
    handler: BaseHTTPRequestHandler,
    status: int = 200,
    body: bytes = b'{"success": true}',
    headers: dict[str, str] | None = None,
    length: int | None = None,
) -> None:
    """Answer; `length` is a false Content-Length."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Drop the connection with RST instead of an answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def drip(handler: BaseHTTPRequestHandler, words: bytes, at_once: bytes = b"") -> None:
    """Answer one byte at a time, after `at_once`."""
    handler.close_connection = True
    try:
        handler.connection.sendall(at_once)
        for byte in words:
            handler.connection.sendall(bytes([byte]))
            time.sleep(0.02)
    except OSError:  # the client has closed the connection
        pass


@contextmanager
def serving(respond: Callable[[Handler], None], context: ssl.SSLContext | None = None) -> Iterator[LocalServer]:
    """Serve for as long as the block, with TLS if there is a context."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Ignore errors: some tests abort connections."""

    local = LocalServer("", respond)
    server = Server(("127.0.0.1", 0), type("LocalHandler", (Handler,), {"local": local}))
    if context is not None:
        # The handshake runs in the connection's thread.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    local.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield local
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def trusted(bundle: Path) -> trustme.CA:
    """Make a certificate authority and write its certificate to a file."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(bundle))
    return authority


def tls(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    """Return a server's context with a certificate for `name`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context
