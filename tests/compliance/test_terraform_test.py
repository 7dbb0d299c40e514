"""The checks of examples/ci pass, and they can fail."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.examples import finding_the_module
from tools import attached, terraform
from tools.problems import ENVIRONMENTS, ROOT

EXAMPLE = ROOT / "examples" / "ci"
RUNS = re.findall(r'^run "(\w+)"', (EXAMPLE / "tests" / "purge.tftest.hcl").read_text(), re.MULTILINE)


def test_the_example_can_fail() -> None:
    terraform.initialised(EXAMPLE)
    with attached.provider(EXAMPLE):
        environ = terraform.environment() | {"AWS_EC2_METADATA_DISABLED": "true"}
        done = terraform.run(EXAMPLE, environ, "test", "-no-color", "-var=api_token_parameter=/prod/another")
    verdicts = dict(re.findall(r'run "(\w+)"\.\.\. (\w+)', done.stdout))
    failing = "the_function_reads_one_parameter"
    assert verdicts == {run: "fail" if run == failing else "pass" for run in RUNS}, done.stdout + done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("binary", ["terraform", "tofu"])
def test_a_root_with_a_backend_is_tested_and_its_plan_is_checked_without_any_account(
    binary: str, tmp_path: Path
) -> None:
    if not shutil.which(binary):
        pytest.skip(f"{binary} is not on the PATH")
    root = tmp_path / "root"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".terraform*"))
    (root / "main.tf").write_text(finding_the_module((EXAMPLE / "main.tf").read_text(), root))
    backend = {"bucket": "state", "key": "site", "region": "eu-west-1"}
    (root / "backend.tf.json").write_text(json.dumps({"terraform": {"backend": {"s3": backend}}}))
    files = {path.name for path in root.iterdir()}
    tool = ENVIRONMENTS / "compliance" / "bin"
    environ = {**terraform.environment(), "TERRAFORM": binary, "PATH": f"{tool}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", root / "check.sh"], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RUNS)} passed, 0 failed" in done.stdout
    assert re.search(r"\d+ features \(", done.stdout)  # the rules were reached
    assert {path.name for path in root.iterdir()} - files <= {".terraform", ".terraform.lock.hcl"}
