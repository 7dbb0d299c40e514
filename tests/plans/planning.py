"""Roots of many cases, each a module of its own, and plans of them that ask nobody anything.

A plan costs seconds, nearly all of them the provider's: so there is one of all that is taken and one of all that is
refused.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from tests.examples import EXAMPLES, copied
from tools.problems import ROOT
from tools.terraform import TERRAFORM, environment

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
# Nothing listens there: a plan that asked anybody anything would fail.
NOWHERE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")


@dataclass(frozen=True)
class Case:
    """An example, changed."""

    variables: str = ""  # HCL: what the module is given beyond the example
    others: str = ""  # HCL: what stands beside the module
    example: str = "basic"
    source: Path = ROOT  # the module's


@dataclass(frozen=True)
class Plan:
    """What would be done, by case."""

    resource_changes: list[dict[str, Any]]
    outputs: dict[str, Any]

    def changes(self, case: str) -> list[dict[str, Any]]:
        return [
            {**change, "address": change["address"].removeprefix(inside)}
            for inside in (f"module.{label(case)}.",)
            for change in self.resource_changes
            if change["address"].startswith(inside)
        ]

    def created(self, case: str) -> list[dict[str, Any]]:
        changes = self.changes(case)
        assert all(change["change"]["actions"] == ["create"] for change in changes)
        return changes

    def types(self, case: str) -> Counter[str]:
        return Counter(change["type"] for change in self.created(case))

    def others(self, case: str) -> set[str]:
        """The addresses of what is not the module's."""
        return {change["address"] for change in self.changes(case) if not change["address"].startswith("module.")}


def label(case: str) -> str:
    return re.sub(r"\W+", "_", case)


def composed(folder: Path, *groups: Mapping[str, Case]) -> Path:
    """Write the root that holds the cases, with a provider that plans offline, and initialise it."""
    root = PROVIDER
    for name, case in chain.from_iterable(group.items() for group in groups):
        inside = folder / label(name)
        copied(EXAMPLES / case.example, inside, case.source)
        (inside / "case_override.tf").write_text(f'module "cf_purge" {{\n{case.variables}\n}}\n')
        (inside / "others.tf").write_text(case.others)
        root += f'module "{label(name)}" {{\n  source = "./{label(name)}"\n}}\n'
    (folder / "main.tf").write_text(root)
    initialised = terraform(folder, "init", "-input=false", "-no-color")
    assert initialised.returncode == 0, initialised.stderr
    return folder


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in environment().items() if not name.startswith("AWS_")}
    offline = arguments[0] != "init"
    return subprocess.run(
        [TERRAFORM, f"-chdir={folder}", *arguments],
        env={**environ, **(NOWHERE if offline else {})},
        capture_output=True,
        text=True,
        check=False,
    )


def planned(root: Path) -> Plan:
    done = terraform(root, "plan", "-input=false", "-no-color", "-refresh=false", "-out=plan")
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stdout + done.stderr, done.stdout
    plan: dict[str, Any] = json.loads(terraform(root, "show", "-json", "plan").stdout)
    return Plan(plan["resource_changes"], plan["planned_values"].get("outputs", {}))
