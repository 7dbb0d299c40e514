"""Looks at what was purged: what is asked, what is purged again, and what is reported."""

import json
from email.utils import formatdate
from itertools import permutations
from typing import Any

import pytest

from cf_purge.events import Change
from cf_purge.http_client import Answer
from cf_purge.verify import newest
from cf_purge.visitor import Visitor
from tests.support.factories import document, s3_event, sqs_event, target
from tests.support.fakes import Reply, World, answer, aws_error, outage, refusal
from tests.support.names import AT, BUCKET, HOST, OTHER_ZONE, PRINCIPAL, SITE

ETAG = "d41d8cd98f00b204e9800998ecf8427e"
FRESH = answer(200, b"", etag=f'"{ETAG}"')
STALE = answer(200, b"", last_modified=formatdate(AT - 3600, usegmt=True), cf_cache_status="HIT", age="9")
CHALLENGE = answer(403, b"", cf_mitigated="challenge")
RENEWED = answer(200, b"", cf_cache_status="MISS")
LOOK: dict[str, Any] = {
    "changes": [{"key": "a.map", "bucket": BUCKET, "at": AT, "kind": "put"}],
    "hop": 1,
    "purged": AT,
}


def verifying(edge: Reply = FRESH, verify: dict[str, int] | None = None, **changes: Any) -> World:
    world = World(document(verify=verify or {}, **changes))
    world.transport.edge = lambda _: edge
    return world


def sent(world: World) -> list[dict[str, Any]]:
    """The looks that were asked for, without those that were taken."""
    return [json.loads(message["MessageBody"]) for message in world.aws.delayed]


def due(world: World) -> None:
    """Let the time of the looks come, and take them."""
    looks, world.aws.delayed = world.aws.delayed, []
    world.clock.pass_(max(message["DelaySeconds"] for message in looks))
    assert world.returned(sqs_event(*(message["MessageBody"] for message in looks))) == []


def after(world: World) -> list[Any]:
    """What was purged since the last time."""
    purged, world.cloudflare.accepted = [item for _, _, item in world.cloudflare.accepted], []
    return purged


def counts(world: World) -> dict[str, Any]:
    names = ("Fresh", "Stale", "Unverifiable", "Superseded", "Repurged", "NotSampled")
    return {name: world.metrics[name] for name in names if world.metrics.get(name)}


# ---- From the purge to the proof ----


@pytest.mark.parametrize("event", [sqs_event(s3_event("a.css")), s3_event("a.css")], ids=["queued", "direct"])
def test_a_purged_change_is_looked_at_until_it_is_fresh(event: dict[str, Any]) -> None:
    world = verifying(STALE)
    world.invoke(event)
    [look] = sent(world)
    change = {
        "key": "a.css",
        "bucket": BUCKET,
        "at": AT,
        "zone_id": None,
        "etag": ETAG,
        "sequencer": "0055AED6DCD90281E5",
        "kind": "put",
    }
    change["principal"] = "AWS:AROAEXAMPLE:deploy"
    assert look == {"hop": 1, "purged": AT + 1.0, "sample": 20, "left": {}, "changes": [change]}
    assert world.aws.delayed[0]["DelaySeconds"] == 5
    assert after(world) == [f"{SITE}/a.css"]
    due(world)
    assert (after(world), counts(world)) == ([f"{HOST}/a.css"], {"Repurged": 1})
    world.transport.edge = lambda _: FRESH
    assert world.aws.delayed[0]["DelaySeconds"] == 10
    due(world)
    assert (after(world), counts(world), sent(world)) == ([], {"Fresh": [16_000]}, [])
    stale, fresh = world.logged("seen")
    assert (stale["verdict"], stale["look"], stale["age"]) == ("stale", 1, "9")
    told = {"key": "a.css", "url": f"{SITE}/a.css", "verdict": "fresh", "look": 2, "fresh_ms": 16_000, "status": 200}
    assert fresh.items() >= {**told, "helped": "second purge (prefixes)", "etag": f'"{ETAG}"'}.items()


def test_the_first_purge_may_have_been_the_one_that_helped() -> None:
    world = verifying()
    world.invoke(sqs_event(s3_event("a.css")))
    due(world)
    assert [line["helped"] for line in world.logged("seen")] == ["first purge"]
    assert world.metrics["Changes"] == world.metrics["Requests"] == 0


@pytest.mark.parametrize(("edge", "count"), [(STALE, "Stale"), (CHALLENGE, "Unverifiable")])
@pytest.mark.parametrize(
    ("verify", "delays"),
    [
        ({}, [5, 10, 20]),
        ({"after_seconds": 0, "attempts": 2}, [0, 0]),
        ({"after_seconds": 300, "attempts": 5}, [300, 600, 900, 900, 900]),
    ],
)
def test_the_last_look_only_reports(edge: Answer, count: str, verify: dict[str, int], delays: list[int]) -> None:
    world = verifying(edge, verify, targets=[target(clean_urls=True)], log_level="WARN")
    world.invoke(sqs_event(s3_event("a/index.html")))
    found: list[int] = []
    while world.aws.delayed:
        assert "Stale" not in counts(world)
        found.append(world.aws.delayed[0]["DelaySeconds"])
        after(world)
        due(world)
    assert (found, after(world), counts(world)) == (delays, [], {count: 3})
    assert [line["verdict"] for line in world.logged("seen")] == [count.lower()] * 3  # what the alarm is about


@pytest.mark.parametrize(("edge", "found"), [(STALE, {"Stale": 1, "NotSampled": 1}), (RENEWED, {"NotSampled": 1})])
def test_a_look_that_is_the_only_one_purges_nothing(edge: Answer, found: dict[str, int]) -> None:
    world = verifying(edge, {"attempts": 1, "sample": 1})
    world.invoke(sqs_event(s3_event("a", "b")))
    after(world)
    due(world)
    assert (after(world), counts(world), world.logged("unexpected error")) == ([], found, [])


@pytest.mark.parametrize("hop", [-1, 0, 4])
def test_a_hop_that_no_look_has_counts_as_the_last(hop: int) -> None:
    world = verifying(STALE)
    assert world.returned(sqs_event({**LOOK, "hop": hop})) == []
    assert (sent(world), after(world), counts(world)) == ([], [], {"Stale": 1})


def test_only_what_is_not_fresh_yet_is_asked_again() -> None:
    # Cloudflare finds out the device itself, so that nobody can ask for the copy of another one.
    variants = [{"Origin": "https://x.example"}, {"CF-Device-Type": "mobile"}]
    world = verifying(targets=[target(hosts=[HOST, "b.example"], header_variants=variants)])
    world.transport.edge = lambda sent: STALE if sent.url == "https://b.example/" else FRESH
    world.invoke(sqs_event(s3_event("index.html", "b.css")))
    after(world)
    due(world)
    headers = [{}, {"Origin": "https://x.example"}]
    urls = [f"https://{host}/{path}" for path in ("index.html", "", "b.css") for host in (HOST, "b.example")]
    assert {(each.url, str(each.headers)) for each in world.transport.visits} == {
        (url, str(each)) for url in urls for each in headers
    }
    assert len(world.metrics["Fresh"]) == 10
    # A folder's page is purged by its URL: as a prefix it would be the whole site.
    again = [(("Origin", "https://x.example"),), (("CF-Device-Type", "mobile"),)]
    assert after(world) == ["https://b.example/", *(("https://b.example/", headers) for headers in again)]
    world.transport.visits.clear()
    world.transport.edge = lambda _: FRESH
    due(world)
    assert [each.url for each in world.transport.visits] == ["https://b.example/"] * 2
    assert len(world.metrics["Fresh"]) == 2


# ---- What is not looked at ----

RELEASED = s3_event("a", event="ObjectRemoved:Delete")  # a permanent delete of one version
RELEASED["Records"][0]["s3"]["object"]["versionId"] = "3sL4"


@pytest.mark.parametrize(
    "event",
    [
        *({"keys": ["a"]}, {"urls": [f"{SITE}/a"]}, {"tags": ["t"]}, {"check": True}),
        *(s3_event("img/"), {**s3_event("a"), "dry_run": True}, s3_event("a", event="ObjectTagging:Put")),
        RELEASED,
    ],
    ids=str,
)
def test_only_object_changes_that_were_purged_are_looked_at(event: dict[str, Any]) -> None:
    world = verifying()
    world.invoke(sqs_event(event))
    world.invoke(event)
    assert world.aws.delayed == []


def test_without_verify_nothing_is_sent_and_a_look_that_is_left_over_is_dropped() -> None:
    world = World(document())
    assert world.returned(sqs_event(s3_event("a.css"), LOOK)) == []
    assert (world.aws.delayed, world.aws.parked, world.transport.visits) == ([], [], [])
    assert not {"Stale", "NotSampled"} & set(world.metrics)


def test_a_change_is_looked_at_once_all_of_it_is_purged() -> None:
    cdn = target(zone_id=OTHER_ZONE, hosts=["cdn.example.org"], key_prefix="b")
    world = verifying(targets=[target(), cdn])
    world.cloudflare.zones[OTHER_ZONE] = answer(503)
    in_part = {"Records": [*s3_event("c")["Records"], {"bad": True}]}  # it is parked
    assert world.returned(sqs_event(s3_event("b/x", "d"), in_part)) == ["m0"]
    assert {each["key"] for look in sent(world) for each in look["changes"]} == {"c", "d"}
    world.cloudflare.zones.clear()
    world.clock.pass_(60)
    world.aws.delayed.clear()
    assert world.returned(sqs_event(s3_event("b/x", "d"), receives=2)) == []
    assert [each["key"] for look in sent(world) for each in look["changes"]] == ["b/x"]
    assert [look["purged"] for look in sent(world)] == [world.clock.time]


def test_a_late_second_purge_is_sent_at_the_next_look() -> None:
    world = verifying(CHALLENGE, cloudflare={"requests_per_second": 0.2})
    world.invoke(sqs_event(s3_event("a.css")))
    after(world)
    due(world)
    assert after(world) == []  # the budget is low
    world.clock.pass_(300)
    due(world)
    assert after(world) == [f"{SITE}/a.css"]
    due(world)
    assert (after(world), counts(world)) == ([], {"Unverifiable": 1})


def test_a_deleted_page_that_a_slow_fill_stored_again_is_purged_once_more() -> None:
    kept = answer(200, b"", last_modified=formatdate(AT - 3600, usegmt=True), cf_cache_status="MISS")
    world = verifying(kept)
    world.invoke(sqs_event(s3_event("secret.pdf", event="ObjectRemoved:Delete")))
    after(world)
    due(world)
    assert (after(world), counts(world)) == ([f"{SITE}/secret.pdf"], {"Repurged": 1})
    world.transport.edge = lambda _: answer(404, b"")
    due(world)
    assert (after(world), sent(world), len(world.metrics["Fresh"])) == ([], [], 1)


def test_second_purges_that_are_too_many_for_one_look_are_sent_at_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cf_purge.verify.MAX_PURGES", 2)
    world = verifying(verify={"sample": 0, "attempts": 2})
    world.invoke(sqs_event(s3_event(*"abcde")))
    after(world)
    for first, second in ("ab", "cd"):
        due(world)
        assert after(world) == [f"{SITE}/{first}", f"{SITE}/{second}"]
    assert (sent(world), counts(world)) == ([], {"Repurged": 2, "NotSampled": 1})  # there is no third


def test_two_targets_of_a_host_are_one_copy() -> None:
    world = verifying(targets=[target(), target(keys=["*.css"], related=["/"])])
    world.invoke(sqs_event(s3_event("a.css")))
    due(world)
    assert (len(world.transport.visits), len(world.metrics["Fresh"])) == (1, 1)


# ---- Which of many changes ----


def test_a_put_whose_version_was_deleted_since_is_not_looked_at() -> None:
    first, last = s3_event("a")["Records"][0], json.loads(json.dumps(RELEASED["Records"][0]))
    last["s3"]["object"]["sequencer"] = first["s3"]["object"]["sequencer"] + "F"
    world = verifying()
    world.invoke(sqs_event({"Records": [last, first]}))
    assert world.aws.delayed == []


def test_the_last_change_of_a_key_counts_in_any_order_of_arrival() -> None:
    first, last = Change("a", sequencer="0055aed6dcd90281e5a", at=AT), Change("a", sequencer="0055AED6DCD90281E6", at=9)
    for order in permutations([first._replace(sequencer="0055AED6DCD90281E5"), first, last]):
        assert newest(order) == [last]
    padded = [Change("a", sequencer="0055AED600", at=AT), Change("a", sequencer="0055AED6", at=AT + 1)]
    assert newest(padded) == newest(padded[::-1]) == padded[1:]
    assert [each.at for each in newest([Change("a", at=2.0), Change("b", at=3.0), Change("a", at=1.0)])] == [3.0, 2.0]


def test_the_newest_changes_of_a_burst_are_sampled_over_all_messages() -> None:
    world = verifying(verify={"sample": 7}, drain=1000)
    world.aws.waiting = [
        (f"w{number}", json.dumps(s3_event(f"{number:04}.css", time=f"2026-11-23T05:{number % 60:02}:00.000Z")))
        for number in range(990)
    ]
    assert world.returned(sqs_event(*[s3_event("x.css", time="2026-11-22T00:00:00.000Z")] * 10)) == []
    assert len(sent(world)) == 2
    assert sum(look["sample"] for look in sent(world)) == 7
    assert sum(len(look["changes"]) for look in sent(world)) == 991
    due(world)
    assert {each.url for each in world.transport.visits} == {f"{SITE}/{59 + 60 * n:04}.css" for n in range(7)}
    assert (len(world.metrics["Fresh"]), world.metrics["NotSampled"]) == (7, 984)
    assert (after(world)[991:], sent(world)) == ([], [])


def test_of_long_keys_no_more_are_sampled_though_they_need_more_messages() -> None:
    world = verifying()
    keys = [f"{number}{'é' * 500}" for number in range(600)]
    world.invoke(sqs_event(*(s3_event(*keys[start : start + 60]) for start in range(0, 600, 60))))
    assert sum(len(look["changes"]) for look in sent(world)) == 600
    due(world)
    assert len(world.transport.visits) == 20


def test_if_a_sampled_one_is_stale_the_others_are_purged_once_more() -> None:
    world = verifying(verify={"sample": 2}, targets=[target(purge_by="tag", tags=["{name}"])])
    world.transport.edge = lambda sent: STALE if sent.url.endswith("3.css") else FRESH
    world.invoke(sqs_event(s3_event("1.css", "2.css", "3.css", "4.css", event="ObjectCreated:Copy")))
    assert after(world) == ["1.css", "2.css", "3.css", "4.css"]
    look = sent(world)[0]
    look["changes"].sort(key=lambda change: change["key"] not in ("3.css", "4.css"))
    world.aws.delayed[0]["MessageBody"] = json.dumps(look)
    due(world)
    assert after(world) == [f"{HOST}/3.css", "1.css", "2.css"]
    assert counts(world).items() >= {"Repurged": 3, "NotSampled": 2}.items()
    due(world)
    assert after(world) == [f"{HOST}/3.css"]


def test_with_sample_0_everything_is_purged_once_more_and_nothing_is_asked() -> None:
    world = verifying(
        verify={"sample": 0, "after_seconds": 60}, targets=[target(purge_by="host"), target(key_prefix="b")]
    )
    manual = {"keys": ["b/index.html"], "bucket": BUCKET}
    world.invoke(sqs_event(s3_event("a"), manual, {"keys": ["b/checked"], "check": True}))
    first = [item for item in after(world) if ".cf-purge-check" not in str(item)]
    assert [message["DelaySeconds"] for message in world.aws.delayed] == [60]
    due(world)
    assert sorted(map(str, after(world))) == sorted(map(str, first))
    assert (world.transport.visits, sent(world), counts(world)) == ([], [], {"Repurged": len(first)})


@pytest.mark.parametrize(("hosts", "visits", "left"), [(30, 90, 7), (101, 100, 9)])
def test_a_look_asks_for_a_hundred_urls_at_most(hosts: int, visits: int, left: int) -> None:
    world = verifying(verify={"sample": 100}, targets=[target(hosts=[f"h{n}.example" for n in range(hosts)])])
    world.invoke(sqs_event(s3_event(*"abcde"), s3_event(*"fghij")))
    due(world)
    assert len(world.transport.visits) == visits
    assert counts(world)["NotSampled"] == left


# ---- What is purged again ----

DEEP = "/".join("d" * 31)
AGAIN: list[tuple[dict[str, Any], str, Answer, list[Any]]] = [
    ({}, "a/b.css", STALE, [f"{HOST}/a/b.css"]),
    ({"purge_by": "tag", "tags": ["t"], "schemes": ["http"]}, "b.css", STALE, [f"{HOST}/b.css"]),
    ({}, "a b.css", STALE, [f"{HOST}/a%20b.css", f"{HOST}/a+b.css"]),
    ({}, DEEP, STALE, [f"{HOST}/{DEEP}"]),
    ({"schemes": ["http", "https"]}, f"d/{DEEP}", STALE, [f"{each}://{HOST}/d/{DEEP}" for each in ("http", "https")]),
    ({"index_documents": [""]}, "a/", STALE, [f"{SITE}/a/"]),
    ({"index_documents": [""], "key_prefix": "a"}, "a/", STALE, [f"{SITE}/"]),
    ({"clean_urls": True}, "a/index.html", STALE, [f"{HOST}/a/index.html", f"{SITE}/a/", f"{SITE}/a"]),
    ({"purge_by": "prefix"}, "index.html", CHALLENGE, [f"{SITE}/index.html", f"{SITE}/"]),
    ({}, "b.css", answer(404, b""), [f"{SITE}/b.css"]),
    ({}, "b.css", RENEWED, []),
]  # fmt: skip


@pytest.mark.parametrize(("options", "key", "edge", "purges"), AGAIN, ids=repr)
def test_a_stale_path_is_purged_again_by_prefix_and_its_pages_by_url(
    options: dict[str, Any], key: str, edge: Answer, purges: list[Any]
) -> None:
    world = verifying(edge, targets=[target(**options)])
    world.invoke(sqs_event(s3_event(key)))
    after(world)
    due(world)
    assert sorted(after(world)) == sorted(purges)


def test_a_renewed_copy_is_not_purged_again_beside_a_stale_one() -> None:
    world = verifying(targets=[target(hosts=[HOST, "b.example"])])
    world.transport.edge = lambda sent: STALE if HOST in sent.url else RENEWED
    world.invoke(sqs_event(s3_event("a")))
    after(world)
    due(world)
    assert after(world) == [f"{HOST}/a"]


def test_an_unverifiable_copy_is_purged_again_only_once() -> None:
    world = verifying(CHALLENGE)
    world.invoke(sqs_event(s3_event("a")))
    after(world)
    for purged in ([f"{SITE}/a"], [], []):
        due(world)
        assert after(world) == purged
    assert counts(world) == {"Unverifiable": 1}


def test_a_second_purge_leaves_half_of_the_budget_to_first_ones() -> None:
    world = verifying(STALE, max_concurrency=2)
    world.invoke(sqs_event(*[{"tags": [f"{number}"]} for number in range(5)]))  # one request of ten at once
    world.invoke(sqs_event(s3_event("a")))
    for event in [{"hosts": [HOST]}, {"tags": ["t"]}] * 4:
        world.invoke(event)
    after(world)
    due(world)
    assert (after(world), counts(world)) == ([], {})
    world.clock.pass_(300)
    due(world)
    assert (after(world), counts(world)) == ([f"{HOST}/a"], {"Repurged": 1})


def test_a_hold_stops_second_purges_until_it_ends() -> None:
    world = verifying(STALE)
    world.invoke(sqs_event(s3_event("a")))
    after(world)
    world.cloudflare.kinds = {"tags": answer(503, b"", retry_after="8")}
    assert world.returned(sqs_event({"tags": ["t"]})) == ["m0"]
    for purged in ([], [f"{HOST}/a"]):
        due(world)
        assert after(world) == purged


@pytest.mark.parametrize(
    "reply", [answer(429, b"", retry_after="300"), refusal(403, 10000), refusal(400, 1012), outage()]
)
def test_a_second_purge_that_fails_has_no_effect_on_first_ones(reply: Reply) -> None:
    world = verifying(STALE, targets=[target(), target(zone_id=OTHER_ZONE, purge_by="prefix", key_prefix="p")])
    world.invoke(sqs_event(s3_event("a.css")))
    world.cloudflare.script = [reply]
    requests = len(world.cloudflare.requests)
    due(world)
    assert len(world.cloudflare.requests) == requests + 1
    assert (world.aws.parked, len(world.aws.delayed)) == ([], 1)
    assert world.returned(sqs_event(s3_event("b.css", "p/b.css"), {"prefixes": [f"{HOST}/x"]})) == []
    assert world.metrics["Requests"] == 3
    assert world.metrics["Misconfigured"] == 0


@pytest.mark.parametrize(
    ("reply", "requests"), [(outage(), 1), (answer(500, b""), 1), (refusal(403, 10000), 1), (refusal(400, 1012), 3)]
)
def test_second_purges_end_at_the_first_that_fails_unless_it_is_the_fault_of_its_items(
    reply: Reply, requests: int
) -> None:
    world = verifying(verify={"sample": 0})
    world.invoke(sqs_event(s3_event(*(f"k{number}" for number in range(250)))))
    world.cloudflare.script = [reply]
    due(world)
    assert world.metrics["Requests"] == requests


# ---- It harms nothing ----


@pytest.mark.parametrize("fault", [answer(503), outage(), aws_error(403, "AccessDenied")])
def test_a_look_that_cannot_be_sent_is_dropped_with_a_count(fault: Reply) -> None:
    world = verifying()
    for event in (sqs_event(s3_event("a", "b")), s3_event("a", "b")):
        world.aws.script["SendMessage"] = [fault]
        world.invoke(event)
        assert (world.metrics["NotSampled"], world.aws.delayed) == (2, [])
    [line, _] = world.logged("not verified")
    assert line["count"] == 2


def test_a_batch_of_looks_is_no_burst() -> None:
    world = verifying(drain=1000)
    world.aws.waiting = [("w", json.dumps(s3_event("w")))]
    for _ in range(10):
        world.invoke(s3_event("a"))
    due(world)
    assert world.aws.waiting
    assert len(world.metrics["Fresh"]) == 10


def test_a_look_goes_last_and_a_failure_of_it_returns_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = verifying()
    world.invoke(sqs_event(s3_event("a")))
    look = world.aws.delayed.pop()["MessageBody"]
    order: list[str] = []
    world.transport.on_post = lambda sent: order.append(sent.url.rpartition("/")[2])
    world.transport.edge = lambda sent: order.append("visit") or FRESH  # type: ignore[func-returns-value]
    assert world.returned(sqs_event(look, s3_event("b"), "poison")) == []
    assert order[0] == "purge_cache"
    assert order[-1] == "visit"
    monkeypatch.setattr(Visitor, "ask", lambda *_: 1 / 0)
    assert world.returned(sqs_event(look, s3_event("b"))) == []
    assert [line["reason"] for line in world.logged("not verified")] == ["Unexpected error (ZeroDivisionError)."]


@pytest.mark.parametrize(("sample", "again"), [(20, []), (0, [f"{SITE}/a.map"])])
def test_what_a_look_has_no_time_for_is_done_at_the_next(sample: int, again: list[str]) -> None:
    world = verifying(verify={"sample": sample})
    late = {**LOOK, "sample": sample, "changes": [{**LOOK["changes"][0], "etag": ETAG}]}
    world.transport.on_post = lambda sent: world.clock.pass_(2.4 if sent.url.endswith("purge_cache") else 0)
    assert world.returned(sqs_event(s3_event("b"), late), seconds=3.0) == []
    assert (world.transport.visits, after(world)) == ([], [f"{SITE}/b"])
    world.transport.on_post = lambda _: None
    [look] = [each for each in sent(world) if each["hop"] == 2]
    assert world.returned(sqs_event(look)) == []
    assert (after(world), len(world.metrics["Fresh"] if sample else [])) == (again, int(not again))


def test_a_look_that_names_no_copy_of_a_change_any_more_is_about_all_of_them() -> None:
    world = verifying(STALE)
    world.invoke(sqs_event({**LOOK, "hop": 3, "left": {"c0ffee": None}}))
    assert counts(world) == {"Stale": 1}


def test_a_look_with_principals_is_like_others_once_they_are_not_logged() -> None:
    world = verifying(STALE, log_principals=False)
    change = {**LOOK["changes"][0], "principal": PRINCIPAL}
    world.invoke(sqs_event({**LOOK, "changes": [change]}))
    assert (after(world), counts(world)) == ([f"{HOST}/a.map"], {"Repurged": 1})
    assert [len(look["changes"]) for look in sent(world)] == [1]
    assert PRINCIPAL not in world.output


def test_what_no_target_serves_any_more_is_not_asked_for() -> None:
    world = verifying(exclude=["*.map"])
    changes = [*LOOK["changes"], {"key": "a", "bucket": "former", "kind": "put"}, {"key": "b", "kind": "put"}]
    assert world.returned(sqs_event({**LOOK, "changes": changes})) == []
    assert [sent.url for sent in world.transport.visits] == [f"{SITE}/b"]
    world = verifying(verify={"sample": 0}, exclude=["*.map"])
    assert world.returned(sqs_event({**LOOK, "sample": 0, "changes": changes})) == []
    assert (after(world), sent(world), counts(world)) == ([f"{SITE}/b"], [], {"Repurged": 1})
