"""What each example creates, exactly: the module's and what the example brings along."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.examples import EXAMPLES
from tests.plans.examples import RESOURCES
from tests.plans.planning import Plan


def test_every_example_is_planned_but_the_one_that_is_applied_on_this_machine() -> None:
    assert {file.parent.name for file in EXAMPLES.glob("*/main.tf")} - {"local"} == RESOURCES.keys()


@pytest.mark.parametrize("example", RESOURCES)
def test_an_example_plans_offline_with_fake_keys_and_creates_exactly_this(plan: Plan, example: str) -> None:
    modules, others = RESOURCES[example]
    assert plan.types(f"example {example}") == modules + Counter(address.split(".")[0] for address in others)
    assert plan.others(f"example {example}") == others
