"""The separate environments in which the Makefile installs groups of pyproject.toml."""

from pathlib import Path

from tools.problems import CACHE, Problem


def ready(group: str) -> Path:
    """Return the Python of a group's environment.

    Raises:
        Problem: it is not installed.
    """
    python = CACHE / "environments" / group / "bin" / "python"
    if not python.exists():
        raise Problem(f"The group {group} is not installed: run the target of the Makefile that needs it.")
    return python
