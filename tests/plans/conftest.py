from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.plans import dashboard, examples, modes, moved, owners, readme, told
from tests.plans.planning import Plan, composed, planned


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plans")
    root = composed(
        folder / "root",
        modes.CASES,
        examples.CASES,
        owners.CASES,
        moved.CASES,
        dashboard.CASES,
        readme.CASES,
        told.cases(folder / "module"),
    )
    (root / "told.tf.json").write_text(told.OUTPUT)
    (root / "terraform.tfstate").write_text(
        json.dumps({**moved.STATE, "resources": [*moved.STATE["resources"], *dashboard.STATE]})
    )
    return root


@pytest.fixture(scope="session")
def plan(root: Path) -> Plan:
    return planned(root)
