"""After all the others: the state, the plan, the logs. conftest.py puts it last, when there is most to look through."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.compliance.modes import MODES, SHARED, assert_complies
from tests.e2e.roots import DEPLOYMENTS
from tests.simulation.terraform import Terraform
from tests.simulation.world import World

# What the emulator reads back otherwise than it was told; AWS does not.
ALARM_ATTRIBUTES = {
    "actions_enabled",
    "alarm_actions",
    "alarm_description",
    "dimensions",
    "ok_actions",
    "period",
    "statistic",
    "treat_missing_data",
}
Plan = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def plans(applied: World, roots: Terraform) -> dict[str, Plan]:
    """Second plans: of examples/local, and of all other roots together."""
    with ThreadPoolExecutor() as threads:
        local, others = threads.submit(applied.terraform.plan), threads.submit(roots.plan)
        return {"local": local.result(), "others": others.result()}


@pytest.fixture(params=["local", "others"])
def plan(request: pytest.FixtureRequest, plans: dict[str, Plan]) -> Plan:
    return plans[request.param]


def test_a_second_plan_is_clean_but_for_what_the_emulator_reads_back_wrong(plan: Plan) -> None:
    for change in plan[1]["resource_changes"]:
        if change["change"]["actions"] in (["no-op"], ["read"]):
            continue
        before, after = change["change"]["before"], change["change"]["after"]
        differing = {name for name in after if before.get(name) != after[name]}
        assert change["type"] == "aws_cloudwatch_metric_alarm", (change["address"], differing)
        assert change["change"]["actions"] == ["update"]
        assert differing <= ALARM_ATTRIBUTES, change["address"]


@pytest.mark.parametrize(("name", "features"), [("local", MODES["local"].features), ("others", SHARED)])
def test_the_plan_complies(plans: dict[str, Plan], name: str, features: frozenset[str], tmp_path: Path) -> None:
    """The local one with all rules for its mode, the others with those that they share."""
    assert_complies(plans[name][1], features, tmp_path)


def test_no_secret_is_in_a_state_plan_configuration_or_log(
    applied: World, roots: Terraform, plans: dict[str, Plan]
) -> None:
    secrets = [secret for value in (applied.token, applied.global_key) for secret in (value, value[::-1])]
    texts = {terraform.state_file.name: terraform.state_file.read_text() for terraform in (applied.terraform, roots)}
    texts |= {f"plan of {name}": json.dumps(plan) for name, (_, plan) in plans.items()}
    functions, logs = applied.client("lambda"), applied.client("logs")
    names = ["cf-purge", *(deployment.name for deployment in DEPLOYMENTS.values())]
    for name in names:
        texts[name] = json.dumps(functions.get_function(FunctionName=name), default=str)
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
        texts[f"log of {name}"] = "\n".join(event["message"] for page in pages for event in page["events"])
        assert texts[f"log of {name}"].count('"purged"') > 0, f"there is nothing to look through in the log of {name}"
    for path in applied.folder.rglob("*"):
        if path.is_file() and "providers" not in path.parts:
            texts[str(path)] = path.read_text(errors="replace")
    assert [place for place, text in texts.items() if any(secret in text for secret in secrets)] == []
