"""What others own in the same root, known only after apply: the role, the notification, the bucket, the network."""

from __future__ import annotations

from collections import Counter

from tests.plans.modes import ALWAYS, DIRECT, NOTIFICATION, ROLE, RULE
from tests.plans.planning import Case

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
_FILTERS = 'event_filters = [{ prefix = "a/" }, { suffix = ".css", prefix = "b/" }]'
_ROLE = Case(
    "role = { create = false, arn = aws_iam_role.mine.arn }",
    """
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
)

# What is the module's, and what is theirs.
OWNERS: dict[str, tuple[Case, Counter[str], set[str]]] = {
    "a role made in the same apply": (
        _ROLE,
        ALWAYS + NOTIFICATION - ROLE,
        {"aws_iam_role.mine", "aws_iam_role_policy.mine"},
    ),
    "somebody else's notification": (
        Case(f'event_source = "none"\n{_FILTERS}', FOREIGN_NOTIFICATION),
        ALWAYS,
        {"aws_s3_bucket_notification.all"},
    ),
    "somebody else's notification, direct": (
        Case(f'event_source = "none"\ndelivery = "direct"\n{_FILTERS}', FOREIGN_NOTIFICATION),
        ALWAYS + DIRECT,
        {"aws_s3_bucket_notification.all"},
    ),
    "somebody else's notification, eventbridge": (
        Case('event_source = "eventbridge"', FOREIGN_NOTIFICATION),
        ALWAYS + RULE,
        {"aws_s3_bucket_notification.all"},
    ),
    "a bucket and a network made in the same apply": (
        Case(
            """
            bucket = aws_s3_bucket.site.bucket
            lambda = {
              vpc = { subnet_ids = [aws_subnet.mine.id], security_group_ids = [aws_security_group.mine.id] }
            }
            """,
            """
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
        ),
        ALWAYS + NOTIFICATION,
        {"aws_s3_bucket.site", "aws_vpc.mine", "aws_subnet.mine", "aws_security_group.mine"},
    ),
}

ALL_AT_ONCE = "a role and a notification that are somebody else's"
OWN, FOREIGN = "a notification of one's own", "the same notification, somebody else's"
_PATHS = 'event_filters = [{ prefix = "a b/" }, { prefix = "c/", suffix = ".css" }]'
CASES = {
    **{kind: case for kind, (case, _, _) in OWNERS.items()},
    ALL_AT_ONCE: Case(_ROLE.variables, _ROLE.others + FOREIGN_NOTIFICATION),
    OWN: Case(_PATHS),
    FOREIGN: Case(f'event_source = "none"\n{_PATHS}', FOREIGN_NOTIFICATION),
}
