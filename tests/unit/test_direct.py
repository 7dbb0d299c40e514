"""Direct invocations: a summary or an exception, never an error as a return value."""

from typing import Any

import pytest

from cf_purge.errors import PurgeError, Rejected
from cf_purge.targets import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS
from tests.support.factories import document, s3_event, sqs_event
from tests.support.fakes import Item, Reply, World, answer, outage, refusal
from tests.support.names import HOST, ZONE


def url(path: str) -> str:
    return f"https://{HOST}/{path}"


# Each kind of item, with what the summary shows and what Cloudflare is sent.
MANUAL: list[tuple[dict[str, Any], list[object], list[tuple[str, Item]]]] = [
    ({"urls": [url("a"), url("a"), url("b")]}, [url("a"), url("b")], [(FILES, url("a")), (FILES, url("b"))]),
    ({"prefixes": [f"{HOST}/a/"]}, [f"{HOST}/a/"], [(PREFIXES, f"{HOST}/a/")]),
    ({"tags": ["t", "u,v"]}, ["t", "u,v"], [(TAGS, "t"), (TAGS, "u,v")]),
    ({"hosts": [HOST.upper()]}, [HOST], [(HOSTS, HOST)]),
    ({"everything": True, "zone_id": ZONE.upper()}, [{"everything": True, "zone_id": ZONE}], [(EVERYTHING, "")]),
    ({"keys": ["a"], "urls": [url("a")], "tags": ["t"]}, [url("a"), "t"], [(FILES, url("a")), (TAGS, "t")]),
]


@pytest.mark.parametrize(("event", "shown", "accepted"), MANUAL)
def test_each_kind_of_item_is_purged_and_shown_as_cloudflare_is_sent_it(
    world: World, event: dict[str, Any], shown: list[object], accepted: list[tuple[str, Item]]
) -> None:
    summary = world.invoke(event)
    assert summary["invalidations"] == shown
    assert summary["requests"] == len(world.cloudflare.requests) == len({kind for kind, _ in accepted})
    assert world.cloudflare.accepted == [(ZONE, kind, item) for kind, item in accepted]
    assert world.cloudflare.malformed == []
    queued = World()
    assert queued.returned(sqs_event(event)) == []
    assert queued.cloudflare.accepted == world.cloudflare.accepted
    assert queued.metrics["Purged"] == len(accepted)


def test_the_summary_lists_each_purge_once_and_the_skipped_keys() -> None:
    summary = World(document(exclude=["*.map"])).invoke(s3_event("index.html", "a.map", "folder/", "index.html"))
    purged, skipped = [url("index.html"), url("")], ["a.map", "folder/"]
    assert summary == {"success": True, "invalidations": purged, "skipped": skipped, "requests": 1}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (outage(), "Transient"),
        (answer(429, {}), "RateLimited"),
        (refusal(403, 10000), "Unauthorized"),
        (refusal(400, 1012), "Rejected"),
        (RuntimeError("boom"), "Transient"),
    ],
)
def test_a_purge_that_fails_is_an_exception_so_that_lambda_tries_again(world: World, reply: Reply, kind: str) -> None:
    world.cloudflare.script = [reply] * 99
    with pytest.raises(PurgeError) as caught:
        world.invoke(s3_event("a"))
    assert type(caught.value).__name__ == kind
    assert f"Not purged: https://{HOST}/a." in str(caught.value)
    assert (world.metrics["Changes"], world.metrics["Purged"], "Lag" in world.metrics) == (1, 0, False)


@pytest.mark.parametrize("more", [[], ["no URL"]])
def test_all_that_is_rejected_is_named(world: World, more: list[str]) -> None:
    world.cloudflare.bad = lambda url: "bad" in url
    with pytest.raises(Rejected) as caught:
        world.invoke({"urls": [*more, *(f"https://{HOST}/{name}" for name in ("bad-1", "good", "bad-2"))]})
    assert all(name in str(caught.value) for name in (*more, "bad-1", "bad-2"))
    assert world.cloudflare.urls == [f"https://{HOST}/good"]


@pytest.mark.parametrize("event", [{"keys": ["index.html"]}, s3_event("a b"), *(event for event, _, _ in MANUAL)])
def test_a_dry_run_shows_the_purges_and_sends_nothing(world: World, event: dict[str, Any]) -> None:
    summary = world.invoke({**event, "dry_run": True})
    assert world.transport.sent == []
    assert (summary.pop("dry_run"), summary.pop("requests")) == (True, 0)
    purged = world.invoke(event)
    assert purged.pop("requests") > 0
    assert summary == purged
