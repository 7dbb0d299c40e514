"""The one HTTP client: TLS always verified, no redirect followed, answers read up to a limit of size and of time."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from cf_purge.errors import Transient

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

T = TypeVar("T")

# Ten messages of SQS's largest size; whatever is longer is no answer of Cloudflare's or AWS's.
MAX_ANSWER_BYTES = 12 << 20
CONNECT_TIMEOUT = 3.0  # seconds
CONNECTIONS = 8  # to one host, at most

# At DEBUG these print whole requests, credentials included.
for _name in ("botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Answer(NamedTuple):
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Request(threading.local):
    """The request that this thread is making."""

    deadline = 0.0  # on the monotonic clock


_current = _Request()


def _left() -> float:
    left = _current.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class _Timed(socket.socket):
    """A socket that works until the request's deadline: one byte now and then gives nobody more time.

    A socket's own time-out bounds each call, and http.client makes one for every byte that drips in.
    """

    def connect(self, address: Any) -> None:
        self.settimeout(min(CONNECT_TIMEOUT, _left()))
        super().connect(address)

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        self.settimeout(_left())
        super().sendall(data, flags)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        self.settimeout(_left())
        return super().recv_into(buffer, nbytes or 0, flags)


class _TimedTls(_Timed, ssl.SSLSocket):
    """The same, encrypted; a handshake is bounded as a whole by Python itself."""

    def do_handshake(self, block: bool = False) -> None:
        self.settimeout(min(CONNECT_TIMEOUT, _left()))
        super().do_handshake(block)


class _Connection(HTTPConnection):
    """A connection over such a socket; urllib3's own gives each address of a name all of the time."""

    def _new_conn(self) -> socket.socket:
        obstacle: Exception = OSError("no address")
        try:
            for family, kind, protocol, _, address in socket.getaddrinfo(self.host, self.port, 0, socket.SOCK_STREAM):
                connecting = _Timed(family, kind, protocol)
                try:
                    connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connecting.connect(address)
                except OSError as error:
                    connecting.close()
                    obstacle = error
                else:
                    return connecting
        except (OSError, UnicodeError) as error:  # the name, not an address
            obstacle = error
        raise urllib3.exceptions.NewConnectionError(self, type(obstacle).__name__)


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class Transport:
    """A connection pool that outlives the invocation."""

    def __init__(self) -> None:
        # One context for every host: urllib3 would parse the certificate bundle anew for each.
        context = ssl.create_default_context()
        context.sslsocket_class = _TimedTls
        self._pool = urllib3.PoolManager(maxsize=CONNECTIONS, ssl_context=context, retries=False)
        self._pool.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
        """Send one POST; `timeout`, in seconds, bounds all of it but the look-up of the name, which the system bounds.

        Raises:
            Transient: no answer, or one that cannot be read to its end. The text names no header.
        """
        return self._request("POST", url, headers, body, timeout)

    def get(self, url: str, headers: Mapping[str, str], timeout: float) -> Answer:
        """Send one GET; otherwise as `post`."""
        return self._request("GET", url, headers, None, timeout)

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Carry out calls that send something, several at the same time; what one raises is its result."""
        from concurrent.futures import ThreadPoolExecutor  # only bursts need it

        def outcome(call: Callable[[], T]) -> T | Exception:
            try:
                return call()
            except Exception as error:
                return error

        with ThreadPoolExecutor(CONNECTIONS) as threads:
            return list(threads.map(outcome, calls))

    def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
        _current.deadline = time.monotonic() + timeout
        timeouts = urllib3.Timeout(connect=min(CONNECT_TIMEOUT, timeout), read=timeout)
        try:
            response = self._pool.request(
                method,
                url,
                headers={**headers, "Accept-Encoding": "identity"},
                body=body,
                timeout=timeouts,
                redirect=False,
                preload_content=False,
            )
            try:
                content = response.read(MAX_ANSWER_BYTES + 1, decode_content=False)
                if len(content) > MAX_ANSWER_BYTES:
                    response.close()
                    raise Transient("The answer is longer than any real one.")
                # urllib3 does not complain when it is asked for more than what came.
                if len(content) < _length(response.headers):
                    raise Transient("The answer is cut short.")
            finally:
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Transient(f"No answer ({type(error).__name__}).") from None
        return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, content)


def _length(headers: Mapping[str, str]) -> int:
    length = headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else 0
