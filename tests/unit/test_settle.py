"""What happens to each message: deleted, parked with a reason, or seen again after a delay."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.config import Zone, load
from cf_purge.errors import NotTried, Rejected, Transient
from cf_purge.events import Message
from cf_purge.plan import LEFT_OUT, make_task
from cf_purge.purger import Failure, Outcomes
from cf_purge.sqs import MAX_DELAY, delay_after, fate_of
from cf_purge.targets import FILES, Purge
from tests.support.factories import document, environment, s3_event, s3_test_event, sqs_event, target
from tests.support.fakes import World, answer
from tests.support.names import AT, BUS_ARN, HOST, OTHER_ZONE, SITE, ZONE

TARGETS = [target(), target(zone_id=OTHER_ZONE, hosts=["cdn.example.org"], purge_by="prefix", key_prefix="b")]
OWN = Failure(Transient("down"))
TIME = Failure(NotTried("no time"))
ITEM = Failure(Rejected("bad", "RejectedByCloudflare"))


def hold(seconds: float) -> Failure:
    return Failure(Transient("on hold"), seconds)


# ---- When a message is seen again ----


FAILED = ((1, 30, 5), (2, 30, 10), (3, 30, 20), (4, 30, 40), (8, 30, 640), (9, 30, 900), (30, 30, 900), (1000, 30, 900))
UNTRIED = ((1, 30, 5), (2, 30, 10), (4, 30, 40), (5, 30, 40), (15, 30, 40), (16, 30, 900), (30, 30, 900), (7, 12, 320))


@pytest.mark.parametrize(
    ("failures", "receives", "most", "seconds"),
    [
        *((failures, *row) for failures in ([OWN], [OWN, ITEM]) for row in FAILED),
        # Something was not tried: at most 40 s for half of the receives.
        *((failures, *row) for failures in ([TIME], [TIME, ITEM], [OWN, TIME]) for row in UNTRIED),
    ],
)
def test_a_message_that_failed_waits_twice_as_long_each_time_with_jitter(
    failures: list[Failure], receives: int, most: int, seconds: int
) -> None:
    delays = {delay_after(failures, receives, most, AT, part / 10) for part in range(10)}
    assert max(delays) == seconds
    assert min(delays) >= seconds / 2
    assert len(delays) > 2


@pytest.mark.parametrize(("named", "receives", "least"), [(60.0, 1, 60), (60.0, 8, 380), (900.0, 1, 900)])
def test_nothing_comes_back_before_the_wait_that_its_answer_named(named: float, receives: int, least: int) -> None:
    asked = Failure(Transient("503", retry_after=named))
    delays = {delay_after([OWN, asked], receives, 30, AT, part / 10) for part in range(10)}
    assert min(delays) >= least
    assert max(delays) <= MAX_DELAY


@pytest.mark.parametrize("now", [AT, AT + 0.25, AT + 29, AT + 59.9])
@pytest.mark.parametrize(
    ("left", "receives", "least", "minutes"),
    [
        *((0.5, 1, 5, 1), (8, 1, 8, 1), (8, 5, 80, 1), (299, 1, 299, 1)),
        *((300, 1, 300, 2), (300, 30, 900, 2), (5000, 1, 900, 2)),
    ],
)
@pytest.mark.parametrize("others", [[], [OWN], [TIME, ITEM]])
def test_messages_that_wait_for_a_hold_come_back_together_at_a_whole_minute_or_an_even_one(
    now: float, left: float, receives: int, least: float, minutes: int, others: list[Failure]
) -> None:
    delay = delay_after([*others, hold(left)], receives, 30, now, 0.9)
    assert least <= delay < least + minutes * 60 + 1
    assert (now + delay) % (minutes * 60) < 1
    assert delay == math.floor(delay)


@given(
    st.lists(st.sampled_from([OWN, TIME, ITEM, hold(3), hold(1e6)]), min_size=1), st.integers(1, 60), st.floats(0, 1)
)
def test_every_delay_is_one_that_sqs_takes(failures: list[Failure], receives: int, value: float) -> None:
    delay = delay_after(failures, receives, 30, AT + 7.5, value * 0.999)
    assert 1 <= delay <= MAX_DELAY + 120


# ---- What is decided ----


def fate(receives: int, *, purges: dict[str, Failure | None], error: bool = False) -> Rejected | list[Failure] | None:
    """Settle one message about some keys; a key without a failure was accepted."""
    config = load(environment(document()))
    records = [*s3_event(*purges)["Records"], *([{"bad": True}] if error else [])]
    body = json.dumps({"Records": records})
    task = make_task(Message("m0", body, "r", receives), config, {}, AT)
    assert not isinstance(task.error, Transient)
    by_name = {name: Purge(Zone(ZONE), FILES, f"{SITE}/{name}", HOST) for name in purges}
    outcomes = Outcomes(
        {by_name[name]: AT for name, failure in purges.items() if failure is None},
        {by_name[name]: failure for name, failure in purges.items() if failure is not None},
        {},
    )
    return fate_of(task, outcomes, 5)


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
    found = fate(receives, purges=purges, error=error)
    assert ending == (found.code if isinstance(found, Rejected) else "done" if found is None else "returned")


def test_a_message_that_is_given_up_has_the_last_answer_and_its_open_items() -> None:
    down = Failure(Transient("Cloudflare answered 403 for zone x (no explanation)."))
    names = [f"k{number}" for number in range(9)]
    error = fate(5, purges={"fine": None, "bad": ITEM, **dict.fromkeys(names, down)})
    assert "5 receives" in str(error)
    assert "Cloudflare answered 403" in str(error)
    assert f"{SITE}/k0" in str(error)
    assert "more" in str(error)
    assert f"{SITE}/fine" not in str(error)


def test_a_message_is_returned_if_one_of_its_purges_has_no_outcome() -> None:
    message = Message("m0", json.dumps(s3_event("a")), "r")
    task = make_task(message, load(environment(document())), {}, AT)
    assert fate_of(task, Outcomes({}, {}, {}), 5) == [Failure(LEFT_OUT)]


def test_messages_that_are_left_out_of_the_plan_are_returned_or_given_up_and_harm_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cf_purge.plan._MAX_BYTES", 0)
    world = World(document(max_receive_count=30, event_bus_arn=BUS_ARN))
    event = sqs_event(s3_event("a"), s3_event("b"), s3_event("c"))
    event["Records"][1]["attributes"] = {"ApproximateReceiveCount": "30"}
    assert world.returned(event) == ["m2"]
    [(receipt, delay)] = world.aws.delays.items()
    assert receipt == "receipt-m2"
    assert 3 <= delay <= 5
    assert world.cloudflare.urls == [f"{SITE}/a"]
    assert [code for code, _ in world.parked_reasons] == ["GaveUp"]
    assert [entry["DetailType"] for entry in world.aws.events] == ["Purged", "Parked"]


def test_looks_take_no_memory_from_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cf_purge.plan._MAX_BYTES", 1_000)
    world = World(document(verify={}))
    look = {"hop": 1, "purged": AT, "changes": [{"key": f"{n}", "kind": "put", "at": AT} for n in range(9)]}
    event = sqs_event(look, s3_event("a"), s3_event("b"))
    event["Records"][2]["attributes"] = {"ApproximateReceiveCount": "2"}
    world.returned(event)
    assert world.cloudflare.urls[:2] == [f"{SITE}/a", f"{SITE}/b"]


def test_a_reason_names_the_items_that_are_wrong() -> None:
    others = Failure(Rejected("worse", "RejectedByCloudflare"))
    reason = fate(1, purges={"a": ITEM, "b": others, "c": None})
    assert (str(reason), isinstance(reason, Rejected) and reason.code) == (
        f"bad Not purged: {SITE}/a, {SITE}/b.",
        "RejectedByCloudflare",
    )


# ---- In which order it is carried out ----


def operations(world: World) -> list[str]:
    return [name for name, _ in world.aws.calls if name != "GetParameter"]


def test_done_messages_are_deleted_before_the_rest_is_parked_and_returned() -> None:
    world = World(document(targets=TARGETS, drain=1000, batch_size=2))
    world.cloudflare.zones[OTHER_ZONE] = answer(503)
    world.aws.waiting = [("done", json.dumps(s3_event("a"))), ("poison", "{"), ("held", json.dumps(s3_event("b/x")))]
    assert world.returned(sqs_event(s3_event("c"), s3_event("b/y"))) == ["m1"]
    called = [name for name in operations(world) if name != "ReceiveMessage"]
    assert called == ["DeleteMessageBatch", "SendMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"]
    assert world.aws.deleted == ["receipt-m0", "receipt-done", "receipt-poison"]
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
