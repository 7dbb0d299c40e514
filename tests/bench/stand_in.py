"""SSM, SQS and the bucket for the measured processes, in this process and over TLS."""

import json
import ssl
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.support.servers import Handler, start, write


class StandIn:
    """One parameter and one queue with their JSON protocols; every GET returns the bucket's only object."""

    def __init__(self, parameter: str, token: str) -> None:
        self.object = b""
        self.deleted: set[str] = set()  # receipt handles
        self._lock = threading.Lock()
        self._parameter, self._token = parameter, token
        self._waiting: deque[dict[str, Any]] = deque()

    def fill(self, bodies: Sequence[str]) -> None:
        """Empty the queue and send messages."""
        with self._lock:
            self.deleted.clear()
            self._waiting = deque(
                {
                    "MessageId": f"00000000-0000-4000-8000-{number:012}",
                    "ReceiptHandle": f"AQEB{number:0176}",
                    "MD5OfBody": "d41d8cd98f00b204e9800998ecf8427e",
                    "Body": body,
                    "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795413600000"},
                }
                for number, body in enumerate(bodies)
            )

    def call(self, operation: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Return the result, or None if a real service would refuse."""
        with self._lock:
            match operation:
                case "GetParameter" if payload == {"Name": self._parameter, "WithDecryption": True}:
                    return {"Parameter": {"Name": self._parameter, "Type": "SecureString", "Value": self._token}}
                case "ReceiveMessage":
                    count = min(payload.get("MaxNumberOfMessages", 1), len(self._waiting))
                    return {"Messages": [self._waiting.popleft() for _ in range(count)]} if count else {}
                case "DeleteMessageBatch":
                    entries = payload["Entries"]
                    self.deleted.update(entry["ReceiptHandle"] for entry in entries)
                    return {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}
        return None

    @contextmanager
    def serving(self, tls: ssl.SSLContext) -> Iterator[str]:
        """Serve for as long as the block; yield the URL."""
        server, stop = start(tls)
        server.respond = self._respond
        try:
            yield server.url
        finally:
            stop()

    def _respond(self, handler: Handler) -> None:
        if handler.command == "GET":
            write(handler, body=self.object)
            return
        payload = json.loads(handler.request_seen.body)
        operation = handler.headers["X-Amz-Target"].partition(".")[2]
        result = self.call(operation, payload)
        refusal = {"__type": "InvalidAction", "message": f"{operation} is not here"}
        write(handler, 400 if result is None else 200, json.dumps(refusal if result is None else result).encode())
