"""The checkout's folders, and errors for people."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"


class Problem(Exception):
    """One sentence that says what is wrong and what to do."""
