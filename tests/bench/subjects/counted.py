"""As runtime.py, but each answer has the event's reproducible counts instead of its time.

The first answer counts the import of the handler too.
"""

import importlib
import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

from runtime import serve  # type: ignore[import-not-found]

_counts: Counter[str] = Counter()
# Modules of features that are off or that an ordinary purge does not need.
_FEATURES = ("doctor", "notify", "verify", "visitor")


def _trace(frame: FrameType, event: str, _: Any) -> Any:
    if event == "opcode":
        _counts["instructions"] += 1
    elif event == "call":
        # Whether bytecode was cached must not make a difference.
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return None
        _counts["TLS contexts"] += frame.f_code.co_qualname == "SSLContext.__new__"
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
    return _trace


def _counted(work: Callable[[], Any]) -> Any:
    sys._getframe().f_trace_opcodes = True  # Python 3.12 asks whether any frame wants them when tracing begins
    threading.settrace(_trace)
    sys.settrace(_trace)
    try:
        return work()
    finally:
        sys.settrace(None)
        threading.settrace(None)


def _handler() -> Callable[[Any, Any], Any]:
    before = set(sys.modules)
    handler = _counted(lambda: importlib.import_module(sys.argv[1]).lambda_handler)

    def counted(event: Any, context: Any) -> dict[str, int]:
        _counted(lambda: handler(event, context))
        counts = {**_counts, "modules": len(set(sys.modules) - before)}
        counts["features"] = sum(f"cf_purge.{name}" in sys.modules for name in _FEATURES)
        _counts.clear()
        return counts

    return counted


serve(_handler)
