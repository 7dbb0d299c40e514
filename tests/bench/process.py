"""One measured process: fed events on standard input, answering on standard output."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

_PATIENCE = 120.0  # seconds until an answer


class Failed(Exception):
    """The process did not do what is measured; the text is its last output."""


class Reply(NamedTuple):
    """The result of one event."""

    ms: float  # until the answer, from the start of the process for its first event, otherwise from the event
    cpu: float  # milliseconds, user and system, the start included for the first event
    result: Any
    error: str | None


class Process:
    """`python ARGUMENTS` in a separate folder, with only the given environment."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *arguments: str) -> None:
        self._output = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self._cpu = 0.0
        self._began: float | None = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._output,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._output.close()

    def ask(self, event: bytes) -> Reply:
        """Send one event, JSON on one line, and wait for its answer.

        Raises:
            Failed: the process ended, or did not answer in two minutes.
        """
        stdin: Any = self._process.stdin
        stdout: Any = self._process.stdout
        began, self._began = self._began or time.perf_counter(), None
        alarm = threading.Timer(_PATIENCE, self._process.kill)
        alarm.start()
        try:
            stdin.write(event + b"\n")
            stdin.flush()
            line = stdout.readline()
            ms = (time.perf_counter() - began) * 1000
        except BrokenPipeError:
            line = b""
        finally:
            alarm.cancel()
        if not line:
            self._output.seek(0)
            raise Failed(f"The process ended without an answer: {self._output.read()[-2000:]}")
        answer = json.loads(line)
        cpu, self._cpu = (answer["cpu"] - self._cpu) * 1000, answer["cpu"]
        return Reply(ms, cpu, answer.get("result"), answer.get("error"))

    @property
    def peak(self) -> float:
        """The peak resident memory in MB of 1,048,576 bytes, as Lambda counts. Linux only."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        return int(kilobytes) / 1024
