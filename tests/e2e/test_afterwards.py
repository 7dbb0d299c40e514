"""After all the others: the state, the plan, the logs. conftest.py puts it last, when there is most to look through."""

import json
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.compliance.modes import MODES, SHARED, assert_complies
from tests.e2e.roots import DEPLOYMENTS
from tests.simulation.terraform import Terraform
from tests.simulation.world import World

# What the emulator reads back otherwise than it was told; AWS does not.
ALARM_ATTRIBUTES = {
    "actions_enabled", "alarm_actions", "alarm_description", "dimensions", "ok_actions", "period", "statistic",
    "treat_missing_data",
}  # fmt: skip


class After(NamedTuple):
    """What there is after all tests of examples/local, or of all other roots together."""

    name: str
    terraform: Terraform
    plan: dict[str, Any]  # a second one


@pytest.fixture(scope="module", params=["others", "local"])
def after(request: pytest.FixtureRequest, applied: World) -> After:
    terraform = applied.terraform if request.param == "local" else request.getfixturevalue("roots")
    return After(request.param, terraform, terraform.plan()[1])


def test_a_second_plan_is_clean_but_for_what_the_emulator_reads_back_wrong(after: After) -> None:
    for change in after.plan["resource_changes"]:
        if change["change"]["actions"] in (["no-op"], ["read"]):
            continue
        old, new = change["change"]["before"], change["change"]["after"]
        differing = {name for name in new if old.get(name) != new[name]}
        assert change["type"] == "aws_cloudwatch_metric_alarm", (change["address"], differing)
        assert change["change"]["actions"] == ["update"]
        assert differing <= ALARM_ATTRIBUTES, change["address"]


def test_the_plan_complies(after: After, tmp_path: Path) -> None:
    """The local one with all rules for its mode, the others with those that they share."""
    assert_complies(after.plan, MODES["local"].features if after.name == "local" else SHARED, tmp_path)


def test_no_secret_is_in_a_state_plan_configuration_or_log(after: After, applied: World) -> None:
    secrets = [secret for value in (applied.token, applied.global_key) for secret in (value, value[::-1])]
    texts = {"state": after.terraform.state_file.read_text(), "plan": json.dumps(after.plan)}
    functions, logs = applied.client("lambda"), applied.client("logs")
    for name in ["cf-purge"] if after.name == "local" else [each.name for each in DEPLOYMENTS.values()]:
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
