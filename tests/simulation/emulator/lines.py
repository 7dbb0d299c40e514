"""All that a function writes while it is at work on an event is in the log when that ends, as on AWS.

MiniStack takes what a process has written until nothing comes for 5 ms, which on a busy machine is in the middle of it:
the rest is then in the log only with the next event.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any

_END = "\N{RECORD SEPARATOR}end"  # no function's line: theirs are JSON
_ANSWER = "        _real_stdout.flush()\n\nrun()"
_LONGEST = 5.0  # seconds; a process that goes on writing is not waited for
_POLL = 0.05  # seconds


def ended(script: str) -> str:
    """Return what MiniStack starts a process with; the process says after each event that its lines end."""
    if script.count(_ANSWER) != 1:
        raise LookupError("MiniStack's processes no longer answer where they did: see whether this can go.")
    return script.replace(
        _ANSWER, f"        sys.stderr.write({_END + chr(10)!r})\n        sys.stderr.flush()\n{_ANSWER}"
    )


def to_the_end(_: Callable[..., str]) -> Callable[..., str]:
    """Return what collects the lines of one event, in the place of what MiniStack has for it."""

    def collected(worker: Any, **_: float) -> str:
        lines: list[str] = []
        until = time.monotonic() + _LONGEST
        while time.monotonic() < until:
            reads_on = worker._stderr_thread.is_alive()
            try:
                line = worker._stderr_queue.get(timeout=_POLL)
            except queue.Empty:
                if reads_on:
                    continue
                break  # the process has ended without a word
            if line == _END:
                break
            lines.append(line)
        return "\n".join(lines)

    return collected
