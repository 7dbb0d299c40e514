"""What a wrong variable is told, by the real provider's plan."""

from __future__ import annotations

import pytest

from tests.plans.modes import ZONE
from tests.plans.planning import Case, composed, label, refused

WRONG = {
    "a zone's name": ('targets = [{ zone_id = "example.com" }]', "must be the zone's 32-digit hex id"),
    "an arn for the bucket": ('bucket = "arn:aws:s3:::www.example.com"', "not its ARN or URL"),
    "a large batch without a window": ("queue = { batch_size = 11 }", "queue.batch_size above 10 needs"),
    "a timeout too short": (
        "lambda = { timeout = 3 }",
        "lambda.timeout must be a whole number of seconds from 15 to 900",
    ),
    "no targets": ("targets = null", "targets"),
    "a purge by tag without tags": (f'targets = [{{ {ZONE}, purge_by = "tag" }}]', 'with purge_by = "tag" needs tags'),
    "an unknown event source": ('event_source = "sns"', 'event_source must be "s3", "eventbridge" or "none"'),
    "a role neither made nor brought": ("role = { create = false }", "role.create = false needs the role.arn"),
    "a package that is nowhere": (
        "lambda = { package = {} }",
        "lambda.package is either a filename, or s3_bucket and s3_key together",
    ),
}
# A rule over several variables is looked at once each of them is well by itself: it is not said beside the others.
WRONG_TOGETHER = {
    "filters that overlap": ('event_filters = [{ prefix = "a/" }, { prefix = "a/b/" }]', "Two event_filters overlap"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What each case is told, by its label."""
    folder = tmp_path_factory.mktemp("refused")
    said: dict[str, list[str]] = {}
    for number, cases in enumerate((WRONG, WRONG_TOGETHER)):
        said |= refused(composed(folder / f"root{number}", {case: Case(wrong) for case, (wrong, _) in cases.items()}))
    return said


@pytest.mark.parametrize(("case", "sentence"), [(case, said) for case, (_, said) in (WRONG | WRONG_TOGETHER).items()])
def test_a_wrong_variable_is_refused_at_plan_with_what_to_do(
    said: dict[str, list[str]], case: str, sentence: str
) -> None:
    (told,) = said[label(case)]
    assert sentence in told
