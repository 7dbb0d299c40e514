"""The processes that the local AWS runs a function's code in, found and killed."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.site import Site

_PROC = Path("/proc")


def kill(site: Site) -> int:
    """Kill a site's function wherever it is at work, without a chance to end well; return how many processes it was."""
    killed = 0
    for pid, command in _running():
        if f"{site.world.folder}/ministack-lambda-{site.name}-" in command:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


def _running() -> Iterator[tuple[int, str]]:
    """Yield the id and the command of every process."""
    if not _PROC.is_dir():
        listed = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=True).stdout
        for line in listed.splitlines():
            pid, _, command = line.strip().partition(" ")
            yield int(pid), command
    for folder in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield int(folder.name), (folder / "cmdline").read_text(errors="replace").replace("\0", " ")
