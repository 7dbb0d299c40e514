"""How many inputs, from which seed; both are printed, so that a finding can be reproduced."""

import secrets
from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis import HealthCheck, Verbosity

from cf_purge import observe
from tests.fuzz.laws import inputs

_DEFAULT = 2000
_SEED = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--inputs", type=int, default=_DEFAULT, help="inputs in all, divided among the tests")


def pytest_configure(config: pytest.Config) -> None:
    given = config.getoption("--hypothesis-seed")
    config.addinivalue_line("markers", "share(part): the part of all inputs that a test gets")
    config.stash[_SEED] = secrets.randbelow(1 << 32) if given in (None, "random") else int(given)


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.allow_hosts([]))
    # The warning would hide the finding.
    item.add_marker(pytest.mark.filterwarnings("ignore:Generating overly large repr"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    fuzzed = [item for item in items if isinstance(item, pytest.Function) and item.get_closest_marker("share")]
    for item in fuzzed:
        [share] = item.get_closest_marker("share").args  # type: ignore[union-attr]
        count = max(1, round(config.getoption("--inputs") * share))
        settings = hypothesis.settings(
            max_examples=count,
            database=None,
            deadline=None,
            print_blob=True,
            verbosity=Verbosity.normal,
            suppress_health_check=list(HealthCheck),
        )
        hypothesis.seed(config.stash[_SEED])(settings(item.obj))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counted = ", ".join(f"{name}: {count}" for name, count in inputs.items())
    seed = config.stash[_SEED]
    terminalreporter.write_line(f"{inputs.total()} inputs ({counted}); repeat with --hypothesis-seed={seed}")


@pytest.fixture(autouse=True)
def _log_at_info() -> Iterator[None]:
    yield
    observe.set_level("INFO")
