"""Where the Makefile installs the groups of pyproject.toml that have an environment of their own."""

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
