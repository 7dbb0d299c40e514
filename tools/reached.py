"""Asks sites for the pages that the documents link to."""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

# A page that need not answer, by its URL or how it begins, and why.
ACCEPTED: dict[str, str] = {}

_TRIES = 3
_WAIT = 5.0  # seconds before the second try, twice that before the third
_TIMEOUT = 20.0  # seconds
_AT_ONCE = 8
# The page is there, and its site keeps it from robots.
_NOT_FOR_ROBOTS = (401, 403, 405, 406, 429)
_HEADERS = {"User-Agent": "Mozilla/5.0 (links of cf_purge's documents)", "Accept": "text/html,*/*"}


def unreachable(urls: Iterable[str], sleep: Callable[[float], None] = time.sleep) -> dict[str, str]:
    """Return the URLs that do not lead anywhere, with a sentence each."""
    wanted = [url for url in urls if not any(url.startswith(start) for start in ACCEPTED)]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        said = dict(zip(wanted, threads.map(lambda url: _asked(url, sleep), wanted), strict=True))
    return {url: sentence for url, sentence in said.items() if sentence}


def _asked(url: str, sleep: Callable[[float], None]) -> str | None:
    """Ask for a page until something is certain, and say what is wrong."""
    said = ""
    for attempt in range(_TRIES):
        if attempt:
            sleep(_WAIT * attempt)
        request = urllib.request.Request(url, headers=_HEADERS)  # noqa: S310  http and https only: the caller's
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT, context=ssl.create_default_context()):  # noqa: S310
                return None
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _NOT_FOR_ROBOTS:
                return None
            said = f"{url} answers {error.code}: link to where the page is now, or remove the link."
            if error.code in (404, 410):
                return said
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            said = f"{url} does not answer ({reason}): correct it, or try again with a network."
    return said
