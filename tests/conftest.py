"""For all tests alike."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from cf_purge import observe
from tools.problems import ENVIRONMENTS
from tools.terraform import TERRAFORM

# Folders whose tests run Terraform, with the group that their target installs.
_GROUPS = {"plans": "", "compliance": "compliance", "compatibility": "compatibility", "e2e": "operations"}


def pytest_configure() -> None:
    # Tests that a shell starts in the background ignore Ctrl-C, and so would the processes that they start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _log_at_info() -> None:
    """The level is the process's, and another test may have set it."""
    observe.threshold = "INFO"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder not in _GROUPS:
            continue
        if not shutil.which(TERRAFORM):
            item.add_marker(pytest.mark.skip(reason=f"{TERRAFORM} is not on the PATH"))
        elif _GROUPS[folder] and not (ENVIRONMENTS / _GROUPS[folder]).is_dir():
            if "MAKELEVEL" in os.environ:  # its target has to install it
                raise pytest.UsageError(f"tests/{folder} needs the group {_GROUPS[folder]}: correct the Makefile.")
            item.add_marker(pytest.mark.skip(reason=f"`make {folder}` installs what this needs"))
