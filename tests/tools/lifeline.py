"""Tells whether processes live, however far they are from the test that had them started."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType


class Lifeline:
    """A pipe with a name: who opens it is seen to live, and seen to die when the system closes it for them.

    Unlike a process id it is not taken by another, and nobody needs to wait for the dead.
    """

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._said = ""

    def __enter__(self) -> Lifeline:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._reader)

    def holder(self, name: str, *, stubborn: bool = False, beside: str = "", seconds: int = 60) -> str:
        """Return Python source that holds the line for a minute, after saying its name.

        Stubborn: it does not heed SIGTERM, else it says so and goes. `beside` is run in a process that it starts.
        """
        return (
            "import signal, subprocess, sys, time\n"
            f"line = open({str(self.path)!r}, 'a', buffering=1)\n"
            "def asked(*_):\n"
            f"    line.write('{name} asked\\n')\n"
            f"    {'return' if stubborn else 'sys.exit(7)'}\n"
            "signal.signal(signal.SIGTERM, asked)\n"
            f"beside = {beside!r}\n"
            "child = subprocess.Popen([sys.executable, '-c', beside]) if beside else None\n"
            f"line.write('{name} lives\\n')\n"
            f"deadline = time.monotonic() + {seconds}\n"
            "while time.monotonic() < deadline:\n"
            "    time.sleep(0.05)\n"
        )

    def heard(self, words: str, within: float = 20) -> bool:
        """Wait until somebody has said this."""
        deadline = time.monotonic() + within
        while words not in self._said and time.monotonic() < deadline:
            if not self._read():
                time.sleep(0.01)
        return words in self._said

    def silent(self, within: float = 10) -> bool:
        """Wait until nobody holds the line any more."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self._read() is None:
                return True
            time.sleep(0.01)
        return False

    def _read(self) -> str | None:
        """Return what is there to be read, and None where nobody is at the other end."""
        try:
            new = os.read(self._reader, 65536).decode()
        except BlockingIOError:
            return ""
        self._said += new
        return new or None
