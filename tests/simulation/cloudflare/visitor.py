"""A visitor of the sites behind the edge, as a browser without a cache."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.simulation.cloudflare.addresses import Addresses

_URL = re.compile(r"(https?)://([^/?#]+)([^#]*)")
_AT_ONCE = 8  # connections


@dataclass(frozen=True, slots=True)
class Visit:
    """What the visitor got."""

    status: int
    body: bytes
    cache_status: str | None  # CF-Cache-Status
    headers: Mapping[str, str]  # names in lower case
    milliseconds: float  # from the request sent to the last byte, without connecting

    @property
    def text(self) -> str:
        return self.body.decode()


class Visitor:
    """Visits URLs at the edge's address, whatever DNS says of their hosts. Safe from several threads."""

    def __init__(self, addresses: Addresses, ca_file: str, timeout: float = 30) -> None:
        self._ports = {
            "http": urlsplit(addresses.edge_http).netloc,
            "https": urlsplit(addresses.edge_https).netloc,
        }
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._timeout = timeout

    def visit(self, url: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Visit:
        """Request a URL; path and query go out exactly as given, so they must be encoded already.

        Raises:
            ValueError: not an absolute http or https URL.
            OSError: no connection, or no trust in the certificate.
        """
        scheme, host, target = _parts_of(url)
        connection = self._connected(scheme, host)
        try:
            return _asked(connection, method, host, target, headers or {})
        finally:
            connection.close()

    @contextmanager
    def staying(self, url: str) -> Iterator[Callable[[], Visit]]:
        """Yield what visits a URL again and again, over one connection that is kept.

        Raises:
            ValueError, OSError: as `visit`.
        """
        scheme, host, target = _parts_of(url)
        connection = self._connected(scheme, host)
        try:
            yield lambda: _asked(connection, "GET", host, target, {})
        finally:
            connection.close()

    def visit_all(self, urls: Sequence[str]) -> list[Visit]:
        """Visit many URLs of one scheme and host over a few connections that are kept; return the visits in order.

        Raises:
            ValueError, OSError: as `visit`.
        """
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            shares = list(threads.map(self._visit_in_turn, (urls[start::_AT_ONCE] for start in range(_AT_ONCE))))
        return [shares[index % _AT_ONCE][index // _AT_ONCE] for index in range(len(urls))]

    def _visit_in_turn(self, urls: Sequence[str]) -> list[Visit]:
        if not urls:
            return []
        connection = self._connected(*_parts_of(urls[0])[:2])
        try:
            return [_asked(connection, "GET", host, target, {}) for _, host, target in map(_parts_of, urls)]
        finally:
            connection.close()

    def _connected(self, scheme: str, host: str) -> http.client.HTTPConnection:
        # Given a socket, http.client neither resolves the host nor connects to it.
        address, _, port = self._ports[scheme].partition(":")
        connected = socket.create_connection((address, int(port)), self._timeout)
        try:
            if scheme == "https":
                connected = self._tls.wrap_socket(connected, server_hostname=host.partition(":")[0])
        except OSError:
            connected.close()
            raise
        connection = http.client.HTTPConnection(host)
        connection.sock = connected
        return connection


def _parts_of(url: str) -> tuple[str, str, str]:
    """Return scheme, host and target of a URL."""
    parts = _URL.match(url)
    if not parts:
        raise ValueError(f"{url!r} is not a URL such as https://www.example.test/a.css.")
    return parts[1], parts[2], parts[3] if parts[3].startswith("/") else f"/{parts[3]}"


def _asked(
    connection: http.client.HTTPConnection, method: str, host: str, target: str, headers: Mapping[str, str]
) -> Visit:
    started = time.perf_counter()
    connection.putrequest(method, target, skip_host=True)
    for name, value in {"Host": host, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    milliseconds = (time.perf_counter() - started) * 1000
    answered = {name.lower(): value for name, value in response.getheaders()}
    return Visit(response.status, body, answered.get("cf-cache-status"), answered, milliseconds)
