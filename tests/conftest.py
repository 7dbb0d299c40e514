"""For all tests alike."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    # Whoever starts the checks in the background of a shell has Ctrl-C ignored, by all that the tests start, too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
