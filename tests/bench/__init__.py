"""Benchmarks; tests/bench/test_bench.py has the budgets that no change may exceed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lambda"))  # as pyproject.toml tells pytest
