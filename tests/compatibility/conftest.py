from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.compatibility import bindings, deprecations, faulty
from tests.compatibility.provider import Schemas, installed
from tests.compatibility.use import Use, uses, uses_in
from tests.examples import EXAMPLES
from tools import terraform
from tools.problems import ROOT


@pytest.fixture(scope="session")
def used() -> dict[Path, set[Use]]:
    """What each root uses: the module and its examples."""
    roots = [ROOT, *sorted(path.parent for path in EXAMPLES.glob("*/main.tf"))]
    return {root.relative_to(ROOT): uses_in(root) for root in roots}


@pytest.fixture(scope="session")
def schemas(used: dict[Path, set[Use]]) -> dict[str, Schemas]:
    """The provider's schemas by version: the oldest that the module allows, the one that is installed, a late 6.x."""
    wanted = {
        (use.kind, use.type)
        for some in (*used.values(), *(uses(fault.text) for fault in faulty.FAULTS))
        for use in some
    }
    terraform.initialised(ROOT)
    command = [terraform.TERRAFORM, f"-chdir={ROOT}", "providers", "schema", "-json"]
    told = subprocess.run(command, env=terraform.environment(), capture_output=True, text=True, check=True).stdout
    return {
        "5.80": bindings.schemas(bindings.OLDEST, wanted),
        "5": installed(json.loads(told)),
        "6": deprecations.marked(bindings.schemas(bindings.NEWEST, wanted)),
    }
