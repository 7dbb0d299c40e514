"""The number of schedules."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--schedules", type=int, default=2000, help="how many schedules the ledger plays")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Nothing here needs a socket."""
    if "tests/ledger" in item.nodeid:
        item.add_marker(pytest.mark.disable_socket)
