"""For all tests alike."""

from __future__ import annotations

import importlib.util
import shutil
import signal
from pathlib import Path

import pytest

from tools.problems import CACHE
from tools.terraform import TERRAFORM

# What a folder needs beside the development environment: Terraform, or a group that its target installs.
_NEEDS = {"plans": [TERRAFORM], "compliance": [TERRAFORM, "compliance"], "e2e": [TERRAFORM, "compliance", "operations"]}
_left_out: set[str] = set()


def pytest_configure() -> None:
    # Whoever starts the checks in the background of a shell has Ctrl-C ignored, by all that the tests start, too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what only another environment can import, unless it was asked for."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return None
    if collection_path.name != "compatibility" or importlib.util.find_spec("parliament"):
        return None
    _left_out.add(collection_path.name)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for folder in sorted(_left_out):
        terminalreporter.write_line(f"tests/{folder} is left out: `make {folder}` runs it in its own environment")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    missing = {
        folder: [need for need in needs if not shutil.which(need) and not (CACHE / "environments" / need).is_dir()]
        for folder, needs in _NEEDS.items()
    }
    for item in items:
        folder = item.path.relative_to(here).parts[0]
        if lacking := missing.get(folder):
            item.add_marker(pytest.mark.skip(reason=f"{' and '.join(lacking)} missing: run `make {folder}`"))
