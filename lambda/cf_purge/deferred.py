"""The function's own messages: changes that it puts into its queue for later, and reads again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cf_purge.errors import UnknownEvent
from cf_purge.events import MAX_ITEMS, Change, Event, Look, checked_key, is_text

_MAX_BYTES = 200_000  # of a message; the queue takes 262,144
_MAX_LEFT = 4_000  # characters of what a look has left: the IDs of a hundred copies, and kinds of purges
_LAST_TIME = 1e12  # seconds since the epoch, in the year 33658


def messages(
    changes: Iterable[Change], most: int = MAX_ITEMS, head: Mapping[str, object] = {}
) -> Iterator[tuple[str, list[Change]]]:
    """Yield the bodies of messages with at most so many changes each, and the changes of each.

    A message also has at most _MAX_BYTES. `head` stands before its changes: the fields of a look.
    """
    parts: list[list[Change]] = []
    room = 0
    for change in changes:
        length = len(json.dumps(_given(change))) + 2
        if length > room or len(parts[-1]) == most:
            parts.append([])
            room = _MAX_BYTES
        parts[-1].append(change)
        room -= length
    for part in parts:
        yield json.dumps({**head, "changes": list(map(_given, part))}), part


def event_of(document: dict[str, Any]) -> Event:
    """Return what a message that `messages` wrote asks for. Its keys come from S3, so they have any form.

    Raises:
        UnknownEvent: the function did not write it.
    """
    fields = dict(document)
    try:
        changes = tuple(Change(**entry) for entry in fields.pop("changes"))
        look = Look(**fields) if fields else None
    except TypeError:  # a field is missing or unknown, or no object is there
        changes, look = (), None
    if not changes or not all(map(_is_sound, changes)) or not (look is None or _is_sound_look(look)):
        raise UnknownEvent('A message with "changes" is written by the function alone, and this one is malformed.')
    for change in changes:
        checked_key(change.key, encoded=False)
    if look and type(look.hop) is not int:
        look = look._replace(hop=0)  # it counts as the last one
    return Event(changes, look=look)


def _given(change: Change) -> dict[str, object]:
    return {name: value for name, value in change._asdict().items() if value is not None}


def _is_sound(change: Change) -> bool:
    return all(map(is_text, change._replace(at=None))) and (change.at is None or _is_time(change.at))


def _is_sound_look(look: Look) -> bool:
    is_left = isinstance(look.left, dict | None) and len(json.dumps(look.left)) <= _MAX_LEFT
    return _is_time(look.purged) and isinstance(look.sample, int | None) and is_left


def _is_time(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < _LAST_TIME  # type: ignore[arg-type]
