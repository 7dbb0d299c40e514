"""What others own in the same root: the role, the notification, the bucket, the network."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.plans.planning import ALWAYS, DIRECT, NOTIFICATION, RULE, added, created, planned, terraform

# As README's readers write it: no depends_on, the output brings it.
FOREIGN_NOTIFICATION = """
resource "aws_s3_bucket_notification" "all" {
  bucket      = "www.example.com"
  eventbridge = module.cf_purge.notification.eventbridge

  dynamic "queue" {
    for_each = module.cf_purge.notification.queue

    content {
      id            = queue.value.id
      queue_arn     = queue.value.queue_arn
      events        = queue.value.events
      filter_prefix = queue.value.filter_prefix
      filter_suffix = queue.value.filter_suffix
    }
  }

  dynamic "lambda_function" {
    for_each = module.cf_purge.notification.lambda_function

    content {
      id                  = lambda_function.value.id
      lambda_function_arn = lambda_function.value.lambda_function_arn
      events              = lambda_function.value.events
      filter_prefix       = lambda_function.value.filter_prefix
      filter_suffix       = lambda_function.value.filter_suffix
    }
  }
}
"""

# Others' resources in the same root, known only after apply.
ROOTS = {
    "a role made in the same apply": (
        """
        module "cf_purge" {
          role = { create = false, arn = aws_iam_role.mine.arn }
        }

        resource "aws_iam_role" "mine" {
          name_prefix = "mine"
          assume_role_policy = jsonencode({
            Version   = "2012-10-17"
            Statement = [{
              Effect    = "Allow"
              Principal = { Service = "lambda.amazonaws.com" }
              Action    = "sts:AssumeRole"
            }]
          })
        }

        resource "aws_iam_role_policy" "mine" {
          role   = aws_iam_role.mine.name
          policy = module.cf_purge.role_policy_json
        }
        """,
        ALWAYS + NOTIFICATION,
        {"aws_iam_role.mine", "aws_iam_role_policy.mine"},
    ),
    "somebody else's notification": (
        """
        module "cf_purge" {
          event_source  = "none"
          event_filters = [{ prefix = "a/" }, { suffix = ".css", prefix = "b/" }]
        }
        NOTIFICATION
        """,
        ALWAYS + NOTIFICATION,
        {"aws_s3_bucket_notification.all"},
    ),
    "somebody else's notification, direct": (
        """
        module "cf_purge" {
          event_source  = "none"
          delivery      = "direct"
          event_filters = [{ prefix = "a/" }, { suffix = ".css", prefix = "b/" }]
        }
        NOTIFICATION
        """,
        ALWAYS + NOTIFICATION + DIRECT,
        {"aws_s3_bucket_notification.all"},
    ),
    "somebody else's notification, eventbridge": (
        """
        module "cf_purge" {
          event_source = "eventbridge"
        }
        NOTIFICATION
        """,
        ALWAYS + NOTIFICATION + RULE,
        {"aws_s3_bucket_notification.all"},
    ),
    "a bucket and a network made in the same apply": (
        """
        module "cf_purge" {
          bucket = aws_s3_bucket.site.bucket
          lambda = { vpc = { subnet_ids = [aws_subnet.mine.id], security_group_ids = [aws_security_group.mine.id] } }
        }

        resource "aws_s3_bucket" "site" {
          bucket_prefix = "site"
        }

        resource "aws_vpc" "mine" {
          cidr_block = "10.0.0.0/16"
        }

        resource "aws_subnet" "mine" {
          vpc_id     = aws_vpc.mine.id
          cidr_block = "10.0.0.0/24"
        }

        resource "aws_security_group" "mine" {
          vpc_id = aws_vpc.mine.id
        }
        """,
        ALWAYS + NOTIFICATION + Counter(("aws_s3_bucket", "aws_vpc", "aws_subnet", "aws_security_group")),
        {"aws_s3_bucket.site", "aws_vpc.mine", "aws_subnet.mine", "aws_security_group.mine"},
    ),
}


@pytest.mark.parametrize("kind", ROOTS)
def test_what_others_own_may_be_made_in_the_same_apply(root: Path, kind: str) -> None:
    text, resources, theirs = ROOTS[kind]
    module, *others = text.replace("NOTIFICATION", FOREIGN_NOTIFICATION).split("resource ", 1)
    with (
        added(root, "root_override.tf", module),
        added(root, "others.tf", "".join(f"resource {other}" for other in others)),
    ):
        changes = created(planned(root))
    assert Counter(change["type"] for change in changes) == resources
    assert {change["address"] for change in changes if not change["address"].startswith("module.")} == theirs


@pytest.fixture(scope="module")
def edges(root: Path) -> dict[str, set[str]]:
    """What each node of the plan's graph waits for, the module's nodes without its name."""
    module, others = ROOTS["a role made in the same apply"][0].split("resource ", 1)
    with added(root, "root_override.tf", module), added(root, "others.tf", f"resource {others}{FOREIGN_NOTIFICATION}"):
        graph = terraform(root, "graph", "-type=plan", offline=True).stdout
    found: dict[str, set[str]] = {}
    for waits, first in re.findall(r'"\[root\] (\S+) \(expand\)" -> "\[root\] (\S+) \(expand\)"', graph):
        found.setdefault(waits.removeprefix("module.cf_purge."), set()).add(first.removeprefix("module.cf_purge."))
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


def test_an_owner_of_the_notification_finds_in_it_what_the_module_would_have_set(root: Path) -> None:
    filters = 'event_filters = [{ prefix = "a b/" }, { prefix = "c/", suffix = ".css" }]'
    with added(root, "mode_override.tf", f'module "cf_purge" {{\n{filters}\n}}\n'):
        own = notification(planned(root))
    with (
        added(root, "mode_override.tf", f'module "cf_purge" {{\nevent_source = "none"\n{filters}\n}}\n'),
        added(root, "others.tf", FOREIGN_NOTIFICATION),
    ):
        foreign = notification(planned(root))
    assert own == foreign
    assert [queue["filter_prefix"] for queue in own["queue"]] == ["a+b/", "c/"]


def notification(plan: dict[str, Any]) -> dict[str, Any]:
    (found,) = (change for change in plan["resource_changes"] if change["type"] == "aws_s3_bucket_notification")
    after: dict[str, Any] = found["change"]["after"]
    return after
