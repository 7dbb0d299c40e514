"""Roots that hold many cases as modules, and their plans, which make no request.

A plan takes seconds, mostly the provider's. So there is one plan that creates all cases, and one of a few that exist.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.examples import EXAMPLES, copied, finding_the_module
from tools.terraform import environment, initialised, run

PROVIDER = """
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "fake"
  secret_key                  = "fake"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
"""
# Nothing listens there, so a plan that makes a request fails.
NOWHERE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")


@dataclass(frozen=True)
class Case:
    """An example, changed."""

    variables: str = ""  # HCL: what the module is given beyond the example
    others: str = ""  # HCL: what stands beside the module
    example: str = "basic"


@dataclass(frozen=True)
class Plan:
    """What would be done, by case."""

    resource_changes: list[dict[str, Any]]
    planned_values: dict[str, Any]

    def changes(self, case: str) -> list[dict[str, Any]]:
        """The case's changes, with addresses as the case's own root has them."""
        inside = f"module.{label(case)}."
        return [
            {**change, "address": change["address"].removeprefix(inside)}
            for change in self.resource_changes
            if change["address"].startswith(inside)
        ]

    def planned(self, case: str, kind: str) -> list[dict[str, Any]]:
        """What the resources of a type will be."""
        return [change["change"]["after"] for change in self.changes(case) if change["type"] == kind]


def label(case: str) -> str:
    return re.sub(r"\W+", "_", case)


def composed(folder: Path, cases: Mapping[str, Case], module: str = "") -> Path:
    """Write the root that holds the cases, with a provider that plans offline, and initialise it.

    `module` is said to each call of the module beyond the case's variables.
    """
    root = PROVIDER
    for name, case in cases.items():
        inside = folder / label(name)
        copied(EXAMPLES / case.example, inside)
        (inside / "case_override.tf").write_text(f'module "cf_purge" {{\n{case.variables}\n}}\n')
        (inside / "others.tf").write_text(finding_the_module(case.others, inside))
        root += f'module "{label(name)}" {{\n  source = "./{label(name)}"\n{module}}}\n'
    (folder / "main.tf").write_text(root)
    initialised(folder)
    return folder


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Terraform offline, without the developer's credentials."""
    environ = {name: value for name, value in environment().items() if not name.startswith("AWS_")} | NOWHERE
    return run(folder, environ, *arguments)


def planned(root: Path) -> Plan:
    """Plan a root; `plan.json` in it is the plan as Terraform shows it."""
    done = terraform(root, "plan", "-input=false", "-no-color", "-refresh=false", "-out=plan")
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stdout + done.stderr, done.stdout
    shown = terraform(root, "show", "-json", "plan").stdout
    (root / "plan.json").write_text(shown)
    plan: dict[str, Any] = json.loads(shown)
    return Plan(plan["resource_changes"], plan["planned_values"]["root_module"])


# ---- A state, as if a plan had been applied ----

_ACCOUNT = "eu-west-1:123456789012"
# What AWS gives out and the module reads.
_GIVEN_OUT: dict[str, dict[str, Any]] = {
    "aws_cloudwatch_event_rule": {"arn": f"arn:aws:events:{_ACCOUNT}:rule/{{name}}", "state": "ENABLED"},
    "aws_cloudwatch_log_group": {"arn": f"arn:aws:logs:{_ACCOUNT}:log-group:{{name}}"},
    "aws_cloudwatch_metric_alarm": {"arn": f"arn:aws:cloudwatch:{_ACCOUNT}:alarm:{{alarm_name}}"},
    "aws_iam_policy": {"arn": "arn:aws:iam::123456789012:policy{path}{name}"},
    "aws_iam_role": {"arn": "arn:aws:iam::123456789012:role{path}{name}", "managed_policy_arns": []},
    "aws_kms_key": {"arn": f"arn:aws:kms:{_ACCOUNT}:key/11111111-2222-3333-4444-555555555555"},
    "aws_lambda_function": {"arn": f"arn:aws:lambda:{_ACCOUNT}:function:{{function_name}}"},
    "aws_sns_topic": {"arn": f"arn:aws:sns:{_ACCOUNT}:{{name}}"},
    "aws_sqs_queue": {
        "arn": f"arn:aws:sqs:{_ACCOUNT}:{{name}}",
        "url": "https://sqs.eu-west-1.amazonaws.com/123456789012/{name}",
    },
}


def state(plan: Plan, cases: Mapping[str, Case]) -> dict[str, Any]:
    """The state after a plan's apply, of some of its cases, as far as the plan knows it."""
    wanted = {f"module.{label(case)}" for case in cases}
    roots = [root for root in plan.planned_values["child_modules"] if root["address"] in wanted]
    resources: dict[tuple[str, str, str], dict[str, Any]] = {}
    for module, resource in [each for root in roots for each in _resources(root)]:
        values = {name: value for name, value in resource.get("values", {}).items() if value is not None}
        given_out = {
            name: value.format(**values) if isinstance(value, str) else value
            for name, value in _GIVEN_OUT.get(resource["type"], {}).items()
        }
        tags_all: dict[str, Any] = {"tags_all": {}} if "tags" in resource.get("values", {}) else {}
        instance = {
            "schema_version": resource["schema_version"],
            "attributes": {"id": "made", **tags_all, **values, **given_out},
            **({"index_key": resource["index"]} if "index" in resource else {}),
        }
        kind, name, provider = resource["type"], resource["name"], f'provider["{resource["provider_name"]}"]'
        made = {"module": module, "mode": "managed", "type": kind, "name": name, "provider": provider, "instances": []}
        resources.setdefault((module, kind, name), made)["instances"].append(instance)
    head = {"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "made", "outputs": {}}
    return {**head, "resources": [*resources.values()]}


def _resources(module: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in module.get("resources", []):
        yield module["address"], resource
    for child in module.get("child_modules", []):
        yield from _resources(child)
