"""What a function of the local AWS finds when it starts."""

from __future__ import annotations

import io
import json
import secrets
import zipfile

import pytest

from tests.simulation.emulator.ministack import lambda_runtime
from tests.simulation.emulator.starts import bare
from tests.world.account import Account

TELLING = """
import sys
_ALREADY = [name for name in ("boto3", "botocore") if name in sys.modules]

def handler(event, context):
    return _ALREADY
"""


def test_a_function_starts_with_nothing_that_it_did_not_import(account: Account) -> None:
    name, packed = f"telling-{secrets.token_hex(4)}", io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("telling.py", TELLING)
    account.functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=account.role(name=name),
        Handler="telling.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    answer = account.functions.invoke(FunctionName=name, Payload=b"{}")
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == []


def test_a_release_that_does_it_otherwise_is_noticed() -> None:
    assert bare(lambda_runtime._PYTHON_WORKER_SCRIPT) != lambda_runtime._PYTHON_WORKER_SCRIPT
    with pytest.raises(LookupError, match="no longer"):
        bare("run()")
