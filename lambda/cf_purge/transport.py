"""The one HTTP client: TLS always verified, no redirect followed, answers read up to a limit."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import urllib3

from cf_purge.errors import Transient

# Real answers are below 4 KB; more than this is no answer of Cloudflare's or AWS's.
MAX_ANSWER_BYTES = 1 << 20
CONNECT_TIMEOUT = 3.0  # seconds

# At DEBUG these print whole requests, credentials included.
for _name in ("botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """A connection pool that outlives the invocation."""

    def __init__(self) -> None:
        # One context for every host: urllib3 would parse the certificate bundle anew for each.
        self._pool = urllib3.PoolManager(ssl_context=ssl.create_default_context(), retries=False)

    def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
        """Send one POST; `timeout` bounds, in seconds, the connect and each wait for bytes.

        Raises:
            Transient: no answer, or one that cannot be read to its end. The text names no header.
        """
        return self._request("POST", url, headers, body, timeout)

    def get(self, url: str, headers: Mapping[str, str], timeout: float) -> Answer:
        """Send one GET; otherwise as `post`."""
        return self._request("GET", url, headers, None, timeout)

    def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
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
