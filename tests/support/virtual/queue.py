"""A standard SQS queue: at-least-once delivery, no guaranteed order, a dead-letter queue.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.support.virtual.hub import Hub, Task


@dataclass(slots=True, eq=False)
class Message:
    """One message; each receive has a new receipt."""

    id: str
    body: str
    attributes: Mapping[str, Any]  # message attributes, as in SendMessage
    receives: int = 0
    repeats: int = 0  # receives after which it stayed visible
    redriven: bool = False  # moved by SQS after too many receives
    visible_at: float = 0.0
    entry: int = 0  # its valid entry in the queue's heap; 0: deleted

    @property
    def receipt(self) -> str:
        return f"{self.id}#{self.receives}"


class Queue:
    """Times and durations are in seconds. Every operation is O(log n) in the received, undeleted messages."""

    def __init__(
        self,
        hub: Hub,
        name: str,
        *,
        visibility: float = 30.0,
        max_receive_count: float = math.inf,
        dead_letters: Queue | None = None,
    ) -> None:
        self.name, self._visibility = name, visibility
        self._max_receive_count, self._dead_letters = max_receive_count, dead_letters
        self.chance: Random | None = None  # if set, receives are short and reordered
        self.repeat_share = 0.0  # of receives after which a message stays visible, and comes twice; needs `chance`
        self.on_received: Callable[[Message], object] = lambda _: None
        self._sent = 0
        self._hub = hub
        self.messages: dict[str, Message] = {}  # by ID: visible, in flight and delayed
        self._heap: list[tuple[float, int, Message]] = []  # by the time from which it is visible
        self._entries = 0
        self._waiting: dict[Task, None] = {}

    def send(self, body: str, delay: float = 0.0, attributes: Mapping[str, Any] | None = None) -> Message:
        self._sent += 1
        message = Message(f"{self.name}-{self._sent}", body, attributes or {})
        self._add(message, self._hub.now + delay)
        return message

    def receive(self, most: int, wait: float = 0.0) -> list[Message]:
        """Receive up to `most` messages as soon as there is one; inside a task if `wait` is not 0."""
        hub, deadline = self._hub, self._hub.now + wait
        while True:
            batch = self._take(most)
            if batch or hub.now >= deadline:
                return batch
            task = hub.current
            self._waiting[task] = None
            try:
                hub.sleep_until(min(deadline, self._next_at()))
            finally:
                del self._waiting[task]

    def delete(self, receipt: str) -> bool:
        """Delete a received message; an older receipt is accepted without effect."""
        message = self.messages.get(receipt.rpartition("#")[0])
        if message is not None and message.receipt == receipt:
            self._forget(message)
        return True

    def change_visibility(self, receipt: str, seconds: float) -> bool:
        """Set when a message in flight becomes visible; False if SQS refuses: deleted, visible or received again."""
        message = self.messages.get(receipt.rpartition("#")[0])
        if message is None or message.receipt != receipt or message.visible_at <= self._hub.now:
            return False
        self._put(message, self._hub.now + seconds)
        self._wake()
        return True

    def _take(self, most: int) -> list[Message]:
        chance = self.chance
        wanted = most if chance is None else chance.randint(1, most)
        found: list[Message] = []
        spare = 0 if chance is None else chance.randint(0, 5)
        while len(found) < wanted + spare and (message := self._pop()) is not None:
            found.append(message)
        if chance is not None:
            chance.shuffle(found)
        for message in found[wanted:]:
            self._put(message, self._hub.now)
        for message in found[:wanted]:
            message.receives += 1
            self.on_received(message)
            is_repeated = chance is not None and chance.random() < self.repeat_share
            message.repeats += is_repeated
            self._put(message, self._hub.now + (0.0 if is_repeated else self._visibility))
        return found[:wanted]

    def _pop(self) -> Message | None:
        """Take the message that has been visible longest: a returned one is behind those visible before it.

        SQS does so from the third receive on; before that it promises no order.
        """
        now = self._hub.now
        while self._next_at() <= now:
            message = heapq.heappop(self._heap)[2]
            if self._dead_letters is not None and message.receives >= self._max_receive_count:
                self._forget(message)
                message.redriven = True
                self._dead_letters._add(message, now)
            else:
                return message
        return None

    def _next_at(self) -> float:
        """The time at which the next message is visible, possibly in the past."""
        heap = self._heap
        while heap and heap[0][1] != heap[0][2].entry:
            heapq.heappop(heap)
        return heap[0][0] if heap else math.inf

    def _add(self, message: Message, visible_at: float) -> None:
        self.messages[message.id] = message
        self._put(message, visible_at)
        self._wake()

    def _put(self, message: Message, visible_at: float) -> None:
        self._entries += 1
        message.entry, message.visible_at = self._entries, visible_at
        heapq.heappush(self._heap, (visible_at, self._entries, message))

    def _forget(self, message: Message) -> None:
        message.entry = 0
        self.messages.pop(message.id, None)

    def _wake(self) -> None:
        for task in self._waiting:
            self._hub.wake(task)
