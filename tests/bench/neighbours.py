"""Somebody else who purges in the same account, as a task in virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from tests.bench.books import Books
from tests.bench.scenarios import SHARED, Neighbour
from tests.unit.factories import OTHER_ZONE, TOKEN
from tests.virtual.network import Call, Fault
from tests.virtual.world import START, World

_TOKEN = "neighbours-token"
_JITTER = 0.1  # of the time between two requests: nobody is a metronome


def settle_in(neighbour: Neighbour, world: World, books: Books, seed: int) -> None:
    """Let the neighbour purge by URL and by prefix, at its steady rate, as long as the world turns."""
    token = TOKEN if neighbour.token == SHARED else _TOKEN
    world.cloudflare.tokens.add(token)
    urls = [f"https://www.example.net/{number}" for number in range(neighbour.urls)]
    chance = Random(seed)
    for rate, body in (
        (neighbour.url_requests, {"files": urls}),
        (neighbour.prefix_requests, {"prefixes": ["www.example.net/news"]}),
    ):
        if rate:
            world.hub.spawn(_purge, world, books, 1 / rate, body, {"Authorization": f"Bearer {token}"}, chance)


def _purge(world: World, books: Books, pause: float, body: Any, headers: Mapping[str, str], chance: Random) -> None:
    hub, outage = world.hub, books.scenario.outage
    url = f"https://api.cloudflare.com/client/v4/zones/{OTHER_ZONE}/purge_cache"
    due = hub.now
    while True:
        due += pause
        hub.sleep(max(0.0, due + pause * _JITTER * (chance.random() - 0.5) - hub.now))
        if outage is not None and outage.begins <= hub.now - START < outage.ends:
            continue
        answer = world.cloudflare.answer(Call(hub.now, url, headers, body, 10.0, "cloudflare", "purge"), Fault())
        books.neighbours_requests += 1
        books.neighbours_refused += answer.status == 429
