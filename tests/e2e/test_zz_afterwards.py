"""After all that: the state, the plan, the logs. Named to run last, when there is most to look through."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Site
from tools import environments
from world.world import ROOT, World

# What the emulator reads back otherwise than it was told; AWS does not.
ALARM_ATTRIBUTES = {
    "actions_enabled",
    "alarm_actions",
    "alarm_description",
    "dimensions",
    "period",
    "statistic",
    "treat_missing_data",
}
FEATURES = ROOT / "tests" / "compliance"


@pytest.fixture(scope="module")
def plan(applied: World) -> tuple[Path, dict[str, Any]]:
    return applied.terraform.plan()


def test_a_second_plan_is_clean_but_for_what_the_emulator_reads_back_wrong(plan: tuple[Path, dict[str, Any]]) -> None:
    for change in plan[1]["resource_changes"]:
        if change["change"]["actions"] in (["no-op"], ["read"]):
            continue
        before, after = change["change"]["before"], change["change"]["after"]
        differing = {name for name in after if before.get(name) != after[name]}
        assert change["type"] == "aws_cloudwatch_metric_alarm", change["address"]
        assert change["change"]["actions"] == ["update"]
        assert differing <= ALARM_ATTRIBUTES, change["address"]


@pytest.mark.parametrize("feature", sorted(path.name for path in FEATURES.glob("*.feature")))
def test_the_plan_complies(plan: tuple[Path, dict[str, Any]], feature: str, tmp_path: Path) -> None:
    told = tmp_path / "plan.json"
    told.write_text(json.dumps(plan[1]))
    features = tmp_path / "features"
    features.mkdir()
    (features / feature).write_text((FEATURES / feature).read_text())
    command = environments.folder("compliance") / "bin" / "terraform-compliance"
    done = subprocess.run(
        [command, "--planfile", told, "--features", features, "--no-ansi"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "SKIPPING" not in done.stdout, done.stdout[-6000:]
    scenarios = (FEATURES / feature).read_text().count("Scenario")
    assert f"{scenarios} scenarios ({scenarios} passed)" in done.stdout, done.stdout[-2000:]


def test_every_scenario_fails_where_nothing_matches() -> None:
    for path in FEATURES.glob("*.feature"):
        text = path.read_text()
        assert text.count("@noskip") == text.count("Scenario"), path.name


def test_the_token_is_in_no_state_plan_configuration_or_log(site: Site, plan: tuple[Path, dict[str, Any]]) -> None:
    token = site.world.token
    assert token not in site.world.terraform.state_file.read_text()
    assert token not in json.dumps(plan[1])
    functions = site.world.client("lambda").get_function(FunctionName=site.outputs["function_name"])
    assert token not in json.dumps(functions, default=str)
    pages = site.world.client("logs").get_paginator("filter_log_events")
    events = [
        event["message"]
        for page in pages.paginate(logGroupName=site.outputs["log_group_name"])
        for event in page["events"]
    ]
    assert len(events) > 100, "there is nothing to look through"
    assert not [event for event in events if token in event or token[::-1] in event]
    for path in site.world.folder.rglob("*"):
        if path.is_file() and "providers" not in path.parts:
            content = path.read_bytes()
            assert token.encode() not in content, path
            assert token[::-1].encode() not in content, path
