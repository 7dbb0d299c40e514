"""Purges → outcomes: pacing, tries, a fresh token, and the halving of rejected requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from cf_purge import log
from cf_purge.batch import Request, requests_for
from cf_purge.clock import Clock
from cf_purge.cloudflare import Cloudflare, RateLimited
from cf_purge.config import Config
from cf_purge.errors import Misconfigured, PurgeError, Rejected, Transient
from cf_purge.metrics import Metrics
from cf_purge.pace import Pace
from cf_purge.purge import FILES, Purge
from cf_purge.token import Token

TRIES = 3
REQUEST_TIMEOUT = 10.0  # seconds; Cloudflare's own median is a quarter of one
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0  # seconds
_SHORTEST_REQUEST = 1.0  # seconds; with less left than this none is begun
_ITEMS_PER_LINE = 50  # a log event holds 256 KB, a URL of a 1,024-byte key 3 KB


@dataclass(slots=True)
class _Lane:
    """The requests of one zone and kind. Each kind has its own rate limit, and some environments take no URLs."""

    pending: list[Request]  # the next one last
    due: float = 0.0  # when the next may go, in seconds since the epoch
    sent: int = 0  # requests and tries
    tries: int = 0  # of the next request
    has_fresh_token: bool = False  # the next request is tried with a token fetched for it


class Purger:
    """Brings purges to Cloudflare and says of each how it ended."""

    def __init__(self, config: Config, cloudflare: Cloudflare, token: Token, clock: Clock) -> None:
        self._limit = config.files_per_request
        self._cloudflare = cloudflare
        self._token = token
        self._clock = clock
        self._rate = config.requests_per_second
        self._pace = Pace(config.requests_per_second)

    def fits(self, purges: Sequence[Purge], deadline: float) -> bool:
        """Tell whether purges that only count when all are accepted can be, in half of the time that is left."""
        if len(purges) <= self._limit:
            return True
        needed = sum(1 for _ in requests_for(purges, self._limit))
        return needed <= max(1.0, self._rate * (deadline - self._clock.now()) / 2)

    def run(
        self, purges: Iterable[Purge], deadline: float, metrics: Metrics
    ) -> Iterator[tuple[Request, PurgeError | None]]:
        """Yield every purge once, in a request with its outcome: None for accepted, else why not.

        Zones and kinds take turns, and one that has to wait lets the others go first. A rejected request is halved
        until the bad purge stands alone. What else is wrong with a zone holds for the rest of its purges of that
        kind in this run: it is not asked again. `deadline` is in seconds since the epoch.
        """
        groups = groupby(requests_for(purges, self._limit), key=lambda request: (request.zone, request.kind))
        lanes = [_Lane(list(group)[::-1]) for _, group in groups]
        while lanes:
            lane = min(lanes, key=lambda lane: (lane.due, lane.sent))
            request = lane.pending[-1]
            error = self._outcome(request, lane, deadline, metrics)
            if error is None or isinstance(error, Rejected):
                lane.pending.pop()
                lane.tries, lane.has_fresh_token = 0, False
                if error is not None and len(request.purges) > 1:
                    lane.pending += reversed(request.halves())
                else:
                    yield _reported(request, error)
            elif not self._may_go_on(lane, error, lanes, deadline):
                for rest in reversed(lane.pending):
                    yield _reported(rest, error)
                lane.pending.clear()
            lanes = [lane for lane in lanes if lane.pending]

    def _outcome(self, request: Request, lane: _Lane, deadline: float, metrics: Metrics) -> PurgeError | None:
        try:
            self._clock.sleep(max(0.0, lane.due - self._clock.now()))
            lane.sent += 1
            self._try(request, deadline, metrics)
        except PurgeError as error:
            metrics.rate_limited += isinstance(error, RateLimited)
            if not isinstance(error, Misconfigured) or lane.has_fresh_token:
                return error
            try:
                # The token may have been rotated while this environment was warm.
                self._token.refresh()
            except PurgeError as obstacle:
                return obstacle
            lane.has_fresh_token, lane.tries = True, 0
            return self._outcome(request, lane, deadline, metrics)
        return None

    def _may_go_on(self, lane: _Lane, error: PurgeError, lanes: Iterable[_Lane], deadline: float) -> bool:
        """Tell whether a lane's request is to be tried again, and choose when."""
        if not isinstance(error, Transient):
            return False
        now = self._clock.now()
        backoff = min(_LONGEST_WAIT, _FIRST_WAIT * 2**lane.tries) * (0.5 + self._clock.random())
        wait = backoff if error.retry_after is None else error.retry_after
        lane.tries += 1
        if lane.tries == TRIES or now + wait + _SHORTEST_REQUEST > deadline:
            return False
        log.debug("trying again", reason=str(error), wait_seconds=round(wait, 3), attempt=lane.tries)
        zone = lane.pending[-1].zone
        for other in lanes:
            # A limit is one kind's; whatever else it is, it is most likely the zone's.
            if other is lane or (not isinstance(error, RateLimited) and other.pending[-1].zone == zone):
                other.due = max(other.due, now + wait)
        return True

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


def _reported(request: Request, error: PurgeError | None) -> tuple[Request, PurgeError | None]:
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
    return request, error
