"""SSM, SQS and the bucket for the measured processes, in this process and over TLS."""

import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


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
        entries = payload.get("Entries", ())
        with self._lock:
            match operation:
                case "GetParameter" if payload == {"Name": self._parameter, "WithDecryption": True}:
                    return {"Parameter": {"Name": self._parameter, "Type": "SecureString", "Value": self._token}}
                case "ReceiveMessage":
                    count = min(payload.get("MaxNumberOfMessages", 1), len(self._waiting))
                    return {"Messages": [self._waiting.popleft() for _ in range(count)]} if count else {}
                case "DeleteMessageBatch" | "ChangeMessageVisibilityBatch":
                    if operation == "DeleteMessageBatch":
                        self.deleted.update(entry["ReceiptHandle"] for entry in entries)
                    return {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}
                case "SendMessage" | "DeleteMessage" | "ChangeMessageVisibility":
                    return {}
        return None

    @contextmanager
    def serving(self, tls: ssl.SSLContext) -> Iterator[str]:
        """Serve for as long as the block; yield the URL."""
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # connections stay open
            disable_nagle_algorithm = True
            wbufsize = -1  # status, headers and body leave together, or each call takes 40 ms of waiting

            def do_GET(self) -> None:
                self._say(200, stand_in.object)

            def do_POST(self) -> None:
                payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                operation = self.headers["X-Amz-Target"].partition(".")[2]
                result = stand_in.call(operation, payload)
                if operation == "ReceiveMessage" and not result:
                    time.sleep(payload.get("WaitTimeSeconds", 0))
                refusal = {"__type": "InvalidAction", "message": f"{operation} is not here"}
                self._say(400 if result is None else 200, json.dumps(refusal if result is None else result).encode())

            def _say(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Print nothing, because it would be measured."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """Ignore closed connections: a measured process is killed once it has answered."""

        server = Server(("127.0.0.1", 0), Handler)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
