"""Every example as it stands."""

from __future__ import annotations

from collections import Counter

from tests.plans.modes import ALWAYS, DASHBOARD, NOTIFICATION, RULE
from tests.plans.planning import Case

# What is the module's, and what the example brings along.
RESOURCES: dict[str, tuple[Counter[str], set[str]]] = {
    "basic": (ALWAYS + NOTIFICATION, set()),
    "complete": (
        ALWAYS + NOTIFICATION + DASHBOARD,
        {
            "aws_iam_policy.boundary",
            "aws_iam_role.marketing",
            "aws_iam_role_policy.marketing",
            "aws_kms_key.messages_and_logs",
            "aws_sns_topic.on_call",
        },
    ),
    "multi-zone": (ALWAYS + NOTIFICATION, set()),
    "eventbridge": (ALWAYS + RULE, {"aws_s3_bucket_notification.docs"}),
    "external-notification": (
        ALWAYS,
        {"aws_s3_bucket_notification.shop", "aws_sqs_queue.thumbnails", "aws_sqs_queue_policy.thumbnails"},
    ),
}
CASES = {f"example {example}": Case(example=example) for example in RESOURCES}
