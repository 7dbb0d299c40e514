"""Counts what repeats exactly, unlike time: the bytecode instructions of a cold start and of a batch of changes.

Run as `python -m tests.bench.work.counted cold|batch`, in a fresh process each: prints one JSON object.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

_CHANGES, _DELIVERED = 1_000, 10
_AT = 1795413600.0  # seconds since the epoch
_TLS_CONTEXT = "SSLContext.__new__"  # a fifth of the cold path: one is enough for AWS and Cloudflare


def cold() -> dict[str, int]:
    """Import the handler and purge a first event; what a cached or missing .pyc changes is not counted."""
    before = set(sys.modules)
    imported = _counted(lambda: __import__("cf_purge.handler"))
    from tests.bench.work.canned import Bench, Burst

    burst = Burst(1, 1)
    event = json.loads(burst.event)
    with contextlib.redirect_stdout(io.StringIO()):
        first = _counted(lambda: Bench().purge(burst, event))
    modules = {name for name in set(sys.modules) - before if not name.startswith("tests")}
    return {
        "modules": len(modules),
        "instructions": imported[None],
        "instructions for the first event": first[None],
        "TLS contexts": imported[_TLS_CONTEXT] + first[_TLS_CONTEXT],
    }


def batch() -> dict[str, int]:
    """Purge a batch of 1,000 changes, drained, in a warm function; the peak is in KiB."""
    from tests.bench.work.canned import Bench, Burst

    time.time = lambda: _AT  # signatures of one second share its stamp, and the clock may be just before the next
    bench = Bench()
    first, second, third = (Burst(_CHANGES, _DELIVERED, number) for number in range(3))
    events = [json.loads(burst.event) for burst in (first, second, third)]
    with contextlib.redirect_stdout(io.StringIO()):
        bench.purge(first, events[0])
        instructions = _counted(lambda: bench.purge(second, events[1]))[None]
        tracemalloc.start()
        bench.purge(third, events[2])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return {"instructions": instructions, "peak": peak // 1024}


def _counted(work: Callable[[], object]) -> Counter[str | None]:
    """Count the calls of each function by its qualified name, and under None the instructions of all."""
    counts: Counter[str | None] = Counter()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if event == "opcode":
            counts[None] += 1
        elif event == "call":
            counts[frame.f_code.co_qualname] += 1
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return None
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return trace

    sys._getframe().f_trace_opcodes = True  # Python 3.12 asks whether any frame wants them when tracing begins
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return counts


if __name__ == "__main__":
    print(json.dumps({"cold": cold, "batch": batch}[sys.argv[1]]()))
