"""The number of inputs."""

import hypothesis
import pytest
from hypothesis import HealthCheck


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--inputs", type=int, default=2000, help="inputs in all, divided among the tests")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "share(part): the part of all inputs that a test gets")


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.allow_hosts([]))
    # The warning would hide the failure.
    item.add_marker(pytest.mark.filterwarnings("ignore:Generating overly large repr"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        share = item.get_closest_marker("share")
        if share and isinstance(item, pytest.Function):
            count = max(1, round(config.getoption("--inputs") * share.args[0]))
            hypothesis.settings(
                max_examples=count, database=None, deadline=None, print_blob=True, suppress_health_check=[*HealthCheck]
            )(item.obj)
