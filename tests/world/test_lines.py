"""What a function of the local AWS writes is in the log when its invocation ends."""

from __future__ import annotations

import base64
import io
import queue
import secrets
import threading
import time
import zipfile
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from tests.simulation.emulator import lines
from tests.simulation.emulator.ministack import lambda_runtime
from tests.world.account import Account

WRITING = """
def handler(event, context):
    for number in range(event["lines"]):
        print(event["name"], number)
    if event.get("fails"):
        raise ValueError("so it was asked")
"""


def test_every_line_is_in_the_log_of_its_own_invocation(account: Account) -> None:
    name, packed = f"writing-{secrets.token_hex(4)}", io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("writing.py", WRITING)
    account.functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=account.role(name=name),
        Handler="writing.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    for payload, expected in (
        (b'{"name": "first", "lines": 3}', ["first 0", "first 1", "first 2"]),
        (b'{"name": "silent", "lines": 0}', []),
        (b'{"name": "failing", "lines": 1, "fails": true}', ["failing 0"]),
        (b'{"name": "last", "lines": 2}', ["last 0", "last 1"]),
    ):
        answer = account.functions.invoke(FunctionName=name, Payload=payload, LogType="Tail")
        written = base64.b64decode(answer.get("LogResult", "")).decode().split("\n")
        words = ("first", "silent", "failing", "last")
        assert [line for line in written if line.startswith(words)] == expected
        assert not [line for line in written if lines._END in line]


def collected(pauses: Sequence[float], *, says_end: bool) -> list[str]:
    """Collect what a process writes that pauses so many seconds before each line."""
    written: queue.Queue[str] = queue.Queue()

    def write() -> None:
        for number, pause in enumerate(pauses):
            time.sleep(pause)
            written.put(str(number))
        if says_end:
            written.put(lines._END)
            time.sleep(10)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    worker = SimpleNamespace(_stderr_queue=written, _stderr_thread=thread)
    return lines.to_the_end(lambda: "")(worker).split("\n")


@pytest.mark.parametrize("says_end", [True, False])
def test_a_pause_is_not_the_end(says_end: bool) -> None:
    assert collected([0, 0.1, 0.02, 0.1], says_end=says_end) == ["0", "1", "2", "3"]


def test_nobody_is_waited_for_after_the_end() -> None:
    began = time.monotonic()
    assert collected([], says_end=True) == [""]
    assert collected([], says_end=False) == [""]
    assert time.monotonic() - began < 2


def test_a_release_that_does_it_otherwise_is_noticed() -> None:
    assert lines.ended(lambda_runtime._PYTHON_WORKER_SCRIPT) != lambda_runtime._PYTHON_WORKER_SCRIPT
    with pytest.raises(LookupError, match="no longer"):
        lines.ended("run()")
