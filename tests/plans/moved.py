"""What there was before this version of the module."""

from __future__ import annotations

from tests.plans.planning import Case, label

UNCOUNTED = "a notification made before it was counted"
CASES = {UNCOUNTED: Case()}
STATE = {
    "version": 4,
    "terraform_version": "1.9.0",
    "serial": 1,
    "lineage": "before",
    "outputs": {},
    "resources": [
        {
            "module": f"module.{label(UNCOUNTED)}.module.cf_purge",
            "mode": "managed",
            "type": "aws_s3_bucket_notification",
            "name": "this",
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [{"schema_version": 0, "attributes": {"id": "www.example.com", "bucket": "www.example.com"}}],
        }
    ],
}
