"""A queue's messages are changed by one thread at a time.

MiniStack's poller, the batches it has dispatched and its event loop each read a queue's list of messages and put
another in its place, and only some of them wait for each other. What happens in between is undone: a message that
arrives is lost, one that was deleted is there again, one is handed out twice.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from tests.simulation.emulator.ministack import sqs

T = TypeVar("T")


def reentrant(_: Any) -> Any:
    """Return a lock that its holder may take again, for MiniStack's own that none of these take."""
    return threading.RLock()


def alone(change: Callable[..., T]) -> Callable[..., T]:
    """Return a change to a queue's messages that waits until nobody else is at it."""

    def changed(*arguments: Any) -> T:
        with sqs._queues_lock:
            return change(*arguments)

    return changed
