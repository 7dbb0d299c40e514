"""Requests → outcomes: which failure is the zone's, which one is the items', and when to try again.

One question decides about every answer: is it the zone, or is it what was sent? The rules are those of
docs/how-it-works.md, "Outcomes". Here "zone" means a zone with one of the two kinds of purge that Cloudflare limits
separately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from cf_purge import observe
from cf_purge.api_token import ApiToken
from cf_purge.budget import Budget, Clock
from cf_purge.cloudflare import MAX_WAIT, Cloudflare
from cf_purge.config import Config
from cf_purge.errors import (
    Misconfigured,
    NotTried,
    PurgeError,
    RateLimited,
    Rejected,
    TimedOut,
    Transient,
    Unauthorized,
    Unexplained,
)
from cf_purge.plan import Group, Request
from cf_purge.targets import FILES, Purge

LONG_TIMEOUT, SHORT_TIMEOUT = 10.0, 2.0  # seconds
_MIN_TIMEOUT = 0.5  # seconds; with less left no request is sent
USUAL_LATENCY = 0.25  # seconds; the median that Cloudflare publishes
_FAILING_TIME = 10.0  # seconds of an invocation after which, once something failed, no new request is sent
_MAX_SLEEP = 5.0  # seconds for one hold
_REPEAT_AFTER = 1.0  # seconds
_FIRST_HOLD, _LAST_HOLD = 1.0, 30.0  # seconds
_MAX_FAILURES = 3  # of a zone that is believed to work
_MAX_PROBES = 6  # accepted in a row, with nothing real accepted between them
_GRACE = 60.0  # seconds after a wait that an answer named, in which valid tokens are refused


class Why(Enum):
    """Why a purge is not done, which decides when its message comes back."""

    ITEM = "the item can never be purged"
    HOLD = "the zone is on hold"
    OWN = "it failed by itself"
    TIME = "it was not tried"


class Failure(NamedTuple):
    why: Why
    error: PurgeError
    hold: float = 0.0  # seconds that are left of it


class Outcomes(NamedTuple):
    """What became of the purges of an invocation."""

    accepted: dict[Purge, float]  # with the time, in seconds since the epoch
    failures: dict[Purge, Failure]


class _Zone:
    """What an environment knows of one zone; times are those of `Clock.now`."""

    def __init__(self) -> None:
        self.held_until = self.suspects_held_until = 0.0
        self.holds = 0  # in a row; only something real accepted ends the row
        self.needs_probe = False  # after a hold
        self.was_accepted = False  # something real, or a probe
        self.failures = 0  # since then
        self.probes = 0  # accepted in a row, with nothing real accepted between them
        self.error: PurgeError = Transient("The zone is on hold.")  # the last one
        # Of the current invocation:
        self.has_real = self.has_probe = False  # something real, or a probe, was accepted
        self.is_misconfigured = False

    @property
    def works(self) -> bool:
        return self.was_accepted and self.failures <= _MAX_FAILURES

    def accept(self, *, is_probe: bool) -> None:
        self.was_accepted, self.failures, self.needs_probe = True, 0, False
        if is_probe:
            self.has_probe, self.probes = True, self.probes + 1
        else:
            self.has_real, self.probes, self.holds = True, 0, 0


@dataclass(eq=False)
class _Pending:
    """A request that is still to be sent."""

    request: Request
    is_suspect: bool
    not_before: float = 0.0
    is_repeated: bool = False
    error: PurgeError | None = None  # of a larger request that it was part of
    messages: int = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.messages, self.size = self.request.messages, self.request.size


@dataclass
class _Run:
    """One invocation; times are those of `Clock.now`."""

    pending: list[_Pending]
    deadline: float
    failing_until: float  # once something has failed, no new request is sent after this
    metrics: observe.Metrics
    has_failed: bool = False
    accepted: dict[Purge, float] = field(default_factory=dict)
    failures: dict[Purge, Failure] = field(default_factory=dict)


class Purger:
    """Sends requests; it remembers its zones as long as the environment is warm."""

    def __init__(self, config: Config, cloudflare: Cloudflare, token: ApiToken, budget: Budget, clock: Clock) -> None:
        self._config = config
        self._cloudflare = cloudflare
        self._token = token
        self._budget = budget
        self._clock = clock
        self._zones: dict[Group, _Zone] = {}
        self._latency = 0.0  # seconds that the last accepted request took
        self._has_condemned = False  # an item by a probe's word alone
        self._grace_until = 0.0

    def send(self, requests: Sequence[Request], deadline: float, metrics: observe.Metrics) -> Outcomes:
        """Send requests until each purge is accepted or has a failure; `deadline` is a time of `Clock.now`."""
        for zone in self._zones.values():
            zone.has_real = zone.has_probe = zone.is_misconfigured = False
        pending = [_Pending(request, request.is_suspect) for request in requests]
        run = _Run(pending, deadline, self._clock.now() + _FAILING_TIME, metrics)
        while self._return_what_must_wait(run):
            now = self._clock.now()
            # Fresh messages before suspects, and requests of one size before smaller ones.
            each = min(
                run.pending, key=lambda each: (self._ready_at(each, now), each.is_suspect, -each.messages, -each.size)
            )
            self._clock.sleep(max(0.0, self._ready_at(each, now) - now))
            zone = self._zone(each.request)
            if not zone.needs_probe or self._probe(each.request, zone, run):
                self._send(each, zone, run)
        metrics.purged += len(run.accepted)
        metrics.misconfigured += sum(zone.is_misconfigured for zone in self._zones.values())
        return Outcomes(run.accepted, run.failures)

    def _zone(self, request: Request) -> _Zone:
        return self._zones.setdefault(request.group, _Zone())

    def _held_until(self, each: _Pending) -> float:
        zone = self._zone(each.request)
        return max(zone.held_until, zone.suspects_held_until if each.is_suspect else 0.0)

    def _ready_at(self, each: _Pending, now: float) -> float:
        return max(self._held_until(each), each.not_before, now + self._budget.wait(now, each.request.cost))

    def _return_what_must_wait(self, run: _Run) -> bool:
        """Give a failure to what cannot be sent in this invocation; tell whether anything is left."""
        now = self._clock.now()
        limit = min(run.deadline - _MIN_TIMEOUT, run.failing_until if run.has_failed else run.deadline)
        returned: dict[Failure, list[_Pending]] = {}
        for each in run.pending:
            zone, hold = self._zone(each.request), self._held_until(each) - now
            if hold > 0 and (zone.is_misconfigured or hold > _MAX_SLEEP or now + hold > limit):
                failure = Failure(Why.HOLD, zone.error, hold)
            elif self._ready_at(each, now) > limit:
                failure = Failure(Why.TIME, NotTried("No time was left."))
            else:
                continue
            if each.error is not None and zone.held_until <= now:  # it was part of a request that failed
                failure = Failure(Why.OWN, each.error)
            returned.setdefault(failure, []).append(each)
        for failure, group in returned.items():
            self._fail(group, failure, run)
        return bool(run.pending)

    def _send(self, each: _Pending, zone: _Zone, run: _Run) -> None:
        is_short = each.is_suspect or each.messages > 1
        timeout = min(LONG_TIMEOUT, max(SHORT_TIMEOUT, 3 * self._latency)) if is_short else LONG_TIMEOUT
        error = self._ask(each.request, timeout, run)
        if error is None:
            zone.accept(is_probe=False)
            run.pending.remove(each)
            run.accepted.update(dict.fromkeys(each.request.purges, self._clock.wall()))
            _log_purged(each.request)
        elif isinstance(error, NotTried):
            self._fail([each], Failure(Why.TIME, error), run)
        elif isinstance(error, Rejected):
            self._isolate(each, error, run, is_suspect=each.is_suspect)
        else:
            run.has_failed = True
            zone.failures, zone.error = zone.failures + 1, error
            self._judge(each, error, zone, run)

    def _judge(self, each: _Pending, error: PurgeError, zone: _Zone, run: _Run) -> None:
        """Decide whether a failure is the zone's or that of what was sent."""
        if _asks_to_wait(error) or (isinstance(error, Misconfigured) and not isinstance(error, Unauthorized)):
            self._hold(zone, error)
            return
        works = zone.works and (zone.has_real or zone.has_probe or not isinstance(error, Unauthorized))
        if not works and not self._probe(each.request, zone, run):
            return
        if not each.is_suspect and not each.is_repeated and not isinstance(error, TimedOut):
            each.is_repeated, each.not_before = True, self._clock.now() + _REPEAT_AFTER
            return
        if isinstance(error, Unexplained) and each.size == 1:
            # By a probe's word alone once in an environment: a fault of Cloudflare's may spare the probe.
            if not (zone.has_real or zone.has_probe or self._probe(each.request, zone, run)):
                return
            if zone.has_real or not self._has_condemned:
                self._has_condemned = self._has_condemned or not zone.has_real
                error = Rejected(str(error), "RejectedByCloudflare")
        self._isolate(each, error, run, is_suspect=True)
        if zone.probes >= _MAX_PROBES:
            zone.suspects_held_until = self._clock.now() + self._next_hold(zone)

    def _isolate(self, each: _Pending, error: PurgeError, run: _Run, *, is_suspect: bool) -> None:
        """Halve a request until what failed stands alone."""
        if each.size == 1:
            self._fail([each], Failure(Why.ITEM if isinstance(error, Rejected) else Why.OWN, error), run)
            return
        run.pending.remove(each)
        cause = None if isinstance(error, Rejected) else error
        run.pending += [_Pending(half, is_suspect, error=cause) for half in each.request.halves()]

    def _probe(self, request: Request, zone: _Zone, run: _Run) -> bool:
        """Ask whether the zone works, with a purge of the same kind that drops no copy; if it does not, hold it."""
        from cf_purge.doctor import probe_for

        probe = probe_for(request, self._config)
        error = self._ask(probe, LONG_TIMEOUT, run)
        if isinstance(error, Unauthorized) and not _asks_to_wait(error):
            try:
                if self._token.read_again(run.deadline):
                    error = self._ask(probe, LONG_TIMEOUT, run)
            except PurgeError as obstacle:
                error = obstacle
        if error is None or isinstance(error, Rejected):
            zone.accept(is_probe=True)
            return True
        run.has_failed = True
        self._hold(zone, error)
        return False

    def _hold(self, zone: _Zone, error: PurgeError) -> None:
        """Send nothing to a zone for a while, then a probe first."""
        now, named = self._clock.now(), error.retry_after if isinstance(error, Transient) else None
        seconds = min(MAX_WAIT, max(named or 0.0, self._next_hold(zone)))
        zone.held_until, zone.needs_probe, zone.error = now + seconds, True, error
        if named is not None:
            self._grace_until = max(self._grace_until, zone.held_until + _GRACE)
        zone.is_misconfigured = isinstance(error, Misconfigured) and now >= self._grace_until

    def _next_hold(self, zone: _Zone) -> float:
        zone.holds += 1
        return min(_LAST_HOLD, _FIRST_HOLD * 2.0 ** min(zone.holds - 1, 10))

    def _ask(self, request: Request, timeout: float, run: _Run) -> PurgeError | None:
        """Send one request as soon as the budget allows; return None if it is accepted."""
        now = self._clock.now()
        wait = self._budget.wait(now, request.cost)
        if now + wait + _MIN_TIMEOUT > run.deadline:
            return NotTried("No time was left.")
        self._clock.sleep(wait)
        try:
            token = self._token.get(run.deadline)
            began = self._clock.now()
            if run.deadline - began < _MIN_TIMEOUT:
                raise NotTried("No time was left.")
            self._budget.take(request.cost)
            run.metrics.requests += 1
            self._cloudflare.send(request, token, min(timeout, run.deadline - began))
        except PurgeError as error:
            run.metrics.rate_limited += isinstance(error, RateLimited)
            return error
        self._latency = self._clock.now() - began
        self._token.note_accepted()
        return None

    def _fail(self, group: list[_Pending], failure: Failure, run: _Run) -> None:
        for each in group:
            run.pending.remove(each)
            run.failures.update(dict.fromkeys(each.request.purges, failure))
        first = group[0].request
        observe.error(
            "not purged",
            kind=type(failure.error).__name__,
            reason=str(failure.error),
            zone_id=str(first.zone),
            count=sum(each.size for each in group),
            first=first.purges[0].shown,
        )


def _asks_to_wait(error: PurgeError) -> bool:
    return isinstance(error, RateLimited) or (isinstance(error, Transient) and error.retry_after is not None)


def _log_purged(request: Request) -> None:
    kind = "urls" if request.kind == FILES else request.kind
    for part in observe.parts([purge.shown for purge in request.purges]):
        observe.info("purged", zone_id=str(request.zone), **{kind: part})
