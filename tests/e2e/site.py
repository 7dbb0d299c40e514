"""A website of the local world, seen from all sides."""

import json
import ssl
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from tests.simulation.aws import ACCOUNT
from tests.simulation.cloudflare.journal import ApiRequest
from tests.simulation.world import HOST, World, wait_for


class Site:
    """A website: its objects, its visitors, its queues and the function behind them."""

    def __init__(self, world: World, name: str, bucket: str, host: str) -> None:
        self.world = world
        self.name = name
        self.bucket = bucket
        self.host = host
        self._s3 = world.client("s3")
        self.sqs = world.client("sqs")
        self._lambda = world.client("lambda")
        self._logs = world.client("logs")
        self.outputs = {
            "function_name": name,
            "queue_url": f"{world.aws_url}/{ACCOUNT}/{name}",
            "dlq_url": f"{world.aws_url}/{ACCOUNT}/{name}-dlq",
            "log_group_name": f"/aws/lambda/{name}",
        }

    def url(self, path: str) -> str:
        return f"https://{self.host}/{path}"

    def put(self, key: str, text: str = "text") -> float:
        """Upload and return the time just before it, for `purge_of`."""
        before = time.time()
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())
        return before

    def put_and_purge(self, key: str, text: str) -> None:
        self.world.purge_of(self.url(key), self.put(key, text))

    def delete(self, key: str) -> float:
        before = time.time()
        self._s3.delete_object(Bucket=self.bucket, Key=key)
        return before

    def reads(self, path: str, **headers: str) -> tuple[int, str, str | None]:
        seen = self.world.visitor.visit(self.url(path), headers)
        return seen.status, seen.text, seen.cache_status

    def send(self, body: str) -> str:
        sent: str = self.sqs.send_message(QueueUrl=self.outputs["queue_url"], MessageBody=body)["MessageId"]
        return sent

    def invoke(self, event: Any) -> tuple[Any, str | None]:
        """Invoke by hand; return the answer and the kind of error, if it is one."""
        answer = self._lambda.invoke(FunctionName=self.outputs["function_name"], Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def purges(self, kind: str = "files") -> list[Any]:
        """Return what Cloudflare accepted to purge of one kind, in order."""
        return [item for request in self.accepted() for item in (request.body or {}).get(kind, ())]

    def accepted(self) -> list[ApiRequest]:
        return [request for request in self.world.control.requests() if request.status == 200 and request.kind]

    def purge_of(self, item: Any, kind: str = "files", timeout: float = 60) -> None:
        """Wait for the purge of an item."""
        wait_for(lambda: item in self.purges(kind), timeout, f"no purge of {item}")

    def dead_letters(self, count: int = 1) -> list[Any]:
        """Wait for dead letters, take them and return them."""
        found: list[Any] = []

        def probe() -> bool:
            answer = self.sqs.receive_message(
                QueueUrl=self.outputs["dlq_url"], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            for message in answer.get("Messages", []):
                found.append(message)
                self.sqs.delete_message(QueueUrl=self.outputs["dlq_url"], ReceiptHandle=message["ReceiptHandle"])
            return len(found) >= count

        wait_for(probe, 60, f"fewer than {count} dead letters")
        return found

    def log_lines(self, since: float) -> list[dict[str, Any]]:
        """Return the function's own lines since a time; not what Lambda writes around them."""
        events = self._logs.filter_log_events(
            logGroupName=self.outputs["log_group_name"], startTime=int(since * 1000) - 1000
        )["events"]
        lines = [json.loads(e["message"]) for e in events if e["message"].startswith("{")]
        return [line for line in lines if _at(line) >= since]

    def log_line(self, since: float, message: str) -> dict[str, Any]:
        def probe() -> dict[str, Any] | None:
            return next((line for line in self.log_lines(since) if line.get("message") == message), None)

        return wait_for(probe, 60, f"no line {message!r} in the log")

    def metrics(self, since: float) -> dict[str, int]:
        """Return the sums of the metric lines since a time."""
        sums: dict[str, int] = {}
        for line in self.log_lines(since):
            for metric in line.get("_aws", {}).get("CloudWatchMetrics", [{}])[0].get("Metrics", []):
                if metric["Unit"] == "Count":
                    sums[metric["Name"]] = sums.get(metric["Name"], 0) + line[metric["Name"]]
        return sums

    def reconfigure(self, change: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Change the function's configuration behind Terraform's back; return how to change it back."""
        name = self.outputs["function_name"]
        variables = self._lambda.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        document = json.loads(variables["CF_PURGE_CONFIG"])
        change(document)
        changed = {**variables, "CF_PURGE_CONFIG": json.dumps(document)}
        self._lambda.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
        return lambda: self._lambda.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )

    def waiting(self) -> int:
        """Return how many messages are in the queue, handed out, delayed or neither."""
        return sum(self._counts("queue_url", "", "NotVisible", "Delayed"))

    def handed_out(self) -> int:
        """Return how many messages somebody is at work on, or was when they failed."""
        return sum(self._counts("queue_url", "NotVisible"))

    def dead(self) -> int:
        """Return how many dead letters there are now."""
        return sum(self._counts("dlq_url", "", "NotVisible"))

    def _counts(self, queue: str, *kinds: str) -> list[int]:
        names = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.outputs[queue], AttributeNames=names)
        return [int(answer["Attributes"][name]) for name in names]

    def receives(self) -> list[int]:
        """Return for every message in the queue how often it was received: the emulator tells it unasked."""
        trust = ssl.create_default_context(cafile=self.world.tls.authority)
        address = f"{self.world.aws_url}/_ministack/sqs/messages?QueueUrl={self.outputs['queue_url']}"
        with urllib.request.urlopen(address, timeout=60, context=trust) as answer:  # noqa: S310
            [[[messages]]] = ([list(r.values()) for r in a.values()] for a in json.load(answer)["messages"].values())
        return [message["ReceiveCount"] for message in messages]

    def empties(self) -> None:
        """Wait until nothing is in the queue: a message is deleted a moment after Cloudflare has its purge."""
        wait_for(lambda: self.waiting() == 0, 60, "there is still a message in the queue")

    def drain(self) -> None:
        """Wait for what is at work, then throw away what waits for a time that no test has."""
        with suppress(TimeoutError):
            wait_for(lambda: sum(self._counts("queue_url", "", "NotVisible")) == 0, 10, "the queue is not empty")
        self.sqs.purge_queue(QueueUrl=self.outputs["queue_url"])


def url(path: str) -> str:
    return f"https://{HOST}/{path}"


def _at(line: dict[str, Any]) -> float:
    if "_aws" in line:
        return float(line["_aws"]["Timestamp"]) / 1000
    return datetime.fromisoformat(line["timestamp"]).timestamp()
