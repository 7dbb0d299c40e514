"""Real plans by the real provider: offline, with keys that open nothing."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tools.problems import ROOT
from tools.terraform import environment

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


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    (folder / "provider_override.tf").write_text(PROVIDER)
    example = (ROOT / "examples" / "basic" / "main.tf").read_text()
    (folder / "main.tf").write_text(example.replace('"../.."', json.dumps(str(ROOT))))
    terraform(folder, "init", "-input=false", "-no-color")
    return folder


def terraform(folder: Path, *arguments: str, offline: bool = False) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in environment().items() if not name.startswith("AWS_")}
    return subprocess.run(
        ["terraform", f"-chdir={folder}", *arguments],
        env={**environ, **(NOWHERE if offline else {})},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_basic_example_plans_offline_with_fake_keys_and_creates_exactly_this(root: Path) -> None:
    planned = terraform(root, "plan", "-input=false", "-no-color", "-out=plan", offline=True)
    assert planned.returncode == 0, planned.stderr
    shown = json.loads(terraform(root, "show", "-json", "plan", offline=True).stdout)
    changes: list[dict[str, Any]] = shown["resource_changes"]
    assert all(change["change"]["actions"] == ["create"] for change in changes)
    assert Counter(change["type"] for change in changes) == {
        "aws_cloudwatch_log_group": 1,
        "aws_cloudwatch_metric_alarm": 6,
        "aws_iam_role": 1,
        "aws_iam_role_policy": 1,
        "aws_lambda_event_source_mapping": 1,
        "aws_lambda_function": 1,
        "aws_s3_bucket_notification": 1,
        "aws_sqs_queue": 2,
        "aws_sqs_queue_policy": 2,
        "aws_sqs_queue_redrive_allow_policy": 1,
    }


def test_the_only_provider_is_aws(root: Path) -> None:
    told = terraform(root, "providers", offline=True).stdout
    assert {word for word in told.split() if word.startswith("provider[")} == {
        "provider[registry.terraform.io/hashicorp/aws]"
    }


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ('targets = [{ zone_id = "example.com" }]', "must be the zone's 32-digit hex id"),
        ('bucket = "arn:aws:s3:::www.example.com"', "not its ARN or URL"),
        ('event_filters = [{ prefix = "a/" }, { prefix = "a/b/" }]', "Two event_filters overlap"),
        ("queue = { batch_size = 11 }", "queue.batch_size above 10 needs"),
        ("lambda = { timeout = 3 }", "lambda.timeout must be a whole number of seconds from 15 to 900"),
        ("targets = null", "targets"),
    ],
)
def test_a_wrong_variable_is_refused_at_plan_with_what_to_do(root: Path, wrong: str, sentence: str) -> None:
    override = root / "wrong_override.tf"
    override.write_text(f'module "cf_purge" {{\n  {wrong}\n}}\n')
    try:
        planned = terraform(root, "plan", "-input=false", "-no-color", offline=True)
    finally:
        override.unlink()
    said = " ".join(line.strip("│╷╵ ") for line in planned.stderr.splitlines())
    assert planned.returncode == 1
    assert sentence in " ".join(said.split()), planned.stderr
