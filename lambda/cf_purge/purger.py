"""Purges → outcomes: pacing, tries, a fresh token, and the halving of rejected requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cf_purge import log
from cf_purge.batch import Load, Request
from cf_purge.clock import Clock
from cf_purge.cloudflare import Cloudflare
from cf_purge.config import Config
from cf_purge.errors import Misconfigured, OutOfTime, PurgeError, RateLimited, Rejected, Transient
from cf_purge.lane import Lane, Suspects
from cf_purge.metrics import Metrics
from cf_purge.pace import Pace
from cf_purge.purge import FILES, Purge, Zone
from cf_purge.token import Token

TRIES = 3
REQUEST_TIMEOUT = 10.0  # seconds; Cloudflare's own median is a quarter of one
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0  # seconds
_SHORTEST_REQUEST = 1.0  # seconds; with less left than this none is begun
_USUAL_LATENCY = 0.25  # seconds; the median Cloudflare publishes
_USABLE = 0.8  # of the time left: some requests take longer than usual


class Purger:
    """Brings purges to Cloudflare and says of each how it ended."""

    def __init__(self, config: Config, cloudflare: Cloudflare, token: Token, clock: Clock) -> None:
        self._limit = config.urls_per_request
        self._cloudflare = cloudflare
        self._token = token
        self._clock = clock
        self._pace = Pace(config)
        self._suspects = Suspects()
        self.is_failing = False  # the last request did not get through, and not for its items' sake

    def fits(self, purges: Sequence[Purge], seconds: float) -> bool:
        """Tell whether purges that only count when all are accepted ever can be, in half of an invocation's time."""
        if len(purges) <= self._limit:
            return True
        load = Load(self._limit)
        load.add(purges)
        return load.count <= 1 or self._seconds_for(load, None) <= seconds / 2

    def has_time_for(self, load: Load, more: int, deadline: float) -> bool:
        """Tell whether a load and so many more requests can be sent now, in most of the time that is left."""
        now = self._clock.now()
        return self._seconds_for(load, now, more) <= _USABLE * (deadline - now)

    def is_short_of_requests(self, load: Load) -> bool:
        """Tell whether requests have become so few that none of them should go half empty."""
        return self._pace.is_scarce(load, self._clock.now())

    def _seconds_for(self, load: Load, now: float | None, more: int = 0) -> float:
        return max(self._pace.seconds_for(load, now, more), (load.count + more) * _USUAL_LATENCY)

    def run(
        self, purges: Iterable[Purge], deadline: float, metrics: Metrics
    ) -> Iterator[tuple[Request, PurgeError | None]]:
        """Yield every purge once, in a request with its outcome: None for accepted, else why not.

        Zones and kinds take turns, and one that has to wait lets the others go first. A rejected request is halved
        until the bad purge stands alone, or until it is clear that a host is not the zone's. What else is wrong with a
        zone holds for the rest of its purges of that kind in this run: it is not asked again. `deadline` is in
        seconds since the epoch.
        """
        lanes = self._lanes(purges)
        while lanes:
            lane = min(lanes, key=lambda lane: (self._ready_at(lane), lane.sent))
            request = lane.pending[-1]
            error = self._outcome(request, lane, deadline, metrics)
            if error is None or isinstance(error, Rejected):
                lane.pending.pop()
                lane.tries, lane.has_fresh_token = 0, False
                if error is not None and len(request.purges) > 1:
                    halves = request.halves()
                    self._suspects.add(halves, self._clock.now())
                    lane.pending += reversed(halves)
                else:
                    for ended in (request, *lane.end(request, error)):
                        yield _reported(ended, error)
                    if error is None:
                        self._suspects.clear(request)
            elif not self._may_go_on(lane, error, lanes, deadline):
                for rest in reversed(lane.pending):
                    yield _reported(rest, error)
                lane.pending.clear()
            lanes = [lane for lane in lanes if lane.pending]

    def _lanes(self, purges: Iterable[Purge]) -> list[Lane]:
        lanes: dict[tuple[Zone, str], Lane] = {}
        for request in self._suspects.requests_for(purges, self._limit, self._clock.now()):
            lanes.setdefault((request.zone, request.kind), Lane()).pending.insert(0, request)
        return list(lanes.values())

    def _ready_at(self, lane: Lane) -> float:
        """Return when a lane's next request may go, in seconds since the epoch."""
        now = self._clock.now()
        return max(lane.due, now + self._pace.wait(now, lane.pending[-1]))

    def _outcome(self, request: Request, lane: Lane, deadline: float, metrics: Metrics) -> PurgeError | None:
        try:
            self._try(request, lane, deadline, metrics)
        except PurgeError as error:
            if not isinstance(error, Misconfigured) or lane.has_fresh_token:
                return error
            try:
                # The token may have been rotated while this environment was warm.
                self._token.refresh(deadline)
            except PurgeError as obstacle:
                return obstacle
            lane.has_fresh_token, lane.tries = True, 0
            return self._outcome(request, lane, deadline, metrics)
        return None

    def _may_go_on(self, lane: Lane, error: PurgeError, lanes: Iterable[Lane], deadline: float) -> bool:
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

    def _try(self, request: Request, lane: Lane, deadline: float, metrics: Metrics) -> None:
        now, ready_at = self._clock.now(), self._ready_at(lane)
        if ready_at + _SHORTEST_REQUEST > deadline:
            if self._pace.is_held(request, now):
                raise Transient("Cloudflare has asked to wait.", ready_at - now)
            raise OutOfTime("No time is left in this invocation.", ready_at - now or None)
        try:
            self._clock.sleep(ready_at - now)
            token = self._token.get(deadline)
            left = deadline - self._clock.now()
            if left < _SHORTEST_REQUEST / 2:  # the token took it
                raise OutOfTime("No time is left in this invocation.")
            self._pace.take(request)
            lane.sent += 1
            metrics.requests += 1
            quota = self._cloudflare.send(request, token, min(REQUEST_TIMEOUT, left))
        except PurgeError as error:
            self.is_failing = not isinstance(error, Rejected)
            if isinstance(error, RateLimited):
                metrics.rate_limited += 1
                if error.retry_after is not None:
                    self._pace.hold(request, error.retry_after, self._clock.now())
            raise
        self.is_failing = False
        if quota is not None:
            self._pace.heed(request, quota, self._clock.now())


def _reported(request: Request, error: PurgeError | None) -> tuple[Request, PurgeError | None]:
    items = [purge.shown for purge in request.purges]
    zone, kind = str(request.zone), "urls" if request.kind == FILES else request.kind
    if error is None:
        for part in log.parts(items):
            log.info("purged", zone_id=zone, **{kind: part})
    else:
        log.error(
            "not purged",
            kind=type(error).__name__,
            reason=str(error),
            zone_id=zone,
            **{kind: len(items), "first": items[0]},
        )
    return request, error
