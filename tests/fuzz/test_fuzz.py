"""Every message is purged or parked at its first receive, whatever it and its neighbours contain."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cf_purge.errors import Misconfigured, PurgeError, Rejected, Transient
from tests.fuzz import shapes
from tests.fuzz.laws import Fuzzed, assert_a_sentence, assert_lawful, assert_summary, assert_within_configuration
from tests.support.factories import flat_environment, s3_event, sqs_event
from tests.support.fakes import World
from tests.support.names import TOKEN

_messages = st.lists(
    st.tuples(st.just(True), shapes.good_bodies) | st.tuples(st.just(False), shapes.bodies()), max_size=5
)


@pytest.mark.share(0.5)
@given(shapes.configurations(), _messages.filter(bool), _messages)
def test_each_message_of_a_batch_is_purged_or_parked_on_its_first_receive(
    config: dict[str, Any], delivered: list[tuple[bool, str]], waiting: list[tuple[bool, str]]
) -> None:
    world = Fuzzed(config)
    world.aws.waiting = [(f"w{index}", body) for index, (_, body) in enumerate(waiting)]
    outcome = world.outcome(sqs_event(*(body for _, body in delivered)))
    assert outcome == {"batchItemFailures": []}
    drained = waiting[: len(waiting) - len(world.aws.waiting)]
    assert world.aws.delays == {}
    names = [*(f"m{index}" for index in range(len(delivered))), *(f"w{index}" for index in range(len(drained)))]
    # The event source mapping deletes a batch of which nothing is to be settled.
    assert sorted(world.aws.deleted) in ([] if drained else [[]]) + [sorted(f"receipt-{name}" for name in names)]
    consumed = [*delivered, *drained]
    assert_lawful(world, outcome, [body for _, body in consumed])
    parked = [message["MessageBody"] for message in world.aws.parked]
    good = [body for is_good, body in consumed if is_good]
    assert not set(parked) & set(good)
    alone = [assert_alone(config, body) for _, body in consumed]
    assert sorted(parked) == sorted(
        body for (_, body), (_, is_parked) in zip(consumed, alone, strict=True) if is_parked
    )
    if config["collapse_above"] is None:
        assert set(world.cloudflare.accepted) == set().union(*(purged for purged, _ in alone))
    world.aws.waiting = []
    while world.aws.delayed:  # its own messages
        later = [message["MessageBody"] for message in world.aws.delayed]
        world.aws.delayed, world.aws.parked = [], []
        world.clock.time += 60
        assert world.outcome(sqs_event(*later)) == {"batchItemFailures": []}
        assert world.aws.parked == []
        assert_within_configuration(world, [body for _, body in consumed])


def assert_alone(config: dict[str, Any], body: str) -> tuple[set[Any], bool]:
    """Return what a message purges without neighbours, and whether it is parked."""
    world = Fuzzed({**config, "drain": 0})
    outcome = world.outcome(sqs_event(body))
    assert outcome == {"batchItemFailures": []}
    assert len(world.aws.parked) <= 1
    return set(world.cloudflare.accepted), bool(world.aws.parked)


@pytest.mark.share(0.45)
@given(shapes.configurations(), shapes.events | shapes.batches)
def test_any_event_is_answered_as_documented_or_refused(config: dict[str, Any], event: Any) -> None:
    world = Fuzzed(config)
    outcome = world.outcome(event)
    assert_lawful(world, outcome, [event])
    if isinstance(outcome, PurgeError):
        assert isinstance(outcome, Rejected)
    elif "batchItemFailures" in outcome:
        assert outcome == {"batchItemFailures": []}
    else:
        assert_summary(outcome)
        assert not (outcome.get("dry_run") and world.cloudflare.requests)


@pytest.mark.share(0.05)
@given(
    st.dictionaries(
        st.just("INCLUDED_EXTS")
        | st.just("EXCLUDED_EXTS")
        | st.sampled_from(
            [f"CLOUDFLARE_{name}" for name in ("ZONE_ID", "API_EMAIL", "API_KEY", "API_KEY_SSMPATH", "API_URL")]
        ),
        st.text(max_size=30) | st.sampled_from(["*", ".html,css", "a@b.c", "https://api.example", "prod/token"]),
        max_size=3,
    )
)
@example({})
def test_any_flat_variables_are_accepted_or_refused_in_a_sentence(changes: dict[str, str]) -> None:
    try:
        world = World(environ=flat_environment(**changes))
    except Misconfigured as error:
        assert_a_sentence(error)
        return
    try:
        assert_summary(world.invoke(s3_event("index.html")))
    except (Misconfigured, Transient) as error:
        assert_a_sentence(error)
    assert not world.logged("unexpected error"), world.output
    assert TOKEN not in world.output
