"""Requests → outcomes: which failure is the zone's, which one is the items', and when to try again.

One question decides about every answer: is it the zone, or is it what was sent? The rules are those of
docs/how-it-works.md, "Outcomes". Here "zone" means a zone with one of the two kinds of purge that Cloudflare limits
separately.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from math import inf
from typing import NamedTuple

from cf_purge import errors, observe
from cf_purge.api_token import ApiToken
from cf_purge.aws import Aws
from cf_purge.budget import Budget, Clock, Invocation
from cf_purge.cloudflare import Cloudflare
from cf_purge.config import Config
from cf_purge.plan import LEFT_OUT, Group, Job, Plan, Request, Task, grouped, probe_for
from cf_purge.targets import FILES, Purge

LONG_TIMEOUT, SHORT_TIMEOUT = 10.0, 2.0  # seconds
_LONG_SHARE = 1 / 6  # of the requests for one suspect message that come first in an invocation
_MIN_TIMEOUT = 0.5  # seconds; with less left no request is sent
_FAILING_TIME = 10.0  # seconds of an invocation after which, once something failed, no new request is sent
_MAX_SLEEP = 5.0  # seconds for one hold
_REPEAT_AFTER = 1.0  # seconds
_FIRST_HOLD, _LAST_HOLD = 1.0, 30.0  # seconds
_MAX_FAILURES = 3  # of a zone that is believed to work
_MAX_PROBES = 6  # accepted in a row, with nothing real accepted between them
_MAX_NAMED, _MAX_SHOWN = 5, 300  # items in an error, and characters of each
_RECENT = 60.0  # seconds after something real was accepted, in which no suspects are held and a short hold is no reason
_GRACE = 60.0  # seconds after a wait that an answer named, in which valid tokens are refused


class Failure(NamedTuple):
    """Why a purge is not done, which decides when its message comes back.

    Rejected: the item can never be purged. NotTried: there was no time, or none to send it apart from what failed.
    Anything else: it failed by itself.
    """

    error: errors.PurgeError
    hold: float = 0.0  # the seconds that its zone is still on hold, if that is the reason


class Outcomes(NamedTuple):
    """What became of the purges of an invocation."""

    accepted: dict[Purge, float]  # with the time, in seconds since the epoch
    failures: dict[Purge, Failure]
    alone: dict[Purge, errors.PurgeError]  # what failed when it was sent apart: its Rejected, else LEFT_OUT

    def failures_of(self, task: Task) -> list[Failure]:
        """Return the distinct reasons why a task is not done, also for purges without an outcome; none when it is."""
        failures = [Failure(task.error)] if task.error else []
        undone = task.undone(self.accepted)
        failures += [self.failures.get(purge) or Failure(task.ended.get(hash(purge)) or LEFT_OUT) for purge in undone]
        return list(dict.fromkeys(failures))

    def finished(self, tasks: Iterable[Task]) -> Iterator[tuple[Job, float]]:
        """Yield each change and manual item of which the last purge was accepted now, and when that was."""
        for task in tasks:
            for job in () if task.event.dry_run else task.jobs:
                times = [self.accepted.get(purge, inf) for purge in job.purges if not task.was_accepted(purge)]
                if times and max(times) < inf and not job.error:
                    yield job, max(times)

    def left_in(self, task: Task) -> str:
        """Return a sentence that names the first purges that are not done, with a space before it; "" if all are."""
        undone = [str(purge.shown)[:_MAX_SHOWN] for purge in task.undone(self.accepted)]
        undone += [each.change.key for each in task.delayed]
        items = ", ".join(undone[:_MAX_NAMED])
        return f" Not purged: {items}{' and more' if len(undone) > _MAX_NAMED else ''}." if undone else ""

    def ends_of(self, purges: Collection[Purge]) -> dict[int, errors.PurgeError | None]:
        """Return how purges ended, by hash, as `plan.Ended` has it: without those that have not ended."""
        return {hash(each): self.alone.get(each) for each in purges if each in self.accepted or each in self.alone}


class _Zone:
    """What an environment knows of one zone; times are those of `Clock.now`."""

    held_until = 0.0  # on hold until then; from then on a probe goes first, until an accepted one sets it to 0
    suspects_held_until = 0.0
    holds = 0  # in a row; only something real accepted ends the row
    probes = 0  # accepted in a row, with nothing real accepted between them
    real_at = -inf  # when something real was accepted last
    error: errors.PurgeError  # the last one
    failures = _MAX_FAILURES + 1  # since something real, or a probe, was accepted; nothing is known of a new zone
    # Of the current invocation: something real, or a probe, was accepted; it needs a person.
    has_real = has_probe = is_misconfigured = False


class _Work:
    """What is still to be sent in one invocation, and what became of the rest; times are those of `Clock.now`."""

    def __init__(self, plan: Plan, now: float, run: Invocation) -> None:
        self.pending = list(plan.requests)
        self.owners, self.principals, self.run = plan.owners, plan.principals, run
        # Once something has failed, no new request is sent after this; but a direct invocation does not come back.
        self.failing_until = inf if "" in plan.owners.values() else now + _FAILING_TIME
        self.has_failed = False
        self.outcomes = Outcomes({}, {}, {})

    def fail(self, request: Request, failure: Failure) -> None:
        self.pending.remove(request)
        self.outcomes.failures.update(dict.fromkeys(request.purges, failure))


class Purger:
    """Sends requests; it remembers its zones as long as the environment is warm."""

    def __init__(self, config: Config, aws: Aws, clock: Clock) -> None:
        self.cloudflare = Cloudflare(config, aws.http)
        self.token = ApiToken(config, aws, clock)
        self.budget = Budget(config)
        self.clock = clock
        self._zones: defaultdict[Group, _Zone] = defaultdict(_Zone)
        self._latency = 0.0  # seconds that the last accepted request took
        self._condemned = ""  # the one message that was condemned by a probe's word alone
        self._grace_until = 0.0

    def send(self, plan: Plan, run: Invocation) -> Outcomes:
        """Send requests until each purge is accepted or has a failure."""
        for zone in self._zones.values():
            zone.has_real = zone.has_probe = zone.is_misconfigured = False
        work = _Work(plan, self.clock.now(), run)
        while request := self._next(work):
            zone = self._zones[request.group]
            if not zone.held_until or self._probe(request, zone, work):
                self._send(request, zone, work)
        # One line for all purges that have the same failure.
        for (error, _), purges in grouped((why, purge) for purge, why in work.outcomes.failures.items()).items():
            fields = {"kind": type(error).__name__, "reason": str(error), "count": len(purges)}
            observe.error("not purged", **fields, zone_id=str(purges[0].zone), first=purges[0].shown)
        run.metrics.counts["Purged"] += len(work.outcomes.accepted)
        run.metrics.counts["Misconfigured"] += sum(zone.is_misconfigured for zone in self._zones.values())
        return work.outcomes

    def send_again(self, requests: Iterable[Request], run: Invocation) -> set[Purge]:
        """Send second purges and return what was accepted.

        Each request once, and only from a budget that is more than half full. What fails has no effect on first ones.
        """
        accepted: set[Purge] = set()
        for request in requests:
            zone, now = self._zones[request.group], self.clock.now()
            if zone.held_until > now or not self.budget.is_ample(now, request.cost):
                continue
            error = self._ask(request, SHORT_TIMEOUT, run)
            fields = {"zone_id": str(request.zone), "kind": request.kind}
            if error is None:
                accepted.update(request.purges)
                observe.info_all("purged again", "items", [purge.shown for purge in request.purges], **fields)
            else:
                observe.warn("not purged again", **fields, count=len(request.purges), reason=str(error))
                if not isinstance(error, errors.Rejected):  # the next one could take as long, or is refused too
                    break
        return accepted

    def _next(self, work: _Work) -> Request | None:
        """Return the request that is sent next, when its time has come, or None if nothing is left.

        A request that its zone's hold or the budget delays beyond the last possible start gets a failure.
        """
        now = self.clock.now()
        last_start = min(work.run.purge_until - _MIN_TIMEOUT, work.failing_until if work.has_failed else inf)
        ready = []
        for place, request in enumerate(list(work.pending)):  # `fail` removes from it
            zone = self._zones[request.group]
            held_until = max(zone.held_until, zone.suspects_held_until if request.is_suspect else 0.0)
            ready_at = max(held_until, request.repeat_at, now + self.budget.wait(now, request.cost))
            hold = held_until - now
            is_long = hold > (0.0 if zone.is_misconfigured else _MAX_SLEEP)
            if ready_at <= last_start and not is_long:
                # Fresh messages before suspects; of both, zones that need no probe first.
                ready.append((ready_at, request.is_suspect, zone.held_until > 0, request.is_last, place, request))
                continue
            # A short hold of a zone that has just accepted something is not why a request waits for the budget.
            is_held = is_long or (hold > 0 and (held_until > last_start or now - zone.real_at > _RECENT))
            failure = Failure(zone.error, hold) if is_held else Failure(LEFT_OUT)
            # A part of a request that failed has the error of that request.
            work.fail(request, Failure(request.error) if request.error and zone.held_until <= now else failure)
        if not ready:
            return None
        ready_at, *_, request = min(ready)
        self.clock.sleep(max(0.0, ready_at - now))
        return request

    def _send(self, request: Request, zone: _Zone, work: _Work) -> None:
        error = self._ask(request, self._timeout(request, work), work.run)
        if error is None:
            zone.failures = zone.holds = zone.probes = 0
            zone.held_until, zone.has_real, zone.real_at = 0.0, True, self.clock.now()
            work.pending.remove(request)
            work.outcomes.accepted.update(dict.fromkeys(request.purges, self.clock.wall()))
            kind = "urls" if request.kind == FILES else request.kind
            named = ((each, purge.shown) for purge in request.purges for each in work.principals.get(purge, [None]))
            for principal, items in grouped(named).items():
                observe.info_all("purged", kind, items, zone_id=str(request.zone), principal=principal)
        elif isinstance(error, errors.NotTried):
            work.fail(request, Failure(error))
        elif isinstance(error, errors.Rejected):
            work.has_failed = True
            self._isolate(request, error, work)
        else:
            work.has_failed = True
            zone.failures, zone.error = zone.failures + 1, error
            self._judge(request, error, zone, work)

    def _timeout(self, request: Request, work: _Work) -> float:
        # Now and then a suspect message has time, so that a purge that is slow, but works, is not given up.
        is_hurried = work.has_failed or self.clock.random() >= _LONG_SHARE
        is_short = len(request.parts) > 1 or (is_hurried if request.is_suspect else len(work.pending) > 1)
        # Where the budget allows no other request soon, not even a probe, nothing could follow a time-out.
        two = {limit: 2 * needed for limit, needed in request.cost.items()}
        can_follow = self.budget.wait(self.clock.now(), two) <= _MAX_SLEEP
        return min(LONG_TIMEOUT, max(SHORT_TIMEOUT, 3 * self._latency)) if is_short and can_follow else LONG_TIMEOUT

    def _judge(self, request: Request, error: errors.PurgeError, zone: _Zone, work: _Work) -> None:
        """Decide whether a failure is the zone's or that of what was sent."""
        is_refused = isinstance(error, errors.Unauthorized)
        if isinstance(error, errors.RateLimited | errors.Misconfigured) and not is_refused:
            self._hold(zone, error)
            return
        # Cloudflare's edge names a wait in its own 5xx too, which an item can cause.
        is_doubtful = is_refused or error.retry_after is not None
        works = zone.failures <= _MAX_FAILURES and (zone.has_real or zone.has_probe or not is_doubtful)
        others = (self._zones[each.group] for each in work.pending if each.zone != request.zone)
        if not works and isinstance(error, errors.TimedOut) and not all(other.held_until for other in others):
            zone.held_until = self.clock.now()  # other zones first: its probe may take long
            return
        if not works and not self._probe(request, zone, work, error.retry_after):
            return
        if not request.is_suspect and not request.repeat_at and not isinstance(error, errors.TimedOut):
            work.pending.remove(request)
            work.pending.append(request._replace(repeat_at=self.clock.now() + _REPEAT_AFTER))
            return
        if isinstance(error, errors.Unexplained) and len(request.purges) == 1:
            # By a probe's word alone one message in an environment: a fault of Cloudflare's may spare the probe.
            if not (zone.has_real or zone.has_probe or self._probe(request, zone, work)):
                return
            message = work.owners[request.purges[0]]
            if zone.has_real or self._condemned in ("", message):
                if not zone.has_real:
                    self._condemned = message  # a direct invocation has the ID ""
                error = errors.Rejected(str(error), "RejectedByCloudflare")
        self._isolate(request, error, work)
        # A message that is sent in parts is not held: its good items would never be sent.
        is_split = request.is_last or (len(request.purges) > 1 and len(request.parts) == 1)
        now = self.clock.now()
        if zone.probes >= _MAX_PROBES and now - zone.real_at > _RECENT and not is_split:
            zone.suspects_held_until = now + self._next_hold(zone)

    def _isolate(self, request: Request, error: errors.PurgeError, work: _Work) -> None:
        """Split a request until what failed stands alone."""
        if len(request.purges) == 1:
            work.fail(request, Failure(error))
            work.outcomes.alone[request.purges[0]] = error if isinstance(error, errors.Rejected) else LEFT_OUT
            return
        work.pending.remove(request)
        # What the error becomes for parts that this invocation does not send any more.
        whole = request._replace(is_suspect=True, repeat_at=0.0, error=errors.NotTried(str(error)))
        work.pending[:0] = whole.split(self.clock.random())

    def _probe(self, request: Request, zone: _Zone, work: _Work, named: float | None = None) -> bool:
        """Tell whether the zone works: it accepts a purge of the same kind that drops no copy. If not, hold it.

        `named` is the wait in seconds that the answer to `request` named.
        """
        probe = probe_for(request, self.cloudflare.config)
        if self.budget.wait(self.clock.now(), probe.cost) > _MAX_SLEEP:  # it would keep other zones waiting
            # A plain error, since only the answer to a probe may call the zone misconfigured.
            self._hold(zone, errors.Transient(str(zone.error), retry_after=zone.error.retry_after))
            return False
        error = self._ask(probe, LONG_TIMEOUT, work.run)
        if isinstance(error, errors.Unauthorized) and self.token.expire_refused():
            error = self._ask(probe, LONG_TIMEOUT, work.run)
        if error is None or isinstance(error, errors.Rejected):
            zone.failures, zone.held_until = 0, 0.0
            zone.has_probe, zone.probes = True, zone.probes + 1
            return True
        work.has_failed = True
        self._hold(zone, error, named)
        return False

    def _hold(self, zone: _Zone, error: errors.PurgeError, named: float | None = None) -> None:
        """Send nothing to a zone for a while, then a probe first. `named` is the wait if `error` has none."""
        now, wait = self.clock.now(), error.retry_after or named
        zone.held_until, zone.error = now + max(wait or 0.0, self._next_hold(zone)), error
        if wait is not None:
            self._grace_until = max(self._grace_until, zone.held_until + _GRACE)
        zone.is_misconfigured = isinstance(error, errors.Misconfigured) and now >= self._grace_until

    def _next_hold(self, zone: _Zone) -> float:
        """Count one more hold of a zone and return how many seconds it lasts."""
        zone.holds += 1
        return min(_LAST_HOLD, _FIRST_HOLD * 2.0 ** min(zone.holds - 1, 10))

    def _ask(self, request: Request, timeout: float, run: Invocation) -> errors.PurgeError | None:
        """Send one request as soon as the budget allows; return why it is not accepted, or None if it is."""
        try:
            token, now = self.token.get(run.purge_until), self.clock.now()
            wait = self.budget.wait(now, request.cost)
            if now + wait + _MIN_TIMEOUT > run.purge_until:
                return LEFT_OUT
            self.clock.sleep(wait)
            self.budget.take(request.cost)
            run.metrics.counts["Requests"] += 1
            began = self.clock.now()
            self.cloudflare.send(request, token, min(timeout, run.purge_until - began))
        except errors.PurgeError as error:
            run.metrics.counts["RateLimited"] += isinstance(error, errors.RateLimited)
            return error.with_traceback(None)  # a traceback would keep the invocation in memory
        self._latency = self.clock.now() - began
        self.token.note_accepted()
        return None
