"""One HTTP connection, bounded by the deadline of the request that uses it.

From the standard library: urllib3 takes as long to import as all of this function's own modules together.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

CONNECT_TIMEOUT = 3.0  # seconds
# What stood still for longer, a frozen environment with it, may lead nowhere without anybody having said so. Then it is
# the request's time-out that finds out; a new connection costs some milliseconds.
MOST_IDLE = 60.0  # seconds


class _Request(threading.local):
    """The request that this thread is making."""

    deadline = 0.0  # on the monotonic clock


_current = _Request()


def begin(timeout: float) -> None:
    """Give this thread's next request so many seconds, from its connection to the last byte of its answer."""
    _current.deadline = time.monotonic() + timeout


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


def tls_context() -> ssl.SSLContext:
    """Return a context that trusts what the system trusts; making one parses all of its certificates."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    context.sslsocket_class = _TimedTls
    return context


class Connection(HTTPConnection):
    """A connection that is opened by the first request; `context` is None for plain HTTP."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self._context = context
        if context is not None:
            self.default_port = 443
        super().__init__(host, port)
        self.idle_since = 0.0  # by the system's clock, which goes on while an environment is frozen

    def connect(self) -> None:
        """Connect to the first address of the name that answers.

        Raises:
            OSError: none does; what the last one said.
        """
        obstacle: OSError = OSError("no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(self.host, self.port, 0, socket.SOCK_STREAM):
            connecting: socket.socket = _Timed(family, kind, protocol)
            try:
                connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connecting.connect(address)
                if self._context is not None:
                    connecting = self._context.wrap_socket(connecting, server_hostname=self.host)
            except OSError as error:
                connecting.close()
                obstacle = error
            else:
                self.sock = connecting
                return
        raise obstacle

    @property
    def is_dropped(self) -> bool:
        """Tell whether it was idle for too long, or the other side has closed it or said something nobody asked for."""
        if not 0 <= time.time() - self.idle_since <= MOST_IDLE:
            return True
        if self.sock is None or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return True
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))
