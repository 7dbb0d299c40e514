"""Counts what repeats exactly, unlike time: the bytecode instructions of a cold import and of a batch of changes.

Run as `python -m tests.bench.work.counted cold|batch`, in a fresh process each: prints one JSON object.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any

_CHANGES, _DELIVERED = 1_000, 10


def cold() -> dict[str, int]:
    """Import the handler; what a cached or missing .pyc changes is not counted."""
    before = set(sys.modules)
    instructions = _instructions(lambda: __import__("cf_purge.handler"))
    return {"modules": len(set(sys.modules) - before), "instructions": instructions}


def batch() -> dict[str, int]:
    """Purge a batch of 1,000 changes, drained, in a warm function; the peak is in KiB."""
    from tests.bench.work.canned import Bench, Burst

    bench = Bench()
    first, second, third = (Burst(_CHANGES, _DELIVERED, number) for number in range(3))
    events = [json.loads(burst.event) for burst in (first, second, third)]
    with contextlib.redirect_stdout(io.StringIO()):
        bench.purge(first, events[0])
        instructions = _instructions(lambda: bench.purge(second, events[1]))
        tracemalloc.start()
        bench.purge(third, events[2])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return {"instructions": instructions, "peak": peak // 1024}


def _instructions(work: Callable[[], object]) -> int:
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "opcode":
            count += 1
        elif event == "call":
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
    return count


if __name__ == "__main__":
    print(json.dumps({"cold": cold, "batch": batch}[sys.argv[1]]()))
