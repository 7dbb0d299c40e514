"""Time and chance, passed in so that tests own them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


def _chance() -> float:
    import random  # only what failed needs it

    return random.random()


class Clock(NamedTuple):
    """Seconds since the epoch, a sleep in seconds, and a random number in [0, 1)."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = _chance
