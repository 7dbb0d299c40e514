"""The second plan, the upgrade and secrets, of everything that was applied. Last, because by then the logs are full."""

import json
from concurrent.futures import Future
from typing import Any

import pytest

from tests.e2e.conftest import Started
from tests.e2e.roots import DEPLOYMENTS, UPGRADED
from tests.simulation.terraform import Terraform
from tests.simulation.world import World

# The emulator returns other values of these than it was given; AWS does not.
ALARM_ATTRIBUTES = {
    "actions_enabled", "alarm_actions", "alarm_description", "dimensions", "ok_actions", "period", "statistic",
    "treat_missing_data",
}  # fmt: skip


@pytest.fixture(params=["others", "local"])
def after(request: pytest.FixtureRequest, started: Started) -> Terraform:
    """All other roots together, or examples/local."""
    applied: Future[Terraform] = getattr(started, request.param)
    return applied.result()


def upgraded(change: dict[str, Any]) -> bool:
    """Whether the last release applied this."""
    return change["address"].split(".")[1] in UPGRADED


def test_a_second_plan_is_clean_but_for_what_the_emulator_reads_back_wrong(after: Terraform) -> None:
    for change in after.last_plan["resource_changes"]:
        if upgraded(change) or change["change"]["actions"] in (["no-op"], ["read"]):
            continue
        old, new = change["change"]["before"], change["change"]["after"]
        differing = {name for name in new if old.get(name) != new[name]}
        assert change["type"] == "aws_cloudwatch_metric_alarm", (change["address"], differing)
        assert change["change"]["actions"] == ["update"]
        assert differing <= ALARM_ATTRIBUTES, change["address"]


def test_an_upgrade_replaces_and_destroys_nothing(roots: Terraform) -> None:
    changes = [change for change in roots.last_plan["resource_changes"] if upgraded(change)]
    if not changes:
        pytest.skip("there is no history: clone the repository with it")
    assert {change["type"] for change in changes} >= {"aws_lambda_function", "aws_cloudwatch_dashboard"}
    assert [change["address"] for change in changes if "delete" in change["change"]["actions"]] == []


def test_no_secret_is_in_a_state_plan_configuration_or_log(after: Terraform, applied: World) -> None:
    secrets = [secret for value in (applied.token, applied.global_key) for secret in (value, value[::-1])]
    texts = {"state": after.state_file.read_text(), "plan": json.dumps(after.last_plan)}
    functions, logs = applied.client("lambda"), applied.client("logs")
    local = after is applied.terraform
    for name in ["cf-purge"] if local else [deployment.name for deployment in DEPLOYMENTS.values()]:
        texts[name] = json.dumps(functions.get_function(FunctionName=name), default=str)
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
        texts[f"log of {name}"] = "\n".join(event["message"] for page in pages for event in page["events"])
        assert texts[f"log of {name}"].count('"purged"') > 0, f"there is nothing to look through in the log of {name}"
    for path in applied.folder.rglob("*"):
        if path.is_file() and "providers" not in path.parts:
            texts[str(path)] = path.read_text(errors="replace")
    assert [place for place, text in texts.items() if any(secret in text for secret in secrets)] == []


def test_nothing_is_left_of_what_was_destroyed(roots: Terraform, leaving: Future[None]) -> None:
    leaving.result()
    assert json.loads(roots.state_file.read_text())["resources"] == []
