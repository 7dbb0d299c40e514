"""What each mode creates, exactly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.plans.planning import ALWAYS, DIRECT, NOTIFICATION, ROLE, RULE, ZONE, added, created, planned
from tools.problems import ROOT

HASH = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
KEY = '"arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"'

MODES = {
    "the defaults": ("", ALWAYS + NOTIFICATION),
    "s3, direct": ('delivery = "direct"', ALWAYS + NOTIFICATION + DIRECT),
    "eventbridge": ('event_source = "eventbridge"', ALWAYS + RULE),
    "eventbridge, direct": ('event_source = "eventbridge"\ndelivery = "direct"', ALWAYS + RULE + DIRECT),
    "eventbridge, filters and events": (
        """
        event_source = "eventbridge"
        event_filters = [{ prefix = "a/" }, { suffix = ".css" }, { prefix = "b/", suffix = ".js" }]
        events = ["s3:ObjectCreated:Put", "s3:ObjectRestore:*", "s3:ObjectTagging:*", "s3:ObjectAcl:Put"]
        """,
        ALWAYS + RULE,
    ),
    "none": ('event_source = "none"', ALWAYS),
    "none, direct": ('event_source = "none"\ndelivery = "direct"', ALWAYS + DIRECT),
    "a vpc": (
        'lambda = { vpc = { subnet_ids = ["subnet-01234567"], security_group_ids = ["sg-01234567"] } }',
        ALWAYS + NOTIFICATION,
    ),
    "tracing": ('lambda = { tracing = "Active" }', ALWAYS + NOTIFICATION),
    "a package in a file": (
        f'lambda = {{ package = {{ filename = "{ROOT}/lambda/cf_purge.zip" }} }}',
        ALWAYS + NOTIFICATION,
    ),
    "a package that is made later": (
        f'lambda = {{ package = {{ filename = "later.zip", source_code_hash = "{HASH}" }} }}',
        ALWAYS + NOTIFICATION,
    ),
    "a package in s3": (
        'lambda = { package = { s3_bucket = "packages", s3_key = "cf_purge.zip", s3_object_version = "1" } }',
        ALWAYS + NOTIFICATION,
    ),
    "a role that is brought": (
        'role = { arn = "arn:aws:iam::123456789012:role/mine" }',
        ALWAYS + NOTIFICATION - ROLE,
    ),
    "a role with path and boundary": (
        'role = { path = "/service/", permissions_boundary = "arn:aws:iam::123456789012:policy/bound" }',
        ALWAYS + NOTIFICATION,
    ),
    "customer keys": (
        f"api_token_kms_key_arn = {KEY}\nqueue = {{ kms_key_arn = {KEY} }}\nlambda = {{ log_kms_key_arn = {KEY} }}",
        ALWAYS + NOTIFICATION,
    ),
    "second purges": ("repurge_after_seconds = 60", ALWAYS + NOTIFICATION),
    "collapsing": ("collapse_above = 30", ALWAYS + NOTIFICATION),
    "targets of every kind": (
        f"""
        targets = [
          {{ {ZONE}, clean_urls = true, header_variants = [{{ Origin = "https://www.example.com" }}] }},
          {{ {ZONE}, purge_by = "prefix", environment_id = "staging" }},
          {{ {ZONE}, purge_by = "tag", tags = ["{{bucket}}/{{key}}"] }},
          {{ {ZONE}, purge_by = "host", hosts = ["www.example.com", "example.com"] }},
          {{ {ZONE}, purge_by = "everything" }},
        ]
        cloudflare = {{ operation = "invalidate" }}
        """,
        ALWAYS + NOTIFICATION,
    ),
    "no alarms": ("alarms = { enabled = false }", ALWAYS + NOTIFICATION - Counter({"aws_cloudwatch_metric_alarm": 6})),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_plans_offline_with_fake_keys_and_creates_exactly_this(root: Path, mode: str) -> None:
    variables, resources = MODES[mode]
    with added(root, "mode_override.tf", f'module "cf_purge" {{\n{variables}\n}}\n'):
        changes = created(planned(root))
    assert Counter(change["type"] for change in changes) == resources
    assert all(change["address"].startswith("module.cf_purge.") for change in changes)
