"""Time and chance, passed in so that tests own them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import NamedTuple


class Clock(NamedTuple):
    """Seconds since the epoch, a sleep in seconds, and a random number in [0, 1)."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random
