"""One local world and one apply for all end-to-end tests; each test leaves it as it found it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from world.world import HOST, ROOT, World, empty_bucket, local_world, wait_for

FOLDER = ROOT / ".logs" / "e2e"


@pytest.fixture(scope="session")
def applied(pytestconfig: pytest.Config) -> Iterator[World]:
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")

    def say(line: str) -> None:
        reporter.write_line(line)

    with local_world(FOLDER, say) as world:
        world.terraform.apply()
        yield world
        empty_bucket(world)
        world.terraform.destroy()


@pytest.fixture
def world(applied: World) -> Iterator[World]:
    """The world, healthy and quiet before and after each test."""
    applied.control.clear_faults()
    applied.control.reset_limits()
    applied.control.forget_requests()
    yield applied
    applied.control.clear_faults()
    drained(applied)


@pytest.fixture
def site(world: World) -> Site:
    return Site(world)


class Site:
    """The website: its objects, its visitors, its queues and the function behind them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._s3 = world.client("s3")
        self.sqs = world.client("sqs")
        self._lambda = world.client("lambda")
        self._logs = world.client("logs")
        self.outputs = world.terraform.outputs()

    def put(self, key: str, text: str = "text") -> float:
        """Upload and return the time just before it, for `purge_of`."""
        before = time.time()
        self._s3.put_object(Bucket=HOST, Key=key, Body=text.encode())
        return before

    def put_and_purge(self, key: str, text: str) -> None:
        self.world.purge_of(url(key), self.put(key, text))

    def delete(self, key: str) -> float:
        before = time.time()
        self._s3.delete_object(Bucket=HOST, Key=key)
        return before

    def reads(self, path: str, **headers: str) -> tuple[int, str, str | None]:
        seen = self.world.visitor.visit(f"https://{HOST}/{path}", headers)
        return seen.status, seen.text, seen.cache_status

    def send(self, body: str) -> str:
        sent: str = self.sqs.send_message(QueueUrl=self.outputs["queue_url"], MessageBody=body)["MessageId"]
        return sent

    def invoke(self, event: Any) -> tuple[Any, str | None]:
        """Invoke by hand; return the answer and the kind of error, if it is one."""
        answer = self._lambda.invoke(FunctionName=self.outputs["function_name"], Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def purged_urls(self) -> list[str]:
        accepted = [request for request in self.world.control.requests() if request.status == 200]
        return [item for request in accepted for item in request.body["files"]]

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

        return wait_for(probe, 30, f"no line {message!r} in the log")

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
        """Return how many messages are in the queue, handed out or not."""
        return waiting(self.world, self.outputs["queue_url"])


def url(path: str) -> str:
    return f"https://{HOST}/{path}"


def waiting(world: World, queue_url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = world.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(counts[name]) for name in names)


def drained(world: World) -> None:
    """Wait for what still comes, then throw away what only waits for a time that no test has."""
    queue_url = world.terraform.outputs()["queue_url"]
    try:
        wait_for(lambda: waiting(world, queue_url) == 0, 10, "the queue is not empty")
    except TimeoutError:
        world.client("sqs").purge_queue(QueueUrl=queue_url)


def _at(line: dict[str, Any]) -> float:
    if "_aws" in line:
        return float(line["_aws"]["Timestamp"]) / 1000
    from datetime import datetime

    return datetime.fromisoformat(line["timestamp"]).timestamp()
