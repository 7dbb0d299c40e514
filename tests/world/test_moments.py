"""The local AWS tells when a function was handed an event, and when its process was ready for it."""

from __future__ import annotations

import io
import json
import secrets
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.world import wait_for
from tests.world import account as accounts
from tests.world.account import allow

STARTS_IN, TAKES = 0.2, 0.3  # seconds
SLOW = f"""
import time
time.sleep({STARTS_IN})

def handler(event, context):
    time.sleep({TAKES})
"""


def moments(log: Path, name: str) -> list[dict[str, Any]]:
    lines = [line[line.index('{"moment"') :] for line in log.read_text().splitlines() if '{"moment"' in line]
    return [moment for moment in map(json.loads, lines) if moment["function"] == name]


def test_each_event_is_told_when_it_is_handed_over_and_a_process_when_it_is_ready(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder, name = tmp_path_factory.mktemp("aws"), f"slow-{secrets.token_hex(4)}"
    log = folder / "aws.log"
    with accounts.local_account(folder) as account:
        url = account.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as package:
            package.writestr("slow.py", SLOW)
        account.functions.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=account.role(allow("sqs:*", arn), name=name),
            Handler="slow.handler",
            Code={"ZipFile": packed.getvalue()},
        )
        account.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name)
        before = time.time()
        account.sqs.send_message(QueueUrl=url, MessageBody="first")
        wait_for(lambda: len(moments(log, name)) == 2, 20, "no process")
        account.functions.invoke(FunctionName=name, Payload=json.dumps(["no", "records"]).encode())
        after = time.time()

    told = moments(log, name)
    first, ready = told[:2]
    assert (first["moment"], ready["moment"]) == ("handed", "ready")
    [sent] = first["sent"]
    assert before - 0.001 <= sent <= first["at"] + 0.001
    assert ready["at"] - first["at"] >= STARTS_IN
    assert told[2]["moment"] == "handed"
    assert told[2]["sent"] == []
    assert told[2]["at"] <= after
