"""The `terraform test` that users are shown, of a root that calls the module: it passes, and it can fail."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from tools import attached, terraform
from tools.problems import ROOT

EXAMPLE = ROOT / "examples" / "complete"
RUNS = re.findall(r'^run "(\w+)"', (EXAMPLE / "tests" / "purge.tftest.hcl").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def _initialised() -> Iterator[None]:
    terraform.initialised(EXAMPLE)
    with attached.provider(EXAMPLE):
        yield


@pytest.mark.usefixtures("_initialised")
@pytest.mark.parametrize(
    ("told", "failing"),
    [
        ([], []),
        (["api_token_parameter=/prod/another"], ["the_function_reads_one_parameter"]),
    ],
)
def test_the_example_is_tested_without_any_account(told: list[str], failing: list[str]) -> None:
    done = subprocess.run(
        [terraform.TERRAFORM, f"-chdir={EXAMPLE}", "test", "-no-color", *(f"-var={one}" for one in told)],
        env=terraform.environment() | {"AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = dict(re.findall(r'run "(\w+)"\.\.\. (\w+)', done.stdout))
    assert verdicts == {run: "fail" if run in failing else "pass" for run in RUNS}, done.stdout + done.stderr
    assert done.returncode == (1 if failing else 0)
