"""Asks the edge as a visitor would, judges whether that was the new version, and waits for it.

It is one vantage point, the edge near the Region: what another edge has, it cannot see.
"""

import ipaddress
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from itertools import product
from typing import Any, NamedTuple
from zlib import crc32

from cf_purge.budget import Clock
from cf_purge.config import MAX_SLASHES, Config, Target
from cf_purge.errors import NotFresh, PurgeError, TooLarge, UnknownEvent
from cf_purge.events import DELETE, Change, epoch
from cf_purge.http_client import CONNECTIONS, Answer, HttpClient
from cf_purge.plan import Job, grouped
from cf_purge.targets import FILES, Purge, is_object, paths_of, prefixes_of, spellings_of, urls_of

FRESH, STALE, SUPERSEDED, RENEWED, UNVERIFIABLE = "fresh", "stale", "superseded", "renewed", "unverifiable"
_TOLERANCE = 5  # seconds from the date of an object to the event's time, which is when the upload had finished
# The group is the host of an absolute Location, without credentials.
_LOCATION = re.compile(r"\A(?:[a-z][a-z0-9+.-]*:)?//(?:[^/?#]*@)?([^/?#]*)", re.IGNORECASE)
_UNICAST = ipaddress.ip_network("2000::/3")
# CF-Cache-Status: https://developers.cloudflare.com/cache/concepts/cache-responses/
_NOT_KEPT = ("DYNAMIC", "BYPASS", "NONE", "UNKNOWN", "NONE/UNKNOWN")
_REPORTED = ("etag", "last-modified", "age", "cf-cache-status", "cache-control", "via", "x-cache", "cf-ray")
NO_ANSWER = Answer(0, {}, b"")
MAX_URLS = 100  # of a look, and of a wait
_MAX_HOSTS = 64  # asked at the same time
_MARGIN = 10  # seconds of the function's time that a wait must leave: to purge and to answer
_INTERVAL, _TIMEOUT = 1.0, 4.0  # seconds from look to look, and of one look; the last one ends within the margin


class Copy(NamedTuple):
    """One copy that a visitor can ask for, and what became of it."""

    id: str  # short, and the same in every environment
    change: Change
    target: Target
    path: str  # decoded
    page: Purge  # by URL: what is asked
    is_early: bool  # another target purges the change later
    verdict: str = ""
    fresh_ms: int | None = None  # from the change to the proof

    def purges(self) -> list[Purge]:
        """Return what purges it again: a stale one by the prefix of its path, which takes copies that its URL misses.

        A page or a folder as a prefix would take what lies below it, and its neighbours.
        """
        target, path = self.target._replace(hosts=(self.page.host,)), self.path
        # Its slashes and the one behind the host.
        if self.verdict == STALE and is_object(path, self.change.key, target) and path.count("/") < MAX_SLASHES:
            return list(prefixes_of(target, path))
        return list(urls_of(target, [path]))


class Seen:
    """One answer of the edge; its status is 0 where there was none."""

    def __init__(self, answer: Answer, at: float, error: str | None = None) -> None:
        """Read an answer that came `at` seconds since the epoch, or NO_ANSWER and why there is none."""
        headers = answer.headers
        age = headers.get("age", "").strip()
        self.at, self.status = at, answer.status
        self.etag = headers.get("etag", "").strip().removeprefix("W/").strip('"') or None
        self.last_modified = epoch(headers.get("last-modified"), parsedate_to_datetime)  # seconds since the epoch
        self.age = int(age[:12]) if age.isascii() and age.isdigit() else None  # seconds
        self.cache_status = headers.get("cf-cache-status", "").strip().upper()
        self.is_fetched = self.cache_status in ("MISS", "EXPIRED", "REVALIDATED")  # from the origin, for this visitor
        self.is_copy = not self.is_fetched and self.cache_status not in _NOT_KEPT  # from the cache
        self.is_challenge = "cf-mitigated" in headers or answer.status in (401, 429)  # by Cloudflare, or a login
        # What may be logged: of a redirect the host, never a query.
        self.reported: dict[str, object] = {"error": error} if error else {"status": answer.status}
        self.reported |= {name: headers[name][:256] for name in _REPORTED if name in headers}
        if "location" in headers:
            self.reported["location_host"] = "".join(_LOCATION.findall(headers["location"]))[:253]

    def by_age(self, purged: float) -> str:
        """Compare the age of the copy with a purge at `purged`: RENEWED, STALE, or UNVERIFIABLE if it says nothing."""
        # What was fetched for this visitor is new, unless an age shows that it came from another cache.
        if (self.is_fetched and not self.age) or (self.age is not None and self.age < self.at - purged):
            return RENEWED
        return STALE if self.cache_status == "HIT" and self.age is not None else UNVERIFIABLE


class Visitor(NamedTuple):
    """Asks URLs of the configured hosts: GET, no redirect followed, no credentials, headers only."""

    config: Config
    http: HttpClient
    clock: Clock

    def ask(self, pages: Iterable[Purge], seconds: float, deadline: float = math.inf) -> dict[Purge, Seen]:
        """Ask for the copies that purges by URL are about, within so many seconds together.

        `deadline` is a time of `Clock.now`. A host that hangs delays only its own.
        """
        until = min(self.clock.now() + seconds, deadline)
        seen = dict.fromkeys(pages, Seen(NO_ANSWER, 0.0, "No time was left."))
        by_host = grouped((page.host, page) for page in seen)
        # Together the hosts are asked for about CONNECTIONS pages at a time; a share is asked page by page.
        lanes = max(1, CONNECTIONS // max(1, len(by_host)))
        shares = [asked[lane::lanes] for asked in by_host.values() for lane in range(min(lanes, len(asked)))]

        def visit(share: Sequence[Purge]) -> None:
            for page in share:
                if (left := until - self.clock.now()) > 0:
                    seen[page] = self._visit(page, left)

        self.http.together(visit, shares, _MAX_HOSTS)
        return seen

    def _visit(self, page: Purge, timeout: float) -> Seen:
        url, headers, edge = page.item, dict(page.headers), self.config.edge_url
        if edge:
            url = edge.rstrip("/") + url.partition(page.host)[2]
            headers["Host"] = page.host
        try:
            return Seen(self.http.visit(url, headers, timeout, bool if edge else is_public), self.clock.wall())
        except PurgeError as error:
            return Seen(NO_ANSWER, 0.0, str(error))


def copies_of(job: Job) -> Iterator[Copy]:
    """Yield the object's own URL and its pages, in one spelling, by https if possible, on each host, in each variant.

    Variants with headers that Cloudflare sets itself, such as CF-Device-Type, are left out: no visitor can send these.
    """
    for target, _ in job.parts:
        if target and (change := job.change):
            variants = [each for each in target.header_variants if all(name.lower()[:3] != "cf-" for name, _ in each)]
            for host, path, headers in product(target.hosts, paths_of(change.key, target), ((), *variants)):
                page = Purge(target.zone, FILES, f"{target.schemes[0]}://{host}/{spellings_of(path)[0]}", host, headers)
                copy_id = f"{crc32(repr((change.key, page)).encode()):x}"
                yield Copy(copy_id, change, target, path, page, job.later is not None)


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public Internet."""
    found = ipaddress.ip_address(address)
    # An IPv6 address that contains an IPv4 address could contain a private one.
    is_mixed = isinstance(found, ipaddress.IPv6Address) and (found not in _UNICAST or found.sixtofour is not None)
    return found.is_global and not found.is_multicast and not is_mixed


def judge(change: Change, seen: Seen, purged: float) -> str:
    """Return the verdict on what a visitor got of a change that was purged at `purged`. Pure; the first rule decides.

    A change without a kind comes from a `wait`. At most its time is known, so the age of the copy decides the rest.
    """
    by_age, etag, is_gone = seen.by_age(purged), (change.etag or "").strip('"'), seen.status in (404, 410)
    unknown = UNVERIFIABLE if change.kind else by_age
    if seen.is_challenge or not 200 <= seen.status < 500:
        return UNVERIFIABLE
    if change.kind == DELETE and (is_gone or (seen.status == 403 and seen.cache_status)):
        return FRESH
    # A copy from before the change is not its version, even with its ETag (another header was corrected) or with a date
    # of the same second. An age has whole seconds, hence the one second.
    if change.at is not None and seen.by_age(change.at - 1) == STALE:
        return STALE
    if change.kind and (is_gone or (change.kind == DELETE and seen.status == 200)):
        return STALE if by_age == STALE else SUPERSEDED
    if seen.status != 200:
        return unknown
    if etag and seen.etag == etag:
        return FRESH
    if change.at is not None and seen.last_modified is not None:
        behind = math.floor(change.at) - seen.last_modified  # a date has whole seconds
        if behind <= _TOLERANCE:
            return FRESH if behind <= 0 or seen.etag is None else unknown
        if "-" not in etag:  # the object of a multipart upload has the date at which that began
            return STALE
    elif not etag or seen.etag is None:  # nothing can be compared
        return RENEWED if by_age == RENEWED else unknown
    return STALE if by_age == STALE else UNVERIFIABLE


# ---- wait ----


def wait_in(event: Mapping[str, Any], left: float, now: float) -> tuple[dict[str, Any], int, float | None]:
    """Return the purge in an event of a `wait`, its seconds, and its `since` in seconds since the epoch.

    `left` is the function's time in seconds, `now` in seconds since the epoch.

    Raises:
        UnknownEvent: these are invalid, or the event purges something that cannot be looked at.
    """
    rest = dict(event)
    seconds, since, limit = rest.pop("wait", None), rest.pop("since", None), math.ceil(left) - _MARGIN
    if not rest.keys() & {"keys", "urls"} or not rest.keys() <= {"keys", "urls", "bucket", "zone_id"}:
        raise UnknownEvent('"wait" belongs to "keys" or "urls", with nothing but "since", "bucket" and "zone_id".')
    if type(seconds) is not int or not 1 <= seconds <= limit:
        raise UnknownEvent(f'"wait" must be seconds, a whole number from 1 to {limit} (the time-out less {_MARGIN}).')
    at = epoch(since)
    # A time without a zone, which is behind the date, is often local: what is older would be called fresh.
    if since is not None and (at is None or at > now + _TOLERANCE or not re.search("[Z+-]", since[10:])):
        raise UnknownEvent('"since" must be a past time with its zone, such as "2026-11-28T23:00:00Z".')
    return rest, seconds, at


def pages_for(jobs: Iterable[Job]) -> list[Purge]:
    """Return what a visitor asks for to see what was purged: pages of keys in one spelling, and manual URLs. Pure.

    Raises:
        Rejected: there is nothing to ask for, or too much.
    """
    by_job = ([copy.page for copy in copies_of(job)] or job.purges for job in jobs)
    found = list(dict.fromkeys(page for pages in by_job for page in pages))
    if not found:
        raise UnknownEvent('No target serves these keys, so there is nothing to "wait" for: omit it.')
    if len(found) > MAX_URLS:
        raise TooLarge(f'"wait" looks at {MAX_URLS} URLs at most, and these are {len(found):,}: list fewer, as "urls".')
    return found


def wait(
    pages: Sequence[Purge], until: float, purged: float, since: float | None, visitor: Visitor, skipped: Sequence[str]
) -> dict[str, Any]:
    """Look, and again a second after each look, until all is fresh or renewed, or the time is over; return the answer.

    `until` is a time of `Clock.now`; `since` and `purged` are in seconds since the epoch. `purged` is when the purge
    began, because a busy page is filled again before Cloudflare's answer. `skipped` are keys that need no purge.

    Raises:
        NotFresh: something is still stale; the text is the answer as JSON.
    """
    verdicts, pending = dict.fromkeys(pages, UNVERIFIABLE), pages
    while True:
        new = {page: judge(Change("", at=since), seen, purged) for page, seen in visitor.ask(pending, _TIMEOUT).items()}
        # A copy that cannot be judged any more keeps its last verdict.
        verdicts |= {page: verdict for page, verdict in new.items() if verdict != UNVERIFIABLE}
        pending = [page for page in pending if verdicts[page] not in (FRESH, RENEWED)]
        left = until - visitor.clock.now()
        if not pending or left <= 0:
            break
        visitor.clock.sleep(min(_INTERVAL, left))
    found = {kind: [page.shown for page in pages if verdicts[page] == kind] for kind in (FRESH, RENEWED, UNVERIFIABLE)}
    if stale := [page.shown for page in pages if verdicts[page] == STALE]:
        raise NotFresh(json.dumps({**found, "skipped": skipped, "verified": False, STALE: stale}))
    return {**found, "skipped": skipped, "verified": not found[UNVERIFIABLE]}
