"""Asks the edge as a visitor would, and judges whether that was the new version.

It is one vantage point, the edge near the Region: what another edge has, it cannot see.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import partial
from math import floor
from typing import NamedTuple

from cf_purge.budget import Clock
from cf_purge.config import Config
from cf_purge.errors import PurgeError
from cf_purge.events import DELETE, Change
from cf_purge.http_client import CONNECTIONS, Answer, HttpClient

FRESH, STALE, SUPERSEDED = "fresh", "stale", "superseded"
RENEWED, UNVERIFIABLE = "renewed", "unverifiable"
_TOLERANCE = 5  # seconds from the date of an object to the event's time, which is when the upload had finished
_MULTIPART = re.compile(r".*-[0-9]+")  # an ETag; such an object has the date at which its upload began
_DIGITS = re.compile(r"[0-9]{1,12}")
_RENEWED = frozenset(("MISS", "EXPIRED", "REVALIDATED"))
_REPORTED = ("etag", "last-modified", "age", "cf-cache-status", "cache-control", "via", "x-cache", "cf-ray")
_MAX_HEADER = 256  # characters that are reported
_MIN_TIMEOUT = 0.05  # seconds; with less left nothing is asked


class Question(NamedTuple):
    """What a visitor asks for: an absolute URL, with these headers."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def host(self) -> str:
        return self.url.partition("://")[2].partition("/")[0]


class Seen(NamedTuple):
    """One answer of the edge; `status` is 0 where there was none."""

    status: int
    etag: str | None = None  # without quotes and W/
    last_modified: int | None = None  # seconds since the epoch
    age: int | None = None  # seconds
    cache_status: str = ""  # CF-Cache-Status
    is_challenge: bool = False
    reported: Mapping[str, object] = {}  # what may be logged: the status and some headers, or why there is no answer


class Visitor:
    """Asks URLs of the configured hosts: GET, no redirect followed, no credentials, headers only."""

    def __init__(self, config: Config, http: HttpClient, clock: Clock) -> None:
        self._config = config
        self._http = http
        self._clock = clock

    def ask(self, questions: Sequence[Question], seconds: float) -> list[Seen]:
        """Ask all questions within so many seconds together; a host that hangs delays only its own."""
        until = self._clock.now() + seconds
        places: dict[str, list[int]] = {}
        for place, question in enumerate(questions):
            places.setdefault(question.host, []).append(place)
        lanes = max(1, CONNECTIONS // max(1, len(places)))
        shares = [share for own in places.values() for lane in range(lanes) if (share := own[lane::lanes])]
        seen = dict.fromkeys(range(len(questions)), Seen(0))

        def visit(share: Sequence[int]) -> None:
            for place in share:
                seen[place] = self._visit(questions[place], until)

        self._http.together([partial(visit, share) for share in shares])
        return list(seen.values())

    def _visit(self, question: Question, until: float) -> Seen:
        url, headers, edge = question.url, dict(question.headers), self._config.edge_url
        if edge:
            url = edge.rstrip("/") + url[url.index(question.host) + len(question.host) :]
            headers["Host"] = question.host
        left = until - self._clock.now()
        if left < _MIN_TIMEOUT:
            return Seen(0, reported={"error": "No time was left."})
        try:
            return seen_in(self._http.visit(url, headers, left, bool if edge else is_public))
        except PurgeError as error:
            return Seen(0, reported={"error": str(error)})


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public Internet."""
    found = ipaddress.ip_address(address)
    return (getattr(found, "ipv4_mapped", None) or found).is_global and not found.is_multicast


def seen_in(answer: Answer) -> Seen:
    """Read an answer. Of a redirect the host is reported, never a query."""
    headers = answer.headers
    reported: dict[str, object] = {"status": answer.status}
    reported |= {name: headers[name][:_MAX_HEADER] for name in _REPORTED if name in headers}
    if "location" in headers:
        reported["location_host"] = headers["location"].partition("//")[2].partition("/")[0].partition("?")[0][:253]
    age = headers.get("age", "").strip()
    return Seen(
        answer.status,
        _etag(headers.get("etag")),
        _date(headers.get("last-modified")),
        int(age) if _DIGITS.fullmatch(age) else None,
        headers.get("cf-cache-status", "").strip().upper(),
        "cf-mitigated" in headers,
        reported,
    )


def judge(change: Change, seen: Seen, now: float, purged: float) -> str:
    """Return the verdict on what a visitor got at the time `now` of a change that was purged at `purged`. Pure."""
    is_old = seen.cache_status == "HIT" and seen.age is not None and seen.age >= now - purged
    is_gone = seen.status in (404, 410)
    if seen.is_challenge:
        return UNVERIFIABLE
    if change.kind == DELETE:
        if is_gone or (seen.status == 403 and seen.cache_status):
            return FRESH
        return UNVERIFIABLE if seen.status != 200 else STALE if is_old else SUPERSEDED
    if is_gone:
        return STALE if is_old else SUPERSEDED
    if seen.status != 200:
        return UNVERIFIABLE
    etag = _etag(change.etag)
    if etag is not None and seen.etag == etag:
        return FRESH
    if change.at is not None and seen.last_modified is not None:
        behind = floor(change.at) - seen.last_modified  # a date has whole seconds
        if behind <= 0 or (behind <= _TOLERANCE and seen.etag is None):
            return FRESH
        if behind <= _TOLERANCE:
            return UNVERIFIABLE
        if etag is None or not _MULTIPART.fullmatch(etag):
            return STALE
    elif etag is None or seen.etag is None:  # nothing can be compared
        is_young = seen.cache_status in _RENEWED or (seen.age is not None and seen.age < now - purged)
        return RENEWED if is_young else UNVERIFIABLE
    return STALE if is_old and seen.etag is not None else UNVERIFIABLE


def _etag(text: str | None) -> str | None:
    return (text or "").strip().removeprefix("W/").strip('"') or None


def _date(text: str | None) -> int | None:
    try:
        return int(parsedate_to_datetime(text or "").timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
