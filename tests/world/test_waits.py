"""How long the local AWS hides a message of a queue, in a hurry or not."""

from __future__ import annotations

import secrets
import time
from typing import Any

import pytest

from tests.simulation.hurry import in_a_hurry
from tests.world.account import Account

HOUR = 3_600  # seconds


class Queue:
    """A queue and what is done with its messages."""

    def __init__(self, account: Account) -> None:
        self.sqs = account.sqs
        self.url: str = self.sqs.create_queue(QueueName=f"queue-{secrets.token_hex(4)}")["QueueUrl"]

    def send(self, body: str = "text", delay: int = 0) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body, DelaySeconds=delay)

    def receive(self, wait: int = 0, **options: Any) -> list[dict[str, Any]]:
        received: list[dict[str, Any]] = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=wait, **options
        ).get("Messages", [])
        return received

    def hide(self, message: dict[str, Any], seconds: int) -> None:
        self.sqs.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )


@pytest.fixture
def queue(account: Account) -> Queue:
    return Queue(account)


def test_in_a_hurry_a_chosen_wait_is_divided(queue: Queue) -> None:
    with in_a_hurry(queue.sqs, queue.url, HOUR):
        queue.send()
        [message] = queue.receive()
        queue.hide(message, HOUR)
        assert queue.receive() == []
        [message] = queue.receive(wait=5)
        entry = {"Id": "one", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": HOUR}
        queue.sqs.change_message_visibility_batch(QueueUrl=queue.url, Entries=[entry])
        assert queue.receive() == []
        [message] = queue.receive(wait=5)


def test_in_a_hurry_a_delay_is_divided(queue: Queue) -> None:
    with in_a_hurry(queue.sqs, queue.url, 300):
        queue.send(delay=600)
        assert queue.receive() == []
        assert len(queue.receive(wait=5)) == 1


def test_who_is_at_work_on_a_message_is_given_the_time_the_queue_has(queue: Queue) -> None:
    with in_a_hurry(queue.sqs, queue.url, HOUR):
        queue.send()
        assert len(queue.receive()) == 1
        assert queue.receive(wait=1) == []
    with in_a_hurry(queue.sqs, queue.url, HOUR, timeout=1):
        queue.send()
        assert len(queue.receive()) == 1
        assert len(queue.receive(wait=5)) == 1


def test_the_others_messages_and_other_queues_wait_as_long_as_ever(account: Account, queue: Queue) -> None:
    other = Queue(account)
    with in_a_hurry(queue.sqs, queue.url, HOUR):
        for each in (queue, other):
            each.send("hidden")
        [hidden] = other.receive()
        other.hide(hidden, 60)
        [first] = queue.receive()
        queue.send("second")
        [second] = queue.receive()
        queue.hide(second, HOUR)
        assert [message["Body"] for message in queue.receive(wait=3)] == ["second"]
        assert other.receive() == []
    assert first["Body"] == "hidden"


def test_afterwards_the_queue_is_as_it_was(queue: Queue) -> None:
    def told() -> tuple[dict[str, str], dict[str, str]]:
        attributes = queue.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["VisibilityTimeout"])
        return attributes["Attributes"], queue.sqs.list_queue_tags(QueueUrl=queue.url).get("Tags", {})

    before = told()
    with in_a_hurry(queue.sqs, queue.url, HOUR, timeout=5):
        assert told() != before
    assert told() == before
    queue.send()
    [message] = queue.receive()
    queue.hide(message, HOUR)
    time.sleep(1.1)
    assert queue.receive() == []
