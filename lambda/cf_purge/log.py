"""One JSON object per line on standard output: CloudWatch reads it, a key cannot forge a line.

Not the logging module: Lambda's JSON handler formats only what goes through its own root logger, and
the same lines must come out of a shell and a test.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")

_MOST_ITEMS, _MOST_CHARACTERS = 50, 200_000  # of a list in one line: a log event holds 256 KB

_threshold = LEVELS.index("INFO")
_encode = json.JSONEncoder(default=str).encode


def set_level(level: str) -> None:
    """Drop every line below `level`, one of LEVELS."""
    global _threshold
    _threshold = LEVELS.index(level)


def debug(message: str, **fields: object) -> None:
    _write("DEBUG", message, fields)


def info(message: str, **fields: object) -> None:
    _write("INFO", message, fields)


def warn(message: str, **fields: object) -> None:
    _write("WARN", message, fields)


def error(message: str, **fields: object) -> None:
    _write("ERROR", message, fields)


def parts(items: Sequence[object]) -> Iterator[Sequence[object]]:
    """Yield items in lists that fit into a line each; of no items, one empty list."""
    start = characters = 0
    for end, item in enumerate(items):
        length = len(str(item))
        if end - start == _MOST_ITEMS or (end > start and characters + length > _MOST_CHARACTERS):
            yield items[start:end]
            start, characters = end, 0
        characters += length
    yield items[start:]


def emit(document: dict[str, object]) -> None:
    """Write a finished document, whatever the level."""
    # One write: two environments of a shell may share the stream.
    sys.stdout.write(_encode(document) + "\n")
    sys.stdout.flush()


def _write(level: str, message: str, fields: dict[str, object]) -> None:
    if LEVELS.index(level) >= _threshold:
        timestamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        emit({"timestamp": timestamp, "level": level, "message": message, **fields})
