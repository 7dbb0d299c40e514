"""What happens to each message: deleted, parked with a reason, or seen again after a delay."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.budget import Cost
from cf_purge.config import Zone, load
from cf_purge.errors import Misconfigured, NotTried, Rejected, Transient
from cf_purge.events import Message
from cf_purge.plan import Plan, make_task
from cf_purge.purger import Failure, Outcomes, Why
from cf_purge.settle import MAX_DELAY, Settlement, delay_after, settlement_of
from cf_purge.targets import FILES, PREFIXES, Purge
from tests.support.factories import (
    AT,
    BUCKET,
    HOST,
    OTHER_ZONE,
    QUEUE_ARN,
    ZONE,
    document,
    environment,
    eventbridge_event,
    failed_invocation,
    s3_event,
    s3_test_event,
    sns_body,
    sns_event,
    sqs_event,
    sqs_record,
    target,
)
from tests.support.fakes import Sent, World, answer, aws_error, outage

SITE = f"https://{HOST}"
TARGETS = [target(), target(zone_id=OTHER_ZONE, hosts=["cdn.example.org"], purge_by="prefix", key_prefix="b")]
OWN = Failure(Why.OWN, Transient("down"))
TIME = Failure(Why.TIME, NotTried("no time"))
ITEM = Failure(Why.ITEM, Rejected("bad", "RejectedByCloudflare"))


def hold(seconds: float) -> Failure:
    return Failure(Why.HOLD, Transient("on hold"), seconds)


def chance(value: float) -> Callable[[], float]:
    return lambda: value


# ---- When a message is seen again ----


@pytest.mark.parametrize(
    ("receives", "seconds"), [(1, 5), (2, 10), (3, 20), (4, 40), (8, 640), (9, 900), (30, 900), (1000, 900)]
)
@pytest.mark.parametrize("failures", [[OWN], [OWN, ITEM], [OWN, TIME], [TIME, ITEM]])
def test_what_failed_by_itself_waits_twice_as_long_each_time_with_jitter(
    receives: int, seconds: int, failures: list[Failure]
) -> None:
    delays = {delay_after(failures, receives, AT, chance(part / 10)) for part in range(10)}
    assert max(delays) == seconds
    assert min(delays) >= seconds / 2
    assert len(delays) > 2


@pytest.mark.parametrize(("receives", "seconds"), [(1, 5), (2, 10), (4, 40), (5, 40), (15, 40), (16, 900), (30, 900)])
def test_what_was_not_tried_waits_for_forty_seconds_at_most_until_the_fifteenth_receive(
    receives: int, seconds: int
) -> None:
    assert delay_after([TIME], receives, AT, chance(0.0)) == seconds


@pytest.mark.parametrize("now", [AT, AT + 0.25, AT + 29, AT + 59.9])
@pytest.mark.parametrize(
    ("left", "receives", "least"),
    [(0.5, 1, 5), (8, 1, 8), (300, 1, 300), (8, 5, 80), (300, 30, 900), (5000, 1, 900)],
)
@pytest.mark.parametrize("others", [[], [OWN], [TIME, ITEM]])
def test_what_waits_for_a_hold_comes_back_together_at_a_whole_minute(
    now: float, left: float, receives: int, least: float, others: list[Failure]
) -> None:
    delay = delay_after([*others, hold(left)], receives, now, chance(0.9))
    assert least <= delay < least + 61
    assert (now + delay) % 60 < 1
    assert delay == math.floor(delay)


@given(
    st.lists(st.sampled_from([OWN, TIME, ITEM, hold(3), hold(1e6)]), min_size=1), st.integers(1, 60), st.floats(0, 1)
)
def test_every_delay_is_one_that_sqs_takes(failures: list[Failure], receives: int, value: float) -> None:
    delay = delay_after(failures, receives, AT + 7.5, chance(value * 0.999))
    assert 1 <= delay <= MAX_DELAY + 60


# ---- What is decided ----


def settlement(receives: int, *, purges: dict[str, Failure | None], error: bool = False) -> Settlement:
    """Settle one message about some keys; a key without a failure was accepted."""
    config = load(environment(document()))
    records = [*s3_event(*purges)["Records"], *([{"bad": True}] if error else [])]
    body = json.dumps({"Records": records})
    task = make_task("m0", body, config, Cost(math.inf, math.inf, math.inf), AT)
    assert not isinstance(task.error, Transient)
    by_name = {name: Purge(Zone(ZONE), FILES, f"{SITE}/{name}") for name in purges}
    outcomes = Outcomes(
        {by_name[name]: AT for name, failure in purges.items() if failure is None},
        {by_name[name]: failure for name, failure in purges.items() if failure is not None},
    )
    return settlement_of([Message("m0", body, "r", receives)], Plan((task,)), outcomes, {}, 5, AT, chance(0.0))


@pytest.mark.parametrize(
    ("receives", "purges", "error", "ending"),
    [
        (1, {"a": None, "b": None}, False, "done"),
        (5, {"a": None}, False, "done"),
        (1, {"a": ITEM}, False, "RejectedByCloudflare"),
        (1, {"a": None, "b": ITEM}, False, "RejectedByCloudflare"),
        (1, {"a": None}, True, "UnknownEvent"),
        (1, {"a": ITEM}, True, "UnknownEvent"),
        (1, {"a": OWN}, False, "returned"),
        (4, {"a": OWN}, False, "returned"),
        (1, {"a": OWN, "b": ITEM}, False, "returned"),
        (1, {"a": hold(9)}, True, "returned"),
        (4, {"a": TIME}, False, "returned"),
        (5, {"a": OWN}, False, "GaveUp"),
        (5, {"a": None, "b": hold(9)}, False, "GaveUp"),
        (5, {"a": TIME}, False, "GaveUp"),
        (5, {"a": OWN, "b": ITEM}, False, "GaveUp"),
        (5, {"a": ITEM}, False, "RejectedByCloudflare"),
    ],
)
def test_a_message_is_deleted_parked_or_returned_by_what_became_of_its_items(
    receives: int, purges: dict[str, Failure | None], error: bool, ending: str
) -> None:
    done, parked, returned = settlement(receives, purges=purges, error=error)
    assert len(done) + len(parked) + len(returned) == 1
    assert ending == ("done" if done else "returned" if returned else parked[0][1].code)


def test_what_is_given_up_is_said_with_the_last_answer_and_what_is_not_done() -> None:
    down = Failure(Why.OWN, Transient("Cloudflare answered 403 for zone x (no explanation)."))
    names = [f"k{number}" for number in range(9)]
    settled = settlement(5, purges={"fine": None, "bad": ITEM, **dict.fromkeys(names, down)})
    [(_, error)] = settled.parked
    assert "5 receives" in str(error)
    assert "Cloudflare answered 403" in str(error)
    assert f"{SITE}/k0" in str(error)
    assert "more" in str(error)
    assert f"{SITE}/fine" not in str(error)


def test_a_message_that_was_left_out_of_the_plan_is_returned_and_at_its_last_receive_given_up() -> None:
    early, late = Message("a", "{}", "r", 4), Message("b", "{}", "r", 5)
    settled = settlement_of([early, late], Plan(), Outcomes({}, {}), {}, 5, AT, chance(0.0))
    assert settled.returned == [(early, 40)]
    assert [(message, error.code) for message, error in settled.parked] == [(late, "GaveUp")]
    assert settlement_of([late], Plan(), Outcomes({}, {}), {}, None, AT, chance(0.0)).parked == []


# ---- In which order it is carried out ----


def operations(world: World) -> list[str]:
    return [name for name, _ in world.aws.calls if name != "GetParameter"]


def test_what_is_done_is_deleted_before_the_rest_is_parked_and_returned() -> None:
    world = World(document(targets=TARGETS, queue_arn=QUEUE_ARN, drain=1000, batch_size=2))
    world.cloudflare.zones[OTHER_ZONE] = answer(503)
    world.aws.waiting = [("done", json.dumps(s3_event("a"))), ("poison", "{"), ("held", json.dumps(s3_event("b/x")))]
    assert world.returned(sqs_event(s3_event("c"), s3_event("b/y"))) == ["m1"]
    called = [name for name in operations(world) if name != "ReceiveMessage"]
    assert called == ["DeleteMessageBatch", "SendMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"]
    assert world.aws.deleted == ["receipt-done", "receipt-poison"]
    assert set(world.aws.delays) == {"receipt-m1", "receipt-held"}
    assert (world.metrics["Parked"], world.metrics["Retried"]) == (1, 2)


def test_with_nothing_to_settle_sqs_is_not_called(world: World) -> None:
    assert world.returned(sqs_event(s3_event("a"), s3_event("b"), s3_test_event())) == []
    assert operations(world) == []


def test_parking_leaves_half_of_the_time_to_return_the_others() -> None:
    world = World()
    world.transport.on_post = lambda sent: world.clock.pass_(2.0)
    returned = world.returned(sqs_event(*["poison"] * 10), seconds=10.0)
    assert 0 < len(returned) < 10
    assert len(world.aws.parked) == 10 - len(returned)
    assert set(world.aws.delays) == {f"receipt-{each}" for each in returned}


# ---- Second purges ----


def second_world(**changes: Any) -> World:
    return World(document(**{"repurge_after_seconds": 45, "queue_arn": QUEUE_ARN, **changes}))


def asked_again(world: World) -> list[dict[str, Any]]:
    """The bodies of the function's own messages, of each change only the key."""
    bodies = [json.loads(message["MessageBody"]) for message in world.aws.delayed]
    assert all((body.pop("hop"), type(body.pop("purged"))) == (1, float) for body in bodies)
    return [{"keys": [change["key"] for change in body.pop("changes")], **body} for body in bodies]


BY_WAY = {
    "S3": s3_event("(1)/index.html"),
    "SNS": sns_event(s3_event("(1)/index.html")),
    "EventBridge in SNS": sns_body(eventbridge_event("(1)/index.html")),
    "manual": {"keys": ["(1)/index.html"], "bucket": BUCKET},
    "dead letter": failed_invocation(s3_event("(1)/index.html")),
}


@pytest.mark.parametrize("event", BY_WAY.values(), ids=BY_WAY)
@pytest.mark.parametrize("in_queue", [True, False], ids=["queue", "direct"])
def test_every_change_is_purged_a_second_time_and_no_third(event: dict[str, Any], in_queue: bool) -> None:
    world = second_world(targets=[target(), target(purge_by="tag", tags=["{dir}"])])
    world.invoke(sqs_event(event) if in_queue else event)
    first = list(world.cloudflare.accepted)
    assert [message["DelaySeconds"] for message in world.aws.delayed] == [45]
    assert asked_again(world) == [{"keys": ["(1)/index.html"], "bucket": BUCKET}]
    assert world.returned(sqs_event(*(message["MessageBody"] for message in world.aws.delayed))) == []
    assert first
    assert world.cloudflare.accepted == first * 2
    assert len(world.aws.delayed) == 1


@pytest.mark.parametrize(
    "event",
    [s3_event("img/"), s3_event("a.map"), {"keys": ["a"], "dry_run": True}, {"urls": [f"{SITE}/a"]}, {"tags": ["a"]},
     {"everything": True, "zone_id": ZONE}, {"check": True}, s3_test_event()],
    ids=str,
)  # fmt: skip
def test_what_is_no_purged_change_has_no_second_purge(event: dict[str, Any]) -> None:
    world = second_world(exclude=["*.map"])
    world.invoke(sqs_event(event))
    world.invoke(event)
    assert world.aws.delayed == world.aws.parked == []


def test_a_batch_asks_once_for_all_of_its_changes_by_bucket_and_zone() -> None:
    world = second_world(targets=[target(), target(zone_id=OTHER_ZONE, hosts=["cdn.example.org"])])
    there = {"keys": ["a"], "zone_id": OTHER_ZONE}
    assert world.returned(sqs_event(s3_event("a", "b", "a"), there, s3_event("b"), {"keys": ["c"]})) == []
    assert asked_again(world) == [
        {"keys": ["a", "b"], "bucket": BUCKET},
        {"keys": ["a"], "zone_id": OTHER_ZONE},
        {"keys": ["c"]},
    ]


def test_a_change_that_is_not_purged_yet_has_no_second_purge_yet() -> None:
    world = second_world(targets=TARGETS)
    world.cloudflare.kinds[PREFIXES] = answer(503)
    assert world.returned(sqs_event(s3_event("b/x"), s3_event("c"))) == ["m0"]
    assert [body["keys"] for body in asked_again(world)] == [["c"]]
    world.cloudflare.kinds.clear()
    world.clock.pass_(60)
    assert world.returned({"Records": [sqs_record(s3_event("b/x"), "m0", 2)]}) == []
    assert [body["keys"] for body in asked_again(world)] == [["c"], ["b/x"]]


@pytest.mark.parametrize("fault", [answer(503), outage(), aws_error(403, "AccessDenied")])
def test_a_change_whose_second_purge_cannot_be_sent_comes_back_or_raises(fault: Any) -> None:
    world = second_world()
    world.aws.script["SendMessage"] = [fault]
    assert world.returned(
        sqs_event(s3_event("a"), {"urls": [f"{SITE}/c"]}, {"changes": [{"key": "d"}], "hop": 1, "purged": AT})
    ) == ["m0"]
    assert list(world.aws.delays) == ["receipt-m0"]
    assert [line["level"] for line in world.logged("second purge not sent")] == ["ERROR"]
    assert world.returned({"Records": [sqs_record(s3_event("a"), "m0", 2)]}) == []
    assert [body["keys"] for body in asked_again(world)] == [["a"]]
    world.aws.script["SendMessage"] = [fault]
    with pytest.raises((Transient, Misconfigured)):
        world.invoke(s3_event("b"))


@pytest.mark.parametrize("letter", ["a", "ä", "文", '"'])
def test_second_purges_fit_into_messages_that_the_function_accepts_itself(letter: str) -> None:
    world = second_world(targets=[target(hosts=[f"h{number}.example.com" for number in range(3)])])
    keys = [[f"{one}{number}{letter * (1000 // len(letter.encode()))}" for number in range(90)] for one in "abcde"]
    assert world.returned(sqs_event(*({"keys": part} for part in keys))) == []
    assert [key for body in asked_again(world) for key in body["keys"]] == [key for part in keys for key in part]
    assert max(len(message["MessageBody"].encode()) for message in world.aws.delayed) < 256 * 1024
    for message in list(world.aws.delayed):
        world.clock.pass_(60)
        assert world.returned(sqs_event(message["MessageBody"])) == []
    assert world.aws.parked == []


def test_when_no_time_is_left_for_the_second_purge_the_message_comes_back() -> None:
    def slow(sent: Sent) -> None:
        world.clock.pass_(59.5 if "/zones/" in sent.url else 0)

    world = second_world()
    world.transport.on_post = slow
    assert world.returned(sqs_event(s3_event("a"))) == ["m0"]
    assert world.aws.delayed == []
