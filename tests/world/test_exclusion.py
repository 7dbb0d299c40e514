"""That the local AWS keeps every message and hands it out once, however many are at its queue."""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.simulation.world import wait_for
from tests.world.account import Account, allow

COUNT = 1_000
SAYING = """
import json, os

def handler(event, context):
    with open(os.environ["SEEN"], "a") as seen:
        seen.writelines(record["body"] + "\\n" for record in event["Records"])
"""


def test_beside_a_mapping_every_message_is_kept_and_handed_out_once(account: Account, tmp_path: Path) -> None:
    """Some go to a function, some to whoever receives and deletes them, while the bucket keeps sending."""
    name, seen, received = f"busy-{secrets.token_hex(4)}", tmp_path / "seen", list[str]()
    url, arn = _queue(account, name)
    _mapping(account, name, arn, seen)

    def put(number: int) -> None:
        account.s3.put_object(Bucket=name, Key=str(number), Body=b"text")

    def take(_: int) -> int:
        messages = account.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        received.extend(_key(message["Body"]) for message in messages)
        entries = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)]
        if entries:
            deleted = account.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
            assert len(deleted["Successful"]) == len(entries)
        return len(messages)

    with ThreadPoolExecutor(12) as threads:
        puts = [threads.submit(put, number) for number in range(COUNT)]
        while not all(future.done() for future in puts):
            take(0)
        for future in puts:
            future.result()

    def all_of_them() -> list[str]:
        return received + [_key(line) for line in seen.read_text().splitlines()]

    wait_for(lambda: len(all_of_them()) >= COUNT, 60, "messages are lost")
    assert sorted(all_of_them(), key=int) == [str(number) for number in range(COUNT)]
    assert len(received) > COUNT / 100
    assert len(received) < COUNT


def _queue(account: Account, name: str) -> tuple[str, str]:
    """Make a bucket and the queue that it notifies; return the queue's URL and ARN."""
    account.s3.create_bucket(Bucket=name)
    url = account.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
    arn = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = allow("sqs:SendMessage", arn) | {"Principal": {"Service": "s3.amazonaws.com"}}
    account.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
    notified = [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
    account.s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"QueueConfigurations": notified}
    )
    account.sqs.purge_queue(QueueUrl=url)  # S3's message at every change of its notification
    return url, arn


def _mapping(account: Account, name: str, arn: str, seen: Path) -> None:
    """Map the queue to a function that says what it got."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("saying.py", SAYING)
    actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    account.functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=account.role(allow(actions, arn), name=name),
        Handler="saying.handler",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"SEEN": str(seen)}},
    )
    account.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name, BatchSize=10)


def _key(body: str) -> str:
    record: dict[str, Any] = json.loads(body)["Records"][0]
    key: str = record["s3"]["object"]["key"]
    return key
