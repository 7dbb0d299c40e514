"""What others own in the same root: the role, the notification, the bucket, the network."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.plans.owners import ALL_AT_ONCE, FOREIGN, OWN, OWNERS
from tests.plans.planning import Plan, label, terraform


@pytest.mark.parametrize("kind", OWNERS)
def test_what_others_own_may_be_made_in_the_same_apply(plan: Plan, kind: str) -> None:
    _, modules, others = OWNERS[kind]
    assert plan.types(kind) == modules + Counter(address.split(".")[0] for address in others)
    assert plan.others(kind) == others


@pytest.fixture(scope="module")
def edges(root: Path) -> dict[str, set[str]]:
    """What each node of the plan's graph waits for, the module's nodes without its name."""
    graph = terraform(root, "graph", "-type=plan").stdout
    inside = rf"\[root\] module\.{label(ALL_AT_ONCE)}\.(?:module\.cf_purge\.)?(\S+) \(expand\)"
    found: dict[str, set[str]] = {}
    for waits, first in re.findall(rf'"{inside}" -> "{inside}"', graph):
        found.setdefault(waits, set()).add(first)
    return found


@pytest.mark.parametrize(
    ("waits", "first", "never"),
    [
        (
            "aws_iam_role_policy.mine",
            {"aws_sqs_queue.this", "aws_sqs_queue.dead_letter", "aws_cloudwatch_log_group.this"},
            {"aws_lambda_function.this", "aws_lambda_event_source_mapping.this"},
        ),
        (
            "aws_s3_bucket_notification.all",
            {"aws_sqs_queue_policy.this", "aws_lambda_permission.this"},
            {"aws_lambda_event_source_mapping.this"},
        ),
        ("aws_s3_bucket_notification.this", {"aws_sqs_queue_policy.this", "aws_lambda_permission.this"}, set()),
        ("aws_cloudwatch_event_target.this", {"aws_sqs_queue_policy.this", "aws_lambda_permission.this"}, set()),
        (
            "aws_lambda_function.this",
            {"aws_iam_role_policy.this", "aws_cloudwatch_log_group.this"},
            {"aws_lambda_permission.this"},
        ),
    ],
)
def test_everything_waits_for_what_it_needs_and_for_nothing_that_needs_it(
    edges: dict[str, set[str]], waits: str, first: set[str], never: set[str]
) -> None:
    reached, ahead = {waits}, {waits}
    while ahead:
        ahead = set().union(*(edges.get(node, set()) for node in ahead)) - reached
        reached |= ahead
    assert first <= reached
    assert not never & reached


def test_an_owner_of_the_notification_finds_in_it_what_the_module_would_have_set(plan: Plan) -> None:
    own, foreign = notification(plan, OWN), notification(plan, FOREIGN)
    assert own == foreign
    assert [queue["filter_prefix"] for queue in own["queue"]] == ["a+b/", "c/"]


def notification(plan: Plan, case: str) -> dict[str, Any]:
    (found,) = (change for change in plan.created(case) if change["type"] == "aws_s3_bucket_notification")
    after: dict[str, Any] = found["change"]["after"]
    return after
