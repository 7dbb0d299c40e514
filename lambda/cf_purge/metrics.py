"""What one invocation did, as one line in CloudWatch's Embedded Metric Format."""

from __future__ import annotations

NAMESPACE = "CfPurge"
# EMF allows a metric at most 100 values in one line.
_MAX_VALUES = 100


class Metrics:
    """Counts of one invocation."""

    def __init__(self) -> None:
        self.changes = 0  # objects that changed, and items named by hand
        self.purged = 0  # URLs, prefixes, tags, hosts and zones Cloudflare accepted to purge
        self.skipped = 0  # changes that need no purge
        self.parked = 0  # messages put into the dead-letter queue
        self.retried = 0  # messages given back to the queue
        self.requests = 0  # sent to Cloudflare, tries included
        self.rate_limited = 0  # of those, answered 429
        self.misconfigured = 0  # zones or invocations stopped by something a person must mend
        self.lags: list[float] = []  # seconds from the change to the accepted purge

    def document(self, name: str, now: float) -> dict[str, object]:
        """Return the line; `now` in seconds since the epoch, Lag in milliseconds, left out when nothing was purged.

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
        return {
            "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]},
            "Name": name,
            **values,
        }


def _sample(ordered: list[float]) -> list[float]:
    """Thin evenly to what a line may hold, the largest kept: the alarm is about the slowest."""
    if len(ordered) <= _MAX_VALUES:
        return ordered
    last = len(ordered) - 1
    return [ordered[index * last // (_MAX_VALUES - 1)] for index in range(_MAX_VALUES)]
