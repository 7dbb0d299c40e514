"""A website of the local world: its objects, visitors, queues and function."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from tests.simulation.aws import ACCOUNT
from tests.simulation.cloudflare.journal import ApiRequest
from tests.simulation.cloudflare.visitor import Visit
from tests.simulation.emulator import DELAYS_DIVIDED_BY
from tests.simulation.world import HOST, World, wait_for


class Site:
    """The website of examples/local, or of another root."""

    def __init__(self, world: World, name: str = "cf-purge", bucket: str = HOST, host: str = "") -> None:
        self.world = world
        self.name = name  # the module's
        self.bucket = bucket
        self.host = host or bucket
        self.queue_url = f"{world.aws_url}/{ACCOUNT}/{name}"
        self.dlq_url = f"{self.queue_url}-dlq"
        self.log_group = f"/aws/lambda/{name}"
        self.sqs = world.client("sqs")
        self._s3 = world.client("s3")
        self._lambda = world.client("lambda")
        self._logs = world.client("logs")

    def url(self, path: str) -> str:
        return f"https://{self.host}/{path}"

    def put(self, key: str, text: str = "text") -> float:
        """Upload and return the time just before it, for `purge_of`."""
        before = time.time()
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())
        return before

    def put_and_purge(self, key: str, text: str) -> None:
        self.purge_of(self.url(key), since=self.put(key, text))

    def delete(self, key: str) -> float:
        """Delete and return the time just before it."""
        before = time.time()
        self._s3.delete_object(Bucket=self.bucket, Key=key)
        return before

    def visit(self, path: str, **headers: str) -> Visit:
        return self.world.visitor.visit(self.url(path), headers)

    def reads(self, path: str, **headers: str) -> tuple[int, str, str | None]:
        """Visit; return status, text and CF-Cache-Status."""
        seen = self.visit(path, **headers)
        return seen.status, seen.text, seen.cache_status

    def send(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)

    def invoke(self, event: Any) -> tuple[Any, str | None]:
        """Invoke directly; return the answer and the kind of error, if it is one."""
        answer = self._lambda.invoke(FunctionName=self.name, Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def accepted(self) -> list[ApiRequest]:
        """Return the purge requests that Cloudflare accepted, in order."""
        return [
            request
            for request in self.world.control.requests()
            if request.kind and request.status == 200 and request.fault in (None, "delay")
        ]

    def purges(self, kind: str = "files") -> list[Any]:
        """Return the items of one kind that Cloudflare accepted, in order."""
        return [item for request in self.accepted() for item in request.body.get(kind, ())]

    def purge_of(self, item: Any, kind: str = "files", *, since: float = 0, timeout: float = 60) -> ApiRequest:
        """Wait for the purge of an item and return its request."""

        def probe() -> ApiRequest | None:
            requests = (request for request in self.accepted() if request.time >= since)
            return next((request for request in requests if item in request.body.get(kind, ())), None)

        return wait_for(probe, timeout, f"no purge of {item}")

    def dead_letter(self) -> Any:
        """Wait for a dead letter, delete it and return it."""

        def received() -> list[Any] | None:
            answer = self.sqs.receive_message(QueueUrl=self.dlq_url, MessageAttributeNames=["All"])
            messages: list[Any] | None = answer.get("Messages")
            return messages

        [letter] = wait_for(received, 60, "there is no dead letter")
        self.sqs.delete_message(QueueUrl=self.dlq_url, ReceiptHandle=letter["ReceiptHandle"])
        return letter

    def log_lines(self, since: float) -> list[dict[str, Any]]:
        """Return the function's own lines since a time, without those of the platform."""
        events = self._logs.filter_log_events(logGroupName=self.log_group, startTime=int(since * 1000) - 1000)["events"]
        lines = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
        return [line for line in lines if "timestamp" in line and time_of(line) >= since]

    def log_line(self, since: float, message: str, **fields: Any) -> dict[str, Any]:
        """Wait for a line with this message and these fields, and return it."""
        wanted = {"message": message, **fields}

        def probe() -> dict[str, Any] | None:
            return next((line for line in self.log_lines(since) if wanted.items() <= line.items()), None)

        return wait_for(probe, 60, f"no line {wanted} in the log")

    @contextmanager
    def reconfigured(self, change: Callable[[dict[str, Any]], object]) -> Iterator[None]:
        """Change the function's configuration outside Terraform for as long as the block."""
        variables = self._lambda.get_function_configuration(FunctionName=self.name)["Environment"]["Variables"]
        document = json.loads(variables["CF_PURGE_CONFIG"])
        change(document)
        self._configure({**variables, "CF_PURGE_CONFIG": json.dumps(document)})
        try:
            yield
        finally:
            self._configure(variables)

    def _configure(self, variables: dict[str, str]) -> None:
        self._lambda.update_function_configuration(FunctionName=self.name, Environment={"Variables": variables})

    @contextmanager
    def hurried(self, divisor: int, timeout: int | None = None) -> Iterator[None]:
        """Divide the delays that the function sets, for as long as the block.

        `timeout` replaces the queue's visibility timeout, in seconds and undivided.
        """
        names = ["VisibilityTimeout"]
        kept = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)["Attributes"]
        self.sqs.tag_queue(QueueUrl=self.queue_url, Tags={DELAYS_DIVIDED_BY: str(divisor)})
        if timeout is not None:
            self.sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes={"VisibilityTimeout": str(timeout)})
        try:
            yield
        finally:
            self.sqs.untag_queue(QueueUrl=self.queue_url, TagKeys=[DELAYS_DIVIDED_BY])
            self.sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes=kept)

    def waiting(self) -> int:
        """Return how many messages are in the queue, in flight, delayed or neither."""
        return self._count(self.queue_url, "", "NotVisible", "Delayed")

    def in_flight(self) -> int:
        """Return how many messages are in flight, or returned for later."""
        return self._count(self.queue_url, "NotVisible")

    def dead(self) -> int:
        return self._count(self.dlq_url, "", "NotVisible")

    def _count(self, queue_url: str, *kinds: str) -> int:
        names = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
        answer = self.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def empties(self, timeout: float = 180) -> None:
        """Wait until the queue stays empty: S3 sends a message a moment after the upload."""
        for _ in range(3):
            wait_for(lambda: self.waiting() == 0, timeout, "there are still messages in the queue")
            time.sleep(0.1)

    def drain(self) -> None:
        """Wait for messages in flight, then delete those that are delayed beyond the test."""
        with suppress(TimeoutError):
            wait_for(lambda: self._count(self.queue_url, "", "NotVisible") == 0, 10, "the queue is not empty")
        self.sqs.purge_queue(QueueUrl=self.queue_url)


def time_of(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["timestamp"]).timestamp()
