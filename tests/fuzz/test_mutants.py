"""A mistake that is built into the function is found, by the part of the inputs that is about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from cf_purge import events, manual, observe, plan, settle, sqs, targets
from cf_purge.config import Target
from cf_purge.errors import UnknownEvent
from cf_purge.purger import Why
from cf_purge.targets import EVERYTHING, Purge
from tests.fuzz import shapes, test_fuzz
from tests.support.factories import TOKEN

Patch = pytest.MonkeyPatch

_parse, _checked_key, _loads = events.parse, events.checked_key, json.loads
_make_task, _purges_at, _failures_of = plan.make_task, targets.purges_at, settle.failures_of


def a_bad_message_is_a_bug(patch: Patch) -> None:
    def parse(document: object) -> events.Event:
        try:
            return _parse(document)
        except UnknownEvent:
            raise SystemError from None

    patch.setattr(plan, "parse", parse)


def a_bad_message_is_returned(patch: Patch) -> None:
    patch.setattr(settle, "failures_of", lambda *args: [each._replace(why=Why.OWN) for each in _failures_of(*args)])


def a_bad_message_spoils_its_neighbours(patch: Patch) -> None:
    errors: list[Any] = []

    def make_task(task_id: str, *args: Any) -> plan.Task:
        task = _make_task(task_id, *args)
        errors[:] = [error for error in (task.error, *errors) if error and task_id != "m0"]
        return task._replace(error=errors[0] if errors else task.error)

    patch.setattr(plan, "make_task", make_task)


def a_type_is_not_checked(patch: Patch) -> None:
    patch.setattr(events, "checked_key", lambda key, encoded: _checked_key(str(key), encoded=encoded))


def deep_nesting_is_not_caught(patch: Patch) -> None:
    def loads(text: str) -> Any:
        try:
            return _loads(text)
        except RecursionError:
            raise SystemError from None

    patch.setattr(events, "json", SimpleNamespace(loads=loads))


def nothing_is_everything(patch: Patch) -> None:
    def purges_at(target: Target, key: str, bucket: str) -> Iterator[Purge]:
        yield from list(_purges_at(target, key, bucket)) or [Purge(target.zone, EVERYTHING, "")]

    patch.setattr(plan, "purges_at", purges_at)


def the_path_prefix_is_forgotten(patch: Patch) -> None:
    patch.setattr(
        plan, "purges_at", lambda target, key, bucket: _purges_at(target._replace(path_prefix=""), key, bucket)
    )


def any_host_is_ours(patch: Patch) -> None:
    patch.setattr(manual, "_serving", lambda host, bucket, targets: targets)


def manual_items_leave_the_folder(patch: Patch) -> None:
    patch.setattr(manual, "_inside", lambda serving, *_: serving)


def the_cap_is_forgotten(patch: Patch) -> None:
    patch.setattr(events, "MAX_ITEMS", 1_000_000)


def a_reason_is_not_cleaned(patch: Patch) -> None:
    patch.setattr(sqs, "_attribute", lambda text: text)


def the_token_is_logged(patch: Patch) -> None:
    patch.setattr(observe, "warn", lambda message, **fields: observe.info(message, **fields, token=TOKEN))


def a_line_is_printed_as_it_is(patch: Patch) -> None:
    patch.setattr(observe, "warn", lambda message, **fields: print(message, *fields.values()))


BATCH = (test_fuzz.test_each_message_of_a_batch_is_purged_or_parked_on_its_first_receive, test_fuzz.BATCHES)


def messages(documents: Any) -> Any:
    bodies = st.lists(st.tuples(st.just(False), st.builds(json.dumps, documents)), min_size=1, max_size=3)
    return BATCH[0], (shapes.configurations(), bodies, st.just([]))


def event(documents: Any) -> Any:
    return test_fuzz.test_any_event_is_answered_as_documented_or_refused, (shapes.configurations(), documents)


MUTANTS: list[tuple[Callable[[Patch], None], Any]] = [
    (a_bad_message_is_a_bug, BATCH),
    (a_bad_message_is_returned, BATCH),
    (a_bad_message_spoils_its_neighbours, BATCH),
    (a_type_is_not_checked, event(shapes.odd_keys)),
    (deep_nesting_is_not_caught, BATCH),
    (nothing_is_everything, BATCH),
    (the_path_prefix_is_forgotten, BATCH),
    (any_host_is_ours, event(shapes.named)),
    (manual_items_leave_the_folder, event(shapes.named)),
    (the_cap_is_forgotten, messages(shapes.too_many)),
    (a_reason_is_not_cleaned, messages(shapes.odd_buckets)),
    (the_token_is_logged, BATCH),
    (a_line_is_printed_as_it_is, BATCH),
]


@pytest.mark.parametrize(("mutant", "law"), MUTANTS)
def test_the_fuzz_finds(mutant: Callable[[Patch], None], law: Any, monkeypatch: Patch) -> None:
    test, inputs = law
    settings = hypothesis.settings(
        max_examples=600, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    given: Any = hypothesis.given(*inputs)
    run: Any = hypothesis.seed(0)(settings(given(test.hypothesis.inner_test)))
    mutant(monkeypatch)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - one, or a group of them
        run()
    found = caught.value.exceptions if isinstance(caught.value, ExceptionGroup) else [caught.value]
    assert all(isinstance(each, AssertionError | ValueError | SystemError) for each in found), found
