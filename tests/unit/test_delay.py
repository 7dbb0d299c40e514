"""A target with `delay_seconds`: its changes go through the queue again and are purged in their own time."""

import json
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.errors import PurgeError, Transient
from tests.support.factories import document, eventbridge_event, s3_event, s3_record, sqs_event, target
from tests.support.fakes import World, answer, aws_error
from tests.support.names import AT, BUS_ARN, HOST, OTHER_ZONE, ZONE

PAGES, ALL = target(keys=["*.html"], delay_seconds=60, path_prefix="late"), target()
OTHER = target(zone_id=OTHER_ZONE, hosts=["www.example.net"])


def world_of(*targets: dict[str, Any], **changes: Any) -> World:
    return World(document(targets=list(targets), **changes))


def purged(world: World) -> list[str]:
    """The paths that were purged since the last look."""
    found = [str(item).removeprefix(f"https://{HOST}") for _, _, item in world.cloudflare.accepted]
    world.cloudflare.accepted.clear()
    return found


def deliver(world: World, then: World | None = None) -> list[str]:
    """Let the first of the delayed messages come when it is due, and return what is purged then."""
    message = min(world.aws.delayed, key=lambda each: int(each["DelaySeconds"]))
    world.aws.delayed.remove(message)
    then = then or world
    then.clock.time = world.clock.time + message["DelaySeconds"]
    assert then.returned(sqs_event(message["MessageBody"])) == []
    return purged(then)


def test_a_delayed_target_is_purged_later_and_the_others_at_once_and_then_again() -> None:
    world = world_of(PAGES, ALL)
    assert world.returned(sqs_event(s3_event("a.html", "b.css"))) == []
    assert purged(world) == ["/a.html", "/b.css"]
    assert world.metrics["Lag"] == [1000, 1000]
    [sent] = world.aws.delayed
    assert sent["DelaySeconds"] == 59  # the change is a second old
    [change] = json.loads(sent["MessageBody"])["changes"]
    assert (change["key"], change["at"], change["kind"]) == ("a.html", AT, "put")
    world.clock.time += 0.7
    assert sorted(deliver(world)) == ["/a.html", "/late/a.html"]
    assert world.metrics["Lag"] == [700]
    assert world.aws.delayed == []


def test_manual_keys_are_purged_at_once_and_a_dry_run_shows_them() -> None:
    world = world_of(PAGES, ALL)
    everywhere = [f"https://{HOST}/late/a.html", f"https://{HOST}/a.html"]
    assert world.invoke({"keys": ["a.html"], "dry_run": True})["invalidations"] == everywhere
    assert world.invoke({"keys": ["a.html"]})["invalidations"] == everywhere
    assert world.aws.delayed == []


def test_a_delayed_key_is_not_skipped() -> None:
    world = world_of(PAGES)
    summary = world.invoke(s3_event("a.html", "b.css"))
    assert (summary["invalidations"], summary["skipped"]) == ([], ["b.css"])
    assert [line["keys"] for line in world.logged("delayed")] == [["a.html"]]


def test_many_changes_share_a_message_that_fits_into_one_request() -> None:
    world = world_of(PAGES, ALL)
    late = [s3_event(f"{number}.html", time="2026-11-23T06:00:00.500Z") for number in range(40)]
    assert world.returned(sqs_event(s3_event(*(f"{number}.html" for number in range(120))), *late)) == []
    sizes = [(sent["DelaySeconds"], len(json.loads(sent["MessageBody"])["changes"])) for sent in world.aws.delayed]
    assert sizes == [(59, 50), (59, 50), (59, 20), (60, 40)]


@pytest.mark.parametrize("purge_by", ["url", "prefix", "host", "everything"])
def test_changes_that_the_function_delayed_together_are_purged_whatever_they_cost(purge_by: str) -> None:
    zones = [target(zone_id=f"{n:032x}", hosts=[f"www{n}.example.com"], purge_by=purge_by) for n in range(16)]
    world = world_of(*(each | {"delay_seconds": 60} for each in zones), max_concurrency=10)
    assert world.returned(sqs_event(s3_event("a.html"), s3_event("b.html"))) == []
    [body] = [sent["MessageBody"] for sent in world.aws.delayed]
    for receives in range(1, 20):
        world.clock.time += 1000
        if not world.returned(sqs_event(body, receives=receives)):
            break
    assert world.aws.parked == []
    assert {zone for zone, *_ in world.cloudflare.accepted} == {each["zone_id"] for each in zones}


def test_a_delayed_change_is_sent_before_its_message_is_deleted_or_the_message_is_returned() -> None:
    world = world_of(PAGES, ALL, drain=1000, batch_size=2)
    batch = sqs_event(s3_event("a.html"), s3_event("b.css"))
    world.aws.waiting = [("w0", json.dumps(s3_event("b.html")))]
    world.aws.script["SendMessage"] = [aws_error(500, "InternalError")]
    assert world.returned(batch) == ["m0"]
    assert (world.aws.delayed, world.aws.deleted) == ([], ["receipt-m1"])
    assert set(world.aws.delays) == {"receipt-m0", "receipt-w0"}
    direct = world_of(PAGES)
    direct.aws.script["SendMessage"] = [aws_error(500, "InternalError")]
    with pytest.raises(Transient):
        direct.invoke(s3_event("a.html"))


def test_a_delayed_change_that_is_not_sent_returns_no_other_message() -> None:
    world = world_of(PAGES, ALL)
    world.aws.script["SendMessage"] = [aws_error(503, "ServiceUnavailable")]
    others = s3_event("b.html", time="2026-11-23T05:59:58.000Z")
    assert world.returned(sqs_event(s3_event("a.html"), others)) == ["m0"]
    assert [json.loads(each["MessageBody"])["changes"][0]["key"] for each in world.aws.delayed] == ["b.html"]


@pytest.mark.parametrize("is_down", [False, True])
def test_a_delayed_change_that_can_never_be_sent_raises_an_alarm_and_is_given_up_with_its_reason(is_down: bool) -> None:
    world = world_of(PAGES, ALL, max_receive_count=3, event_bus_arn=BUS_ARN)
    for receives, returned in ((1, ["m0"]), (3, [])):
        world.cloudflare.zones = {ZONE: answer(503)} if is_down and not returned else {}
        world.aws.script["SendMessage"] = [aws_error(400, "AccessDenied")]  # by the own queue, not by the other one
        assert world.returned(sqs_event(s3_event("a.html"), receives=receives)) == returned
        assert world.metrics["Misconfigured"] == 1
        assert [line["keys"] for line in world.logged("delayed changes not sent")][-1] == ["a.html"]
    [(code, reason)] = world.parked_reasons
    assert code == "GaveUp"
    assert "AccessDenied from sqs:SendMessage" in reason
    assert "Not purged: " in reason
    assert reason.endswith("a.html.")
    [parked] = [json.loads(entry["Detail"]) for entry in world.aws.events if entry["DetailType"] == "Parked"]
    assert [(item["key"], item["reason"]) for item in parked["items"]] == [("a.html", reason)]


@pytest.mark.parametrize("event", [s3_event("refused.html"), {"Records": [s3_record("a.html"), {"bad": True}]}])
def test_a_message_parked_for_one_target_is_still_purged_later_in_another(event: dict[str, Any]) -> None:
    world, direct = world_of(OTHER, PAGES), world_of(OTHER, PAGES)
    for each in (world, direct):
        each.cloudflare.bad = lambda item: "refused" in item and "late" not in item
    assert world.returned(sqs_event(event)) == []
    assert len(world.aws.parked) == 1
    with pytest.raises(PurgeError) as caught:
        direct.invoke(event)
    assert "Not purged: a.html" not in str(caught.value)  # it waits in the queue
    assert world.aws.delayed == direct.aws.delayed
    purged(world)
    world.cloudflare.bad = lambda _: False
    assert [path for path in deliver(world) if path.startswith("/late")]


def test_purges_before_a_target_was_due_do_not_count_for_it() -> None:
    world = world_of(PAGES, ALL, OTHER)
    world.cloudflare.zones[OTHER_ZONE] = answer(503)
    assert world.returned(sqs_event(s3_event("a.html"))) == ["m0"]
    assert purged(world) == ["/a.html"]
    world.clock.time += 60
    assert world.returned(sqs_event(s3_event("a.html"), receives=2)) == ["m0"]
    assert sorted(purged(world)) == ["/a.html", "/late/a.html"]
    world.cloudflare.zones.clear()
    world.clock.time += 60
    assert world.returned(sqs_event(s3_event("a.html"), receives=3)) == []
    assert purged(world)[-1] == "https://www.example.net/a.html"
    assert world.aws.delayed == []


def test_a_second_purge_is_only_of_what_was_due() -> None:
    world = world_of(PAGES, ALL, verify={"sample": 0, "after_seconds": 5})
    assert world.returned(sqs_event(s3_event("a.html"))) == []
    assert len(world.aws.delayed) == 2
    purged(world)
    assert deliver(world) == ["/a.html"]
    assert len(world.aws.delayed) == 1


@pytest.mark.parametrize(
    ("targets", "collapses"),
    [
        ([target()], True),
        ([target(delay_seconds=60, key_prefix="x")], False),
        ([target(), target(delay_seconds=60, key_prefix="x", path_prefix="x")], False),
        ([target(path_prefix="a"), target(delay_seconds=60, key_prefix="x")], False),
        ([target(path_prefix="a"), target(delay_seconds=60, key_prefix="x", path_prefix="ab")], True),
        ([target(), target(delay_seconds=60, key_prefix="x", environment_id="staging")], True),
        ([target(), target(delay_seconds=60, zone_id=OTHER_ZONE, hosts=["www.example.net"], key_prefix="x")], True),
    ],
)
def test_no_prefix_purges_what_is_delayed(targets: list[dict[str, Any]], collapses: bool) -> None:
    for ordered in (targets, targets[::-1]):
        world = world_of(*ordered, collapse_above=1)
        world.invoke({"keys": ["a.css", "b.css", "x/c.css", "x/d.css"]})
        assert any(kind == "prefixes" for _, kind, _ in world.cloudflare.accepted) == collapses


DELAYS = st.lists(st.sampled_from([0, 1, 30, 31, 900]), min_size=1, max_size=4)
EVENTS = [s3_event("a.html"), eventbridge_event("a.html"), s3_event("a.html", time="")]


@given(DELAYS, DELAYS, st.integers(0, 3), st.floats(-1e6, 1200), st.sampled_from(EVENTS))
def test_each_target_is_purged_in_its_own_time_whatever_is_applied_in_between(
    before: list[int], after: list[int], applied: int, age: float, event: dict[str, Any]
) -> None:
    """From hop `applied` on the function has the second configuration; the last one finds every target purged."""
    old, new = (
        world_of(*(target(path_prefix=str(number), delay_seconds=delay) for number, delay in enumerate(delays)))
        for delays in (before, after)
    )
    start = AT + age
    at = min(AT, start) if event is not EVENTS[2] else start  # no time, or one in the future, means now
    world = old if applied else new
    world.clock.time = start
    assert world.returned(sqs_event(event)) == []
    times: dict[str, list[float]] = defaultdict(list)
    found, hop = purged(world), 0
    while True:
        for path in found:
            times[path].append(world.clock.time)
        assert len(world.aws.delayed) <= 1
        if not world.aws.delayed:
            break
        hop += 1
        assert hop <= len({*before, *after})
        following = new if hop >= applied else old
        found, world = deliver(world, following), following
    for number, delay in enumerate(before if world is old else after):
        found_at = times[f"/{number}/a.html"]
        assert found_at[-1] >= at + delay
        if hop < applied or not applied:
            assert at + delay <= found_at[0] < max(start, at + delay) + 2
