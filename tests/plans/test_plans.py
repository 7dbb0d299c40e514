"""Real plans by the real provider: offline, with keys that open nothing."""

import re
from collections import Counter

import pytest

from tests.plans import shared_plans
from tests.plans.cases import CALLED, FOREIGN, MODES, USES
from tests.plans.planning import label, terraform


@pytest.mark.parametrize("use", USES)
def test_everything_in_a_use_is_created(use: str) -> None:
    assert {tuple(change["change"]["actions"]) for change in shared_plans.fresh().changes(use)} == {("create",)}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_creates_exactly_this(mode: str) -> None:
    assert Counter(change["type"] for change in shared_plans.fresh().changes(mode)) == MODES[mode][1]


def test_what_is_in_use_does_not_change_with_something_else_it_depends_on() -> None:
    actions = {change["address"]: change["change"]["actions"] for change in shared_plans.again().resource_changes}
    assert actions["terraform_data.other"] == ["create"]
    ours = {address: done for address, done in actions.items() if ".module." in address}
    assert len(ours) > 100
    instances = ("counted[0]", 'each["a.example"]', 'each["b.example"]')
    assert {f"module.{label(CALLED)}.module.{instance}.aws_sqs_queue.this" for instance in instances} < ours.keys()
    assert {address: done for address, done in ours.items() if done != ["no-op"]} == {}


# ---- What others own in the same root ----


@pytest.fixture(scope="module")
def edges() -> dict[str, set[str]]:
    """What each node of the plan's graph waits for, the module's nodes without its name."""
    shared_plans.fresh()
    graph = terraform(shared_plans.ROOT, "graph", "-type=plan").stdout
    inside = rf"\[root\] module\.{label(FOREIGN)}\.(?:module\.cf_purge\.)?(\S+) \(expand\)"
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
            "aws_s3_bucket_notification.shop",
            {"aws_sqs_queue_policy.this", "aws_lambda_permission.this"},
            {"aws_lambda_event_source_mapping.this"},
        ),
        # Where the name is taken the log group fails. SQS would give queues to a second owner, EventBridge the rule.
        ("aws_sqs_queue.this", {"aws_cloudwatch_log_group.this"}, set()),
        ("aws_sqs_queue.dead_letter", {"aws_cloudwatch_log_group.this"}, set()),
        ("aws_cloudwatch_event_rule.this", {"aws_cloudwatch_log_group.this"}, set()),
        ("aws_lambda_event_source_mapping.this", {"aws_sqs_queue_redrive_policy.this"}, set()),
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
