"""What every test of the set-up gets: folders of its own, and no say of the machine it runs on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.lifeline import Lifeline
from tests.tools.project import Project
from tools import environments, provider, terraform

_OF_THE_MACHINE = ("TF_", "CF_PURGE", "PYTHON", "COV", "MAKE", "MFLAGS", "http_proxy", "https_proxy", "all_proxy")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Block sockets but on this machine; what a test starts in a process of its own is not blocked."""
    item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))


@pytest.fixture(scope="session")
def machine() -> dict[str, str]:
    """The environment variables as they are on this machine."""
    return dict(os.environ)


@pytest.fixture(autouse=True)
def _apart(machine: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests has no say in them, and nothing of this checkout is made anew by them."""
    for name in machine:
        if name.startswith(_OF_THE_MACHINE) or name.lower().startswith(_OF_THE_MACHINE):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "path", list(sys.path))
    cache = tmp_path / "cache"
    for module in (environments, provider, terraform):
        monkeypatch.setattr(module, "CACHE", cache)
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(terraform, "_CHOICE", cache / "provider.json")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A copy of the checkout's tooling, where a test may do as it likes."""
    return Project.copied(tmp_path / "a checkout")


@pytest.fixture
def lifeline(tmp_path: Path) -> Iterator[Lifeline]:
    with Lifeline(tmp_path / "lifeline") as lifeline:
        yield lifeline
