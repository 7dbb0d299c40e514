"""The checkout's folders, and errors for people."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
ENVIRONMENTS = CACHE / "environments"  # of the groups of pyproject.toml that the Makefile installs separately


class Problem(Exception):
    """One sentence that says what is wrong and what to do."""
