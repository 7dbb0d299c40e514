"""What each mode creates, exactly."""

from __future__ import annotations

import pytest

from tests.plans.modes import MODES
from tests.plans.planning import Plan


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_plans_offline_with_fake_keys_and_creates_exactly_this(plan: Plan, mode: str) -> None:
    assert plan.types(mode) == MODES[mode][1]
    assert plan.others(mode) == set()
