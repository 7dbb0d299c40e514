"""What the last release applied, today's module takes over without replacing anything."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.e2e.roots import provider
from tests.simulation.terraform import Terraform
from tests.simulation.world import ROOT, World

BUCKET = "upgrade.example.com"
USES: dict[str, dict[str, Any]] = {
    "by_queue": {"keep_eventbridge": True},
    "directly": {"event_source": "eventbridge", "delivery": "direct", "dashboard": True},
}


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, check=True).stdout


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """The module as the release before this commit had it; before the first release, the commit before."""
    try:
        ref = git("describe", "--tags", "--abbrev=0", "--match=v*", "--always", "HEAD~1").decode().strip()
        archive = git("archive", "--format=zip", ref, "lambda/cf_purge.zip", ":(glob)*.tf")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no history: clone the repository with it")
    ZipFile(io.BytesIO(archive)).extractall(tmp_path / "released")
    return tmp_path / "released"


def write(root: Path, module: Path, world: World) -> None:
    inputs = {"bucket": BUCKET, "api_token_parameter": "/upgrade/token", "targets": [{"zone_id": "4a" * 16}]}
    modules = {use: {"source": str(module), "name": f"upgrade-{use}", **inputs, **more} for use, more in USES.items()}
    root.mkdir(exist_ok=True)
    (root / "main.tf.json").write_text(json.dumps({"provider": {"aws": provider(world)}, "module": modules}))


def test_an_upgrade_replaces_and_destroys_nothing(applied: World, released: Path, tmp_path: Path) -> None:
    """Nobody destroys what it applies: the local AWS ends with the tests."""
    applied.client("s3").create_bucket(Bucket=BUCKET)
    write(tmp_path / "root", released, applied)
    terraform = Terraform(tmp_path / "root", tmp_path, {}, applied.tls.authority, print)
    terraform.apply()
    write(tmp_path / "root", ROOT, applied)
    terraform.run("init", "-backend=false")
    changes = terraform.plan()[1]["resource_changes"]
    assert {change["type"] for change in changes} >= {"aws_lambda_function", "aws_cloudwatch_dashboard"}
    assert [change["address"] for change in changes if "delete" in change["change"]["actions"]] == []
