"""The checks that users are shown, of a root that calls the module: they pass, and they can fail."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tools import attached, terraform
from tools.problems import ROOT

EXAMPLE = ROOT / "examples" / "ci"
RUNS = re.findall(r'^run "(\w+)"', (EXAMPLE / "tests" / "purge.tftest.hcl").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def _initialised() -> Iterator[None]:
    terraform.initialised(EXAMPLE)
    with attached.provider(EXAMPLE):
        yield


@pytest.mark.usefixtures("_initialised")
@pytest.mark.parametrize(
    ("told", "failing"), [([], []), (["api_token_parameter=/prod/another"], ["the_function_reads_one_parameter"])]
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


@pytest.mark.parametrize("binary", ["terraform", "tofu"])
@pytest.mark.parametrize(("rules", "returncode"), [((), 0), (("secrets", "own_role"), 1)])
def test_the_plan_is_checked_without_any_account(binary: str, rules: tuple[str, ...], returncode: int) -> None:
    if not shutil.which(binary):
        pytest.skip(f"{binary} is not on the PATH")
    tool = ROOT / ".cache" / "environments" / "compliance" / "bin"
    environ = {**terraform.environment(), "TERRAFORM": binary, "PATH": f"{tool}:{os.environ['PATH']}"}
    environ.pop("TF_REATTACH_PROVIDERS", None)  # that one can be configured only once
    done = subprocess.run(
        ["sh", EXAMPLE / "check.sh", *rules], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == returncode, done.stdout + done.stderr
    assert re.search(r"\d+ features \(", done.stdout)  # the rules were reached
