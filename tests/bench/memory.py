"""The most memory a fresh process has had for one invocation, and its CPU for each message."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tests.bench.bench import HOSTS, OURS, SITE, Bench
from tests.bench.figures import Figure, median_of
from tests.bench.process import Failed
from tests.support import factories

MOST_MEMORY, MOST_CPU = 128.0, 1000.0  # MB; milliseconds for one message
_MESSAGE = 256 << 10  # bytes, at most, of what the inputs below send by hand
_TURNS = 3  # memory repeats itself


class Input(NamedTuple):
    """What one invocation is given: an event, or messages, of which it receives all but the first ten itself."""

    name: str
    bodies: Sequence[object] = ()
    event: object = None
    batch: int = 10  # messages in the event
    config: dict[str, Any] = {}  # noqa: RUF012
    urls: Sequence[str] | None = None  # what must be purged, where it is known


def _changes(count: int, batch: int, name: str) -> Input:
    keys = [f"assets/styles/{number:05}/site.css" for number in range(count)]
    config = {"batch_size": batch, "cloudflare": {"plan": "enterprise", "requests_per_second": 100}}
    urls = [f"{SITE}/{key}" for key in keys]
    return Input(name, [*map(factories.s3_event, keys)], batch=batch, config=config, urls=urls)


def inputs() -> Iterator[Input]:
    """Return a site's bursts, and what a nasty or careless user can send."""
    yield _changes(1_000, 10, "1,000 changes, drained")
    yield _changes(3_000, 3_000, "3,000 changes in one event")
    yield Input("12 messages full of prefixes", 12 * [{"prefixes": (_MESSAGE // 5) * ["x"]}], batch=12)
    two_hosts = [factories.target(hosts=HOSTS[:2], purge_by="prefix")]
    yield Input(
        "1,000 keys by hand on two hosts, by prefix",
        [{"keys": [f"news/{number:04}.html" for number in range(1_000)]}],
        config={"targets": two_hosts, "cloudflare": {"plan": "free"}},
    )
    yield Input('10 messages full of "/"', 10 * [{"keys": (_MESSAGE // 5) * ["/"]}])
    keys = [f"{number:06}" for number in range(70_000)]  # 0.7 MB
    ten_hosts = {"targets": [factories.target(hosts=HOSTS)]}
    yield Input("a dry run of 70,000 keys on ten hosts", event={"keys": keys, "dry_run": True}, config=ten_hosts)
    tags = {"targets": [factories.target(purge_by="tag", tags=["{key}"])]}
    yield Input("tags of 340 é", [factories.s3_event(f"{number}{'é' * 340}") for number in range(10)], config=tags)
    globs = {"include": ["a**/b**/c**/d", "*?***/a", "foo***bar**/baz"]}
    long_key = f"a{'/b/c' * 255}"
    yield Input("globs of many stars, keys of 1 KB", 10 * [factories.s3_event(long_key)], config=globs)


def measure(bench: Bench, turns: int) -> list[Figure]:
    figures = []
    for each in inputs():
        measured = [run(bench, each) for _ in range(min(turns, _TURNS))]
        peaks, cpu = zip(*measured, strict=True)
        figures.append(median_of(f"{each.name}, memory", "MB", peaks, MOST_MEMORY))
        figures.append(median_of(f"{each.name}, CPU a message", "ms", cpu, MOST_CPU))
    return figures


def run(bench: Bench, given: Input) -> tuple[float, float]:
    """Return the MB at the peak and the milliseconds of CPU for each message, that of the start apart.

    Raises:
        Failed: what must be purged was not.
    """
    bodies = [*map(factories.as_text, given.bodies)]
    event = given.event or factories.sqs_event(*bodies[: given.batch])
    bench.aws.fill(bodies[given.batch :])
    with bench.start(OURS, **given.config) as process:
        process.ask(json.dumps({"keys": ["a"], "dry_run": True}).encode())
        reply = process.ask(json.dumps(event).encode())
        peak = process.peak
    if given.urls is None:
        bench.forget()
    else:
        bench.check(*given.urls)
        drained = len(bench.aws.deleted)
        if reply.result != {"batchItemFailures": []} or drained != len(bodies) - given.batch:
            raise Failed(f"{given.name}: {drained} messages deleted, {reply.result} {reply.error}")
    return peak, reply.cpu / max(1, len(bodies))
