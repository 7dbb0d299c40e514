"""The request budget of one environment: token buckets, kept as long as the environment is warm.

Cloudflare's limits are per account and are shared with whoever else calls its API. Each environment takes its fixed
share of the budget, so the environments need not know of each other.
"""

from __future__ import annotations

from typing import NamedTuple

from cf_purge.batch import Load, Request
from cf_purge.config import SHARE, Config
from cf_purge.purge import FILES, Zone

# Cloudflare's global limit counts the requests of five minutes:
# https://developers.cloudflare.com/fundamentals/api/reference/limits/
WINDOW = 300.0  # seconds
# Seconds' worth of requests that may go at once. So much is saved up while messages are received and deleted.
BURST = 5.0
LONGEST_HOLD = 900.0  # seconds; no answer stops a warm environment for longer


class Quota(NamedTuple):
    """What an answer says is left of a limit."""

    remaining: int  # requests
    seconds: float  # until all of it is there again
    limit: int | None = None  # requests in all; None when the answer does not say


class Bucket:
    """`capacity` at once, and `rate` a second after that."""

    def __init__(self, rate: float, capacity: float) -> None:
        self._rate = rate
        self._capacity = capacity
        self._level = capacity
        self._at: float | None = None

    def fill(self, now: float) -> float:
        """Bring it up to date and return how full it is, 1 being full; `now` in seconds on any one clock."""
        elapsed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self._level = min(self._capacity, self._level + elapsed * self._rate)
        return self._level / self._capacity

    def wait(self, now: float, amount: float) -> float:
        """Return the seconds after which `amount` in all can have been taken."""
        self.fill(now)
        return max(0.0, (amount - self._level) / self._rate)

    def wait_when_full(self, amount: float) -> float:
        return max(0.0, (amount - self._capacity) / self._rate)

    def take(self, amount: float) -> None:
        """Take what was waited for as `wait` said."""
        self._level -= amount


class Pace:
    """One bucket for requests of any kind, one for URLs, one for requests of the other kinds."""

    def __init__(self, config: Config) -> None:
        self._environments = config.max_concurrency
        plan, share = config.plan, SHARE / config.max_concurrency
        self._requests = _requests_bucket(config.requests_per_second / config.max_concurrency)
        # The average Cloudflare takes of URLs is of unknown length: one second is the shortest.
        self._urls = Bucket(plan.urls_per_second * share, max(config.urls_per_request, plan.urls_per_second * share))
        self._others = Bucket(plan.requests_per_second * share, max(1.0, plan.requests_at_once * share))
        self._held_until: dict[tuple[Zone, str], float] = {}  # by zone and kind, in seconds since the epoch

    def wait(self, now: float, request: Request) -> float:
        """Return the seconds to wait before a request; `now` in seconds since the epoch."""
        own = self._urls.wait(now, len(request.purges)) if request.kind == FILES else self._others.wait(now, 1)
        held = self._held_until.get((request.zone, request.kind), 0.0) - now
        return max(self._requests.wait(now, 1), own, held)

    def is_held(self, request: Request, now: float) -> bool:
        """Tell whether an answer has asked to wait with requests of this kind."""
        return self._held_until.get((request.zone, request.kind), 0.0) > now

    def take(self, request: Request) -> None:
        """Count a request, waited for as `wait` said."""
        self._requests.take(1)
        if request.kind == FILES:
            self._urls.take(len(request.purges))
        else:
            self._others.take(1)

    def seconds_for(self, load: Load, now: float | None = None, more: int = 0) -> float:
        """Return the seconds after which all of a load can have been sent; without `now`, from full buckets.

        `more` requests of its kinds are counted in.
        """
        parts = (
            (self._requests, load.count + more),
            (self._urls, load.urls + more * load.urls_per_request * bool(load.urls)),
            (self._others, load.other_requests + more * bool(load.other_requests)),
        )
        if now is None:
            return max(bucket.wait_when_full(amount) for bucket, amount in parts)
        held = max((self._held_until.get(group, 0.0) - now for group in load.groups), default=0.0)
        return max(held, *(bucket.wait(now, amount) for bucket, amount in parts))

    def is_scarce(self, load: Load, now: float) -> bool:
        """Tell whether less than half is left of what may go at once: then a request should not go half empty."""
        buckets = [self._requests]
        buckets += [self._urls] if load.urls else []
        buckets += [self._others] if load.other_requests else []
        return any(bucket.fill(now) < 0.5 for bucket in buckets)

    def hold(self, request: Request, seconds: float, now: float) -> None:
        """Send nothing of a request's kind to its zone for so long."""
        key = request.zone, request.kind
        self._held_until[key] = max(self._held_until.get(key, 0.0), now + min(seconds, LONGEST_HOLD))

    def heed(self, request: Request, quota: Quota, now: float) -> None:
        """Slow down when an answer shows that others use the limit too: what is left is shared out over the time."""
        if quota.limit is not None and quota.remaining >= (1 - SHARE) * quota.limit:
            return
        seconds = min(quota.seconds, WINDOW)
        self.hold(request, min(seconds, seconds * self._environments / max(1, quota.remaining)), now)


def _requests_bucket(rate: float) -> Bucket:
    capacity = max(1.0, rate * BURST)
    # The burst is part of the window: no five minutes see more than five minutes' worth.
    return Bucket(max(rate / 2, rate - capacity / WINDOW), capacity)
