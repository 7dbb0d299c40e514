"""What the function writes: log lines, and one line of metrics for each invocation.

One JSON object per line on standard output, so that no key can forge a line. Not the logging module: Lambda's JSON
handler formats only what goes through its own root logger, and a shell must show the same lines.
"""

import json
import traceback
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate
from math import ceil
from typing import Any

from cf_purge.errors import PurgeError, Transient

LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")

_MAX_ITEMS = 25  # of a list in one line: a log event holds 1 MB, a URL has 32 KB at most
_MAX_LISTED = 8_300  # characters of keys, with quotes, in a line about keys that nothing was done for
_MAX_VALUES = 100  # of one metric in one line of EMF

threshold = "INFO"  # one of LEVELS; lines below it are not written


COUNTS = (
    "Changes",  # objects that changed, and manual items, invalid ones included
    "Purged",  # URLs, prefixes, tags, hosts and zones that Cloudflare accepted to purge
    "Skipped",  # changes that need no purge
    "Parked",  # messages put into the dead-letter queue
    "Retried",  # messages returned to the queue
    "Requests",  # sent to Cloudflare
    "RateLimited",  # of those, answered with 429 or a throttle code
    "Misconfigured",  # zones or invocations that need a person
)


# With `verify`:
SEEN_COUNTS = (
    "Stale",  # copies that are stale at their last look
    "Unverifiable",  # copies that nothing can be said of at their last look
    "Superseded",  # copies of a later change, or of an old answer that was stored again, at their last look
    "Repurged",  # URLs, prefixes and so on that were purged again
    "NotSampled",  # changes that are not looked at
)


class Metrics:
    """What happened in one invocation."""

    def __init__(self, *, verifies: bool = False) -> None:
        self.counts = dict.fromkeys((*COUNTS, *SEEN_COUNTS) if verifies else COUNTS, 0)
        # Milliseconds from a change to its accepted purge, and to the proof that visitors see it.
        self.times: dict[str, list[int]] = {"Lag": [], "Fresh": []}
        # By detail type: what `notify` sends, which is not worked out unless a bus is configured.
        self.news: dict[str, Iterable[Any]] = {}

    def took(self, metric: str, since: float | None, at: float) -> int | None:
        """Note the milliseconds between two times, and return them; None if the first one is not known."""
        if since is None:
            return None
        self.times[metric].append(max(0, round((at - since) * 1000)))
        return self.times[metric][-1]

    def document(self, name: str, now: float) -> dict[str, object]:
        """Return the line in CloudWatch's Embedded Metric Format; `now` in seconds since the epoch.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html
        """
        # Evenly chosen if there are too many, and with the largest, which the alarm is about.
        times = {metric: sorted(ms)[:: -ceil(len(ms) / _MAX_VALUES)] for metric, ms in self.times.items() if ms}
        values = self.counts | times
        metrics = [{"Name": metric, "Unit": "Count" if metric in self.counts else "Milliseconds"} for metric in values]
        directive = {"Namespace": "CfPurge", "Dimensions": [["Name"]], "Metrics": metrics}
        return {"_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]}, "Name": name, **values}


def emit(document: dict[str, object]) -> None:
    """Write a finished document, whatever the level."""
    print(json.dumps(document, default=str) + "\n", end="", flush=True)  # one write: threads share the stream


def _write(level: str, message: str, /, **fields: object) -> None:
    if LEVELS.index(level) >= LEVELS.index(threshold):
        timestamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        known = {name: value for name, value in fields.items() if value is not None}
        emit({"timestamp": timestamp, "level": level, "message": message, **known})


debug, info, warn, error = (partial(_write, level) for level in LEVELS)


def info_all(message: str, name: str, items: Sequence[object], **fields: object) -> None:
    """Write items in the field `name` of as many lines as they need; of no items, one line with an empty list."""
    for start in range(0, len(items) or 1, _MAX_ITEMS):
        info(message, **fields, **{name: items[start : start + _MAX_ITEMS]})


def fitting(items: Sequence[Any], most: int) -> list[Any]:
    """Return the first items that have, as JSON, at most so many characters together."""
    totals = accumulate(len(json.dumps(item)) for item in items)
    return [item for item, total in zip(items, totals, strict=True) if total <= most]


def listed(keys: Sequence[str]) -> dict[str, object]:
    """Return the fields of a line about many keys: the first of them, and how many there are in all."""
    return {"keys": fitting(keys, _MAX_LISTED), "count": len(keys)}


def understood(problem: Exception) -> PurgeError:
    """Return an error of this package as it is; any other is a bug: log it, and return an error that stands for it."""
    if isinstance(problem, PurgeError):
        return problem
    # Only where it happened: its text may quote a secret.
    error("unexpected error", kind=type(problem).__name__, where=traceback.format_tb(problem.__traceback__, -8))
    return Transient(f"Unexpected error ({type(problem).__name__}).")
