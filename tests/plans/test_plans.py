"""Real plans by the real provider: offline, with keys that open nothing."""

from __future__ import annotations

from pathlib import Path

from tests.plans.moved import UNCOUNTED
from tests.plans.planning import Plan, label, terraform


def test_a_notification_made_before_it_was_counted_is_moved_and_not_made_anew(plan: Plan) -> None:
    (moved,) = (change for change in plan.changes(UNCOUNTED) if change["type"] == "aws_s3_bucket_notification")
    assert moved["previous_address"] == f"module.{label(UNCOUNTED)}.module.cf_purge.aws_s3_bucket_notification.this"
    assert moved["address"] == "module.cf_purge.aws_s3_bucket_notification.this[0]"
    assert moved["change"]["actions"] == ["update"]


def test_the_only_provider_is_aws(root: Path) -> None:
    told = terraform(root, "providers").stdout
    assert {word for word in told.split() if word.startswith("provider[")} == {
        "provider[registry.terraform.io/hashicorp/aws]"
    }
