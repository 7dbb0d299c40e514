"""The number of schedules."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--schedules", type=int, default=2000, help="how many schedules the ledger plays")
