"""The time of a purge: cold, in a fresh process, and warm, in one that has purged before."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from random import Random

from tests.bench.bench import LIMIT, OURS, SITE, Bench
from tests.bench.figures import TURNS, Figure, ratio_of
from tests.bench.process import Failed
from tests.support import factories

PER_EVENT, AT_IMPORT = "per_event", "at_import"
FUNCTIONS = (OURS, PER_EVENT, AT_IMPORT)
_KEY = "css/site.css"
# Ours gets a message from its queue, S3 invokes the others directly.
_FROM_S3 = factories.s3_event(_KEY)
_EVENTS = {OURS: factories.sqs_event(_FROM_S3), PER_EVENT: _FROM_S3, AT_IMPORT: _FROM_S3, LIMIT: {}}
Samples = dict[tuple[str, str], list[float]]  # by subject, and "cold" or "warm"


def measure(bench: Bench) -> tuple[list[Figure], Samples]:
    """Time all of them in turns, each in another order, after a warm-up round."""
    samples: Samples = defaultdict(list)
    with ExitStack() as stack:
        warm = {name: stack.enter_context(bench.start(name)) for name in FUNCTIONS}
        for turn in range(TURNS + 1):
            subjects = [(name, "cold") for name in (*FUNCTIONS, LIMIT)] + [(name, "warm") for name in FUNCTIONS]
            for name, start in Random(turn).sample(subjects, len(subjects)):
                if start == "warm":  # "limit" does nothing for a second event
                    reply = warm[name].ask(event_of(name))
                else:
                    with bench.start(name) as process:
                        reply = process.ask(event_of(name))
                # A purge that was not made has no time.
                if reply.error or reply.result not in ({"batchItemFailures": []}, {"purged": [f"{SITE}/{_KEY}"]}, 200):
                    raise Failed(f"It answered {reply.result} {reply.error}")
                bench.check(f"{SITE}/{_KEY}")
                if turn:
                    samples[name, start].append(reply.ms)
    return [*_figures(samples)], samples


def event_of(name: str) -> bytes:
    return json.dumps(_EVENTS[name]).encode()


def _figures(samples: Samples) -> Iterator[Figure]:
    cold, warm = samples[OURS, "cold"], samples[OURS, "warm"]
    yield ratio_of("cold, ours / clients per event", cold, samples[PER_EVENT, "cold"], 0.66)
    yield ratio_of("cold, ours / clients at import", cold, samples[AT_IMPORT, "cold"])
    yield ratio_of("cold, ours / limit", cold, samples[LIMIT, "cold"], 1.6)
    yield ratio_of("warm, ours / clients per event", warm, samples[PER_EVENT, "warm"])
    yield ratio_of("warm, ours / clients at import", warm, samples[AT_IMPORT, "warm"])
