"""The real function with answers made beforehand, so that only its own work is seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cf_purge.clock import Clock
from cf_purge.handler import Function
from cf_purge.transport import Answer
from tests.unit.factories import AT, QUEUE_ARN, TOKEN, document, environment, s3_event, sqs_event

_BATCH = 10  # messages of one receive
_SUCCESS = Answer(200, {}, b'{"success": true, "errors": [], "messages": [], "result": {"id": "023e105f"}}')
_TOKEN = Answer(200, {}, json.dumps({"Parameter": {"Name": "token", "Value": TOKEN}}).encode())
_DELETED = Answer(200, {}, json.dumps({"Successful": [{"Id": str(n)} for n in range(_BATCH)], "Failed": []}).encode())
_EMPTY = Answer(200, {}, b"{}")


class Burst:
    """So many changes, as the mapping and SQS hand them over: `event` as text, the rest in answers to be received."""

    def __init__(self, changes: int, delivered: int, number: int = 0) -> None:
        bodies = [json.dumps(s3_event(f"assets/img/{number}/{index}.jpg")) for index in range(changes)]
        self.changes = changes
        self.event = json.dumps(sqs_event(*bodies[:delivered]))
        rest = list(enumerate(bodies))[delivered:]
        self.answers = [
            json.dumps(
                {"Messages": [_received(f"{number}-{index}", body) for index, body in rest[start : start + _BATCH]]}
            )
            for start in range(0, len(rest), _BATCH)
        ]
        self.bodies = bodies


class Canned:
    """Stands where the transport does; what is received comes from the burst at hand."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.requests = 0  # to Cloudflare

    def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
        operation = headers.get("X-Amz-Target")
        if operation is None:
            self.requests += 1
            return _SUCCESS
        if operation.endswith(".ReceiveMessage"):
            return Answer(200, {}, self.waiting.pop(0)) if self.waiting else _EMPTY
        return _TOKEN if operation.endswith(".GetParameter") else _DELETED

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        return [call() for call in calls]


class Bench:
    """A warm function that holds its token and has budget enough."""

    def __init__(self) -> None:
        self.canned = Canned()
        cloudflare = {"plan": "enterprise", "requests_per_second": 1000}
        config = document(cloudflare=cloudflare, queue_arn=QUEUE_ARN, batch_size=_BATCH, drain=10_000)
        clock = Clock(lambda: AT + 1.0, lambda _: None, lambda: 0.5)
        self._function = Function.from_environment(environment(config), self.canned, clock)  # type: ignore[arg-type]

    def purge(self, burst: Burst, event: Any) -> None:
        """Have one burst purged; `event` is its event, decoded as the runtime does it."""
        self.canned.waiting = [answer.encode() for answer in burst.answers]
        result = self._function.invoke(event, _Context())
        assert result == {"batchItemFailures": []}, result
        assert not self.canned.waiting


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def _received(name: str, body: str) -> dict[str, object]:
    return {
        "MessageId": f"00000000-0000-4000-8000-{name}",
        "ReceiptHandle": f"AQEB{name}".ljust(180, "x"),
        "MD5OfBody": "d41d8cd98f00b204e9800998ecf8427e",
        "Body": body,
        "Attributes": {"ApproximateReceiveCount": "1"},
    }
