"""The fuzz finds what it is there to find: a mistake built in is caught, by the part of the inputs that is about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from cf_purge import by_hand, events, invocation, log, queue
from cf_purge.errors import Rejected, Transient, UnknownEvent
from cf_purge.invocation import Invocation
from cf_purge.purge import EVERYTHING, Purge
from tests.fuzz import shapes, test_fuzz
from tests.unit.factories import TOKEN

Patch = pytest.MonkeyPatch

_checked_key, _asked_by, _purges_for = events._checked_key, events.asked_by, invocation.purges_for
_fail, _collect = Invocation.fail, events._collect


def a_bad_message_raises(patch: Patch) -> None:
    def asked_by(body: Any) -> Any:
        try:
            return _asked_by(body)
        except UnknownEvent:
            raise SystemError from None

    def read(self: Invocation, source: str, body: str) -> None:
        self.plan(source, asked_by(body))

    patch.setattr(Invocation, "read", read)


def a_bad_message_is_retried(patch: Patch) -> None:
    def fail(self: Invocation, source: str, error: Exception) -> None:
        _fail(self, source, Transient(str(error)) if isinstance(error, Rejected) else error)

    patch.setattr(Invocation, "fail", fail)


def a_bad_message_spoils_its_neighbours(patch: Patch) -> None:
    def failure_of(self: Invocation, *_: object) -> Exception | None:
        return next((error for errors in self._errors.values() for error in errors), None)

    patch.setattr(Invocation, "failure_of", failure_of)


def a_type_is_not_checked(patch: Patch) -> None:
    patch.setattr(events, "_checked_key", lambda key, encoded: _checked_key(str(key), encoded=encoded))


def deep_nesting_is_not_caught(patch: Patch) -> None:
    def collect(document: object, asked: Any, depth: int) -> None:
        _collect(json.loads(document) if isinstance(document, str) else document, asked, depth)

    patch.setattr(events, "_collect", collect)


def an_empty_list_is_everything(patch: Patch) -> None:
    def purges_for(key: str, bucket: str | None, config: Any) -> list[Purge]:
        purges = _purges_for(key, bucket, config)
        return purges or [Purge(target.zone, EVERYTHING, "") for target in config.targets]

    patch.setattr(invocation, "purges_for", purges_for)


def any_truth_is_everything(patch: Patch) -> None:
    def collect_manual(document: dict[str, Any], asked: Any) -> None:
        document = {**document, "everything": True} if document.get("everything") else document
        events_collect_manual(document, asked)

    events_collect_manual = events._collect_manual
    patch.setattr(events, "_collect_manual", collect_manual)


def any_host_is_ours(patch: Patch) -> None:
    patch.setattr(by_hand, "_zones_of", lambda host, bucket, config: by_hand.zones_in(config))


def the_path_prefix_is_forgotten(patch: Patch) -> None:
    def purges_for(key: str, bucket: str | None, config: Any) -> list[Purge]:
        targets = tuple(target._replace(path_prefix="") for target in config.targets)
        return _purges_for(key, bucket, config._replace(targets=targets))

    patch.setattr(invocation, "purges_for", purges_for)


def a_reason_is_not_cleaned(patch: Patch) -> None:
    patch.setattr(queue, "_attribute", lambda text: text)


def the_token_is_logged(patch: Patch) -> None:
    patch.setattr(log, "warn", lambda message, **fields: log.info(message, **fields, token=TOKEN))


def a_line_is_printed_as_it_is(patch: Patch) -> None:
    patch.setattr(log, "warn", lambda message, **fields: print(message, *fields.values()))


BATCH = (test_fuzz.test_each_message_of_a_batch_is_purged_or_parked_on_its_first_receive, test_fuzz.BATCHES)


def messages(events: Any) -> Any:
    bodies = st.lists(st.tuples(st.just(False), st.builds(json.dumps, events)), min_size=1, max_size=3)
    return BATCH[0], (shapes.configurations(), bodies, st.just([]))


def event(events: Any) -> Any:
    return test_fuzz.test_any_event_is_answered_as_documented_or_refused, (shapes.configurations(), events)


MUTANTS: list[tuple[Callable[[Patch], None], Any]] = [
    (a_bad_message_raises, BATCH),
    (a_bad_message_is_retried, BATCH),
    (a_bad_message_spoils_its_neighbours, BATCH),
    (a_type_is_not_checked, event(shapes.odd_keys)),
    (deep_nesting_is_not_caught, BATCH),
    (an_empty_list_is_everything, BATCH),
    (any_truth_is_everything, event(shapes.to_empty)),
    (any_host_is_ours, event(shapes.named)),
    (the_path_prefix_is_forgotten, BATCH),
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
    mutant(monkeypatch)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - one, or a group of them
        hypothesis.seed(0)(settings(hypothesis.given(*inputs)(test.hypothesis.inner_test)))()
    found = caught.value.exceptions if isinstance(caught.value, ExceptionGroup) else [caught.value]
    assert all(isinstance(each, AssertionError | ValueError | SystemError) for each in found), found
