"""SSM with one parameter and SQS with one queue, as far as a function calls them, in this process."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.bench.processes.server import Handler, listening

_Answer = tuple[int, dict[str, Any]]


class LocalAws:
    """JSON protocol over TLS, as the real ones; `url` goes into AWS_ENDPOINT_URL."""

    def __init__(self, parameter: str, value: str) -> None:
        self._parameter, self._value = parameter, value
        self._lock = threading.Lock()
        self._waiting: deque[dict[str, Any]] = deque()
        self.url = ""
        self.calls: list[str] = []
        self.deleted: set[str] = set()  # receipt handles

    def reset(self, bodies: Sequence[str] = ()) -> None:
        """Forget what was, and put messages into the queue."""
        with self._lock:
            self.calls.clear()
            self.deleted.clear()
            self._waiting = deque(
                {
                    "MessageId": f"d{number}",
                    "ReceiptHandle": f"drained-{number}",
                    "Body": body,
                    "Attributes": {"ApproximateReceiveCount": "1"},
                }
                for number, body in enumerate(bodies)
            )

    @contextmanager
    def serving(self, tls: ssl.SSLContext) -> Iterator[LocalAws]:
        aws = self

        class Calls(Handler):
            def do_POST(self) -> None:  # noqa: N802
                target = self.headers.get("X-Amz-Target", "")
                status, document = aws.call(target.partition(".")[2], json.loads(self.body() or b"{}"))
                self.say(status, document)

        with listening(Calls, tls) as address:
            self.url = f"https://{address}"
            yield self

    def call(self, operation: str, payload: dict[str, Any]) -> _Answer:
        with self._lock:
            self.calls.append(operation)
            method = getattr(self, f"_{operation}", None)
            answer = method(payload) if method is not None else None
        if answer is None:
            return 400, {"__type": "InvalidAction", "message": f"{operation} is not here"}
        if operation == "ReceiveMessage" and not answer.get("Messages"):
            time.sleep(payload.get("WaitTimeSeconds", 0))
        return 200, answer

    def _GetParameter(self, payload: dict[str, Any]) -> dict[str, Any] | None:  # noqa: N802
        # Without decryption it would be told ciphertext, so that nothing could be purged.
        if payload.get("Name") != self._parameter or payload.get("WithDecryption") is not True:
            return None
        return {"Parameter": {"Name": self._parameter, "Type": "SecureString", "Value": self._value, "Version": 1}}

    def _ReceiveMessage(self, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        count = min(int(payload.get("MaxNumberOfMessages", 1)), 10, len(self._waiting))
        return {"Messages": [self._waiting.popleft() for _ in range(count)]} if count else {}

    def _DeleteMessageBatch(self, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        entries = payload["Entries"]
        self.deleted.update(entry["ReceiptHandle"] for entry in entries)
        return {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}

    def _ChangeMessageVisibilityBatch(self, payload: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Successful": [{"Id": entry["Id"]} for entry in payload["Entries"]], "Failed": []}
