"""The requests of one zone and kind, and the search for what is refused in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from cf_purge.batch import Request, requests_for
from cf_purge.errors import FOREIGN_HOST, PurgeError, Rejected
from cf_purge.purge import Purge

_ENOUGH_REFUSALS = 16  # of one host, and nothing of it accepted
_MEMORY = 1800.0  # seconds; a message comes again within 15 minutes
_MOST_SUSPECTS = 10_000


class Lane:
    """What is to be sent of one zone and kind. Each kind has its own rate limit, and some environments take no URLs."""

    def __init__(self) -> None:
        self.pending: list[Request] = []  # the next one last
        self.due = 0.0  # when the next may be tried again, in seconds since the epoch
        self.sent = 0  # requests and tries
        self.tries = 0  # of the next request
        self.has_fresh_token = False  # the next request is tried with a token fetched for it
        self.accepted: list[Request] = []
        self.foreign_hosts: Counter[str] = Counter()  # refusals by host

    def end(self, request: Request, error: PurgeError | None) -> list[Request]:
        """Note how a request ended; return what else has the same outcome, without having been sent.

        Halving on would only use up the time when the zone has taken nothing of a host and refused it often enough.
        """
        if error is None:
            self.accepted.append(request)
            return []
        host = request.purges[0].host
        if isinstance(error, Rejected) and error.code == FOREIGN_HOST:
            self.foreign_hosts[host] += 1
        if self.foreign_hosts[host] < _ENOUGH_REFUSALS or self._is_known(host):
            return []
        pending, self.pending = self.pending, []
        given_up = []
        for each in pending:
            foreign = tuple(purge for purge in each.purges if purge.host == host)
            rest = tuple(purge for purge in each.purges if purge.host != host)
            given_up += [each._replace(purges=foreign)] if foreign else []
            self.pending += [each._replace(purges=rest)] if rest else []
        return given_up

    def _is_known(self, host: str) -> bool:
        return any(purge.host == host for request in self.accepted for purge in request.purges)


class Suspects:
    """Which purges were refused together with others: the search goes on where the time ran out, while warm."""

    def __init__(self) -> None:
        self._together: dict[Purge, tuple[int, float]] = {}  # how many at most, and until when

    def requests_for(self, purges: Iterable[Purge], urls_per_request: int, now: float) -> Iterator[Request]:
        """Yield requests of distinct purges, those without suspects first; `now` in seconds since the epoch."""
        by_most: dict[int, list[Purge]] = {}
        if not self._together:
            by_most[urls_per_request] = list(purges)
        else:
            for purge in purges:
                most, until = self._together.get(purge, (urls_per_request, now))
                by_most.setdefault(most if until > now else urls_per_request, []).append(purge)
        for most in sorted(by_most, reverse=True):
            for request in requests_for(by_most[most], urls_per_request):
                yield from request.parts(most)

    def add(self, requests: Iterable[Request], now: float) -> None:
        """Note what a refused request was split into."""
        if len(self._together) > _MOST_SUSPECTS:
            self._together.clear()
        for request in requests:
            self._together.update(dict.fromkeys(request.purges, (len(request.purges), now + _MEMORY)))

    def clear(self, request: Request) -> None:
        """Note that a request was accepted."""
        if self._together:
            for purge in request.purges:
                self._together.pop(purge, None)
