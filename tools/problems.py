"""What stops the set-up."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"


class Problem(Exception):
    """One sentence for a person: what is wrong and what to do."""
