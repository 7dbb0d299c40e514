"""The whole function in each of its modes: zones, environments, operations, identities, kinds, dead letters."""

from __future__ import annotations

import json
import traceback
from typing import Any
from urllib.parse import quote

import pytest

from cf_purge.purge import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS
from tests.unit.factories import (
    BUCKET,
    HOST,
    OTHER_ZONE,
    QUEUE_ARN,
    TOKEN,
    ZONE,
    document,
    eventbridge_event,
    failed_invocation,
    flat_environment,
    s3_event,
    sns_body,
    sns_event,
    sqs_event,
    target,
)
from tests.unit.fakes import World, answer, aws_error, outage, refusal

SITE = f"https://{HOST}"
CDN = "cdn.example.org"
EMAIL = "ops@example.com"
STAGING = "d8e8fca2dc0f896fd7cb4cb0031ba249"
OTHER = target(zone_id=OTHER_ZONE, hosts=[CDN], key_prefix="both")
# One target of each kind, all on one bucket.
EVERY_KIND = [
    target(header_variants=[{"Origin": SITE}]),
    target(purge_by="prefix", hosts=["img.example.com"]),
    target(purge_by="tag", tags=["{dir}"]),
    target(purge_by="host", hosts=["api.example.com"]),
    target(zone_id=OTHER_ZONE, hosts=[CDN], purge_by="everything", environment_id=STAGING),
]
EVERY_COPY = [
    (ZONE, FILES, f"{SITE}/a/index.html"),
    (ZONE, FILES, (f"{SITE}/a/index.html", (("Origin", SITE),))),
    (ZONE, FILES, f"{SITE}/a/"),
    (ZONE, FILES, (f"{SITE}/a/", (("Origin", SITE),))),
    (ZONE, FILES, "https://img.example.com/a/"),
    (ZONE, PREFIXES, "img.example.com/a/index.html"),
    (ZONE, TAGS, "a"),
    (ZONE, HOSTS, "api.example.com"),
    (f"{OTHER_ZONE}/environments/{STAGING}", EVERYTHING, ""),
]


def world_of(*targets: dict[str, Any], **changes: Any) -> World:
    return World(document(targets=list(targets) or [target()], **changes))


@pytest.mark.parametrize(
    ("reply", "returned", "parked", "delay", "misconfigured"),
    [
        (answer(503), ["m1"], [], 5, 0),
        (outage(), ["m1"], [], 5, 0),
        (answer(429, {"success": False}, retry_after="70"), ["m1"], [], 70, 0),
        (refusal(403, 10000), ["m1"], [], 900, 1),
        (refusal(400, 7003, 7000), ["m1"], [], 900, 1),
        (refusal(400, 1016), [], ["ForeignHost"], None, 0),
        (refusal(400, 4711), [], ["RejectedByCloudflare"], None, 0),
    ],
    ids=["503", "outage", "429", "403", "no zone", "foreign host", "any other 4xx"],
)
@pytest.mark.parametrize("order", [1, -1], ids=["broken last", "broken first"])
def test_a_broken_zone_keeps_nothing_from_a_healthy_one(
    reply: Any, returned: list[str], parked: list[str], delay: int | None, misconfigured: int, order: int
) -> None:
    world = world_of(*[target(), OTHER][::order])
    world.cloudflare.zones[OTHER_ZONE] = reply
    assert world.returned(sqs_event(s3_event("a.css"), s3_event("both/b.css"), s3_event("c.css"))) == returned
    assert world.cloudflare.urls == [f"{SITE}/a.css", f"{SITE}/both/b.css", f"{SITE}/c.css"]
    assert [code for code, _ in world.parked_reasons] == parked
    assert world.aws.delays == ({} if delay is None else {"receipt-m1": delay})
    assert world.metrics["Misconfigured"] == misconfigured
    # The zone is mended, the message comes again: now the other copy is purged too.
    world.cloudflare.zones.clear()
    world.clock.time += delay or 0
    assert world.returned(sqs_event(s3_event("both/b.css"), receives=2)) == []
    assert (OTHER_ZONE, FILES, f"https://{CDN}/b.css") in world.cloudflare.accepted


def test_one_environment_of_a_zone_can_be_broken_and_the_others_are_not() -> None:
    world = world_of(target(), target(environment_id=STAGING), target(environment_id="next"))
    world.cloudflare.zones[f"{ZONE}/environments/{STAGING}"] = refusal(400, 1136)
    assert world.returned(sqs_event(s3_event("a.css"))) == ["m0"]
    url = f"{SITE}/a.css"
    assert world.cloudflare.accepted == [(ZONE, FILES, url), (f"{ZONE}/environments/next", FILES, url)]
    assert world.metrics["Misconfigured"] == 1
    [line] = world.logged("not purged")
    assert line["zone_id"] == f"{ZONE} (environment {STAGING})"
    assert "targets[*].purge_by" in line["reason"]


def test_all_kinds_serve_one_bucket_each_in_requests_of_its_own() -> None:
    world = world_of(*EVERY_KIND)
    assert world.returned(sqs_event(s3_event("a/index.html"))) == []
    assert world.cloudflare.accepted == EVERY_COPY
    assert [sent.body for sent in world.cloudflare.requests] == [
        {
            "files": [
                f"{SITE}/a/index.html",
                {"url": f"{SITE}/a/index.html", "headers": {"Origin": SITE}},
                f"{SITE}/a/",
                {"url": f"{SITE}/a/", "headers": {"Origin": SITE}},
                "https://img.example.com/a/",
            ]
        },
        {"prefixes": ["img.example.com/a/index.html"]},
        {"tags": ["a"]},
        {"hosts": ["api.example.com"]},
        {"purge_everything": True},
    ]
    assert world.metrics["Purged"] == len(EVERY_COPY)
    assert world.metrics["Requests"] == 5


def test_the_summary_names_every_kind_as_cloudflare_is_sent_it() -> None:
    summary = world_of(*EVERY_KIND).invoke(s3_event("a/index.html"))
    variant = {"Origin": SITE}
    assert summary == {
        "success": True,
        "invalidations": [
            f"{SITE}/a/index.html",
            {"url": f"{SITE}/a/index.html", "headers": variant},
            f"{SITE}/a/",
            {"url": f"{SITE}/a/", "headers": variant},
            "img.example.com/a/index.html",
            "https://img.example.com/a/",
            "a",
            "api.example.com",
            {"everything": True, "zone_id": OTHER_ZONE, "environment_id": STAGING},
        ],
        "skipped": [],
        "requests": 5,
    }
    assert json.loads(json.dumps(summary)) == summary


@pytest.mark.parametrize("kind", [FILES, PREFIXES, TAGS, HOSTS, EVERYTHING])
@pytest.mark.parametrize("reply", [answer(503), refusal(403, 10000)], ids=["transient", "misconfigured"])
def test_a_kind_that_is_refused_keeps_nothing_from_the_others(kind: str, reply: Any) -> None:
    world = world_of(*EVERY_KIND)
    world.cloudflare.kinds[kind] = reply
    assert world.returned(sqs_event(s3_event("a/index.html"), {"urls": [f"{SITE}/x"]})) == [
        "m0",
        *(["m1"] if kind == FILES else []),
    ]
    by_hand = [] if kind == FILES else [(ZONE, FILES, f"{SITE}/x")]
    assert set(world.cloudflare.accepted) == {copy for copy in EVERY_COPY if copy[1] != kind} | set(by_hand)


@pytest.mark.parametrize(("operation", "path"), [("purge", "purge_cache"), ("invalidate", "invalidate_cache")])
def test_every_kind_goes_to_the_endpoint_of_the_operation(operation: str, path: str) -> None:
    world = world_of(*EVERY_KIND, cloudflare={"operation": operation})
    assert world.returned(sqs_event(s3_event("a/index.html"), {"check": True})) == []
    assert {sent.path for sent in world.cloudflare.requests} == {
        f"/zones/{ZONE}/{path}",
        f"/zones/{OTHER_ZONE}/environments/{STAGING}/{path}",
    }
    assert set(EVERY_COPY) <= set(world.cloudflare.accepted)


def test_every_request_carries_the_global_api_key_when_there_is_an_email() -> None:
    world = world_of(*EVERY_KIND, cloudflare={"email": EMAIL})
    assert world.returned(sqs_event(s3_event("a/index.html"))) == []
    assert len(world.cloudflare.requests) == 5
    for sent in world.cloudflare.requests:
        assert (sent.headers["X-Auth-Email"], sent.headers["X-Auth-Key"]) == (EMAIL, TOKEN)
        assert "Authorization" not in sent.headers


def test_without_an_email_every_request_carries_the_token_alone() -> None:
    world = world_of(*EVERY_KIND)
    world.cloudflare.zones[ZONE] = refusal(403, 10000)
    world.returned(sqs_event({"check": True}))
    assert world.cloudflare.reads
    for sent in [*world.cloudflare.requests, *world.cloudflare.reads]:
        assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
        assert not [name for name in sent.headers if name.startswith("X-Auth")]


def test_a_rotated_global_api_key_is_fetched_anew() -> None:
    world = world_of(cloudflare={"email": EMAIL})
    world.returned(sqs_event(s3_event("a.css")))
    world.cloudflare.tokens = {"f" * 37}
    world.aws.token = "f" * 37
    assert world.returned(sqs_event(s3_event("b.css"))) == []
    assert world.aws.fetches() == 2


def test_variants_fill_requests_as_urls_do() -> None:
    variants = [{"Origin": f"https://{number}.example.com"} for number in range(99)]
    world = world_of(target(header_variants=variants, index_documents=[]))
    assert world.returned(sqs_event(s3_event("a.css", "b.css"))) == []
    assert [len(sent.items) for sent in world.cloudflare.requests] == [100, 100]
    bare, *rest = world.cloudflare.requests[0].body["files"]
    assert bare == f"{SITE}/a.css"
    assert rest == [{"url": f"{SITE}/a.css", "headers": variant} for variant in variants]


def test_a_bad_variant_is_found_alone_and_the_plain_copy_is_purged() -> None:
    world = world_of(target(header_variants=[{"Origin": SITE}]))
    world.cloudflare.bad = lambda item: "bad" in item
    assert world.returned(sqs_event(s3_event("bad.css"), s3_event("good.css"))) == []
    assert [code for code, _ in world.parked_reasons] == ["ForeignHost"]
    assert set(world.cloudflare.accepted) == {
        (ZONE, FILES, f"{SITE}/good.css"),
        (ZONE, FILES, (f"{SITE}/good.css", (("Origin", SITE),))),
    }


KEY = "ü b/(1)+50%25.html"
FAILED = {
    "S3": s3_event(KEY, "a/index.html"),
    "EventBridge": eventbridge_event(KEY),
    "SNS": sns_event(s3_event(KEY), s3_event("a/index.html")),
    "by hand": {"keys": [KEY], "urls": [f"{SITE}/x y"], "hosts": [HOST]},
    "everything by hand": {"everything": True, "zone_id": ZONE},
    "a dead letter itself": failed_invocation(s3_event(KEY)),
}


@pytest.mark.parametrize("event", FAILED.values(), ids=FAILED)
@pytest.mark.parametrize("targets", [[target()], EVERY_KIND], ids=["url", "every kind"])
def test_a_dead_letter_of_a_failed_invocation_purges_what_its_event_would_have(
    event: dict[str, Any], targets: list[dict[str, Any]]
) -> None:
    original = world_of(*targets)
    original.invoke(event)
    assert original.cloudflare.accepted
    for body in (failed_invocation(event), sns_body(failed_invocation(event))):
        moved = world_of(*targets)
        assert moved.returned(sqs_event(body)) == []
        assert moved.aws.parked == []
        assert moved.cloudflare.accepted == original.cloudflare.accepted
    by_hand = world_of(*targets)
    by_hand.invoke(failed_invocation(event))
    assert by_hand.cloudflare.accepted == original.cloudflare.accepted


@pytest.mark.parametrize("letter", ["a", "ä", "+", "🎉"])
def test_the_longest_key_that_s3_takes_is_purged_whatever_way_it_comes(letter: str) -> None:
    key = letter * (1024 // len(letter.encode()))
    longest = [s3_event(key), eventbridge_event(key), {"keys": [key]}, sns_body(s3_event(key))]
    found = []
    for event in longest:
        world = world_of()
        assert world.returned(sqs_event(event)) == []
        assert world.aws.parked == []
        found.append(world.cloudflare.urls)
    assert f"{SITE}/{quote(key, safe='')}" in found[0]
    assert found == [found[0]] * len(longest)


def test_a_dead_letter_that_fails_again_comes_back_and_one_that_never_can_is_parked_as_it_is() -> None:
    world = world_of()
    world.cloudflare.zones[ZONE] = answer(503)
    assert world.returned(sqs_event(failed_invocation(s3_event("a.css")))) == ["m0"]
    letter = failed_invocation(s3_event("a.css", bucket="elsewhere"))
    assert world.returned(sqs_event(letter)) == []
    assert json.loads(world.aws.parked[0]["MessageBody"]) == letter


def test_a_hand_made_function_purges_by_url_with_the_key_of_its_environment() -> None:
    world = World(environ=flat_environment(CLOUDFLARE_API_EMAIL=EMAIL, EXCLUDED_EXTS="map"))
    summary = world.invoke(s3_event("a/index.html", "a.map"))
    assert summary["invalidations"] == [f"https://{BUCKET}/a/index.html", f"https://{BUCKET}/a/"]
    assert summary["skipped"] == ["a.map"]
    assert world.cloudflare.requests[0].headers["X-Auth-Key"] == TOKEN


MODES: dict[str, dict[str, Any]] = {
    "token": {},
    "Global API key": {"cloudflare": {"email": EMAIL}},
    "every kind": {"targets": EVERY_KIND},
    "invalidate": {"cloudflare": {"operation": "invalidate"}, "targets": EVERY_KIND},
    "collapsing and twice": {"collapse_above": 1, "repurge_after_seconds": 5, "queue_arn": QUEUE_ARN},
}
LEAKS: dict[str, Any] = {
    "nothing is wrong": None,
    "403": refusal(403, 10000, message=f"Bearer {TOKEN} is wrong"),
    "6111": refusal(400, 6003, 6111, message=f"header 'Authorization: Bearer {TOKEN}'"),
    "item": refusal(400, 1016, message=f"{TOKEN}"),
    "429": refusal(429, 1134, message=f"{TOKEN} is too fast", retry_after="1"),
    "503": answer(503, f"<pre>{TOKEN}</pre>".encode()),
    "unexpected": RuntimeError(f"Invalid header value {TOKEN!r}"),
}
EVENTS: list[dict[str, Any]] = [
    s3_event("a/index.html", "b.css"),
    {"keys": ["a.css"], "urls": [f"{SITE}/b"], "tags": ["t"], "prefixes": [f"{HOST}/p"]},
    {"check": True},
    {"keys": ["a.css"], "dry_run": True},
    {"urls": [f"{SITE}/"], "unknown": 1},
]


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("changes", MODES.values(), ids=MODES)
def test_the_token_stands_in_no_output_of_any_mode(changes: dict[str, Any], leak: Any) -> None:
    world = World(document(log_level="DEBUG", **changes))
    if leak is not None:
        world.cloudflare.zones = {ZONE: leak, OTHER_ZONE: leak}
        world.cloudflare.status = leak
        world.aws.script["SendMessage"] = [None, aws_error(403, "AccessDenied")]
    said = []
    for event in EVENTS:
        said.append(json.dumps(world.invoke(sqs_event(event))))
        try:
            said.append(json.dumps(world.invoke(event)))
        except Exception as error:
            # With all that was raised below it.
            said += traceback.format_exception(error)
    sent = json.dumps([payload for _, payload in world.aws.calls])
    assert len(world.lines) >= 2 * len(EVENTS)
    assert TOKEN not in world.output + "".join(said) + sent
