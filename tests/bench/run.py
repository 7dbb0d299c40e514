"""One scenario: the real function in the virtual world, with the books open."""

from __future__ import annotations

import contextlib
import io
import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from cf_purge.handler import Function
from cf_purge.transport import Answer
from tests.bench.books import Books
from tests.bench.neighbours import settle_in
from tests.bench.result import Result, least_drain, result_of
from tests.bench.scenarios import Scenario
from tests.unit.factories import HOST, QUEUE_ARN, ZONE, document, s3_event, target
from tests.virtual.mapping import Environment, Invocation
from tests.virtual.network import Call, Fault
from tests.virtual.queue import Message
from tests.virtual.world import START, World

API_LATENCY, SQS_LATENCY = 0.25, 0.01  # seconds; Cloudflare's published median, and a usual one inside a Region
_DIGITS = 8  # of an object's number, at the end of its key
_PLACE = "~" * _DIGITS
_PATIENCE = 7_200.0  # seconds more than twice what it should take

Build = Callable[[World, Environment], Function]


def run(scenario: Scenario, build: Build = World.build) -> tuple[Result, Books]:
    """Upload, purge and wait until the queue is empty; `build` makes the function of an environment."""
    began, books = time.perf_counter(), Books(scenario)
    environments: dict[int, float] = {}  # when each was made, in seconds since the epoch

    def made(environment: Environment) -> Function:
        environments[id(environment)] = world.hub.now
        books.environments += 1
        return build(world, environment)

    def recycle(invocation: Invocation) -> None:
        books.invocations += 1
        if world.hub.now - environments[id(invocation.environment)] > scenario.recycled_after:
            invocation.environment.is_dead = True

    world = World(
        _document(scenario),
        on_accepted=lambda now, zone, _, items: _accept(books, now, zone, items),
        plan=scenario.plan_name,
        seed=scenario.seed,
        cloudflare_latency=API_LATENCY,
        aws_latency=SQS_LATENCY,
        max_concurrency=scenario.max_concurrency,
        function=made,
    )
    world.mapping.on_end = recycle
    world.network.fault = lambda call: _fault(call, books)
    _watch_receives(world, books)
    uploads = _Uploads(scenario)
    world.queue.stream(uploads, uploads.body)
    if scenario.neighbour is not None:
        settle_in(scenario.neighbour, world, books, scenario.seed)
    world.hub.spawn(_sample_on, world, books, uploads)
    try:
        with contextlib.redirect_stdout(_Nowhere()):
            world.run(START + _longest(scenario))
        _sample(world, books, uploads)
    finally:
        books.refused = world.cloudflare.limited - books.neighbours_refused
        books.dead_letters = len(world.dead_letters)
        world.close()
    return result_of(books, time.perf_counter() - began), books


class _Nowhere(io.TextIOBase):
    """Takes the function's log lines: CloudWatch's business, and for ten million objects gigabytes."""

    def write(self, text: str) -> int:
        return len(text)


class _Uploads(Sequence[float]):
    """The times of the uploads, and their notifications, none of them before it is asked for."""

    def __init__(self, scenario: Scenario) -> None:
        self._count, self._pause = scenario.objects, 1 / scenario.uploads_per_second
        self._template = json.dumps(s3_event(key=f"objects/{_PLACE}"))
        self.taken = 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return START + index * self._pause

    def body(self, index: int) -> str:
        self.taken = index + 1
        return self._template.replace(_PLACE, f"{index:0{_DIGITS}d}")

    def oldest_after(self, now: float) -> float:
        """When the oldest upload was that nobody has received yet, or now."""
        return min(now, self[self.taken]) if self.taken < self._count else now


def _document(scenario: Scenario) -> dict[str, Any]:
    return document(
        targets=[target(purge_by=scenario.purge_by)],
        queue_arn=QUEUE_ARN,
        batch_size=10,
        drain=scenario.drain,
        log_level="ERROR",  # nobody reads them here
        max_concurrency=scenario.max_concurrency,
        **({} if scenario.collapse_above is None else {"collapse_above": scenario.collapse_above}),
        cloudflare={"plan": scenario.plan_name, "requests_per_second": scenario.requests_per_second},
    )


def _accept(books: Books, now: float, zone: str, items: list[Any]) -> None:
    at, scenario = now - START, books.scenario
    if zone != ZONE:
        return
    if items == [f"{HOST}/"]:  # collapsed
        books.accept_all(min(scenario.objects, int(at * scenario.uploads_per_second)), at)
    else:
        books.accept((int(item[-_DIGITS:]) for item in items), at)


def _fault(call: Call, books: Books) -> Fault | None:
    if call.service != "cloudflare":
        return None
    books.requests += 1
    outage = books.scenario.outage
    if outage is None or not outage.begins <= call.at - START < outage.ends:
        return None
    if outage.answer is None:
        return Fault(is_lost=True, seconds=math.inf)
    return Fault(answer=Answer(outage.answer, {}, b"upstream connect error"))


def _watch_receives(world: World, books: Books) -> None:
    receive = world.queue.receive

    def watched(*arguments: Any) -> list[Message]:
        messages = receive(*arguments)
        for message in messages:
            books.most_receives = max(books.most_receives, message.receives)
        return messages

    world.queue.receive = watched  # type: ignore[method-assign, assignment]


def _sample_on(world: World, books: Books, uploads: _Uploads) -> None:
    # Fine enough to see a burst, and few enough for a day.
    pause = 1.0 if _longest(books.scenario) < 10_000 else 10.0
    while True:
        _sample(world, books, uploads)
        world.hub.sleep(pause)


def _sample(world: World, books: Books, uploads: _Uploads) -> None:
    now, oldest, in_flight = world.hub.now, uploads.oldest_after(world.hub.now), 0
    for message in world.queue:
        in_flight += message.visible_at > now
        oldest = min(oldest, message.sent_at)
    books.sample(now - START, world.queue.arrived - in_flight, in_flight, now - oldest)


def _longest(scenario: Scenario) -> float:
    ends = scenario.outage.ends if scenario.outage else 0.0
    return ends + 3 * least_drain(scenario) + _PATIENCE
