"""A watched command: it ends with its parent, however that ends, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.tools.lifeline import Lifeline
from tools.problems import ROOT

Start = Callable[..., "subprocess.Popen[bytes]"]
WATCHED = [sys.executable, "-m", "tests.simulation.watched", sys.executable, "-c"]
IMPATIENT = (
    "import sys; from tests.simulation import watched; watched._GRACE = 0.3; sys.exit(watched.main(sys.argv[1:]))"
)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a watched piece of Python, whose parent is the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(code: str, *before: str) -> subprocess.Popen[bytes]:
        command = [*(before or WATCHED), code]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        process.communicate()


@pytest.mark.parametrize("status", [0, 1, 3, 255])
def test_the_status_of_the_command_is_passed_on(start: Start, status: int) -> None:
    assert start(f"import sys; sys.exit({status})").wait(10) == status


def test_a_command_that_was_killed_did_not_end_well(start: Start) -> None:
    assert start("import os; os.kill(os.getpid(), 9)").wait(10) != 0


def test_the_command_sees_no_input_of_its_own(start: Start) -> None:
    process = start("import sys; sys.exit(5 if sys.stdin.read() == '' else 6)")
    assert process.wait(10) == 5


def test_words_on_its_input_do_not_stop_it(start: Start, lifeline: Lifeline) -> None:
    process = start(lifeline.holder("command"))
    assert lifeline.heard("command lives")
    assert process.stdin is not None
    process.stdin.write(b"x" * 10000)
    process.stdin.flush()
    assert not lifeline.silent(within=0.3)
    process.communicate()
    assert lifeline.silent()


def test_when_the_parent_closes_the_input_the_command_is_asked_and_ends_with_all_it_started(
    start: Start, lifeline: Lifeline
) -> None:
    process = start(lifeline.holder("command", beside=lifeline.holder("grandchild")))
    assert lifeline.heard("command lives")
    assert lifeline.heard("grandchild lives")
    process.communicate()
    assert lifeline.silent()
    assert lifeline.heard("command asked", within=0)
    assert process.returncode == 7  # the command's own, after it was asked


def test_who_does_not_heed_is_killed_after_a_while(start: Start, lifeline: Lifeline) -> None:
    stubborn = lifeline.holder("grandchild", stubborn=True)
    process = start(
        lifeline.holder("command", stubborn=True, beside=stubborn),
        sys.executable,
        "-c",
        IMPATIENT,
        sys.executable,
        "-c",
    )
    assert lifeline.heard("command lives")
    assert lifeline.heard("grandchild lives")
    began = time.monotonic()
    process.communicate()
    assert 0.3 <= time.monotonic() - began < 4
    assert lifeline.silent()
    assert lifeline.heard("command asked", within=0)
    assert lifeline.heard("grandchild asked", within=0)
    assert process.returncode != 0


def test_the_grace_is_short_enough_to_wait_for_and_long_enough_to_clean_up() -> None:
    from tests.simulation import watched

    assert 1 <= watched._GRACE <= 10


def test_a_grandchild_that_does_not_heed_outlives_its_parent_by_nothing(start: Start, lifeline: Lifeline) -> None:
    process = start(lifeline.holder("command", beside=lifeline.holder("grandchild", stubborn=True)))
    assert lifeline.heard("command lives")
    assert lifeline.heard("grandchild lives")
    process.communicate()
    assert lifeline.silent()


def test_what_a_command_leaves_behind_when_it_ends_by_itself_ends_too(start: Start, lifeline: Lifeline) -> None:
    process = start(lifeline.holder("command", beside=lifeline.holder("grandchild"), seconds=0))
    assert process.wait(10) == 0
    assert lifeline.silent()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_when_the_parent_is_ended_by_a_signal(lifeline: Lifeline, number: signal.Signals) -> None:
    command = [*WATCHED, lifeline.holder("command", beside=lifeline.holder("grandchild"))]
    parent = (
        "import subprocess, time\n"
        f"watched = subprocess.Popen({command!r}, stdin=subprocess.PIPE, start_new_session=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stderr=subprocess.DEVNULL)
    try:
        assert lifeline.heard("command lives")
        assert lifeline.heard("grandchild lives")
        process.send_signal(number)
        assert process.wait(10) != 0
        assert lifeline.silent()
    finally:
        process.kill()
        process.wait()


def test_ctrl_c_stops_neither_the_watcher_nor_the_command(start: Start, lifeline: Lifeline) -> None:
    process = start(lifeline.holder("command", beside=lifeline.holder("grandchild")))
    assert lifeline.heard("command lives")
    assert lifeline.heard("grandchild lives")
    for _ in range(3):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert not lifeline.silent(within=0.1)
    assert process.poll() is None
    process.communicate()
    assert lifeline.silent()
    assert process.returncode == 7


def test_the_command_itself_can_be_interrupted_as_any_other(start: Start) -> None:
    code = "import signal, sys; sys.exit(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert start(code).wait(10) == 1
