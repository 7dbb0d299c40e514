"""Every policy document, of a real plan of modes and examples, before an IAM linter and against AWS's API models."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import botocore.session
import pytest

from tests.compatibility import policies
from tests.compatibility.accepted import ACCEPTED
from tests.compatibility.linter import Finding, findings
from tests.compatibility.policies import Granted
from tests.examples import EXAMPLES
from tests.plans.planning import Plan
from tools.problems import ROOT

# Where an action has not the name of the operation that it allows.
_OPERATIONS = {"lambda:InvokeFunction": "Invoke"}  # the API's name is older than its permission's


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return policies.plan(tmp_path_factory.mktemp("policies"))


@pytest.fixture(scope="module")
def granted(plan: Plan) -> list[Granted]:
    return list(policies.granted(plan))


@cache
def _operations(service: str) -> frozenset[str]:
    return frozenset(botocore.session.get_session().get_service_model(service).operation_names)


def unknown_actions(actions: set[str]) -> set[str]:
    """Those that allow no operation of their service."""
    return {
        action
        for action in actions
        for service, _, pattern in [action.partition(":")]
        if not any(fnmatchcase(name, _OPERATIONS.get(action, pattern)) for name in _operations(service))
    }


def test_every_statement_that_is_written_is_in_the_plan(granted: list[Granted]) -> None:
    files = [*ROOT.glob("*.tf"), *EXAMPLES.glob("*/*.tf")]
    written = {sid for file in files for sid in re.findall(r'\bSid\s*=\s*"(\w+)"', file.read_text())}
    assert written
    assert written == {statement["Sid"] for one in granted for statement in one.document["Statement"]}


def test_the_linter_finds_nothing_but_what_has_a_reason(granted: list[Granted]) -> None:
    found = {finding for one in granted for finding in findings(one.document)}
    unexplained = {
        finding
        for finding in found
        for pattern, _ in [ACCEPTED.get((finding.sid, finding.issue), ("(?!)", ""))]
        if not re.fullmatch(pattern, finding.detail)
    }
    assert unexplained == set()
    assert {(finding.sid, finding.issue) for finding in found} == set(ACCEPTED), "a reason without its finding"


def test_every_action_is_an_operation_of_its_service(plan: Plan, granted: list[Granted]) -> None:
    actions = {action for one in granted for action in policies.actions(one.document)}
    permissions = [change for change in plan.resource_changes if change["type"] == "aws_lambda_permission"]
    assert permissions
    actions |= {change["change"]["after"]["action"] for change in permissions}
    assert "ssm:GetParameter" in actions
    assert unknown_actions(actions) == set()


def _statement(**fields: Any) -> dict[str, Any]:
    statement = {"Sid": "A", "Effect": "Allow", "Action": "ssm:GetParameter", "Resource": _PARAMETER, **fields}
    return {"Version": "2012-10-17", "Statement": [statement]}


_PARAMETER = "arn:aws:ssm:eu-west-1:123456789012:parameter/token"


@pytest.mark.parametrize(
    ("document", "issue"),
    [
        (_statement(Action="ssm:GetParametr"), "UNKNOWN_ACTION"),
        (_statement(Action="ssn:GetParameter"), "UNKNOWN_PREFIX"),
        (_statement(Resource="*"), "RESOURCE_STAR"),
        (_statement(Resource="arn:aws:sqs:eu-west-1:123456789012:queue"), "RESOURCE_MISMATCH"),
        (_statement(Condition={"StringEquals": {"kms:ViaService": "x"}}), "UNKNOWN_CONDITION_FOR_ACTION"),
        (_statement(Condition={"StringEqual": {"aws:SourceAccount": "x"}}), "UNKNOWN_OPERATOR"),
        ({**_statement(), "Version": "2012-10-18"}, "INVALID_VERSION"),
        ({"Version": "2012-10-17", "Statement": _statement()["Statement"] * 2}, "DUPLICATE_SID"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_linter_finds_what_is_wrong(document: policies.Document, issue: str) -> None:
    assert issue in {finding.issue for finding in findings(document)}
    assert list(findings(_statement())) == []


def test_an_action_that_allows_nothing_is_found() -> None:
    wrong = {"ssm:GetParametr", "ssm:Getparameter", "sqs:Sent*"}
    assert unknown_actions({*wrong, "ssm:GetParameter", "sqs:Send*", "lambda:InvokeFunction"}) == wrong


def test_a_finding_is_told_by_its_statement() -> None:
    (finding,) = findings(_statement(Resource="*"))
    assert finding == Finding("A", "RESOURCE_STAR", '["ssm:GetParameter"]')
