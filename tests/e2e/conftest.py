"""One local world for all end-to-end tests, with two applies: examples/local, and all other roots together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.roots import DEPLOYMENTS, SITES, composed
from world.aws import ACCOUNT
from world.cloudflare.client import ApiRequest
from world.terraform import Terraform
from world.world import HOST, ROOT, World, empty_bucket, local_world, wait_for

FOLDER = ROOT / ".logs" / "e2e"


@dataclass(frozen=True)
class Started:
    """The world, with both applies under way or done."""

    world: World
    local: Future[None]
    roots: Terraform | None  # None when no test of this run needs them
    roots_applied: Future[None] | None


@pytest.fixture(scope="session")
def started(request: pytest.FixtureRequest) -> Iterator[Started]:
    reporter = request.config.pluginmanager.getplugin("terminalreporter")

    def say(line: str) -> None:
        reporter.write_line(line)

    wanted = any("deployed" in getattr(item, "fixturenames", ()) for item in request.session.items)
    with local_world(FOLDER, say, SITES) as world, ThreadPoolExecutor() as threads:
        local = threads.submit(world.terraform.apply)
        roots = composed(world, FOLDER / "roots", say) if wanted else None
        started = Started(world, local, roots, threads.submit(roots.apply) if roots else None)
        yield started
        empty_bucket(world)
        ended = [threads.submit(terraform.destroy) for terraform in (world.terraform, roots) if terraform]
        for future in ended:
            future.result()


@pytest.fixture(scope="session")
def applied(started: Started) -> World:
    """The world with examples/local applied."""
    started.local.result()
    return started.world


@pytest.fixture(scope="session")
def roots(started: Started) -> Terraform:
    """All other roots, applied."""
    assert started.roots is not None
    assert started.roots_applied is not None
    started.roots_applied.result()
    return started.roots


@pytest.fixture
def quiet(started: Started) -> Iterator[World]:
    """The simulated Cloudflare, healthy and without memory before and after each test."""
    control = started.world.control
    control.clear_faults()
    control.reset_limits()
    control.forget_requests()
    yield started.world
    control.clear_faults()


@pytest.fixture
def world(applied: World, quiet: World) -> World:
    return quiet


@pytest.fixture
def site(world: World) -> Iterator[Site]:
    """The website of examples/local."""
    site = Site(world, "cf-purge", HOST, HOST)
    yield site
    site.drain()


@pytest.fixture
def deployed(roots: Terraform, quiet: World) -> Iterator[Callable[[str], Site]]:
    """The website of any other root, by the name of its folder."""
    sites: list[Site] = []

    def by_name(name: str, host: str | None = None) -> Site:
        deployment = DEPLOYMENTS[name]
        sites.append(Site(quiet, deployment.name, deployment.bucket, host or deployment.bucket))
        return sites[-1]

    yield by_name
    for site in sites:
        site.drain()


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

    def purged_urls(self) -> list[Any]:
        return self.purges()

    def purge_of(self, item: Any, kind: str = "files", timeout: float = 30) -> None:
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
        """Return how many messages are in the queue, handed out, delayed or neither."""
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.outputs["queue_url"], AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def empties(self) -> None:
        """Wait until nothing is in the queue: a message is deleted a moment after Cloudflare has its purge."""
        wait_for(lambda: self.waiting() == 0, 10, "there is still a message in the queue")

    def drain(self) -> None:
        """Wait for what still comes, then throw away what only waits for a time that no test has."""
        try:
            wait_for(lambda: self.waiting() == 0, 10, "the queue is not empty")
        except TimeoutError:
            self.sqs.purge_queue(QueueUrl=self.outputs["queue_url"])


def url(path: str) -> str:
    return f"https://{HOST}/{path}"


def _at(line: dict[str, Any]) -> float:
    if "_aws" in line:
        return float(line["_aws"]["Timestamp"]) / 1000
    from datetime import datetime

    return datetime.fromisoformat(line["timestamp"]).timestamp()
