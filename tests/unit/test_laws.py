"""What is purged depends on which objects changed alone: not on envelopes, order or repetition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.factories import (
    BUCKET,
    HOST,
    OTHER_ZONE,
    ZONE,
    document,
    eventbridge_event,
    failed_invocation,
    s3_event,
    sns_body,
    sns_event,
    sqs_event,
    target,
)
from tests.support.fakes import World

CDN = "cdn.example.org"
FOLDERS = st.sampled_from(["", "a", "a/b", "ü b", "(1)+"])
TARGETS = st.lists(
    st.one_of(
        st.builds(
            target,
            zone_id=st.sampled_from([ZONE, OTHER_ZONE]),
            hosts=st.sampled_from([[HOST], [HOST, CDN]]),
            purge_by=st.sampled_from(["url", "url", "prefix", "host", "everything"]),
            key_prefix=FOLDERS,
            path_prefix=FOLDERS,
            index_documents=st.sampled_from([[], ["index.html"], ["", "home page"]]),
            clean_urls=st.booleans(),
            environment_id=st.sampled_from([None, "staging"]),
        ),
        st.just(target(purge_by="tag", tags=["{key}", "{dir}"])),
    ),
    min_size=1,
    max_size=3,
)
SEGMENTS = st.sampled_from(["a", "b", "ü b", "(1)+", "index.html", "c.html", "d.map", "", "..", "%2f"])
KEYS = st.lists(
    st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join).filter(lambda key: key[:1] not in ("", "/")),
    min_size=1,
    max_size=6,
)
WAYS: dict[str, Callable[[list[str]], list[object]]] = {
    "one message a key": lambda keys: [sqs_event(*map(s3_event, keys))],
    "backwards and twice": lambda keys: [sqs_event(*map(s3_event, [*reversed(keys), *keys]))],
    "SNS in SQS": lambda keys: [sqs_event(sns_body(s3_event(*keys)))],
    "EventBridge in SNS in SQS": lambda keys: [sqs_event(*(sns_body(eventbridge_event(key)) for key in keys))],
    "manual in SQS": lambda keys: [sqs_event({"keys": keys})],
    "dead letter in SQS": lambda keys: [sqs_event(failed_invocation(s3_event(*keys)))],
    "direct": lambda keys: [s3_event(*keys)],
    "SNS": lambda keys: [sns_event(s3_event(*keys))],
    "EventBridge": lambda keys: [eventbridge_event(key) for key in keys],
    "manual": lambda keys: [{"keys": keys, "bucket": BUCKET}],
}


def purged(targets: list[dict[str, Any]], above: int | None, events: list[object]) -> set[tuple[str, str, Any]]:
    world = World(document(targets=targets, collapse_above=above, cloudflare={"requests_per_second": 1000}))
    for event in events:
        assert world.invoke(event).get("batchItemFailures", []) == []
    assert not world.cloudflare.malformed
    assert world.aws.parked == []
    return set(world.cloudflare.accepted)


@given(TARGETS, KEYS)
def test_whatever_way_the_changes_come_the_same_is_purged(targets: list[dict[str, Any]], keys: list[str]) -> None:
    plain = purged(targets, None, [sqs_event(s3_event(*keys))])
    for way, events in WAYS.items():
        assert purged(targets, None, events(keys)) == plain, way


@given(TARGETS, KEYS, st.integers(1, 5), st.randoms())
def test_neither_order_nor_repetition_changes_what_collapses(
    targets: list[dict[str, Any]], keys: list[str], above: int, random: Any
) -> None:
    again = [*keys, random.choice(keys)]
    random.shuffle(again)
    once = purged(targets, above, [sqs_event(*map(s3_event, keys))])
    assert purged(targets, above, [sqs_event(*map(s3_event, again))]) == once
