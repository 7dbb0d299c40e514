"""The one HTTP client: TLS always verified, no redirect followed, answers read up to a limit of size and of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException, HTTPMessage
from time import time
from typing import NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit

from cf_purge.connection import Connection, begin, tls_context
from cf_purge.errors import Transient

T = TypeVar("T")

# Ten messages of SQS's largest size; whatever is longer is no answer of Cloudflare's or AWS's.
MAX_ANSWER_BYTES = 12 << 20
CONNECTIONS = 8  # to one host, at most
# Cloudflare has refused whoever does not say what he is.
_OWN_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "cf_purge"}


class Answer(NamedTuple):
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Connections that outlive the invocation; several threads may use it."""

    def __init__(self) -> None:
        self._context = tls_context()
        self._idle: dict[tuple[str, str], list[Connection]] = {}  # by scheme, and host with port

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

    def close(self) -> None:
        """Close what is kept open."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
        begin(timeout)
        try:
            parts = urlsplit(url)
            idle = self._idle.setdefault((parts.scheme, parts.netloc), [])
            connection = self._connection(parts, idle)
            is_reusable = is_sent = False
            try:
                target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                # Who answers before it has taken in all of the request has answered all the same.
                try:
                    connection.request(method, target, body, {**headers, **_OWN_HEADERS})
                    is_sent = True
                except (BrokenPipeError, ConnectionResetError):
                    if connection.sock is None:  # it was not even connected
                        raise
                with connection.getresponse() as response:
                    if response.status < 200:
                        raise HTTPException("an answer before the answer, which would be taken for the next one's")
                    if len(set(response.headers.get_all("Content-Length", ()))) > 1:  # RFC 9112 section 6.3
                        raise HTTPException("an answer of two lengths")
                    content = response.read(MAX_ANSWER_BYTES + 1)
                    if len(content) > MAX_ANSWER_BYTES:
                        raise Transient("The answer is longer than any real one.")
                    # http.client does not complain when it is asked for more than what came.
                    if len(content) < _length(response.headers):
                        raise Transient("The answer is cut short.")
                    is_reusable = is_sent and response.isclosed() and not response.will_close
                    is_reusable = is_reusable and len(idle) < CONNECTIONS
            finally:
                if is_reusable:
                    connection.idle_since = time()
                    idle.append(connection)
                else:
                    connection.close()
        except (HTTPException, OSError, ValueError) as error:
            raise Transient(f"No answer ({type(error).__name__}).") from None
        return Answer(response.status, _joined(response.headers), content)

    def _connection(self, parts: SplitResult, idle: list[Connection]) -> Connection:
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("no URL to connect to")
        while idle:
            try:
                kept = idle.pop()
            except IndexError:  # another thread was faster
                break
            if not kept.is_dropped:
                return kept
            kept.close()
        is_secure = parts.scheme == "https"
        # With a port, or http.client looks for one in the last group of an IPv6 address.
        port = parts.port or (443 if is_secure else 80)
        return Connection(parts.hostname, port, self._context if is_secure else None)


def _joined(headers: HTTPMessage) -> dict[str, str]:
    """Join what is said several times, as RFC 9110 section 5.2 has it."""
    joined: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def _length(headers: HTTPMessage) -> int:
    length = headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else 0
