"""A visitor of the sites behind the edge, as a browser without a cache."""

import http.client
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.simulation.cloudflare.process import Addresses

_URL = re.compile(r"(https?)://([^/?#]+)([^#]*)")
_AT_ONCE = 8  # connections


@dataclass(frozen=True, slots=True)
class Visit:
    """What the visitor got."""

    status: int
    body: bytes
    cache_status: str | None  # CF-Cache-Status
    headers: Mapping[str, str]  # names in lower case

    @property
    def text(self) -> str:
        return self.body.decode()


class Visitor:
    """Visits URLs at the edge's address, whatever DNS says of their hosts. Safe from several threads.

    Path and query go out exactly as given, so they must be encoded already.
    """

    def __init__(self, addresses: Addresses, ca_file: str, timeout: float = 30) -> None:
        self.places = {"http": urlsplit(addresses.edge_http), "https": urlsplit(addresses.edge_https)}
        self._tls = ssl.create_default_context(cafile=ca_file)
        self._timeout = timeout

    def visit(self, url: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Visit:
        """Request a URL.

        Raises:
            ValueError: not an absolute http or https URL.
            OSError: no connection, or no trust in the certificate.
        """
        with self._connected(url) as connection:
            return _asked(connection, url, headers or {}, method)

    @contextmanager
    def staying(self, url: str) -> Iterator[Callable[[], Visit]]:
        """Yield what visits a URL again and again, over one connection that is kept; raises as `visit`."""
        with self._connected(url) as connection:
            yield lambda: _asked(connection, url)

    def visit_all(self, urls: Sequence[str]) -> list[Visit]:
        """Visit many URLs of one scheme and host over a few connections that are kept; return the visits in order."""

        def visit(share: Sequence[str]) -> list[Visit]:
            with self._connected(share[0]) as connection:
                return [_asked(connection, url) for url in share]

        shares = [share for start in range(_AT_ONCE) if (share := urls[start::_AT_ONCE])]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            visits = list(threads.map(visit, shares))
        return [visits[index % _AT_ONCE][index // _AT_ONCE] for index in range(len(urls))]

    @contextmanager
    def _connected(self, url: str) -> Iterator[http.client.HTTPConnection]:
        scheme, host, _ = _parts_of(url)
        place = self.places[scheme]
        connected = socket.create_connection((str(place.hostname), int(place.port or 0)), self._timeout)
        connection = http.client.HTTPConnection(host)
        try:
            if scheme == "https":
                connected = self._tls.wrap_socket(connected, server_hostname=host.partition(":")[0])
            # Given a socket, http.client neither resolves the host nor connects to it.
            connection.sock = connected
            yield connection
        finally:
            connected.close()
            connection.close()


def _parts_of(url: str) -> tuple[str, str, str]:
    """Return scheme, host and target of a URL."""
    parts = _URL.match(url)
    if not parts:
        raise ValueError(f"{url!r} is not a URL such as https://www.example.test/a.css.")
    return parts[1], parts[2], parts[3] if parts[3].startswith("/") else f"/{parts[3]}"


def _asked(
    connection: http.client.HTTPConnection, url: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> Visit:
    _, host, target = _parts_of(url)
    connection.putrequest(method, target, skip_host=True)
    for name, value in {"Host": host, **(headers or {})}.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    answered = {name.lower(): value for name, value in response.getheaders()}
    return Visit(response.status, response.read(), answered.get("cf-cache-status"), answered)
