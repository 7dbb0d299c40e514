"""What an environment may spend: its time, and its share of Cloudflare's limits.

Cloudflare's limits are per account. Each environment has a fixed share of them, so the environments need not know of
each other: https://developers.cloudflare.com/cache/how-to/purge-cache/#availability-and-limits
"""

import random
import time
from collections.abc import Callable, Mapping
from math import inf
from typing import NamedTuple

from cf_purge.config import SHARE, Config
from cf_purge.observe import Metrics

# The global limit counts the requests of five minutes:
# https://developers.cloudflare.com/fundamentals/api/reference/limits/
_WINDOW = 300.0  # seconds
_BURST = 5.0  # seconds' worth of requests that may be sent at once

# What requests take from each limit: that of "requests", and either of "urls" or of "others", which are requests by
# prefix, tag or host, and of everything.
Cost = Mapping[str, float]


class Clock:
    """Time and chance; tests replace the four functions."""

    wall: Callable[[], float] = time.time  # seconds since the epoch
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random  # in [0, 1)
    _last = inf, inf
    _passed = 0.0

    def now(self) -> float:
        """Return the seconds that have passed in this environment.

        It is the larger of what both clocks say: one stands still while Lambda freezes the environment, the other can
        be set back.
        """
        wall, monotonic = self.wall(), self.monotonic()
        self._passed += max(0.0, wall - self._last[0], monotonic - self._last[1])
        self._last = wall, monotonic
        return self._passed


class Invocation(NamedTuple):
    """One invocation: its deadlines, which are times of `Clock.now`, and what happens in it."""

    purge_until: float
    settle_until: float
    largest: Cost  # what one message may ask for
    metrics: Metrics


class Budget:
    """A token bucket for each limit; times are those of `Clock.now`."""

    def __init__(self, config: Config) -> None:
        plan, share = config.plan, SHARE / config.max_concurrency
        rate = config.requests_per_second / config.max_concurrency
        at_once = max(1.0, rate * _BURST)
        # Saved-up requests count too: any five minutes have at most five minutes' worth.
        sustained = max(rate / 2, rate - at_once / _WINDOW)
        # The period over which Cloudflare averages URLs is not published: one second is the shortest.
        urls, others = plan.urls_per_second * share, plan.requests_at_once * share
        self._rates = {"requests": sustained, "urls": urls, "others": plan.requests_per_second * share}
        self._full = {"requests": at_once, "urls": max(config.urls_per_request, urls), "others": max(1.0, others)}
        self._levels, self._at = self._full, 0.0

    def wait(self, now: float, cost: Cost) -> float:
        """Return the seconds after which a request of that cost may be sent."""
        gained = {limit: level + self._rates[limit] * (now - self._at) for limit, level in self._levels.items()}
        self._levels, self._at = {limit: min(self._full[limit], level) for limit, level in gained.items()}, now
        return max(max(0.0, needed - self._levels[limit]) / self._rates[limit] for limit, needed in cost.items())

    def take(self, cost: Cost) -> None:
        self._levels = {limit: level - cost.get(limit, 0) for limit, level in self._levels.items()}

    def capacity(self, seconds: float) -> Cost:
        """Return the most that can be spent in so many seconds: the full buckets and their refill."""
        return {limit: full + self._rates[limit] * seconds for limit, full in self._full.items()}

    def is_ample(self, now: float, cost: Cost) -> bool:
        """Tell whether a request may be sent at once from buckets that are more than half full."""
        is_free = self.wait(now, cost) == 0
        return is_free and all(self._levels[limit] > self._full[limit] / 2 for limit in cost)
