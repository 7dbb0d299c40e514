"""What one invocation uses of what AWS charges for, counted on the real function among fakes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.unit.factories import QUEUE_ARN, document, eventbridge_event, s3_event, sqs_event
from tests.unit.fakes import Sent, World

BATCH, DRAIN = 10, 1_000  # the module's defaults
REQUEST = 0.25  # seconds, the median that Cloudflare publishes for a purge
CALL = 0.01  # seconds, of SSM and SQS
TOKEN_KEPT = 300.0  # seconds
_ROUNDS = 4  # until what a new environment may send at once is used up
_LINE = 26  # bytes that CloudWatch adds to each line
# Lambda's own start and report as JSON; a new environment has a line more. Typical lengths.
_LAMBDA_LINES, _COLD_LINE = (150, 400), 250  # bytes
_CONNECTION = 1_500  # bytes sent to open one: the handshakes of TCP and TLS


@dataclass(frozen=True, slots=True)
class Shape:
    """How changes come: so many to an invocation, with `pause` seconds between two; None: each in a new environment."""

    name: str
    changes: int
    pause: float | None


ALONE = Shape("one at a time, each a cold start", 1, None)
TENS = Shape("ten at a time, every 30 s", 10, 30.0)
BURST = Shape("a burst, drained", DRAIN, 0.0)
STREAM = Shape("a burst, each by itself", 1, 0.0)  # without a queue there is nothing to gather


@dataclass(frozen=True, slots=True)
class Spent:
    """Of one invocation; `waiting` in seconds is its time without its own computing."""

    changes: int
    waiting: float
    calls: int  # to SQS, by the function itself
    decryptions: float
    requests: int  # to Cloudflare
    log_bytes: int
    sent_bytes: int  # to Cloudflare
    is_cold: bool


@cache
def spent(shape: Shape, plan: str = "free", has_queue: bool = True, has_rule: bool = False) -> Spent:
    """Invoke the function as often as it takes to be as it will stay, and return what the last time used."""
    world = World(document(queue_arn=QUEUE_ARN, drain=DRAIN, max_concurrency=2, cloudflare={"plan": plan}))
    _let_time_pass(world)
    event_of = eventbridge_event if has_rule else s3_event
    began = world.clock.now()
    for number in range(1 if shape.pause is None else _ROUNDS):
        world.clock.pass_(shape.pause or 0.0)
        began, world.output = world.clock.now(), ""
        world.aws.calls.clear()
        world.transport.sent.clear()
        bodies = [event_of(f"news/2026/{number}-{each:05}/picture.jpg") for each in range(shape.changes)]
        if has_queue:
            world.aws.waiting = [(f"w{number}-{each}", json.dumps(body)) for each, body in enumerate(bodies[BATCH:])]
            result = world.invoke(sqs_event(*bodies[:BATCH]))
            assert result == {"batchItemFailures": []}, result
        else:
            world.invoke(bodies[0])
        assert not world.aws.waiting
    seconds = world.clock.now() - began
    is_cold = shape.pause is None
    lines = [*_LAMBDA_LINES, *([_COLD_LINE] if is_cold else []), *map(len, world.output.splitlines())]
    to_cloudflare = [each for each in world.transport.sent if "X-Amz-Target" not in each.headers]
    return Spent(
        changes=shape.changes,
        waiting=round(seconds, 3),
        calls=sum(name != "GetParameter" for name, _ in world.aws.calls),
        decryptions=1.0 if shape.pause is None else min(1.0, (seconds + shape.pause) / TOKEN_KEPT),
        requests=len(to_cloudflare),
        log_bytes=sum(lines) + _LINE * len(lines),
        sent_bytes=sum(map(_size, to_cloudflare)) + (_CONNECTION if is_cold else 0),
        is_cold=is_cold,
    )


def metrics() -> int:
    """Return how many metrics a purge sends."""
    world = World(document())
    world.invoke(sqs_event(s3_event("a")))
    [directive] = world.metrics["_aws"]["CloudWatchMetrics"]
    return len(directive["Metrics"]) * len(directive["Dimensions"])


def _let_time_pass(world: World) -> None:
    """Let every request take its time, and those that are sent together no longer than the longest of them."""

    def together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
        begin, ends, results = world.clock.time, [], []
        for call in calls:
            world.clock.time = begin
            try:
                results.append(call())
            except Exception as error:  # as the real one does
                results.append(error)
            ends.append(world.clock.time)
        world.clock.time = max(ends, default=begin)
        return results

    def took(sent: Sent) -> None:
        world.clock.pass_(CALL if "X-Amz-Target" in sent.headers else REQUEST)

    world.transport.on_post = took
    world.transport.together = together  # type: ignore[method-assign]


def _size(sent: Sent) -> int:
    headers = sum(len(name) + len(value) + 4 for name, value in sent.headers.items())
    return len(sent.url) + headers + len(json.dumps(sent.body))
