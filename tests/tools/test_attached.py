"""One provider process for many runs of Terraform."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from tests.tools.lifeline import Lifeline
from tests.tools.project import executable
from tools import attached

ANSWER = '{"registry.terraform.io/hashicorp/aws":{"Protocol":"grpc"}}'
LINE = f"TF_REATTACH_PROVIDERS='{ANSWER}'"
SAYS = f"echo 'Provider started. To attach Terraform CLI, set:'; printf '\\n\\t%s\\n' {shlex.quote(LINE)}"


@pytest.fixture(autouse=True)
def _not_attached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_REATTACH_PROVIDERS", raising=False)


def installed(root: Path, script: str) -> None:
    folder = root / ".terraform/providers/registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64"
    executable(folder / "terraform-provider-aws_v5.100.0_x5", script)


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
def test_terraform_is_told_of_a_provider_that_ends_with_the_work_however_that_ends(
    tmp_path: Path, lifeline: Lifeline, error: Exception | None
) -> None:
    runs = shlex.join([sys.executable, "-c", lifeline.holder("provider")])
    installed(tmp_path, f'test "$*" = -debug || exit 1; {SAYS}; exec {runs}')
    try:
        with attached.provider(tmp_path):
            assert os.environ["TF_REATTACH_PROVIDERS"] == ANSWER
            assert lifeline.heard("provider lives")
            if error:
                raise error
    except ZeroDivisionError:
        assert error
    assert "TF_REATTACH_PROVIDERS" not in os.environ
    assert lifeline.silent(within=0.1)


@pytest.mark.parametrize("script", [None, "exit 1", "echo Something else."])
def test_without_a_provider_that_can_be_attached_terraform_starts_its_own(tmp_path: Path, script: str | None) -> None:
    if script is not None:
        installed(tmp_path, script)
    with attached.provider(tmp_path):
        assert "TF_REATTACH_PROVIDERS" not in os.environ
