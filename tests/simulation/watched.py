"""`python -m tests.simulation.watched COMMAND ...`: run a command that dies with its parent.

The parent holds the other end of standard input. When that closes, however the parent came to its end, the command
and all that it started are stopped.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

_GRACE = 5.0  # seconds between asking and killing


def main(command: list[str]) -> int:
    # Ctrl-C is the parent's to handle. Not SIG_IGN: the command would inherit it and all that it starts.
    signal.signal(signal.SIGINT, lambda *_: None)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_stop_at_end_of_input, args=(child,), daemon=True).start()
    status = child.wait()
    _signal(child, signal.SIGKILL)  # whatever it started and left behind
    return status


def _stop_at_end_of_input(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    _signal(child, signal.SIGTERM)
    try:
        child.wait(_GRACE)
    except subprocess.TimeoutExpired:
        _signal(child, signal.SIGKILL)


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
