"""The network between the function, AWS and Cloudflare: latency, faults, time-outs."""

import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cf_purge import observe
from cf_purge.errors import TimedOut, Transient
from cf_purge.http_client import CONNECTIONS, Answer
from tests.support.virtual.edge import Edge
from tests.support.virtual.hub import Hub, Killed


@dataclass(slots=True)
class Call:
    """One request of the function; `body` is the decoded JSON, None for a GET."""

    at: float  # seconds since the epoch, when it was sent
    url: str
    headers: Mapping[str, str]
    body: Any
    timeout: float  # seconds
    service: str  # cloudflare, sqs or ssm
    operation: str  # purge; ReceiveMessage and so on

    @property
    def until(self) -> float:
        return self.at + self.timeout


@dataclass(frozen=True, slots=True)
class Fault:
    """The fault of one call.

    Without `answer` and `is_lost` the real answer comes `seconds` later, or the call times out before.
    """

    answer: Answer | None = None  # instead of the real one
    is_lost: bool = False  # the connection is reset, or with seconds = infinity never answered
    acts: bool = False  # the call takes effect; always if the real answer is returned
    seconds: float = 0.0
    failed: frozenset[int] = frozenset()  # indexes of entries of an SQS batch call


_NONE = Fault()


class Network:
    """Routes calls. `fault` is called for each before it is performed."""

    def __init__(self, hub: Hub, aws: Any, cloudflare: Any) -> None:
        self.fault: Callable[[Call], Fault | None] = lambda _: None
        self.edge: Edge | None = None
        self._hub, self._aws, self._cloudflare = hub, aws, cloudflare

    def carry(self, call: Call, pause: Callable[[float], None]) -> Answer:
        """Return the answer; `pause` waits until a time, once before anything is done and once after.

        Raises:
            Transient: no answer, as from the function's own transport.
        """
        hub, side = self._hub, self._cloudflare if call.service == "cloudflare" else self._aws
        fault = self.fault(call) or _NONE
        pause(hub.now + side.latency / 2)
        answer = fault.answer
        if fault.acts or (answer is None and not fault.is_lost):
            own: Answer = side.answer(call, fault)
            answer = answer or own
        back = hub.now + side.latency / 2 + fault.seconds
        pause(min(back, max(hub.now, call.until)))
        if back > call.until or math.isinf(fault.seconds):
            raise TimedOut("No answer in time.")
        if fault.is_lost:
            raise Transient("No answer (ProtocolError).")
        assert answer is not None
        return answer


class Wire:
    """Stands in for `cf_purge.http_client.HttpClient`, for one environment of the function."""

    def __init__(self, hub: Hub, network: Network, pause: Callable[[float], None]) -> None:
        self._hub, self._network, self._pause = hub, network, pause

    def request(self, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float, limit: int) -> Answer:
        assert timeout > 0
        protocol, _, operation = headers.get("X-Amz-Target", "").partition(".")
        service = {"AmazonSQS": "sqs", "AmazonSSM": "ssm"}.get(protocol, "cloudflare")
        operation = operation or ("purge" if body is not None else "read")
        document = None if body is None else json.loads(body)
        call = Call(self._hub.now, url, headers, document, timeout, service, operation)
        return self._network.carry(call, self._pause)

    def visit(self, url: str, headers: Mapping[str, str], timeout: float, accepts: Callable[[str], bool]) -> Answer:
        assert self._network.edge is not None
        return self._network.edge.visit(url, timeout, self._pause)

    def together(self, call: Callable[[Any], Any], items: Iterable[Any], most: int = CONNECTIONS) -> list[Any]:
        """Perform a call for each item, `most` at once; an exception is the call's result."""
        todo = deque(enumerate(items))
        results: list[Any] = [None] * len(todo)
        hub, waiting, workers = self._hub, self._hub.current, min(most, len(todo))
        is_over = not todo

        def work() -> None:
            nonlocal workers
            try:
                while todo:
                    index, item = todo.popleft()
                    try:
                        results[index] = call(item)
                    except Exception as error:
                        results[index] = observe.understood(error)
            except Killed:
                todo.clear()
                workers = 1  # the task that waits for the others is killed too
                raise
            finally:
                workers -= 1
                if not workers and not is_over:
                    hub.wake(waiting)

        for _ in range(workers):
            hub.spawn(work)
        try:
            if results:
                self._pause(math.inf)
        finally:
            is_over = True
        return results
