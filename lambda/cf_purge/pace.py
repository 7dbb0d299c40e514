"""The request budget of one environment, as a token bucket."""

from __future__ import annotations


class Pace:
    """At most `rate` requests a second on average; a second's worth, and at least one, may go at once.

    Cloudflare's limits are per account and are shared with whoever else calls its API. Each environment takes
    its fixed share of the budget, so the environments need not know of each other.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._capacity = max(1.0, rate)
        self._level = self._capacity
        self._at: float | None = None

    def wait(self, now: float) -> float:
        """Return the seconds to wait before the next request; times are in seconds on any one clock."""
        elapsed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self._level = min(self._capacity, self._level + elapsed * self._rate)
        return max(0.0, (1 - self._level) / self._rate)

    def take(self) -> None:
        """Count one request, waited for as `wait` said."""
        self._level -= 1
