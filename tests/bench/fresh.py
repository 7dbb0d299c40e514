"""The time from an upload to a quiet site until a visitor reads the new version.

An upload is a new object in the bucket, whose message the function gets at once: the delivery by S3, SQS and Lambda is
not included. Cloudflare's API takes its published median; the edge is the simulated one.
"""

import json
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

from tests.bench.bench import OURS, SITE, Bench
from tests.bench.figures import TURNS, Figure, median_of
from tests.bench.process import Failed, Process
from tests.support import factories

API_LATENCY = 250  # milliseconds: the median that Cloudflare publishes for a purge by URL
_KEY = "fresh/site.css"
_EVENT = json.dumps(factories.sqs_event(factories.s3_event(_KEY))).encode()
_PATIENCE = 30.0  # seconds


def measure(bench: Bench) -> list[Figure]:
    """Measure uploads alternately with a warm function and with a process that the upload starts."""
    took: dict[str, list[float]] = defaultdict(list)
    bench.cloudflare.set_latency(API_LATENCY)
    try:
        with bench.start(OURS) as warm, ThreadPoolExecutor(1) as threads:
            for turn in range(TURNS + 1):
                for start in ("cold", "warm"):
                    milliseconds = _followed(bench, f"{turn}, {start}", threads, None if start == "cold" else warm)
                    if turn:
                        took[start].append(milliseconds)
    finally:
        bench.cloudflare.set_latency(0)
    return [
        median_of("upload to fresh, warm", "ms", took["warm"], API_LATENCY + 30),
        median_of("upload to fresh, cold", "ms", took["cold"]),
    ]


def _followed(bench: Bench, version: str, threads: ThreadPoolExecutor, warm: Process | None) -> float:
    url = f"{SITE}/{_KEY}"
    with bench.visitor.connected(url) as visit:
        while visit(url).cache_status != "HIT":  # the previous version
            time.sleep(0.01)
        bench.aws.object = version.encode()
        began = time.perf_counter()
        with nullcontext(warm) if warm else bench.start(OURS) as process:
            reply = threads.submit(process.ask, _EVENT)
            while visit(url).text != version:
                if time.perf_counter() - began > _PATIENCE:
                    raise Failed(f"No visitor reads the new version: {reply.result(0)}")
                time.sleep(0.002)
            seen = time.perf_counter()
            reply.result(_PATIENCE)
    bench.check(url)
    return (seen - began) * 1000
