"""The function's own messages: changes that it puts into its queue for later, and reads again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cf_purge.errors import UnknownEvent
from cf_purge.events import DELETE, MAX_ITEMS, PUT, VERSION, Change, Look, checked_key

_MAX_BYTES = 200_000  # of a message; the queue takes 262,144
_TEXTS = ("etag", "sequencer", "kind", "principal")
_FIELDS = {"changes", "bucket", "zone_id", "hop", "purged", "sample", "left"}
_KINDS = (PUT, DELETE, VERSION, None)


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
        whole = {**head, **({"bucket": bucket} if bucket else {}), **({"zone_id": zone_id} if zone_id else {})}
        part: list[Change] = []
        size = 0
        for change in members:
            length = len(json.dumps(_written(change))) + 2
            if part and (size + length > _MAX_BYTES or len(part) >= most):
                yield json.dumps({**whole, "changes": list(map(_written, part))}), part
                part, size = [], 0
            part.append(change)
            size += length
        yield json.dumps({**whole, "changes": list(map(_written, part))}), part


def changes_of(document: dict[str, Any]) -> list[Change]:
    """Return the changes of a message that `messages` wrote. Their keys come from S3, so they have any form.

    Raises:
        UnknownEvent: it was written by somebody else.
    """
    bucket, zone_id, entries = document.get("bucket"), document.get("zone_id"), document["changes"]
    is_known = set(document) <= _FIELDS and isinstance(entries, list) and entries
    if not is_known or not (_is_text(bucket) and _is_text(zone_id)):
        raise UnknownEvent('A message with "changes" is written by the function alone.')
    return [_read(entry, bucket, zone_id) for entry in entries]


def look_of(document: dict[str, Any]) -> Look | None:
    """Return which look a message asks for; None: its changes are to be purged.

    Raises:
        UnknownEvent: it does not say when they were purged.
    """
    if "hop" not in document:
        return None
    hop, purged = document["hop"], _time(document.get("purged"))
    sample, left = document.get("sample"), document.get("left")
    if purged is None:
        raise UnknownEvent('A message with "hop" needs the time of the purge in "purged".')
    is_sample, is_left = type(sample) is int and sample >= 0, isinstance(left, dict)
    return Look(hop if type(hop) is int else 0, purged, sample if is_sample else None, left if is_left else None)


def _written(change: Change) -> dict[str, Any]:
    fields = {"key": change.key, "at": change.at, **{name: getattr(change, name) for name in _TEXTS}}
    return {name: value for name, value in fields.items() if value is not None}


def _read(entry: Any, bucket: str | None, zone_id: str | None) -> Change:
    fields = entry if isinstance(entry, dict) else {}
    texts, at = {name: fields.get(name) for name in _TEXTS}, _time(fields.get("at"))
    is_known = all(map(_is_text, texts.values())) and texts["kind"] in _KINDS
    if not is_known or (at is None and fields.get("at") is not None):
        raise UnknownEvent("A change of a message is malformed.")
    return Change(checked_key(fields.get("key"), encoded=False), bucket, at, zone_id, **texts)


def _is_text(value: object) -> bool:
    return value is None or (isinstance(value, str) and value != "")


def _time(value: object) -> float | None:
    return float(value) if type(value) in (int, float) and math.isfinite(value) else None  # type: ignore[arg-type]
