"""README's ten lines make what README says."""

from __future__ import annotations

from collections import Counter

from tests.plans.modes import ALWAYS, NOTIFICATION
from tests.plans.planning import Plan
from tests.plans.readme import NAME, USAGE


def test_readmes_ten_lines_are_all_that_it_takes(plan: Plan) -> None:
    assert plan.types(USAGE) == ALWAYS + NOTIFICATION + Counter({"aws_sns_topic": 1})
    assert plan.others(USAGE) == {"aws_sns_topic.on_call"}
    (function,) = (change for change in plan.created(USAGE) if change["type"] == "aws_lambda_function")
    assert function["change"]["after"]["function_name"] == NAME
