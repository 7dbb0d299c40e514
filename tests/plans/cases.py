"""Every way of using the module: modes with what they create, examples, and what roots of others look like."""

import json
from collections import Counter
from hashlib import sha256
from typing import Any

from tests.examples import EXAMPLES
from tests.plans.planning import PROVIDER, Case

ZONE_ID = "0123456789abcdef0123456789abcdef"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
BUS = "arn:aws:events:us-east-1:210987654321:event-bus/partners/site.news_1"
HASH = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
KINDS: list[dict[str, Any]] = [
    {"clean_urls": True, "header_variants": [{"Origin": "https://www.example.com"}, {"Accept": 'a, "b"'}]},
    {"purge_by": "prefix", "environment_id": "staging", "index_documents": ["index.html", ""]},
    {"purge_by": "tag", "tags": ["{bucket}/{key}", "{dir}{name}:{ext}", "site!$%&()*+-./;<=>?@[]^_`|~"]},
    {
        "purge_by": "host",
        "hosts": ["example.com", "www.example.com"],
        "schemes": ["https", "http"],
        "delay_seconds": 60,
    },
    {"purge_by": "everything", "key_prefix": "a/", "path_prefix": "b", "keys": ["*.html"], "related": ["/b/{stem}*"]},
    {"path_prefix": "/".join("x" * 30)},
]


def given(**inputs: Any) -> Case:
    return Case("\n".join(f"{name} = {json.dumps(value)}" for name, value in inputs.items()))


# ---- Modes ----

ROLE = Counter(aws_iam_role=1, aws_iam_role_policy=1)
ALARMS = Counter(aws_cloudwatch_metric_alarm=6)
QUEUES = Counter(
    aws_sqs_queue=2, aws_sqs_queue_policy=2, aws_sqs_queue_redrive_policy=1, aws_sqs_queue_redrive_allow_policy=1
)
FUNCTION = Counter(aws_lambda_function=1, aws_lambda_event_source_mapping=1, aws_cloudwatch_log_group=1)
ALWAYS = ROLE + ALARMS + QUEUES + FUNCTION
BASIC = ALWAYS + Counter(aws_s3_bucket_notification=1)
RULE = Counter(aws_cloudwatch_event_rule=1, aws_cloudwatch_event_target=1)
DIRECT = Counter(aws_lambda_permission=1, aws_lambda_function_event_invoke_config=1, aws_cloudwatch_metric_alarm=1)
DASHBOARD = Counter(aws_cloudwatch_dashboard=1, aws_cloudwatch_query_definition=3)
VERIFY = Counter(aws_cloudwatch_metric_alarm=2)
SEEN = VERIFY + Counter(aws_cloudwatch_query_definition=2)

S3, S3_DIRECT, RULED, RULE_DIRECT, NONE, NONE_DIRECT, EVERYTHING = (
    "the defaults",
    "s3, direct, a role that is brought",
    "eventbridge, a dashboard",
    "eventbridge, direct, a dashboard",
    "none, a token in Secrets Manager",
    "none, direct, a package that is made later",
    "all options of the function, its role and its targets",
)
# Each with the resources that it creates, by type.
MODES: dict[str, tuple[Case, Counter[str]]] = {
    S3: (Case(), BASIC),
    S3_DIRECT: (given(delivery="direct", role={"arn": "arn:aws:iam::123456789012:role/mine"}), BASIC + DIRECT - ROLE),
    RULED: (
        given(event_source="eventbridge", dashboard=True, verify={}),
        ALWAYS + RULE + DASHBOARD + SEEN + Counter(aws_cloudwatch_metric_alarm=1),
    ),
    RULE_DIRECT: (
        given(event_source="eventbridge", delivery="direct", dashboard=True, verify={}),
        ALWAYS + RULE + DIRECT + DASHBOARD + SEEN,
    ),
    NONE: (
        given(
            event_source="none",
            api_token_parameter="/aws/reference/secretsmanager/cloudflare-token",
            api_token_kms_key_arn=KEY,
        ),
        ALWAYS,
    ),
    NONE_DIRECT: (
        given(
            event_source="none",
            delivery="direct",
            **{"lambda": {"package": {"filename": "later.zip", "source_code_hash": HASH}}},
        ),
        ALWAYS + DIRECT,
    ),
    EVERYTHING: (
        given(
            api_token_kms_key_arn=KEY,
            queue={"kms_key_arn": KEY, "batch_size": 5},
            verify={"sample": 0},
            notify={"event_bus_arn": BUS},
            collapse_above=1_000_000,
            targets=[{"zone_id": ZONE_ID, **kind} for kind in KINDS],
            cloudflare={
                "operation": "invalidate",
                "plan": "enterprise",
                "email": "me@example.com",
                "requests_per_second": 8,
                "api_url": "http://127.0.0.1:8787/client/v4",
                "edge_url": "http://127.0.0.1:8788",
            },
            include=["*.css"],
            exclude=["drafts/**"],
            role={"path": "/service/", "permissions_boundary": "arn:aws:iam::123456789012:policy/bound"},
            **{
                "lambda": {
                    "architecture": "x86_64",
                    "log_kms_key_arn": KEY,
                    "log_level": "WARN",
                    "log_principals": False,
                    "tracing": "Active",
                    "vpc": {"subnet_ids": ["subnet-01234567"], "security_group_ids": ["sg-01234567"]},
                    "package": {"s3_bucket": "packages", "s3_key": "cf_purge.zip", "s3_object_version": "1"},
                }
            },
        ),
        BASIC + VERIFY,
    ),
}

# ---- What others own in the same root, known only after apply ----

_ROLE = """
resource "aws_iam_role" "mine" {
  name_prefix        = "mine"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [] })
}

resource "aws_iam_role_policy" "mine" {
  role   = aws_iam_role.mine.name
  policy = module.cf_purge.role_policy_json
}
"""
_BUCKET_AND_NETWORK = """
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
"""
_IN_THEM = """
bucket = aws_s3_bucket.site.bucket
lambda = { vpc = { subnet_ids = [aws_subnet.mine.id], security_group_ids = [aws_security_group.mine.id] } }
"""
FOREIGN = "somebody else's notification and role"

# ---- As others call the module: with count, for_each and another provider, with sensitive and with many inputs ----

_INPUTS = f"""
  source              = "../.."
  bucket              = "www.example.com"
  api_token_parameter = "/token"
  targets             = [{{ zone_id = "{ZONE_ID}" }}]
"""
_CALLS = f"""
module "counted" {{
  count = 1
  name  = "counted-${{count.index}}"
  {_INPUTS}
}}

module "each" {{
  for_each = toset(["a.example", "b.example"])
  name     = replace(each.key, ".", "-")
  {_INPUTS}
}}
"""
_OTHER_PROVIDER = PROVIDER.replace("{", '{\n  alias = "other"', 1).replace("eu-west-1", "us-east-1")
_OTHER_PROVIDER += f"""
module "elsewhere" {{
  name      = "elsewhere"
  providers = {{ aws = aws.other }}
  {_INPUTS}
}}
"""
_SENSITIVE = f"""
bucket              = sensitive("www.example.com")
api_token_parameter = sensitive("/token")
targets             = [{{ zone_id = sensitive("{ZONE_ID}"), hosts = [sensitive("www.example.com")] }}]
cloudflare          = {{ email = sensitive("me@example.com") }}
alarms              = {{ actions = [sensitive("arn:aws:sns:eu-west-1:123456789012:on-call")] }}
delivery            = "direct"
dashboard           = true
"""


def zone_of(number: int) -> dict[str, Any]:
    return {"zone_id": sha256(bytes([number])).hexdigest()[:32], "hosts": [f"host-{number}.example.com"]}


def rules_of(number: int) -> dict[str, Any]:
    return {"keys": [f"section-{number}/**"], "related": [f"/section-{number}/feed.xml", f"/tags/{number}/*"]}


COMPLETE, CALLED, MANY = "example complete", "called with count and for_each", "many hosts: 150 in a zone"
USES: dict[str, Case] = {
    **{mode: case for mode, (case, _) in MODES.items()},
    # The example `local` is applied by the end-to-end tests.
    **{
        f"example {file.parent.name}": Case(example=file.parent.name)
        for file in EXAMPLES.glob("*/main.tf")
        if file.parent.name not in ("basic", "local")
    },
    FOREIGN: Case("role = { create = false, arn = aws_iam_role.mine.arn }", _ROLE, "external-notification"),
    "a bucket and a network made in the same apply": Case(_IN_THEM, _BUCKET_AND_NETWORK),
    CALLED: Case(others=_CALLS),
    "called with another provider": Case(others=_OTHER_PROVIDER),
    "told sensitive values": Case(_SENSITIVE),
    MANY: given(
        targets=[{"zone_id": ZONE_ID, "hosts": [f"host-{number}.customers.example.com" for number in range(150)]}]
    ),
    "many rules: 40 targets with keys and two related pages each": given(
        targets=[{**zone_of(number), **rules_of(number)} for number in range(40)]
    ),
    "many zones: 80 with a host each": given(targets=[zone_of(number) for number in range(80)]),
}
# Also planned where everything exists.
IN_USE = {
    name: USES[name]
    for name in (S3, S3_DIRECT, RULED, RULE_DIRECT, NONE, NONE_DIRECT, EVERYTHING, COMPLETE, CALLED, MANY)
}
