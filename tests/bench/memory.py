"""The peak memory of a fresh process for one burst, and its CPU time for each message.

tests/unit/test_limits.py measures hostile inputs.
"""

import json

from tests.bench.bench import OURS, SITE, Bench
from tests.bench.figures import Figure, median_of
from tests.bench.process import Failed
from tests.support import factories

MOST_MEMORY, MOST_CPU = 128.0, 1000.0  # MB; milliseconds for one message
# By name: number of changes, and of messages in the event; the function receives the others itself.
BURSTS = {"1,000 changes, drained": (1_000, 10), "3,000 changes in one event": (3_000, 3_000)}
_TURNS = 3  # memory is the same in each run


def measure(bench: Bench) -> list[Figure]:
    figures = []
    for name, (count, batch) in BURSTS.items():
        measured = [run(bench, count, batch) for _ in range(_TURNS)]
        peaks, cpu = zip(*measured, strict=True)
        figures.append(median_of(f"{name}, memory", "MB", peaks, MOST_MEMORY))
        figures.append(median_of(f"{name}, CPU a message", "ms", cpu, MOST_CPU))
    return figures


def run(bench: Bench, count: int, batch: int) -> tuple[float, float]:
    """Return the peak in MB and the milliseconds of CPU for each message, without the start.

    Raises:
        Failed: not everything was purged.
    """
    keys = [f"assets/styles/{number:05}/site.css" for number in range(count)]
    bodies = [factories.as_text(factories.s3_event(key)) for key in keys]
    bench.aws.fill(bodies[batch:])
    with bench.start(OURS, batch_size=batch, cloudflare={"plan": "enterprise", "requests_per_second": 100}) as process:
        process.ask(json.dumps({"keys": ["a"], "dry_run": True}).encode())
        reply = process.ask(json.dumps(factories.sqs_event(*bodies[:batch])).encode())
        peak = process.peak
    bench.check(*(f"{SITE}/{key}" for key in keys))
    deleted = len(bench.aws.deleted)
    if reply.result != {"batchItemFailures": []} or deleted != (count if count > batch else 0):
        raise Failed(f"{deleted} messages deleted, {reply.result} {reply.error}")
    return peak, reply.cpu / count
