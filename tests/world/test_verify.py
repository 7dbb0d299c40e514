"""`verify` against the simulated edge; the queue between the looks is a list."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from cf_purge.config import Verify
from cf_purge.sqs import Sqs
from tests.support.factories import s3_event, sqs_event
from tests.support.names import QUEUE_ARN
from tests.world.conftest import World

HOST = "www.example.test"
A = f"https://{HOST}/a.css"
NEW_ETAG = sha256(b"new").hexdigest()[:16]  # of the simulated origin


@pytest.mark.parametrize(
    ("order", "verdicts"),
    [({"by": "files"}, ["stale", "fresh"]), ({"times": 1}, ["stale", "fresh"]), ({}, ["stale", "stale", "stale"])],
    ids=repr,
)
@pytest.mark.parametrize("verify", [Verify(0), None], ids=["verify", "without"])
def test_a_copy_that_survives_its_purge_becomes_fresh_only_with_verify(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verify: Verify | None,
    order: dict[str, Any],
    verdicts: list[str],
) -> None:
    queue: list[str] = []

    def sent(_: Sqs, messages: list[tuple[str, int]], __: float) -> list[str]:
        queue.extend(body for body, _delay in messages)
        return ["id"] * len(messages)

    monkeypatch.setattr(Sqs, "send_all", sent)
    monkeypatch.setattr("cf_purge.verify._SECONDS", 40.0)  # the simulation may share a busy processor
    world.site.put("/a.css", "old")
    world.fill(A)
    time.sleep(1.1)  # Age has whole seconds
    world.control.keep_copies(**order)
    world.site.put("/a.css", "new")
    event = s3_event("a.css", bucket="bucket", time=datetime.now(UTC).isoformat())
    event["Records"][0]["s3"]["object"]["eTag"] = NEW_ETAG
    function = world.function(verify=verify, queue_arn=QUEUE_ARN)
    function.invoke(sqs_event(event), None)
    while queue:
        function.invoke(sqs_event(queue.pop()), None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    seen = [line["verdict"] for line in lines if line.get("message") == "seen"]
    assert seen == (verdicts if verify else [])
    world.control.clear_faults()
    assert world.visitor.visit(A).text == ("new" if verify and order else "old")
