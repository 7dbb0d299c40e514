"""Every mode of the module, and what it creates, exactly."""

from __future__ import annotations

from collections import Counter

from tests.plans.planning import Case
from tools.problems import ROOT

# What every mode has.
ALWAYS = Counter(
    {
        "aws_cloudwatch_log_group": 1,
        "aws_cloudwatch_metric_alarm": 6,
        "aws_iam_role": 1,
        "aws_iam_role_policy": 1,
        "aws_lambda_event_source_mapping": 1,
        "aws_lambda_function": 1,
        "aws_sqs_queue": 2,
        "aws_sqs_queue_policy": 2,
        "aws_sqs_queue_redrive_allow_policy": 1,
    }
)
NOTIFICATION = Counter({"aws_s3_bucket_notification": 1})
RULE = Counter({"aws_cloudwatch_event_rule": 1, "aws_cloudwatch_event_target": 1})
DIRECT = Counter(
    {"aws_lambda_permission": 1, "aws_lambda_function_event_invoke_config": 1, "aws_cloudwatch_metric_alarm": 1}
)
DASHBOARD = Counter({"aws_cloudwatch_dashboard": 1, "aws_cloudwatch_query_definition": 2})
ROLE = Counter({"aws_iam_role": 1, "aws_iam_role_policy": 1})

ZONE = 'zone_id = "0123456789abcdef0123456789abcdef"'
_HASH = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
_KEY = '"arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"'

MODES: dict[str, tuple[str, Counter[str]]] = {
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
        f'lambda = {{ package = {{ filename = "later.zip", source_code_hash = "{_HASH}" }} }}',
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
        f"api_token_kms_key_arn = {_KEY}\nqueue = {{ kms_key_arn = {_KEY} }}\nlambda = {{ log_kms_key_arn = {_KEY} }}",
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
    "a dashboard without alarms": (
        "dashboard = true\nalarms = { enabled = false }",
        ALWAYS + NOTIFICATION + DASHBOARD - Counter({"aws_cloudwatch_metric_alarm": 6}),
    ),
    "no alarms": ("alarms = { enabled = false }", ALWAYS + NOTIFICATION - Counter({"aws_cloudwatch_metric_alarm": 6})),
}
CASES = {mode: Case(variables) for mode, (variables, _) in MODES.items()}
