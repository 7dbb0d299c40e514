"""Events on a bus about purged, verified and parked changes; a bus that fails has no effect on a purge."""

import json
from email.utils import formatdate
from typing import Any

import pytest

from cf_purge import notify
from cf_purge.errors import PurgeError, TimedOut
from cf_purge.events import Change
from tests.support.factories import document, eventbridge_event, s3_event, sqs_event, target
from tests.support.fakes import Reply, World, answer, aws_error, outage
from tests.support.names import ACCOUNT, AT, BUS_ARN, HOST, OTHER_ZONE, PRINCIPAL, ZONE

TWO_ZONES = [target(), target(zone_id=OTHER_ZONE, hosts=["cdn.example.org"])]


def notifying(**changes: Any) -> World:
    """A world in which items with "bad" in their name are refused and OTHER_ZONE is down."""
    world = World(document(event_bus_arn=BUS_ARN, **changes))
    world.cloudflare.bad = lambda url: "bad" in url
    world.cloudflare.zones = {OTHER_ZONE: outage()}
    return world


def told(world: World) -> dict[str, Any]:
    """Return the details of the events by their type."""
    assert all(entry["EventBusName"] == BUS_ARN and entry["Source"] == "cf_purge" for entry in world.aws.events)
    found = {entry["DetailType"]: json.loads(entry["Detail"]) for entry in world.aws.events}
    assert len(found) == len(world.aws.events)
    return found


def item(key: str | None, lag: int | None = None, principal: str | None = None, **more: Any) -> dict[str, Any]:
    return {"key": key, "lag_ms": lag, "fresh_ms": None, "principal": principal, "reason": None, **more}


def detail(*items: dict[str, Any], zones: tuple[str, ...] = (ZONE,)) -> dict[str, Any]:
    return {"name": "site", "zones": [*zones], "count": len(items), "items": [*items]}


REFUSED = f"Cloudflare answered 400 for zone {ZONE} (1016 no). Not purged: https://{HOST}/bad.css."
NO_OBJECT = "The event is not a JSON object, or in too many envelopes."
FOREIGN = "The event is about bucket elsewhere, not about my-assets."
LONG = f"{{name}}{'x' * 1020}"
TOO_LONG = (
    f"The tag {LONG[:256]!r} of 'a.css' has 1025 characters, Cloudflare accepts 1024: use a shorter template, such as"
    " {dir}."
)
NO_TAG = "'b c' is not a tag: 1 to 1024 printable ASCII characters without spaces. Further invalid items: 1."
NO_TAGS = [item(None, reason=NO_TAG)] * 2
UPLOADED = item("a b.css", 1000, PRINCIPAL)


@pytest.mark.parametrize(
    ("event", "config", "expected"),
    [
        (sqs_event(s3_event("a b.css")), {}, {"Purged": detail(UPLOADED)}),
        (s3_event("a b.css"), {}, {"Purged": detail(UPLOADED)}),
        (eventbridge_event("a b.css"), {}, {"Purged": detail(item("a b.css", 1000, ACCOUNT))}),
        (s3_event("a b.css", time="soon"), {}, {"Purged": detail(item("a b.css", None, PRINCIPAL))}),
        ({"keys": ["x"], "tags": ["t"]}, {}, {"Purged": detail(item("x"), item("t"))}),
        ({"everything": True, "zone_id": ZONE}, {}, {"Purged": detail(item("purge_everything"))}),
        (
            sqs_event(s3_event("a b.css", "bad.css")),
            {},
            {"Purged": detail(UPLOADED), "Parked": detail(item("bad.css", None, PRINCIPAL, reason=REFUSED))},
        ),
        (sqs_event("[]"), {}, {"Parked": detail(item(None, reason=NO_OBJECT), zones=())}),
        (
            sqs_event(s3_event("a.css", bucket="elsewhere")),
            {},
            {"Parked": detail(item("a.css", None, PRINCIPAL, reason=FOREIGN), zones=())},
        ),
        # Each item that is refused, though it has no key.
        (
            sqs_event({"tags": ["a", "b c", "d e"]}),
            {},
            {"Purged": detail(item("a")), "Parked": detail(*NO_TAGS, zones=())},
        ),
        # Purged in one target, and never in the other.
        (
            sqs_event(s3_event("a.css", "b")),
            {"targets": [target(), target(keys=["*.css"], purge_by="tag", tags=[LONG])]},
            {
                "Purged": detail(item("b", 1000, PRINCIPAL)),
                "Parked": detail(item("a.css", None, PRINCIPAL, reason=TOO_LONG)),
            },
        ),
        (sqs_event(s3_event("a")), {"targets": TWO_ZONES}, {}),  # not purged yet
        (sqs_event({"keys": ["a"], "dry_run": True}), {}, {}),
        (sqs_event(s3_event("a b.css"), {"keys": ["a b.css"], "dry_run": True}), {}, {"Purged": detail(UPLOADED)}),
        ({"check": True}, {}, {}),
    ],
)
def test_an_event_tells_what_was_purged_and_what_was_parked(
    event: dict[str, Any], config: dict[str, Any], expected: dict[str, Any]
) -> None:
    world = notifying(**config)
    world.invoke(event)
    assert told(world) == expected


def test_purges_of_a_failed_invocation_are_told() -> None:
    world = notifying()
    with pytest.raises(PurgeError):
        world.invoke({"keys": ["good.css", "bad.css"]})
    assert told(world) == {"Purged": detail(item("good.css"))}


def test_a_change_is_told_once_when_both_its_zones_are_purged() -> None:
    world = notifying(targets=[target(), {**TWO_ZONES[1], "keys": ["a"]}])
    event = sqs_event(s3_event("a", "b"))
    assert world.returned(event) == ["m0"]
    assert told(world) == {"Purged": detail(item("b", 1000, PRINCIPAL))}
    world.aws.events.clear()
    world.cloudflare.zones = {}
    world.clock.pass_(60)
    assert world.returned(event) == []
    lag = round((world.clock.time - AT) * 1000)
    assert told(world) == {"Purged": detail(item("a", lag, PRINCIPAL), zones=(ZONE, OTHER_ZONE))}


# ---- What visitors see ----

OLD = answer(200, b"", last_modified=formatdate(AT - 3600, usegmt=True), cf_cache_status="HIT", age="9")
RENEWED = answer(200, b"", cf_cache_status="MISS")
NEW = answer(200, b"", last_modified=formatdate(AT, usegmt=True))
SITE, CDN = f"https://{HOST}/a.css", "https://cdn.example.org/a.css"
SEEN = item("a.css", None, PRINCIPAL)


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([{}], SEEN | {"fresh_ms": 6_000}),
        ([{CDN: OLD}, {}], SEEN | {"fresh_ms": 16_000}),  # live when the last copy is
        ([{CDN: OLD}, {CDN: outage()}, {CDN: OLD}], SEEN | {"reason": f"stale: {CDN}"}),
        ([{SITE: outage()}, {SITE: outage()}, {SITE: outage()}], SEEN | {"reason": f"unverifiable: {SITE}"}),
        # Not fresh at the first look, and looked at again for the other copy's sake.
        ([{SITE: RENEWED, CDN: OLD}, {SITE: RENEWED}], SEEN | {"reason": f"renewed: {SITE}"}),
        ([{SITE: RENEWED, CDN: OLD}, {}], SEEN | {"fresh_ms": 16_000}),
    ],
)
def test_a_change_is_told_after_the_last_look_at_its_copies(
    looks: list[dict[str, Reply]], expected: dict[str, Any]
) -> None:
    world = notifying(targets=[target(hosts=[HOST, "cdn.example.org"])], verify={})
    assert world.returned(sqs_event(s3_event("a.css"))) == []
    for answers in looks:
        assert set(told(world)) == {"Purged"}
        world.transport.edge = lambda sent, answers=answers: answers.get(sent.url, NEW)  # type: ignore[misc]
        [look] = world.aws.delayed
        world.aws.delayed = []
        world.clock.pass_(look["DelaySeconds"])
        assert world.returned(sqs_event(look["MessageBody"])) == []
    assert told(world)["Verified"] == detail(expected)
    assert world.aws.delayed == []


def test_fresh_items_come_first() -> None:
    world = notifying(verify={"attempts": 1})
    world.transport.edge = lambda sent: OLD if "/b" in sent.url else NEW
    world.returned(sqs_event(s3_event("b", "c", "a")))
    world.returned(sqs_event(*(look["MessageBody"] for look in world.aws.delayed)))
    verified = told(world)["Verified"]
    assert (verified["count"], [each["key"] for each in verified["items"]][-1]) == (3, "b")


def test_a_change_is_told_after_the_look_at_its_last_target() -> None:
    later = target(hosts=["later.example.com"], delay_seconds=60)
    world = notifying(targets=[target(), later], verify={})
    world.transport.edge = lambda _: NEW
    world.invoke(sqs_event(s3_event("a.css")))
    for seconds, detail_types in ((5, set()), (54, {"Purged"}), (5, {"Purged", "Verified"})):
        message = world.aws.delayed.pop()
        world.clock.pass_(seconds)
        world.invoke(sqs_event(message["MessageBody"]))
        assert set(told(world)) == detail_types
    assert told(world)["Verified"]["items"] == [SEEN | {"fresh_ms": 65_000}]


# ---- The bus ----

NO_BUS = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "NoSuchBus", "ErrorMessage": "none"}]}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (aws_error(400, "AccessDenied", "not yours"), "AccessDenied from events:PutEvents: not yours"),
        (TimedOut("No answer within 1 s."), "No answer within 1 s."),
        (RuntimeError("a secret"), "Unexpected error (RuntimeError)."),
        (answer(200, NO_BUS), f"events:PutEvents failed: {json.dumps(NO_BUS)}"),
    ],
)
def test_a_bus_that_refuses_is_one_line_and_the_purge_is_done(reply: Reply, reason: str) -> None:
    world = notifying()
    world.aws.script = {"PutEvents": [reply]}
    assert world.returned(sqs_event(s3_event("a"))) == []
    [line] = world.logged("not notified")
    assert (line["event_bus"], line["reason"]) == (BUS_ARN, reason)
    assert [operation for operation, _ in world.aws.calls].count("PutEvents") == 1


def test_the_bus_is_called_last_with_a_second_or_the_time_that_is_left() -> None:
    world = notifying()
    world.returned(sqs_event(s3_event("a"), s3_event("bad"), {"nonsense": True}))
    assert "PutEvents" in world.transport.sent[-1].headers["X-Amz-Target"]
    assert world.transport.sent[-1].timeout == 1
    late = notifying()
    late.transport.on_post = lambda sent: late.clock.pass_(2.9) if sent.url.endswith("purge_cache") else None
    assert late.returned(sqs_event(s3_event("a")), seconds=3) == []
    assert [line["reason"] for line in late.logged("not notified")] == ["No time was left."]


def test_a_bus_in_another_region_is_called_there() -> None:
    arn = "arn:aws-cn:events:cn-north-1:210987654321:event-bus/partner/news"
    world = World(document(event_bus_arn=arn))
    world.invoke(s3_event("a"))
    [entry], sent = world.aws.events, world.transport.sent[-1]
    assert entry["EventBusName"] == arn
    assert sent.url == "https://events.cn-north-1.amazonaws.com.cn/"
    assert "/cn-north-1/events/aws4_request" in sent.headers["Authorization"]


def test_the_events_of_an_invocation_fit_into_one_call_with_the_first_items_of_each_type() -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html"""
    for reason, most in (("no", 100), ("\U0001f4a9" * 1_024, 4)):
        news: list[notify.News] = [(Change(str(number)), [], {"reason": reason}) for number in range(150)]
        text = notify.detail(news, "site")
        assert 3 * len(text.encode()) <= 200_000  # one event for each type
        said = json.loads(text)
        assert said["count"] == 150
        assert [each["key"] for each in said["items"]] == [str(number) for number in range(most)]


def test_a_long_principal_is_cut() -> None:
    world, event = notifying(), s3_event("a b.css")
    event["Records"][0]["userIdentity"] = {"principalId": "p" * 100_000}
    world.invoke(sqs_event(event))
    assert told(world)["Purged"]["items"] == [item("a b.css", 1000, "p" * 1_024)]
