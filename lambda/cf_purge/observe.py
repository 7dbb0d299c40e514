"""What the function writes: log lines, and one line of metrics for each invocation.

One JSON object per line on standard output, so that no key can forge a line. Not the logging module: Lambda's JSON
handler formats only what goes through its own root logger, and a shell must show the same lines.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")
NAMESPACE = "CfPurge"

_MAX_ITEMS, _MAX_CHARACTERS = 50, 200_000  # of a list in one line: a log event holds 1 MB
_MAX_LISTED = 8_192  # characters of keys in a line about keys that nothing was done for
_MAX_VALUES = 100  # of one metric in one line of EMF

_threshold = LEVELS.index("INFO")
_encode = json.JSONEncoder(default=str).encode


class Metrics:
    """Counts of one invocation."""

    def __init__(self) -> None:
        self.changes = 0  # objects that changed, and manual items
        self.purged = 0  # URLs, prefixes, tags, hosts and zones that Cloudflare accepted to purge
        self.skipped = 0  # changes that need no purge
        self.parked = 0  # messages put into the dead-letter queue
        self.retried = 0  # messages returned to the queue
        self.requests = 0  # sent to Cloudflare
        self.rate_limited = 0  # of those, answered with 429 or a throttle code
        self.misconfigured = 0  # zones or invocations that need a person
        self.lags: list[float] = []  # seconds from the change to the accepted purge

    def document(self, name: str, now: float) -> dict[str, object]:
        """Return the line in CloudWatch's Embedded Metric Format; `now` in seconds since the epoch, Lag in ms.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
        """
        values: dict[str, object] = {
            "Changes": self.changes,
            "Purged": self.purged,
            "Skipped": self.skipped,
            "Parked": self.parked,
            "Retried": self.retried,
            "Requests": self.requests,
            "RateLimited": self.rate_limited,
            "Misconfigured": self.misconfigured,
        }
        metrics = [{"Name": metric, "Unit": "Count"} for metric in values]
        if self.lags:
            values["Lag"] = [round(lag * 1000) for lag in _sample(sorted(self.lags))]
            metrics.append({"Name": "Lag", "Unit": "Milliseconds"})
        directive = {"Namespace": NAMESPACE, "Dimensions": [["Name"]], "Metrics": metrics}
        return {"_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]}, "Name": name, **values}


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


def emit(document: dict[str, object]) -> None:
    """Write a finished document, whatever the level."""
    sys.stdout.write(_encode(document) + "\n")  # one write: threads share the stream
    sys.stdout.flush()


def parts(items: Sequence[object]) -> Iterator[Sequence[object]]:
    """Yield items in lists that fit into a line each; of no items, one empty list."""
    start = characters = 0
    for end, item in enumerate(items):
        length = len(str(item))
        if end - start == _MAX_ITEMS or (end > start and characters + length > _MAX_CHARACTERS):
            yield items[start:end]
            start, characters = end, 0
        characters += length
    yield items[start:]


def listed(keys: Sequence[str]) -> dict[str, object]:
    """Return the fields of a line about many keys: the first of them, and how many there are in all."""
    shown: list[str] = []
    characters = 0
    for key in keys:
        characters += len(key)
        if characters > _MAX_LISTED:
            break
        shown.append(key)
    return {"keys": shown, "count": len(keys)}


def _write(level: str, message: str, fields: dict[str, object]) -> None:
    if LEVELS.index(level) >= _threshold:
        timestamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        emit({"timestamp": timestamp, "level": level, "message": message, **fields})


def _sample(ordered: list[float]) -> list[float]:
    """Return at most _MAX_VALUES of the values, evenly chosen and with the largest, which the alarm is about."""
    if len(ordered) <= _MAX_VALUES:
        return ordered
    last = len(ordered) - 1
    return [ordered[index * last // (_MAX_VALUES - 1)] for index in range(_MAX_VALUES)]
