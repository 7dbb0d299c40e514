"""Real plans by the real provider: offline, with keys that open nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.plans.planning import ZONE, added, planned, terraform


def test_a_notification_made_before_it_was_counted_is_moved_and_not_made_anew(root: Path) -> None:
    state = {
        "version": 4,
        "terraform_version": "1.9.0",
        "serial": 1,
        "lineage": "before",
        "outputs": {},
        "resources": [
            {
                "module": "module.cf_purge",
                "mode": "managed",
                "type": "aws_s3_bucket_notification",
                "name": "this",
                "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
                "instances": [
                    {"schema_version": 0, "attributes": {"id": "www.example.com", "bucket": "www.example.com"}}
                ],
            }
        ],
    }
    with added(root, "terraform.tfstate", json.dumps(state)):
        plan = planned(root, "-refresh=false")
    (moved,) = (change for change in plan["resource_changes"] if change["type"] == "aws_s3_bucket_notification")
    assert moved["previous_address"] == "module.cf_purge.aws_s3_bucket_notification.this"
    assert moved["address"] == "module.cf_purge.aws_s3_bucket_notification.this[0]"
    assert moved["change"]["actions"] == ["update"]


def test_the_only_provider_is_aws(root: Path) -> None:
    told = terraform(root, "providers", offline=True).stdout
    assert {word for word in told.split() if word.startswith("provider[")} == {
        "provider[registry.terraform.io/hashicorp/aws]"
    }


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ('targets = [{ zone_id = "example.com" }]', "must be the zone's 32-digit hex id"),
        ('bucket = "arn:aws:s3:::www.example.com"', "not its ARN or URL"),
        ('event_filters = [{ prefix = "a/" }, { prefix = "a/b/" }]', "Two event_filters overlap"),
        ("queue = { batch_size = 11 }", "queue.batch_size above 10 needs"),
        ("lambda = { timeout = 3 }", "lambda.timeout must be a whole number of seconds from 15 to 900"),
        ("targets = null", "targets"),
        (f'targets = [{{ {ZONE}, purge_by = "tag" }}]', 'with purge_by = "tag" needs tags'),
        ('event_source = "sns"', 'event_source must be "s3", "eventbridge" or "none"'),
        ("role = { create = false }", "role.create = false needs the role.arn"),
        ("lambda = { package = {} }", "lambda.package is either a filename, or s3_bucket and s3_key together"),
    ],
)
def test_a_wrong_variable_is_refused_at_plan_with_what_to_do(root: Path, wrong: str, sentence: str) -> None:
    with added(root, "wrong_override.tf", f'module "cf_purge" {{\n  {wrong}\n}}\n'):
        refused = terraform(root, "plan", "-input=false", "-no-color", offline=True)
    said = " ".join(line.strip("│╷╵ ") for line in refused.stderr.splitlines())
    assert refused.returncode == 1
    assert sentence in " ".join(said.split()), refused.stderr
