"""Purges → outcomes: pacing, tries, a fresh token, and the halving of rejected requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

from cf_purge import log
from cf_purge.batch import Request, requests_for
from cf_purge.clock import Clock
from cf_purge.cloudflare import Cloudflare, RateLimited
from cf_purge.config import Config
from cf_purge.errors import Misconfigured, PurgeError, Rejected, Transient
from cf_purge.metrics import Metrics
from cf_purge.pace import Pace
from cf_purge.purge import FILES, Purge, Zone
from cf_purge.token import Token

TRIES = 3
REQUEST_TIMEOUT = 10.0  # seconds; Cloudflare's own median is a quarter of one
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0  # seconds
_SHORTEST_REQUEST = 1.0  # seconds; with less left than this none is begun
_ITEMS_PER_LINE = 50  # a log event holds 256 KB, a URL of a 1,024-byte key 3 KB


class Purger:
    """Brings purges to Cloudflare and says of each how it ended."""

    def __init__(self, config: Config, cloudflare: Cloudflare, token: Token, clock: Clock) -> None:
        self._limit = config.files_per_request
        self._cloudflare = cloudflare
        self._token = token
        self._clock = clock
        self._pace = Pace(config.requests_per_second)

    def run(
        self, purges: Iterable[Purge], deadline: float, metrics: Metrics
    ) -> Iterator[tuple[Request, PurgeError | None]]:
        """Yield every purge once, in a request with its outcome: None for accepted, else why not.

        A rejected request is halved until the bad purge stands alone. What is wrong with a zone holds for the
        rest of its purges of that kind in this run: it is not asked again. `deadline` is in seconds since the epoch.
        """
        # By kind, too: each has its own rate limit, and some environments cannot be purged by URL.
        stopped: dict[tuple[Zone, str], PurgeError] = {}
        for whole in requests_for(purges, self._limit):
            pending = [whole]
            while pending:
                request = pending.pop()
                error = stopped.get((request.zone, request.kind))
                if error is None:
                    error = self._outcome(request, deadline, metrics)
                if isinstance(error, Rejected) and len(request.purges) > 1:
                    pending += reversed(request.halves())
                    continue
                if isinstance(error, Transient | Misconfigured):
                    stopped[request.zone, request.kind] = error
                _report(request, error)
                yield request, error

    def _outcome(self, request: Request, deadline: float, metrics: Metrics) -> PurgeError | None:
        try:
            try:
                self._tries(request, deadline, metrics)
            except Misconfigured:
                # The token may have been rotated while this environment was warm.
                self._token.refresh()
                self._tries(request, deadline, metrics)
        except PurgeError as error:
            return error
        return None

    def _tries(self, request: Request, deadline: float, metrics: Metrics) -> None:
        now, sleep = self._clock.now, self._clock.sleep
        for attempt in count(1):
            try:
                return self._try(request, deadline, metrics)
            except Transient as error:
                metrics.rate_limited += isinstance(error, RateLimited)
                backoff = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (attempt - 1)) * (0.5 + self._clock.random())
                wait = backoff if error.retry_after is None else error.retry_after
                if attempt == TRIES or now() + wait + _SHORTEST_REQUEST > deadline:
                    raise
                log.debug("trying again", reason=str(error), wait_seconds=round(wait, 3), attempt=attempt)
                sleep(wait)

    def _try(self, request: Request, deadline: float, metrics: Metrics) -> None:
        now = self._clock.now()
        wait = self._pace.wait(now)
        if now + wait + _SHORTEST_REQUEST > deadline:
            raise Transient("No time is left in this invocation.", wait or None)
        token = self._token.get()
        self._pace.take()
        self._clock.sleep(wait)
        metrics.requests += 1
        left = max(_SHORTEST_REQUEST, deadline - self._clock.now())
        self._cloudflare.send(request, token, min(REQUEST_TIMEOUT, left))


def _report(request: Request, error: PurgeError | None) -> None:
    items = [purge.shown for purge in request.purges]
    zone, kind = str(request.zone), "urls" if request.kind == FILES else request.kind
    if error is None:
        for start in range(0, len(items), _ITEMS_PER_LINE):
            log.info("purged", zone_id=zone, **{kind: items[start : start + _ITEMS_PER_LINE]})
    else:
        log.error(
            "not purged",
            kind=type(error).__name__,
            reason=str(error),
            zone_id=zone,
            **{kind: len(items), "first": items[0]},
        )
