"""The HTTP client: urllib3 with verified TLS, no redirects, no proxies, and limits of size and time."""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import urllib3
from urllib3.connection import HTTPConnection, port_by_scheme
from urllib3.util.connection import create_connection

from cf_purge import observe
from cf_purge.budget import Clock
from cf_purge.errors import PurgeError, TimedOut, Transient

T = TypeVar("T")

CONNECTIONS = 8  # to one host at the same time
MAX_IDLE = 60.0  # seconds; a connection that was frozen for longer may be dead without a sign
# Of one exchange. A Location is not even read: it can be anything.
_OPTIONS = {"redirect": False, "preload_content": False, "decode_content": False, "enforce_content_length": True}
# Cloudflare has refused requests without a User-Agent.
_HEADERS = {"accept-encoding": "identity", "user-agent": "cf_purge"}


class Answer(NamedTuple):
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object that the body is; empty if it is something else."""
        with contextlib.suppress(ValueError, RecursionError, TypeError):  # no JSON, or no object
            return {**json.loads(self.body)}
        return {}


def objects_in(values: Any) -> list[dict[str, Any]]:
    """Return the objects in what should be a list of them."""
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


class HttpClient:
    """Keeps connections between invocations; several threads may use it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._context = ssl.create_default_context()
        self._context.set_alpn_protocols(["http/1.1"])
        self._idle: dict[str, list[_Lane]] = {}  # by scheme and host; the last one used last

    def visit(self, url: str, headers: Mapping[str, str], timeout: float, accepts: Callable[[str], bool]) -> Answer:
        """GET a URL over a new connection and return the answer without its body; errors are those of `request`.

        Nothing is asked unless `accepts` takes every address of the host.
        """
        given = {name.lower(): value for name, value in headers.items()}
        with contextlib.closing(_Lane(url, self._context, accepts)) as lane:
            return lane.exchange("GET", url, timeout, None, headers=_HEADERS | given)

    def request(self, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float, limit: int) -> Answer:
        """POST a body, or GET, and return the answer, whatever its status.

        `timeout`, in seconds, bounds the whole exchange; `limit` the bytes of the answer's body.

        Raises:
            TimedOut: the exchange was not complete in time.
            Transient: no connection, or an answer that is too large or cannot be read. The text names no header.
        """
        idle, now = self._idle.setdefault("/".join(url.split("/", 3)[:3]), []), self._clock.now()
        try:
            lane = idle.pop()
        except IndexError:
            lane = _Lane(url, self._context)
        if now - lane.used_at > MAX_IDLE:
            lane.cut()
        lane.used_at = now
        method = "GET" if body is None else "POST"
        try:
            return lane.exchange(method, url, timeout, limit, headers={**headers, **_HEADERS}, body=body)
        finally:  # one that failed, too: it connects anew, and the others may be dead as well
            idle.append(lane)

    def together(self, call: Callable[[Any], T], items: Iterable[Any], most: int = CONNECTIONS) -> list[T | PurgeError]:
        """Make a call for each item, so many of them at the same time at most; what one raises is its result."""
        from concurrent.futures import ThreadPoolExecutor  # only bursts need it

        with ThreadPoolExecutor(most) as threads:
            futures: list[Any] = [threads.submit(call, item) for item in items]
        return [observe.understood(error) if (error := each.exception()) else each.result() for each in futures]


class _Lane(HTTPConnection):
    """One connection to one host, for one exchange at a time."""

    def __init__(self, url: str, context: ssl.SSLContext, accepts: Callable[[str], bool] = bool) -> None:
        scheme, _, host, port, *_ = urllib3.util.parse_url(url)
        self.default_port = port_by_scheme[str(scheme)]  # type: ignore[misc]
        super().__init__(str(host).strip("[]"), port or self.default_port)
        pool: Any = urllib3.HTTPConnectionPool(self.host, self.port, maxsize=1, retries=False)
        pool.ConnectionCls = lambda **_: self  # the pool's only connection
        self._pool = pool
        self._context = context if scheme == "https" else None
        self._accepts = accepts
        self._socket: Any = None
        self.used_at = 0.0  # by Clock.now

    def exchange(self, method: str, url: str, timeout: float, max_bytes: int | None, **sent: Any) -> Answer:
        """Send a request and read the answer, up to `max_bytes` of its body; None: only its headers."""
        self._path = f"/{url.partition('://')[2].partition('/')[2]}"
        self._until, problem = time.monotonic() + timeout, None
        # A time-out of a socket starts anew with each byte, so a timer ends the whole exchange.
        timer = threading.Timer(timeout, self.cut)
        timer.start()
        try:
            # The connection stays open at the end of the answer, and is closed before it.
            with self._pool.urlopen(method, "/", timeout=urllib3.Timeout(timeout), **sent, **_OPTIONS) as response:
                # A status below 200 announces another answer, which the next request would take for its own.
                if response.status < 200:
                    raise Transient(f"No answer (status {response.status}): check the network.")
                content = b"" if max_bytes is None else response.read(max_bytes + 1)
                # Only a read that returns nothing finds out that an answer was cut short.
                if max_bytes is not None and (len(content) > max_bytes or response.read(1)):
                    raise Transient(f"The answer is larger than {max_bytes} bytes.")
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            problem = error.args[-1] if isinstance(error, urllib3.exceptions.ProtocolError) else error
        finally:
            timer.cancel()
        # An answer that the timer cut off can look complete.
        if isinstance(problem, TimeoutError) or time.monotonic() >= self._until:
            raise TimedOut(f"No answer within {timeout:.3g} s.")
        if problem:
            raise Transient(f"No answer ({type(problem).__name__}): check the network.")
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, content)

    def putrequest(self, method: str, url: str, *more: Any, **options: Any) -> None:
        # Each spelling of a path is another copy at Cloudflare, and urllib3 would change it.
        super().putrequest(method, self._path, *more, **options)

    def cut(self) -> None:
        """End what is going on; the next exchange connects anew."""
        with contextlib.suppress(TypeError, OSError):  # there is no connection, or no longer
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _new_conn(self) -> Any:
        """Connect to the first address of the host that answers; a dead one leaves time for the next."""
        found: list[Any] = [place for *_, place in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)]
        if not all(self._accepts(address) for address, *_ in found):
            raise Transient("The host has a private address.")
        for place in found:
            try:
                self._socket = create_connection(place[:2], self._left() / 3, socket_options=self.socket_options)
                self._socket.settimeout(self._left())
                if self._context:
                    self._socket = self._context.wrap_socket(self._socket, server_hostname=self.host)
            except OSError as problem:
                error = problem
            else:
                return self._socket
        raise urllib3.exceptions.ProtocolError(error)  # urllib3 takes some errors as those of a request, and goes on

    def _left(self) -> float:
        return max(0.001, self._until - time.monotonic())
