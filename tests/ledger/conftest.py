"""How many schedules are played, from which seed, and what is said of them at the end."""

import secrets

import pytest

from tests.ledger.season import Season

_SEASON = pytest.StashKey[Season]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--schedules", type=int, default=2000, help="how many schedules the ledger plays")


def pytest_configure(config: pytest.Config) -> None:
    given_seed = str(config.getoption("--hypothesis-seed") or "")
    number = int(given_seed) if given_seed.isdigit() else secrets.randbelow(2**32)
    config.stash[_SEASON] = Season(number, config.getoption("--schedules"))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Nothing here needs a socket."""
    if "tests/ledger" in item.nodeid:
        item.add_marker(pytest.mark.disable_socket)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    season = config.stash[_SEASON]
    if season.played:
        parts = ", ".join(f"{name} {count}" for name, count in season.played.items())
        terminalreporter.write_line(
            f"ledger: {sum(season.played.values())} schedules played ({parts}); again with"
            f" --hypothesis-seed={season.seed} --schedules={season.schedules}"
        )


@pytest.fixture
def season(request: pytest.FixtureRequest) -> Season:
    return request.config.stash[_SEASON]
