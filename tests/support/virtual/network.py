"""The network between the function, AWS and Cloudflare: latency, faults, time-outs."""

import json
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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


class Side(Protocol):
    """AWS or Cloudflare; `answer` performs a call and may wait."""

    latency: float  # seconds from request to answer

    def answer(self, call: Call, fault: Fault) -> Answer: ...


_NONE = Fault()
_NO_FAULT: Callable[[Call], Fault | None] = lambda _: None  # noqa: E731


class Network:
    """Routes calls. `fault` is called for each before it is performed."""

    def __init__(self, hub: Hub, aws: Side, cloudflare: Side) -> None:
        self.fault = _NO_FAULT
        self.edge: Edge | None = None
        self._hub, self._aws, self._cloudflare = hub, aws, cloudflare

    def carry(self, call: Call, pause: Callable[[float], None]) -> Answer:
        """Return the answer; `pause` waits until a time, once before anything is done and once after.

        Raises:
            Transient: no answer, as from the function's own transport.
        """
        hub, side = self._hub, self._cloudflare if call.service == "cloudflare" else self._aws
        fault = self.fault(call)
        pause(hub.now + side.latency / 2)
        own = None
        if fault is None:
            own = side.answer(call, _NONE)
        elif fault.acts or (fault.answer is None and not fault.is_lost):
            own = side.answer(call, fault)
        fault = fault or _NONE
        back = hub.now + side.latency / 2 + fault.seconds
        pause(min(back, max(hub.now, call.until)))
        if back > call.until or math.isinf(fault.seconds):
            raise TimedOut("No answer in time.")
        if fault.is_lost:
            raise Transient("No answer (ProtocolError).")
        answer = fault.answer or own
        assert answer is not None
        return answer


class Wire:
    """Stands in for `cf_purge.http_client.HttpClient`, for one environment of the function."""

    def __init__(self, hub: Hub, network: Network, pause: Callable[[float], None]) -> None:
        self._hub, self._network, self._pause = hub, network, pause

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float, max_bytes: int
    ) -> Answer:
        assert timeout > 0
        assert (method == "GET") == (body is None)
        return self._send(url, headers, None if body is None else json.loads(body), timeout)

    def visit(self, url: str, headers: Mapping[str, str], timeout: float, accepts: Callable[[str], bool]) -> Answer:
        assert self._network.edge is not None
        return self._network.edge.visit(url, timeout, self._pause)

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """Perform calls, at most as many at once as there are connections; an exception is the call's result."""
        results: list[Any] = [None] * len(calls)
        todo = deque(enumerate(calls))
        hub, waiting, workers = self._hub, self._hub.current, min(CONNECTIONS, len(calls))
        is_over = not calls

        def work() -> None:
            nonlocal workers
            try:
                while todo:
                    index, call = todo.popleft()
                    try:
                        results[index] = call()
                    except Exception as error:
                        results[index] = error
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
            if calls:
                self._pause(math.inf)
        finally:
            is_over = True
        return results

    def _send(self, url: str, headers: Mapping[str, str], body: Any, timeout: float) -> Answer:
        protocol, _, operation = headers.get("X-Amz-Target", "").partition(".")
        service = {"AmazonSQS": "sqs", "AmazonSSM": "ssm"}.get(protocol, "cloudflare")
        operation = operation or ("purge" if body is not None else "read")
        return self._network.carry(Call(self._hub.now, url, headers, body, timeout, service, operation), self._pause)


def json_answer(status: int, document: object, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, headers or {}, json.dumps(document).encode())
