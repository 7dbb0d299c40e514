"""The way of one upload to its visitor, cut into stages."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

STAGES = ("event", "queue", "function", "API", "edge")
OURS = ("function", "API")  # the others are AWS's and Cloudflare's alone


@dataclass(frozen=True, slots=True)
class Way:
    """When one upload got where, in seconds since the epoch by one clock."""

    uploaded: float  # S3 has answered the PUT
    sent: float  # its message is in the queue
    handed: float  # the function is handed the message
    ready: float | None  # the process that was started for it has imported the function; None for a running one
    asked: float  # the purge arrives at the API
    answered: float
    seen: float  # a visitor reads the new version

    @property
    def total(self) -> float:
        """Milliseconds since S3 had the object: since its answer, or its message where that came first."""
        return (self.seen - min(self.uploaded, self.sent)) * 1000

    @property
    def stages(self) -> dict[str, float]:
        """Milliseconds by stage, together the total.

        A visitor may read the new version before the purge is answered: then the edge took no time. A message tells
        only in which millisecond it was sent.
        """
        latest = min(self.uploaded, self.sent)
        marks = [latest]
        for moment in (self.sent, self.handed, self.asked, self.answered, self.seen):
            latest = max(latest, min(moment, self.seen))
            marks.append(latest)
        return {stage: (end - begin) * 1000 for stage, (begin, end) in zip(STAGES, pairwise(marks), strict=True)}

    @property
    def start(self) -> float:
        """Milliseconds of the function's stage in which its process was started, 0 for a running one."""
        return 0.0 if self.ready is None else (self.ready - self.handed) * 1000


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest of the values that so many percent of them do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def shares(ways: Iterable[Way]) -> dict[str, float]:
    """Return for each stage the median of its shares of the total, in percent."""
    found = [{stage: 100 * took / way.total for stage, took in way.stages.items()} for way in ways]
    return {stage: statistics.median(each[stage] for each in found) for stage in STAGES}
