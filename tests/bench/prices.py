"""AWS's list prices in us-east-1, as its price pages had them in June 2026; looked up in November 2026.

The prices of other regions differ, and so do those of larger amounts than any site here has.
"""

from __future__ import annotations

from dataclasses import dataclass

AS_OF = "us-east-1, June 2026"


@dataclass(frozen=True, slots=True)
class Price:
    """So many dollars for so many of something; `free` of it a month cost an account nothing."""

    what: str
    dollars: float
    per: float
    unit: str
    free: float
    page: str  # of AWS, below aws.amazon.com

    def of(self, amount: float) -> float:
        """Return dollars, the free amount not deducted."""
        return amount * self.dollars / self.per


LAMBDA_REQUESTS = Price("Lambda requests", 0.20, 1e6, "requests", 1e6, "lambda/pricing")
LAMBDA_TIME = {  # initialisation is billed since August 2025
    "arm64": Price("Lambda time, arm64", 0.0000133334, 1, "GB-s", 400e3, "lambda/pricing"),
    "x86_64": Price("Lambda time, x86_64", 0.0000166667, 1, "GB-s", 400e3, "lambda/pricing"),
}
SQS = Price("SQS requests (each 64 KB)", 0.40, 1e6, "requests", 1e6, "sqs/pricing")
# The page counts S3's among the "opt-in data events" and calls only those of the control plane free; not all who
# explain the page agree. Should S3's be free after all, EventBridge costs nothing.
EVENTBRIDGE = Price("EventBridge events (each 64 KB)", 1.00, 1e6, "events", 0, "eventbridge/pricing")
KMS = Price("KMS requests", 0.03, 10e3, "requests", 20e3, "kms/pricing")
LOGS = Price("CloudWatch log ingestion", 0.50, 1e9, "bytes", 5e9, "cloudwatch/pricing")
METRICS = Price("CloudWatch custom metrics", 0.30, 730, "metric-hours", 10 * 730, "cloudwatch/pricing")
ALARMS = Price("CloudWatch alarms", 0.10, 1, "alarm-months", 10, "cloudwatch/pricing")
DASHBOARDS = Price("CloudWatch dashboards", 3.00, 1, "dashboard-months", 3, "cloudwatch/pricing")
TRANSFER = Price("data to the Internet", 0.09, 1e9, "bytes", 100e9, "ec2/pricing/on-demand")

ALL = (LAMBDA_REQUESTS, *LAMBDA_TIME.values(), SQS, EVENTBRIDGE, KMS, LOGS, METRICS, ALARMS, DASHBOARDS, TRANSFER)
