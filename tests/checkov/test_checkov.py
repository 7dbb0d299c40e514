"""Checkov, as `.checkov.yaml` has it, on the module and its examples, with a fault beside them that it must find."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.plans.planning import NOWHERE
from tools import environments
from tools.problems import ROOT

FAULTY = """
resource "aws_sqs_queue" "this" {
  name                    = "plain"
  sqs_managed_sse_enabled = false
}
"""
SKIP = re.compile(r"^ +#checkov:skip=(\w+):(.*)$")
SOURCES = [*ROOT.glob("*.tf"), *(ROOT / "examples").glob("*/*.tf")]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What checkov says of a copy of the module and its examples, and of a module with an unencrypted queue."""
    folder = tmp_path_factory.mktemp("checkov")
    for file in SOURCES:
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    (folder / "faulty").mkdir()
    (folder / "faulty" / "main.tf").write_text(FAULTY)
    told = (ROOT / ".checkov.yaml").read_text()
    assert "quiet: true" in told
    (folder / ".checkov.yaml").write_text(told.replace("quiet: true", ""))  # we want to see what passed, too
    environ = {**os.environ, **NOWHERE, "LOG_LEVEL": "ERROR", "PYTHONWARNINGS": "ignore"}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled once, its start takes half the time
    done = subprocess.run(
        [environments.folder("checkov") / "bin" / "checkov", "--output", "json"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-2000:]  # there is a fault
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def found(report: dict[str, Any], verdict: str) -> set[tuple[str, str]]:
    """File and check of each result of a verdict: passed, failed or skipped."""
    return {(one["file_path"], one["check_id"]) for one in report["results"][f"{verdict}_checks"]}


def skips() -> dict[tuple[str, str], str]:
    """The reason of each skip, by file and check."""
    return {
        (f"/{file.relative_to(ROOT)}", skip[1]): skip[2].strip()
        for file in SOURCES
        for skip in map(SKIP.match, file.read_text().splitlines())
        if skip
    }


def test_nothing_is_found_but_the_fault_that_was_put_there(report: dict[str, Any]) -> None:
    assert found(report, "failed") == {("/faulty/main.tf", "CKV_AWS_27")}


def test_every_file_could_be_read(report: dict[str, Any]) -> None:
    """What checkov cannot parse it leaves out, and is content."""
    assert report["results"]["parsing_errors"] == []
    written = sum(len(re.findall(r'^resource "', file.read_text(), re.MULTILINE)) for file in SOURCES)
    assert report["summary"]["resource_count"] >= written + 1


def test_the_module_is_checked_as_every_example_calls_it(report: dict[str, Any]) -> None:
    results = [one for verdict in ("passed", "skipped") for one in report["results"][f"{verdict}_checks"]]
    callers = {Path(one["caller_file_path"]).parent.name for one in results if one.get("caller_file_path")}
    assert callers == {file.parent.name for file in SOURCES if file.parent != ROOT}


def test_every_skip_has_a_reason_and_something_to_skip(report: dict[str, Any]) -> None:
    assert all(len(reason.split()) > 3 for reason in skips().values())
    assert found(report, "skipped") == set(skips())
    assert sum(file.read_text().count("checkov:skip") for file in SOURCES) == len(skips())
