"""A minimal Lambda runtime: import the handler, then call it with one event after the other.

`python runtime.py MODULE` reads an event a line from standard input and answers with a line on standard output.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


class Context:
    """Lambda's context; the function has the module's default of 60 seconds."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + 60.0

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._ends - time.monotonic()) * 1000))


def serve(make: Callable[[], Callable[[Any, Any], Any]]) -> None:
    """Answer each event with `result` or `error`, and the seconds of CPU that the process has used so far."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # the function's output
    handler = make()
    for line in sys.stdin.buffer:
        answer: dict[str, Any] = {}
        try:
            answer["result"] = handler(json.loads(line), Context())
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps({**answer, "cpu": time.process_time()}), file=answers)


if __name__ == "__main__":
    serve(lambda: importlib.import_module(sys.argv[1]).lambda_handler)
