"""Rate limits: token buckets per plan, and the one that holds for a whole token or user."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.cloudflare.plans import Plan
from tests.simulation.cloudflare.purge import Purge

# https://developers.cloudflare.com/fundamentals/api/reference/limits/
GLOBAL_REQUESTS = 1_200
GLOBAL_SECONDS = 300.0
_MAX_RETRY_AFTER = 300


@dataclass(frozen=True, slots=True)
class Allowance:
    """The answer of a limit to one request."""

    wait: float  # seconds until the same request would pass; 0 when it may pass now

    @property
    def headers(self) -> dict[str, str]:
        """`Ratelimit` as it was measured: it does not follow the budget."""
        headers = {
            "Ratelimit": f'"default";r={GLOBAL_REQUESTS - 1};t=1',
            "Ratelimit-Policy": f'"default";q={GLOBAL_REQUESTS};w={GLOBAL_SECONDS:.0f}',
        }
        return headers | ({"retry-after": str(min(math.ceil(self.wait), _MAX_RETRY_AFTER))} if self.wait else {})


class Bucket:
    """A token bucket: `capacity` at once, then `rate` a second."""

    def __init__(self, rate: float, capacity: int, now: Callable[[], float]) -> None:
        self._rate, self._capacity, self._now = rate, capacity, now
        self._level, self._at = float(capacity), now()

    def take(self, cost: int) -> Allowance:
        """Take all of `cost` or nothing."""
        now = self._now()
        self._level = min(self._capacity, self._level + (now - self._at) * self._rate)
        self._at = now
        missing = cost - self._level
        if missing >= 1e-9:  # despite rounding, a client that waited exactly as long as told passes
            return Allowance(missing / self._rate)
        self._level = max(0.0, self._level - cost)
        return Allowance(0.0)


@dataclass(slots=True)
class _Usage:
    times: deque[float] = field(default_factory=deque)
    blocked_until: float = -math.inf


class Limits:
    """All limits of the one simulated account; purge and invalidate share them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._buckets: dict[tuple[str, bool], Bucket] = {}
        self._usage: dict[str, _Usage] = {}

    def reset(self) -> None:
        self._buckets.clear()
        self._usage.clear()

    def take_request(self, identity: str) -> Allowance:
        """Count one API request of a token or user; beyond the limit all its requests are refused for five minutes."""
        now, usage = self._now(), self._usage.setdefault(identity, _Usage())
        while usage.times and usage.times[0] <= now - GLOBAL_SECONDS:
            usage.times.popleft()
        if now >= usage.blocked_until and len(usage.times) >= GLOBAL_REQUESTS:
            usage.times.clear()
            usage.blocked_until = now + GLOBAL_SECONDS
        if now >= usage.blocked_until:
            usage.times.append(now)
        return Allowance(max(0.0, usage.blocked_until - now))

    def take_purge(self, plan: Plan, purge: Purge) -> Allowance:
        """Count a valid purge: its URLs, or one request of the other kinds."""
        by_url = purge.urls > 0
        bucket = self._buckets.get((plan.name, by_url))
        if bucket is None:
            # One second's worth of URLs may come at once: the shortest average there is, so the strictest reading.
            rate, capacity = (
                (plan.urls_per_second, plan.urls_per_second) if by_url else (plan.requests_per_second, plan.bucket)
            )
            bucket = self._buckets[plan.name, by_url] = Bucket(rate, capacity, self._now)
        return bucket.take(purge.urls or 1)
