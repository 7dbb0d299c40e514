"""The rules on a plan as users have it: the module among their own things, twice, and inside another module."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.compliance.modes import HERE, MODES, PLANS, Plan, assert_complies, scenarios
from tools import environments

ROOT = HERE / "larger_root"
OURS = "module.cf_purge"
ALONE = MODES["local"].features
# What the root's own things keep: there is no secret in them, nor in a repository's plan, and nothing about networks.
KEPT = frozenset(
    {
        *scenarios({"secrets"}),
        "Who sends does so only while it belongs to the account",
        "Whoever may make network interfaces is denied them in the code",
    }
)


@pytest.fixture
def plan() -> Plan:
    plan: Plan = json.loads((PLANS / "larger_root.json").read_text())
    return plan


def without_the_module(plan: Plan) -> None:
    """Leave of the plan what is the root's own."""
    plan["resource_changes"] = [one for one in plan["resource_changes"] if "module_address" not in one]
    del plan["planned_values"]["root_module"]["child_modules"]
    del plan["configuration"]["root_module"]["module_calls"]


def as_if_ours(plan: Plan) -> None:
    """Say of the root's own things that they are the module's."""
    without_the_module(plan)
    for one in plan["resource_changes"]:
        one |= {"address": f"{OURS}.{one['address']}", "module_address": OURS}
    plan["planned_values"]["root_module"]["resources"] = []  # there under the address they had


def failing(folder: Path, *plans: Plan) -> list[set[str]]:
    """The scenarios of a module that is told no more than it must be that fail on each of the plans."""
    files = [folder / f"{number}.json" for number in range(len(plans))]
    for plan, file in zip(plans, files, strict=True):
        file.write_text(json.dumps(plan))
    subprocess.run([environments.ready("compliance"), HERE / "many.py", *files], check=True, capture_output=True)
    reports: list[Any] = [json.loads(file.with_suffix(".report").read_text()) for file in files]
    return [
        {
            scenario["name"]
            for feature in report
            for scenario in feature["elements"]
            if {step["result"]["status"] for step in scenario["steps"]} != {"passed"}
        }
        & set(scenarios(ALONE))
        for report in reports
    ]


def test_the_rules_hold_for_the_module_wherever_it_stands_among_others_that_break_them(
    plan: Plan, tmp_path: Path
) -> None:
    modules = {one.get("module_address") for one in plan["resource_changes"]}
    assert modules >= {None, OURS, "module.docs_purge", f'module.sites["blog"].{OURS}', f'module.sites["shop"].{OURS}'}
    assert_complies(plan, ALONE, tmp_path)


def test_the_command_of_the_readme_makes_rules_for_a_module_of_another_name(plan: Plan, tmp_path: Path) -> None:
    (told,) = re.findall(r"`(sed -i 's/.+/') \*\.feature`", (HERE / "README.md").read_text())
    edit = shlex.split(told.replace("site_purge", "docs_purge"))
    assert_complies(plan, MODES["eventbridge"].features, tmp_path, edit)


def test_what_is_not_the_modules_satisfies_no_rule_and_would_break_them(plan: Plan, tmp_path: Path) -> None:
    own, taken = json.loads(json.dumps(plan)), json.loads(json.dumps(plan))
    without_the_module(own)
    as_if_ours(taken)
    alone, broken = failing(tmp_path, own, taken)
    assert alone == set(scenarios(ALONE))
    assert set(scenarios(ALONE)) - broken == KEPT


def test_the_plan_is_one_of_the_committed_root(plan: Plan) -> None:
    text = "\n".join(path.read_text() for path in ROOT.glob("*.tf"))
    declared = {".".join(found) for found in re.findall(r'^resource "(\w+)" "(\w+)"', text, re.MULTILINE)}
    assert declared == {one["address"] for one in plan["resource_changes"] if "module_address" not in one}
    assert {one["module_address"].split(".")[-1] for one in plan["resource_changes"] if "module_address" in one} == {
        "cf_purge",
        "docs_purge",
        *(f'sites["{name}"]' for name in ("blog", "shop")),
    }
