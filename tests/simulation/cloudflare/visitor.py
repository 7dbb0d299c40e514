"""A visitor of the sites behind the edge: a browser without a cache."""

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

from tests.simulation.cloudflare.control import Control

_AT_ONCE = 8  # connections


@dataclass(frozen=True, slots=True)
class Visit:
    """What the visitor got."""

    status: int
    body: bytes
    cache_status: str | None  # CF-Cache-Status

    @property
    def text(self) -> str:
        return self.body.decode()


class Visitor:
    """Visits URLs at the address of the edge, whatever their hosts are in DNS. Can be used in several threads.

    Path and query are sent unchanged, so they must be encoded.
    """

    def __init__(self, control: Control, ca_file: str) -> None:
        self._addresses = {"http": urlsplit(control.edge_http_url), "https": urlsplit(control.edge_url)}
        self._tls = ssl.create_default_context(cafile=ca_file)

    def visit(self, url: str, headers: Mapping[str, str] | None = None) -> Visit:
        with self.connected(url) as visit:
            return visit(url, headers)

    def visit_all(self, urls: Sequence[str]) -> dict[str, Visit]:
        """Visit many URLs of one scheme over a few connections."""

        def visited(some: Sequence[str]) -> dict[str, Visit]:
            with self.connected(some[0]) as visit:
                return {url: visit(url) for url in some}

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            parts = threads.map(visited, filter(None, (urls[start::_AT_ONCE] for start in range(_AT_ONCE))))
            return {url: visit for part in parts for url, visit in part.items()}

    @contextmanager
    def connected(self, url: str) -> Iterator[Callable[..., Visit]]:
        """Yield a function that visits URLs of this scheme over one connection."""
        address = self._addresses[urlsplit(url).scheme]
        connection = HTTPConnection(str(address.hostname), address.port)
        if address.scheme == "https":
            connection = HTTPSConnection(str(address.hostname), address.port, context=self._tls)

        def visit(url: str, headers: Mapping[str, str] | None = None) -> Visit:
            _, _, host, path = url.split("/", 3)
            connection.request("GET", f"/{path}", headers={"Host": host, **(headers or {})})
            response = connection.getresponse()
            return Visit(response.status, response.read(), response.getheader("CF-Cache-Status"))

        with closing(connection):
            yield visit
