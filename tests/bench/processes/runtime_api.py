"""Lambda's Runtime API: hands a function process its events and takes its answers, with the time of each.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.bench.processes.server import Handler, listening

_BASE = "/2018-06-01/runtime"
_REGION, _ACCOUNT = "eu-west-1", "123456789012"
_TIMEOUT = 60.0  # seconds a function has, the module's default


@dataclass(slots=True)
class Work:
    """The events of one process, and what came of them; times are `time.perf_counter`'s."""

    events: Sequence[bytes]
    before_first: Callable[[], None] | None = None  # called when it asks for the first event, before it gets it
    asked: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    error: str | None = None  # what the function says went wrong
    is_done: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> bytes | None:
        """Return the next event; when there is none, wait until the process is let go, and return None."""
        self.asked.append(time.perf_counter())
        if len(self.asked) == 1 and self.before_first is not None:
            self.before_first()
        if len(self.asked) <= len(self.events):
            return self.events[len(self.asked) - 1]
        self.is_done.set()
        self._released.wait()
        return None

    def answer(self, content: bytes) -> None:
        self.answered.append(time.perf_counter())
        self.answers.append(content)
        if len(self.answers) == len(self.events):
            self.is_done.set()

    def fail(self, error: str) -> None:
        self.error = error
        self.is_done.set()

    def release(self) -> None:
        """Let the process go: whatever it still waits for is not coming."""
        self._released.set()


class RuntimeApi:
    """Serves one process at a time; `address` goes into its AWS_LAMBDA_RUNTIME_API."""

    def __init__(self) -> None:
        self.address = ""
        self.work = Work(())

    @contextmanager
    def serving(self) -> Iterator[RuntimeApi]:
        api = self

        class Invocations(Handler):
            def do_GET(self) -> None:  # noqa: N802
                work = api.work
                if self.path != f"{_BASE}/invocation/next":
                    return self.say(404)
                event = work.ask()
                if event is None:
                    self.close_connection = True
                    return None
                return self.say(200, event, _headers(len(work.asked)))

            def do_POST(self) -> None:  # noqa: N802
                content, _, action = self.body(), *self.path.rpartition("/")[1:]
                if action == "response":
                    api.work.answer(content)
                else:
                    api.work.fail(content.decode(errors="replace"))
                self.say(202, {"status": "OK"})

        with listening(Invocations) as self.address:
            try:
                yield self
            finally:
                self.work.release()


def _headers(number: int) -> dict[str, str]:
    request = f"00000000-0000-4000-8000-{number:012d}"
    return {
        "Lambda-Runtime-Aws-Request-Id": request,
        "Lambda-Runtime-Deadline-Ms": str(round((time.time() + _TIMEOUT) * 1000)),
        "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:{_REGION}:{_ACCOUNT}:function:site",
        "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
    }
