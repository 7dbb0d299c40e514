"""The function's own messages: changes that it puts into its queue for later, and reads again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cf_purge.errors import UnknownEvent
from cf_purge.events import MAX_ITEMS, Change, Event, Look, checked_key, is_text

_MAX_BYTES = 200_000  # of a message; the queue takes 262,144
_LAST_TIME = 1e12  # seconds since the epoch, in the year 33658


def messages(
    changes: Iterable[Change], most: int = MAX_ITEMS, head: Mapping[str, object] = {}
) -> Iterator[tuple[str, list[Change]]]:
    """Yield the bodies of messages with at most so many changes each, and the changes of each.

    A message is about one bucket and zone; `head` stands before them in each: the fields of a look.
    """
    groups: dict[tuple[str | None, str | None], list[Change]] = {}
    for change in changes:
        groups.setdefault((change.bucket, change.zone_id), []).append(change)
    for (bucket, zone_id), members in groups.items():
        parts: list[list[Change]] = []
        size = _MAX_BYTES
        for change in members:
            length = len(json.dumps(_written(change))) + 2
            if size + length > _MAX_BYTES or len(parts[-1]) >= most:
                parts.append([])
                size = 0
            parts[-1].append(change)
            size += length
        for part in parts:
            entries = [_written(change) for change in part]
            yield json.dumps(_given({**head, "bucket": bucket, "zone_id": zone_id, "changes": entries})), part


def event_of(document: dict[str, Any]) -> Event:
    """Return what a message that `messages` wrote asks for. Its keys come from S3, so they have any form.

    Raises:
        UnknownEvent: the function did not write it.
    """
    fields = dict(document)
    entries, bucket, zone_id = fields.pop("changes"), fields.pop("bucket", None), fields.pop("zone_id", None)
    try:
        changes = tuple(Change(bucket=bucket, zone_id=zone_id, **entry) for entry in entries)
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


def _written(change: Change) -> dict[str, object]:
    return _given(change._replace(bucket=None, zone_id=None)._asdict())


def _given(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _is_sound(change: Change) -> bool:
    return all(map(is_text, change._replace(at=None))) and (change.at is None or _is_time(change.at))


def _is_sound_look(look: Look) -> bool:
    return _is_time(look.purged) and isinstance(look.sample, int | None) and isinstance(look.left, dict | None)


def _is_time(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < _LAST_TIME  # type: ignore[arg-type]
