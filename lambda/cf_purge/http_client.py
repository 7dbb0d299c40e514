"""The HTTP client: urllib3 with verified TLS, no redirects, no proxies, and limits of size and time."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
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
        self._idle: list[_Lane] = []

    def visit(self, url: str, headers: Mapping[str, str], timeout: float, accepts: Callable[[str], bool]) -> Answer:
        """GET a URL over a new connection and return the answer without its body; errors are those of `request`.

        Nothing is asked unless `accepts` takes every address of the host.
        """
        lane = _Lane(self._context, self._clock, accepts)
        return lane.within(timeout, partial(lane.exchange, "GET", url, {**headers, **_HEADERS}, None, None))

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float, max_bytes: int
    ) -> Answer:
        """Send one request and return the answer, whatever its status.

        `timeout`, in seconds, bounds the whole exchange; `max_bytes` the size of the answer's body.

        Raises:
            TimedOut: the exchange was not complete in time.
            Transient: no connection, or an answer that is too large or cannot be read. The text names no header.
        """
        try:
            lane = self._idle.pop()
        except IndexError:
            lane = _Lane(self._context, self._clock)
        try:
            return lane.within(timeout, partial(lane.exchange, method, url, {**headers, **_HEADERS}, body, max_bytes))
        finally:
            self._idle.append(lane)

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Carry out calls at the same time, up to CONNECTIONS of them; what one raises is its result."""
        if len(calls) < 2:
            return [_result_of(call) for call in calls]
        from concurrent.futures import ThreadPoolExecutor  # only bursts need it

        with ThreadPoolExecutor(CONNECTIONS) as threads:
            return list(threads.map(_result_of, calls))


class _Lane:
    """Sends one request at a time, and ends it at its deadline, however slowly the answer drips in.

    A socket's own time-out starts anew with each byte, so a timer shuts the socket down.
    """

    def __init__(self, context: ssl.SSLContext, clock: Clock, accepts: Callable[[str], bool] = bool) -> None:
        self._clock = clock
        self._accepts = accepts
        self._used_at: dict[Any, float] = {}  # by pool
        self._until = 0.0  # by the monotonic clock
        self._is_over = False
        self._socket: socket.socket | None = None
        self._pools = urllib3.PoolManager(maxsize=1, ssl_context=context, cert_reqs="CERT_REQUIRED")

    def within(self, timeout: float, exchange: Callable[[], Answer]) -> Answer:
        """Carry out one exchange and end it after `timeout` seconds; errors are those of `HttpClient.request`."""
        self._until, self._is_over, self._socket = time.monotonic() + timeout, False, None
        timer = threading.Timer(timeout, self._expire)
        timer.daemon = True
        timer.start()
        try:
            answer = exchange()
            if self._is_over:  # a socket that was shut down looks like the end of the answer
                raise TimeoutError
        except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
            cause = error.args[-1] if isinstance(error, urllib3.exceptions.ProtocolError) else error
            if self._is_over or isinstance(cause, (urllib3.exceptions.TimeoutError, TimeoutError)):
                raise TimedOut(f"No answer within {timeout:.3g} s.") from None
            raise Transient(f"No answer ({type(cause).__name__}): check the network.") from None
        finally:
            timer.cancel()
        return answer

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, max_bytes: int | None
    ) -> Answer:
        """Send a request and read the answer, up to `max_bytes` of its body; None: only its headers."""
        pool: Any = self._pools.connection_from_url(url)
        now = self._clock.now()
        if now - self._used_at.get(pool, now) > MAX_IDLE:
            self._pools.clear()
            self._used_at.clear()
            pool = self._pools.connection_from_url(url)
        self._used_at[pool] = now
        pool.ConnectionCls = partial(_SecureConnection if pool.scheme == "https" else _Connection, self)
        path = urllib3.util.parse_url(url).request_uri
        # The connection goes back to the pool at the end of the answer, and is closed before it.
        with pool.urlopen(method, path, body=body, headers=headers, timeout=self._left(), **_OPTIONS) as response:
            # A status below 200 announces another answer, which the next request would take for its own.
            if response.status < 200:
                raise HTTPException
            content = b""
            # Only a read that returns nothing finds out that an answer was cut short.
            while max_bytes is not None and (chunk := response.read(max_bytes + 1 - len(content))):
                content += chunk
                if len(content) > max_bytes:
                    raise Transient(f"The answer is larger than {max_bytes} bytes.")
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, content)

    def connect(self, host: str, port: int, options: Any) -> socket.socket:
        """Connect to the first address of a host that answers; a dead one leaves time for the next."""
        error = OSError("The name has no address.")
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if not all(self._accepts(str(address[0])) for *_, address in found):
            raise Transient("The host has a private address.")
        for *_, address in found:
            place, seconds = (str(address[0]), int(address[1])), min(_MAX_CONNECT, self._left() / 3)
            try:
                connected = create_connection(place, seconds, socket_options=options)
                connected.settimeout(self._left())  # of the TLS handshake, for which no socket is watched yet
            except OSError as problem:
                error = problem
            else:
                return connected
        raise error

    def watch(self, connected: socket.socket) -> None:
        """Shut this socket down at the deadline."""
        self._socket = connected
        if self._is_over:
            raise TimeoutError

    def _left(self) -> float:
        return max(0.001, self._until - time.monotonic())

    def _expire(self) -> None:
        self._is_over = True
        connected = self._socket
        if connected is not None:
            # Not SSLSocket.shutdown: it changes the state that the reading thread is using.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connected, socket.SHUT_RDWR)


class _Connection(HTTPConnection):
    def __init__(self, lane: _Lane, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lane = lane

    def _new_conn(self) -> socket.socket:
        return self._lane.connect(self.host, self.port, self.socket_options)

    def getresponse(self) -> Any:
        self._lane.watch(self.sock)
        return super().getresponse()


class _SecureConnection(_Connection, HTTPSConnection):
    pass


def _result_of(call: Callable[[], T]) -> T | Exception:
    try:
        return call()
    except Exception as error:
        return error
