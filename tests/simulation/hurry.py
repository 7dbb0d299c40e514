"""A queue in a hurry: what a message waits for minutes on AWS takes seconds here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TAG = "local-world:waits-divided-by"


@contextmanager
def in_a_hurry(sqs: Any, queue_url: str, divisor: int, timeout: int | None = None) -> Iterator[None]:
    """Divide the waits that are chosen for a queue's messages, for as long as the block.

    `timeout` takes the place of the queue's own visibility timeout, in seconds and not divided: nobody at work on
    messages is to lose them.
    """
    kept = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.tag_queue(QueueUrl=queue_url, Tags={TAG: str(divisor)})
    if timeout is not None:
        sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"VisibilityTimeout": str(timeout)})
    try:
        yield
    finally:
        sqs.untag_queue(QueueUrl=queue_url, TagKeys=[TAG])
        sqs.set_queue_attributes(QueueUrl=queue_url, Attributes=kept)
