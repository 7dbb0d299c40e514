"""What is measured on the local world, examples/local: the ground, the rival on it, and where the time goes."""

from __future__ import annotations

import sys
from pathlib import Path

# As the tests have it: the world of examples/local is imported from there.
_WORLD = str(Path(__file__).resolve().parents[3] / "examples" / "local")
if _WORLD not in sys.path:
    sys.path.insert(0, _WORLD)
