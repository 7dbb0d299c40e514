"""What of a message was accepted before it was given back, kept while the environment is warm.

A message that needs more requests than one invocation has would otherwise begin anew each time. By the message's id and
never by the URL alone: another message about the same object is another change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from cf_purge.purge import Purge

_MOST_PURGES = 50_000  # some 20 MB


class Progress:
    """Accepted purges by message id."""

    def __init__(self) -> None:
        self._accepted: dict[str, Collection[Purge]] = {}
        self._size = 0

    def without(self, purges: Sequence[Purge], message_id: str) -> Sequence[Purge]:
        """Return those of a message's purges that were not accepted before."""
        before = self.of(message_id)
        return [purge for purge in purges if purge not in before] if before else purges

    def of(self, message_id: str) -> Collection[Purge]:
        return self._accepted.get(message_id, ())

    def update(self, given_back: Mapping[str, Collection[Purge]], done: Collection[str]) -> None:
        """Remember what was accepted of messages that come again, and forget those that do not."""
        for message_id in (*done, *given_back):
            self._size -= len(self._accepted.pop(message_id, ()))
        for message_id, accepted in given_back.items():
            if accepted:
                self._accepted[message_id] = accepted
                self._size += len(accepted)
        while self._size > _MOST_PURGES:
            oldest = next(iter(self._accepted))
            self._size -= len(self._accepted.pop(oldest))
