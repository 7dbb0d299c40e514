from __future__ import annotations

from pathlib import Path

import pytest

from tests.plans.planning import example


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return example(tmp_path_factory.mktemp("root"))
