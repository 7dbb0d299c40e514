"""Virtual time: tasks wait without real waiting, in a deterministic order."""

import heapq
import math
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]


class Killed(BaseException):
    """The task was ended while it waited."""


class Task:
    """A function in a separate greenlet, which yields whenever it waits."""

    __slots__ = ("_greenlet", "_turn")

    def __init__(self, body: Callable[[], object], parent: greenlet) -> None:
        self._greenlet = greenlet(body, parent)
        self._turn = 0  # a resume of an earlier turn comes too late

    @property
    def is_done(self) -> bool:
        return bool(self._greenlet.dead)

    def __call__(self, turn: int) -> None:
        if turn == self._turn:
            self._greenlet.switch()


class Hub:
    """The clock and the scheduled events, ordered by time, then by the order of scheduling.

    `run` is called outside of tasks, everything that waits inside of them.
    """

    def __init__(self, now: float) -> None:
        self.now = now  # seconds since the epoch
        self._main = getcurrent()
        self._events: list[tuple[float, int, Callable[[Any], object], Any]] = []
        self._sequence = 0
        self._tasks: dict[greenlet, Task] = {}

    @property
    def current(self) -> Task:
        return self._tasks[getcurrent()]

    def spawn(self, function: Callable[..., object], *args: Any) -> Task:
        """Start a task when the current one yields. `run` raises what it raises."""

        def body() -> None:
            try:
                function(*args)
            except Killed:
                pass
            finally:
                del self._tasks[task._greenlet]

        task = Task(body, self._main)
        self._tasks[task._greenlet] = task
        self.at(self.now, task, 0)
        return task

    def at(self, time: float, callback: Callable[[Any], object], argument: Any = None) -> None:
        """Call `callback(argument)` at a time; it must not wait."""
        self._sequence += 1
        heapq.heappush(self._events, (max(time, self.now), self._sequence, callback, argument))

    def sleep_until(self, time: float) -> None:
        """Wait, inside a task, until `wake` or a time; infinity means forever."""
        task = self.current
        if time < math.inf:
            self.at(time, task, task._turn)
        try:
            self._main.switch()
        finally:
            task._turn += 1

    def wake(self, task: Task) -> None:
        """Resume a sleeping task now."""
        self.at(self.now, task, task._turn)

    def kill(self, task: Task) -> None:
        """End a task while it waits or before it starts. Not to be called inside a task."""
        if task._greenlet:  # started, not finished
            task._greenlet.throw(Killed)
        elif not task.is_done:
            self._tasks.pop(task._greenlet, None)
            task._greenlet.throw()

    def run(self, until: float, is_over: Callable[[], bool]) -> None:
        """Let time pass until then, until `is_over`, or until nothing is scheduled."""
        events = self._events
        while events and events[0][0] <= until:
            if is_over():
                return
            self.now, _, callback, argument = heapq.heappop(events)
            callback(argument)
        if not is_over():
            self.now = max(self.now, until)

    def close(self) -> None:
        """End every task."""
        self._events.clear()
        while self._tasks:
            self.kill(next(iter(self._tasks.values())))
