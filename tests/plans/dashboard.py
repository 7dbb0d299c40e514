"""The dashboard, planned where its queues and alarms are already: it is about ARNs and URLs that AWS gives out."""

from __future__ import annotations

import json
from typing import Any

from tests.plans.planning import Case, Plan, label

NAME = "site-purge"  # of the example
QUEUE, DIRECT = "a dashboard", "a dashboard, direct"
CASES = {QUEUE: Case("dashboard = true"), DIRECT: Case('dashboard = true\ndelivery = "direct"')}
_KINDS = ("dead_letters", "errors", "lag", "misconfigured", "oldest_message", "throttles")


def _state(case: str) -> list[dict[str, Any]]:
    """Return the case's queues and alarms as a state has them."""
    account = "eu-west-1:123456789012"
    queues = {"this": NAME, "dead_letter": f"{NAME}-dlq"}
    instances: dict[tuple[str, str], list[dict[str, Any]]] = {
        ("aws_sqs_queue", resource): [
            {
                "attributes": {
                    "id": f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}",
                    "url": f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}",
                    "arn": f"arn:aws:sqs:{account}:{name}",
                    "name": name,
                    "fifo_queue": False,  # null would be another queue
                }
            }
        ]
        for resource, name in queues.items()
    }
    instances["aws_cloudwatch_metric_alarm", "this"] = [
        {
            "index_key": kind,
            "attributes": {
                "id": f"{NAME}-{kind.replace('_', '-')}",
                "alarm_name": f"{NAME}-{kind.replace('_', '-')}",
                "arn": f"arn:aws:cloudwatch:{account}:alarm:{NAME}-{kind.replace('_', '-')}",
            },
        }
        for kind in (*_KINDS, *(("undelivered",) if case == DIRECT else ()))
    ]
    return [
        {
            "module": f"module.{label(case)}.module.cf_purge",
            "mode": "managed",
            "type": kind,
            "name": name,
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [
                {"schema_version": 1 if kind == "aws_cloudwatch_metric_alarm" else 0, **each} for each in all_
            ],
        }
        for (kind, name), all_ in instances.items()
    ]


STATE = [resource for case in CASES for resource in _state(case)]


def planned(plan: Plan, case: str, kind: str) -> list[dict[str, Any]]:
    """Return what the resources of a type will be."""
    return [change["change"]["after"] for change in plan.changes(case) if change["type"] == kind]


def widgets(plan: Plan, case: str) -> list[dict[str, Any]]:
    [dashboard] = planned(plan, case, "aws_cloudwatch_dashboard")
    found: list[dict[str, Any]] = json.loads(dashboard["dashboard_body"])["widgets"]
    return found


def query(plan: Plan, title: str) -> str:
    """Return a saved query's text by its name in the module's folder."""
    [text] = [
        each["query_string"]
        for each in planned(plan, QUEUE, "aws_cloudwatch_query_definition")
        if each["name"] == f"{NAME}/{title}"
    ]
    assert isinstance(text, str)
    return text
