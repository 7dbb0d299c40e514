"""What every unit test gets: a network that ends at 127.0.0.1, servers there, and nobody's AWS account."""

import contextlib
import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from cf_purge.budget import Clock
from cf_purge.http_client import HttpClient
from tests.support.fakes import World
from tests.support.servers import LocalServer, serving, write

# The same code gets the same verdict on every machine; `make soak` looks for what other examples find.
settings.register_profile("same", deadline=None, print_blob=True, max_examples=60, derandomize=True)
settings.register_profile("few", deadline=None, print_blob=True, max_examples=15, derandomize=True)
settings.register_profile("other", deadline=None, print_blob=True, max_examples=600)
settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile(config.getoption("--hypothesis-profile") or "same")


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.get_closest_marker("allow_hosts") is None:
        item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))


@pytest.fixture(autouse=True)
def _nobodys_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own profile, endpoint and configuration must not change a result."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "CLOUDFLARE_", "CF_PURGE")) or name in ("INCLUDED_EXTS", "EXCLUDED_EXTS"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def http() -> HttpClient:
    return HttpClient(Clock())


@pytest.fixture
def serve() -> Iterator[Callable[..., LocalServer]]:
    """Start servers: `serve()`, `serve(respond)`, `serve(context=…)` with a TLS context."""
    with contextlib.ExitStack() as stack:
        yield lambda respond=write, context=None: stack.enter_context(serving(respond, context))
