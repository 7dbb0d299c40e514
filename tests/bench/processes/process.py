"""One fresh process: started, watched until it has answered, ended, and what it took."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes.runtime_api import RuntimeApi, Work

_PATIENCE = 120.0  # seconds until a process has answered; with little CPU it takes some


class Failed(Exception):
    """The process did not do what is measured; the text has its last output."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is started; the environment is all that it gets."""

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """Times in milliseconds since the process was spawned."""

    answered: float
    asked: float  # for its first event, so when its modules were imported; 0 without a runtime loop
    cpu: float  # user and system, milliseconds
    peak: float  # most resident memory, MB as Lambda counts them (1,048,576 bytes); 0 where the system does not tell
    answers: Sequence[bytes]
    output: str  # standard output and error


def function(
    command: Command,
    api: RuntimeApi,
    events: Sequence[bytes],
    before_first: Callable[[int], None] | None = None,
) -> Run:
    """Run a function under the runtime loop until all events are answered.

    `before_first` gets the process's id when it has asked for its first event and waits for it.

    Raises:
        Failed: it ended, or said that it failed, or did not answer.
    """
    pids: list[int] = []
    work = Work(events, None if before_first is None else lambda: before_first(pids[0]))
    api.work = work
    with open(command.folder / "output", "w+", encoding="utf-8", errors="replace") as output:
        with _started(command, output.fileno()) as (process, began):
            pids.append(process.pid)
            until = time.monotonic() + _PATIENCE
            while not work.is_done.wait(0.1) and process.poll() is None and time.monotonic() < until:
                pass
            peak = peak_of(process.pid)
            cpu = _end(process)
        work.release()
        output.seek(0)
        said = output.read()
    if work.error or len(work.answers) < len(events):
        raise Failed(f"{command.arguments} did not answer: {work.error or said[-2000:]}")
    return Run((work.answered[-1] - began) * 1e3, (work.asked[0] - began) * 1e3, cpu, peak, work.answers, said)


def script(command: Command) -> Run:
    """Run what answers on its standard output, until it has.

    Raises:
        Failed: it did not.
    """
    reading, writing = os.pipe()
    with (
        os.fdopen(reading, "rb", 0) as answer,
        os.fdopen(writing, "wb", 0) as told,
        _started(command, writing) as (process, began),
    ):
        told.close()  # so that the process's own end is the last one
        said = answer.read(1024)  # what it writes first, or nothing if it ends
        answered = (time.perf_counter() - began) * 1e3
        cpu = _end(process, is_killed=False)
    if not said or process.returncode:
        raise Failed(f"{command.arguments} ended with {process.returncode}.")
    return Run(answered, 0.0, cpu, 0.0, [said], said.decode())


def peak_of(pid: int) -> float:
    """Return the most memory that was resident, in MB of 1,048,576 bytes: not the parent's, as `wait4` may."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


@contextmanager
def _started(command: Command, output: int) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    began = time.perf_counter()
    process = subprocess.Popen(
        command.arguments,
        cwd=command.folder,
        env=dict(command.environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
    )
    try:
        yield process, began
    finally:
        if process.returncode is None:
            _end(process)


def _end(process: subprocess.Popen[bytes], *, is_killed: bool = True) -> float:
    """End a process, and return the milliseconds of CPU that it took."""
    if is_killed and process.returncode is None:
        os.kill(process.pid, signal.SIGKILL)
    if process.returncode is not None:  # it ended by itself, and was waited for
        return 0.0
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = 0 if is_killed else os.waitstatus_to_exitcode(status)
    return (usage.ru_utime + usage.ru_stime) * 1e3
