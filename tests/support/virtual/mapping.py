"""Lambda and its event source mapping: batches, partial responses, warm environments, time-outs.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cf_purge.handler import Function
from tests.support.factories import sqs_record
from tests.support.fakes import clock_of
from tests.support.virtual.hub import Hub, Killed, Task
from tests.support.virtual.network import Network, Wire
from tests.support.virtual.queue import Message, Queue

_COLD_START = 0.3  # seconds
_IDLE = 600.0  # idle seconds after which an environment is removed


class Environment:
    """One warm environment of the function, with its memory.

    `kill_in` is the number of further waits until it is killed; every call waits twice.
    """

    def __init__(self, hub: Hub, network: Network, random: Callable[[], float], environ: dict[str, str]) -> None:
        self.is_dead = False
        self.waits = 0
        self.kill_in = math.inf
        self.used_at = 0.0
        self._hub = hub
        clock = clock_of(lambda: hub.now, lambda: hub.now, self._sleep, random)
        wire: Any = Wire(hub, network, self._wait_until)
        self.function = Function(environ, wire, clock)

    def _sleep(self, seconds: float) -> None:
        assert seconds >= 0
        if seconds:
            self._wait_until(self._hub.now + seconds)

    def _wait_until(self, time: float) -> None:
        try:
            if self.is_dead or self.waits >= self.kill_in:
                raise Killed
            self.waits += 1
            self._hub.sleep_until(time)
            if self.is_dead:  # a further call of those that run at the same time
                raise Killed
        except Killed:
            self.is_dead = True
            raise


@dataclass(slots=True)
class Invocation:
    """One invocation, and Lambda's context of it."""

    hub: Hub
    number: int  # from 1
    ends_by: float
    task: Task
    environment: Environment
    messages: list[Message]
    is_over: bool = False
    error: BaseException | None = None
    returned: set[str] = field(default_factory=set)  # ids
    timed_out: bool = False

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.ends_by - self.hub.now) * 1000))


class Mapping:
    """Polls the queue with one task for each concurrent invocation.

    `make` creates an environment with its function. `on_begin` and `on_end` are called for every invocation.
    """

    def __init__(
        self,
        hub: Hub,
        queue: Queue,
        make: Callable[[], Environment],
        *,
        batch_size: int,
        window: float,
        max_concurrency: int,
        timeout: float,
    ) -> None:
        self.on_begin: Callable[[Invocation], None] = lambda _: None
        self.on_end: Callable[[Invocation], None] = lambda _: None
        self._invocations = self.cold_starts = self.running = 0
        self._hub, self._queue, self._make = hub, queue, make
        self._batch_size, self._window, self._timeout = batch_size, window, timeout
        self._idle: list[Environment] = []
        for _ in range(max_concurrency):
            hub.spawn(self._poll)

    def _poll(self) -> None:
        while True:
            batch = self._queue.receive(min(10, self._batch_size), math.inf)
            until = self._hub.now + self._window
            while len(batch) < self._batch_size and self._hub.now < until:
                batch += self._queue.receive(min(10, self._batch_size - len(batch)), until - self._hub.now)
            self._invoke(batch)

    def _invoke(self, messages: list[Message]) -> None:
        receipts = {message.id: message.receipt for message in messages}
        records = [sqs_record(message.body, message.id, message.receives) for message in messages]
        event = {"Records": [{**record, "receiptHandle": receipts[record["messageId"]]} for record in records]}
        hub = self._hub
        environment = self._environment()
        self._invocations += 1
        invocation = Invocation(hub, self._invocations, hub.now + self._timeout, hub.current, environment, messages)
        environment.waits, environment.kill_in = 0, math.inf
        self.running += 1
        self.on_begin(invocation)
        hub.at(invocation.ends_by, self._time_out, invocation)
        result = None
        try:
            result = environment.function.invoke(event, invocation)
        except Killed as killed:
            invocation.error = killed
            environment.is_dead = True
        except Exception as error:
            invocation.error = error
        self.running -= 1
        invocation.is_over, environment.used_at = True, hub.now
        if not environment.is_dead:
            self._idle.append(environment)
        ids = set(receipts) if result is None else {each["itemIdentifier"] for each in result["batchItemFailures"]}
        invocation.returned = ids if ids <= set(receipts) else set(receipts)  # an unknown ID fails the whole batch
        self.on_end(invocation)
        for id_, receipt in receipts.items():
            if id_ not in invocation.returned:
                self._queue.delete(receipt)

    def _environment(self) -> Environment:
        while self._idle:
            environment = self._idle.pop()
            if not environment.is_dead and self._hub.now - environment.used_at < _IDLE:
                return environment
        self.cold_starts += 1
        self._hub.sleep_until(self._hub.now + _COLD_START)
        return self._make()

    def _time_out(self, invocation: Invocation) -> None:
        if not invocation.is_over:
            invocation.timed_out = True
            self._hub.kill(invocation.task)
