"""Function processes that are measured, under Lambda's real runtime loop, and all that they talk to."""

from __future__ import annotations

import sys
from pathlib import Path

# As pyproject.toml tells pytest, for whoever runs a benchmark by its own command.
_WORLD = str(Path(__file__).resolve().parents[3] / "examples" / "local")
if _WORLD not in sys.path:
    sys.path.insert(0, _WORLD)
