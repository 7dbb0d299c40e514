"""Every policy document of the module, in every mode, and of the examples: from a real plan of the code as it stands.

At plan time a policy is unknown as long as an ARN in it is. So the plan is of a copy in which ARNs of resources are
written out, and everything else is as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.plans import examples, modes
from tests.plans.planning import Case, Plan, composed, label, planned
from tools.problems import ROOT

Document = dict[str, Any]

_PLACE = "eu-west-1:123456789012"
_ARNS = {
    "aws_cloudwatch_event_rule": f"arn:aws:events:{_PLACE}:rule/x",
    "aws_cloudwatch_log_group": f"arn:aws:logs:{_PLACE}:log-group:/aws/lambda/x",
    "aws_iam_policy": "arn:aws:iam::123456789012:policy/x",
    "aws_iam_role": "arn:aws:iam::123456789012:role/x",
    "aws_kms_key": f"arn:aws:kms:{_PLACE}:key/11111111-2222-3333-4444-555555555555",
    "aws_lambda_function": f"arn:aws:lambda:{_PLACE}:function:x",
    "aws_s3_bucket": "arn:aws:s3:::x",
    "aws_sns_topic": f"arn:aws:sns:{_PLACE}:x",
    "aws_sqs_queue": f"arn:aws:sqs:{_PLACE}:x",
}
_ARN = re.compile(rf"\b(?:({'|'.join(_ARNS)})\.\w+(?:\[0\])?|rule)\.arn\b")
# A plan's time is its resources': no alarms, and no mode that says nothing of these, which has the defaults' policies.
_LESS = "\nalarms = { enabled = false }"
_ALLOWS = re.compile("event_source|delivery|vpc|tracing|role|kms|repurge")
_LOCAL = "example local"
_LOCAL_VARIABLES = "".join(
    f'variable "{name}" {{\n  default = "{value}"\n}}\n'
    for name, value in {
        "aws_endpoint": "http://127.0.0.1:4566",
        "cloudflare_api_url": "http://127.0.0.1:8080/client/v4",
        "zone_id": "0123456789abcdef0123456789abcdef",
    }.items()
)


@dataclass(frozen=True, slots=True)
class Granted:
    """A policy document, and whose it is."""

    case: str
    address: str
    attribute: str
    document: Document


def plan(folder: Path) -> Plan:
    """Plan every example, and every mode that says something of what is allowed, with the ARNs known."""
    module = folder / "module"
    module.mkdir(parents=True)
    for file in ROOT.glob("*.tf"):
        (module / file.name).write_text(_with_arns(file.read_text()))
    (module / "lambda").symlink_to(ROOT / "lambda")
    cases = {name: case for name, case in modes.CASES.items() if not case.variables or _ALLOWS.search(case.variables)}
    cases |= {**examples.CASES, _LOCAL: Case(example="local")}
    root = composed(
        folder / "root",
        {name: replace(case, variables=case.variables + _LESS, source=module) for name, case in cases.items()},
    )
    (root / label(_LOCAL) / "variables_override.tf").write_text(_LOCAL_VARIABLES)
    for file in root.glob("*/*.tf"):
        file.write_text(_with_arns(file.read_text()))
    return planned(root)


def _with_arns(text: str) -> str:
    return _ARN.sub(lambda found: json.dumps(_ARNS[found[1] or "aws_cloudwatch_event_rule"]), text)


def granted(plan: Plan) -> Iterator[Granted]:
    """Yield every policy document of a plan.

    Raises:
        AssertionError: one is unknown.
    """
    for change in plan.resource_changes:
        case, _, address = change["address"].removeprefix("module.").partition(".")
        for attribute in ("policy", "assume_role_policy"):
            unknown = change["change"]["after_unknown"].get(attribute) and change["type"] not in _COMPUTED
            assert not unknown, f"unknown: {attribute} of {change['address']}"
            text = change["change"]["after"].get(attribute)
            if text:
                yield Granted(case, address, attribute, json.loads(text))


_COMPUTED = {"aws_sqs_queue", "aws_s3_bucket", "aws_sns_topic"}  # where it is another resource's


def actions(document: Document) -> Iterator[str]:
    for statement in document["Statement"]:
        named = statement["Action"]
        yield from [named] if isinstance(named, str) else named
