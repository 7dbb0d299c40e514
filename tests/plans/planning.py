"""One root with the basic example in it, and plans of it that ask nobody anything."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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

ZONE = 'zone_id = "0123456789abcdef0123456789abcdef"'
# What every mode has.
ALWAYS = Counter(
    {
        "aws_cloudwatch_log_group": 1,
        "aws_cloudwatch_metric_alarm": 6,
        "aws_iam_role": 1,
        "aws_iam_role_policy": 1,
        "aws_lambda_event_source_mapping": 1,
        "aws_lambda_function": 1,
        "aws_sqs_queue": 2,
        "aws_sqs_queue_policy": 2,
        "aws_sqs_queue_redrive_allow_policy": 1,
    }
)
NOTIFICATION = Counter({"aws_s3_bucket_notification": 1})
RULE = Counter({"aws_cloudwatch_event_rule": 1, "aws_cloudwatch_event_target": 1})
DIRECT = Counter({"aws_lambda_permission": 1, "aws_lambda_function_event_invoke_config": 1})
ROLE = Counter({"aws_iam_role": 1, "aws_iam_role_policy": 1})


def example(folder: Path) -> Path:
    """Write the basic example into a folder, with a provider that plans offline, and initialise it."""
    (folder / "provider_override.tf").write_text(PROVIDER)
    text = (ROOT / "examples" / "basic" / "main.tf").read_text()
    (folder / "main.tf").write_text(text.replace('"../.."', json.dumps(str(ROOT))))
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


@contextmanager
def added(root: Path, name: str, text: str) -> Iterator[None]:
    file = root / name
    file.write_text(text)
    try:
        yield
    finally:
        file.unlink()


def planned(root: Path, *arguments: str) -> dict[str, Any]:
    done = terraform(root, "plan", "-input=false", "-no-color", "-out=plan", *arguments, offline=True)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stdout + done.stderr, done.stdout
    plan: dict[str, Any] = json.loads(terraform(root, "show", "-json", "plan", offline=True).stdout)
    return plan


def created(plan: dict[str, Any]) -> list[dict[str, Any]]:
    changes: list[dict[str, Any]] = plan["resource_changes"]
    assert all(change["change"]["actions"] == ["create"] for change in changes)
    return changes
