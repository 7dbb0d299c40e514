"""The HTTP client: urllib3 with verified TLS, no redirects, no proxies, and limits of size and time."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http.client import HTTPException
from typing import Any, NamedTuple, TypeVar

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.connection import create_connection

from cf_purge.budget import Clock
from cf_purge.errors import TimedOut, Transient

T = TypeVar("T")

CONNECTIONS = 8  # to one host at the same time
MAX_IDLE = 60.0  # seconds; a connection that was frozen for longer may be dead without a sign
_MAX_CONNECT = 3.0  # seconds for one address
_OFF = ("retries", "redirect", "preload_content", "decode_content")
_OPTIONS: dict[str, Any] = {**dict.fromkeys(_OFF, False), "enforce_content_length": True}  # of one exchange
# Cloudflare has refused requests without a User-Agent.
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "cf_purge"}


class Answer(NamedTuple):
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def json_object(body: bytes) -> dict[str, Any] | None:
    """Return the object that the body of an answer is, or None."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def objects_in(values: Any) -> list[dict[str, Any]]:
    """Return the objects in what should be a list of them."""
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


class HttpClient:
    """Keeps connections between invocations; several threads may use it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._context = ssl.create_default_context()
        self._context.sslsocket_class = _SecureSocket
        self._idle: defaultdict[str, list[_Lane]] = defaultdict(list)  # by scheme and host; the last one used last

    def visit(self, url: str, headers: Mapping[str, str], timeout: float, accepts: Callable[[str], bool]) -> Answer:
        """GET a URL over a new connection and return the answer without its body; errors are those of `request`.

        Nothing is asked unless `accepts` takes every address of the host.
        """
        return _Lane(self._context, accepts).exchange("GET", url, timeout, None, headers={**headers, **_HEADERS})

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float, max_bytes: int
    ) -> Answer:
        """Send one request and return the answer, whatever its status.

        `timeout`, in seconds, bounds the whole exchange; `max_bytes` the size of the answer's body.

        Raises:
            TimedOut: the exchange was not complete in time.
            Transient: no connection, or an answer that is too large or cannot be read. The text names no header.
        """
        idle, now = self._idle["/".join(url.split("/", 3)[:3])], self._clock.now()
        try:
            lane = idle.pop()
        except IndexError:
            lane = _Lane(self._context)
        if now - lane.used_at > MAX_IDLE:
            lane.pools.clear()
        lane.used_at = now
        try:
            return lane.exchange(method, url, timeout, max_bytes, headers={**headers, **_HEADERS}, body=body)
        finally:
            idle.append(lane)

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Carry out calls at the same time, up to CONNECTIONS of them; what one raises is its result."""
        from concurrent.futures import ThreadPoolExecutor  # only bursts need it

        with ThreadPoolExecutor(CONNECTIONS) as threads:
            futures: list[Any] = [threads.submit(call) for call in calls]
        return [future.exception() or future.result() for future in futures]


class _Lane:
    """One connection, for one exchange at a time."""

    def __init__(self, context: ssl.SSLContext, accepts: Callable[[str], bool] = bool) -> None:
        self.pools = urllib3.PoolManager(maxsize=1, ssl_context=context, cert_reqs="CERT_REQUIRED")
        self.used_at = 0.0
        self.accepts = accepts
        self._until = 0.0  # by the monotonic clock

    def exchange(self, method: str, url: str, timeout: float, max_bytes: int | None, **sent: Any) -> Answer:
        """Send a request and read the answer, up to `max_bytes` of its body; None: only its headers."""
        self._until = time.monotonic() + timeout
        pool: Any = self.pools.connection_from_url(url)
        pool.ConnectionCls = partial(_SecureConnection if pool.scheme == "https" else _Connection, self)
        path = urllib3.util.parse_url(url).request_uri
        try:
            # The connection goes back to the pool at the end of the answer, and is closed before it.
            with pool.urlopen(method, path, timeout=timeout, **sent, **_OPTIONS) as response:
                return _answer(response, max_bytes)
        except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
            cause = error.args[-1] if isinstance(error, urllib3.exceptions.ProtocolError) else error
            if isinstance(cause, (urllib3.exceptions.TimeoutError, TimeoutError)):
                raise TimedOut(f"No answer within {timeout:.3g} s.") from None
            raise Transient(f"No answer ({type(cause).__name__}): check the network.") from None

    def left(self) -> float:
        """Return the seconds until the deadline."""
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


class _Socket(socket.socket):
    """Gives each part of an exchange what is left of its time; a time-out of a socket starts anew with each byte."""

    lane: _Lane

    def recv_into(self, *arguments: Any) -> int:
        self.settimeout(self.lane.left())
        return super().recv_into(*arguments)

    def sendall(self, *arguments: Any) -> None:
        self.settimeout(self.lane.left())
        super().sendall(*arguments)


class _SecureSocket(_Socket, ssl.SSLSocket):
    pass


class _Connection(HTTPConnection):
    sock: Any

    def __init__(self, lane: _Lane, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lane = lane

    def connect(self) -> None:
        super().connect()
        self.sock.lane = self._lane

    def _new_conn(self) -> socket.socket:
        """Connect to the first address of the host that answers; a dead one leaves time for the next."""
        found: list[Any] = [place for *_, place in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)]
        if not all(self._lane.accepts(address) for address, *_ in found):
            raise Transient("The host has a private address.")
        error = OSError()
        for place in found:
            try:
                seconds = min(_MAX_CONNECT, self._lane.left() / 3)
                plain = create_connection(place[:2], seconds, socket_options=self.socket_options)
                connected = _Socket(fileno=plain.detach())
                connected.settimeout(self._lane.left())  # of the TLS handshake
            except OSError as problem:
                error = problem
            else:
                return connected
        raise error


class _SecureConnection(_Connection, HTTPSConnection):
    pass


def _answer(response: Any, max_bytes: int | None) -> Answer:
    # A status below 200 announces another answer, which the next request would take for its own.
    if response.status < 200:
        raise HTTPException
    content = b""
    if max_bytes is not None:
        content = response.read(max_bytes + 1)
        # Only a read that returns nothing finds out that an answer was cut short.
        if len(content) > max_bytes or response.read(1):
            raise Transient(f"The answer is larger than {max_bytes} bytes.")
    return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, content)
