"""Every policy of the module, and of the example with keys and a boundary, before parliament, the IAM linter."""

import json
import subprocess
from pathlib import Path

from tests.plans import shared_plans
from tools.problems import ENVIRONMENTS

# The linter knows the condition keys that the called service lists: not the one that Lambda puts into every request of
# a function's code, https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html, nor that of
# CloudWatch, https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html.
UNKNOWN = r".*-(KeepNetworkInterfacesFromCode|CloudWatchEncryptsLog)\.json"


def test_the_linter_finds_nothing_but_what_has_a_reason(tmp_path: Path) -> None:
    statements = [
        statement
        for change in shared_plans.known().resource_changes
        if change["type"] in ("aws_iam_policy", "aws_iam_role_policy", "aws_kms_key", "aws_sqs_queue_policy")
        for statement in json.loads(change["change"]["after"]["policy"])["Statement"]
    ]
    assert {"ReadApiToken", "DenyWithoutTls", "SendTraces", "ServicesOfAPurge"} <= {each["Sid"] for each in statements}
    for number, statement in enumerate(statements):
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        (tmp_path / f"{number}-{statement['Sid']}.json").write_text(document)
    config = tmp_path / "config.yaml"
    config.write_text("RESOURCE_STAR: {severity: MUTE}")  # tests/module.tftest.hcl says where
    command: list[str | Path] = [ENVIRONMENTS / "compatibility" / "bin" / "parliament", "--directory", tmp_path]
    command += ["--config", config, f"--exclude_pattern={UNKNOWN}", "--include_policy_extension=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
