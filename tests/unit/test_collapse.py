"""More URLs of one target than `collapse_above`: the target is purged by prefix instead, and nothing beyond it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.batch import Job
from cf_purge.collapse import collapsed
from cf_purge.config import Config
from cf_purge.environment import load
from cf_purge.events import Change
from cf_purge.purge import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS
from cf_purge.targets import purges_at, purges_for
from tests.unit.factories import (
    BUCKET,
    HOST,
    OTHER_ZONE,
    QUEUE_ARN,
    ZONE,
    document,
    eventbridge_event,
    flat_environment,
    s3_event,
    sqs_event,
    target,
)
from tests.unit.fakes import World, answer, refusal

SITE = f"https://{HOST}"
CDN = "cdn.example.org"
THREE = ("a.css", "b.css", "c.css")
APP = [{"Origin": "https://app.example.com"}, {"Origin": SITE}]


def world_of(above: int | None, *targets: dict[str, Any], **changes: Any) -> World:
    return World(document(targets=list(targets) or [target()], collapse_above=above, **changes))


def accepted(world: World, kind: str) -> list[object]:
    assert not world.cloudflare.malformed
    return [item for _, accepted_kind, item in world.cloudflare.accepted if accepted_kind == kind]


def outcome(world: World) -> tuple[list[object], list[object]]:
    """The accepted prefixes and URLs."""
    return accepted(world, PREFIXES), accepted(world, FILES)


@pytest.mark.parametrize(
    ("above", "prefixes", "urls"),
    [
        (None, [], [f"{SITE}/{key}" for key in THREE]),
        (4, [], [f"{SITE}/{key}" for key in THREE]),
        (3, [], [f"{SITE}/{key}" for key in THREE]),
        (2, [f"{HOST}/"], []),
        (1, [f"{HOST}/"], []),
    ],
)
def test_only_above_the_limit_urls_become_the_prefix_of_their_target(
    above: int | None, prefixes: list[str], urls: list[str]
) -> None:
    world = world_of(above)
    assert world.returned(sqs_event(s3_event(*THREE))) == []
    assert outcome(world) == (prefixes, urls)


@pytest.mark.parametrize("event", [s3_event(*THREE), {"keys": [*THREE]}], ids=["notification", "by hand"])
def test_outside_sqs_the_summary_names_the_prefix(event: dict[str, Any]) -> None:
    assert world_of(2).invoke(event) == {"success": True, "invalidations": [f"{HOST}/"], "skipped": [], "requests": 1}


def test_the_messages_of_a_batch_count_together() -> None:
    world = world_of(2)
    assert world.returned(sqs_event(*(eventbridge_event(key) for key in THREE))) == []
    assert outcome(world) == ([f"{HOST}/"], [])
    assert len(world.cloudflare.requests) == 1
    assert world.metrics["Changes"] == 3
    assert world.metrics["Purged"] == 1
    assert len(world.metrics["Lag"]) == 3


@pytest.mark.parametrize(
    ("keys", "settings", "urls"),
    [
        (["a.css"], {}, 1),
        (["a.css"] * 5, {}, 1),
        (["a/index.html"], {}, 2),
        (["a/index.html"], {"clean_urls": True}, 3),
        (["a/index.html", "a/home.htm"], {"index_documents": ["index.html", "home.htm"]}, 3),
        (["(1)+.css"], {}, 3),
        (["a.css"], {"schemes": ["http", "https"]}, 2),
        (["a.css"], {"hosts": [HOST, CDN]}, 2),
        (["a.css"], {"header_variants": APP}, 1),
        (["a.css", "b.css"], {"header_variants": APP}, 2),
        (["a.css", "img/"], {}, 1),
        (["a.css", "b/c.css"], {"key_prefix": "b"}, 1),
        (["b.html", "a/index.html"], {"purge_by": "prefix"}, 1),
        (["b.html", "a/index.html"], {"purge_by": "prefix", "clean_urls": True}, 3),
    ],
)
def test_urls_are_counted_and_not_their_variants_nor_their_repetitions(
    keys: list[str], settings: dict[str, Any], urls: int
) -> None:
    hosts = settings.get("hosts", [HOST])
    spared, taken = world_of(urls, target(**settings)), world_of(urls - 1 or None, target(**settings))
    for world in (spared, taken):
        world.invoke(s3_event(*keys))
    assert len(set(spared.cloudflare.urls)) == urls
    assert not {f"{host}/" for host in hosts} & {*accepted(spared, PREFIXES)}
    if urls > 1:
        assert {f"{host}/" for host in hosts} <= {*accepted(taken, PREFIXES)}
        assert taken.cloudflare.urls == []


def test_the_prefix_is_the_path_of_the_target_on_each_of_its_hosts() -> None:
    world = world_of(2, target(hosts=[HOST, CDN], key_prefix="site", path_prefix="blog"))
    world.invoke(s3_event("site/a.css", "site/b.css", "elsewhere/c.css"))
    assert outcome(world) == ([f"{HOST}/blog/", f"{CDN}/blog/"], [])


@pytest.mark.parametrize(
    ("path_prefix", "spelt"),
    [
        ("v 1", ["v%201/"]),
        ("ü/100%", ["%C3%BC/100%25/"]),
        ("(x)+", ["(x)+/", "%28x%29%2B/", "(x)%2B/"]),
        ("a/b/c", ["a/b/c/"]),
        ("/".join("d" * 30), ["d/" * 30]),
    ],
)
def test_the_path_of_the_target_is_purged_in_every_spelling(path_prefix: str, spelt: list[str]) -> None:
    world = world_of(1, target(path_prefix=path_prefix))
    world.invoke(s3_event("a.css", "b.css"))
    assert outcome(world) == ([f"{HOST}/{path}" for path in spelt], [])


def test_each_target_counts_for_itself() -> None:
    world = world_of(
        2,
        target(),
        target(key_prefix="few", path_prefix="few"),
        target(zone_id=OTHER_ZONE, hosts=[CDN], path_prefix="static"),
    )
    world.invoke(s3_event("few/a.css", "b.css", "c.css"))
    assert world.cloudflare.accepted == [
        (ZONE, PREFIXES, f"{HOST}/"),
        (ZONE, FILES, f"{SITE}/few/a.css"),
        (OTHER_ZONE, PREFIXES, f"{CDN}/static/"),
    ]


def test_two_targets_just_below_the_limit_do_not_add_up() -> None:
    world = world_of(1, target(key_prefix="a", path_prefix="a"), target(key_prefix="b", path_prefix="b"))
    world.invoke(s3_event("a/1.css", "b/1.css"))
    assert outcome(world) == ([], [f"{SITE}/a/1.css", f"{SITE}/b/1.css"])


def test_the_environment_of_the_target_stays_the_same() -> None:
    world = world_of(1, target(environment_id="staging"))
    world.invoke(s3_event("a.css", "b.css"))
    assert world.cloudflare.accepted == [(f"{ZONE}/environments/staging", PREFIXES, f"{HOST}/")]


def test_objects_of_a_prefix_target_keep_their_prefixes_when_its_pages_collapse() -> None:
    world = world_of(1, target(purge_by="prefix", path_prefix="blog"))
    world.invoke(s3_event("a/index.html", "b/index.html"))
    assert outcome(world) == ([f"{HOST}/blog/a/index.html", f"{HOST}/blog/", f"{HOST}/blog/b/index.html"], [])


@pytest.mark.parametrize(
    ("purge_by", "kind", "items"),
    [("tag", TAGS, 20), ("host", HOSTS, 1), ("everything", EVERYTHING, 1), ("prefix", PREFIXES, 20)],
)
def test_what_is_not_purged_by_url_does_not_collapse(purge_by: str, kind: str, items: int) -> None:
    world = world_of(1, target(purge_by=purge_by, tags=["{key}"] if purge_by == "tag" else []))
    world.invoke(s3_event(*(f"{number}.css" for number in range(20))))
    assert len(world.cloudflare.accepted) == len(accepted(world, kind)) == items


def test_urls_named_by_hand_neither_count_nor_collapse() -> None:
    by_hand = [f"{SITE}/{number}" for number in range(9)]
    world = world_of(1)
    assert world.returned(sqs_event({"urls": by_hand}, s3_event("a.css"))) == []
    assert outcome(world) == ([], [*by_hand, f"{SITE}/a.css"])


def test_urls_named_by_hand_stand_beside_a_collapsed_target() -> None:
    world = world_of(1)
    assert world.returned(sqs_event({"urls": [f"{SITE}/a.css"], "keys": [*THREE]})) == []
    assert outcome(world) == ([f"{HOST}/"], [f"{SITE}/a.css"])


def test_a_check_does_not_count() -> None:
    world = world_of(1)
    assert world.returned(sqs_event({"check": True}, s3_event("a.css"))) == []
    assert accepted(world, PREFIXES) == []


def test_a_check_stays_a_check_beside_a_collapsed_target() -> None:
    world = world_of(1)
    assert world.returned(sqs_event({"check": True}, s3_event("a.css", "b.css"))) == []
    assert outcome(world) == ([f"{HOST}/"], [f"{SITE}/.cf-purge-check"])


def test_a_dry_run_names_what_would_be_purged() -> None:
    event = {"keys": [*THREE]}
    dry = world_of(2).invoke({**event, "dry_run": True})
    assert dry["invalidations"] == world_of(2).invoke(event)["invalidations"]


@pytest.mark.parametrize(
    ("reply", "delay"), [(answer(503), 5), (refusal(403, 10000), 900)], ids=["transient", "misconfigured"]
)
def test_every_message_comes_back_when_the_prefix_is_not_accepted(reply: Any, delay: int) -> None:
    world = world_of(2)
    world.cloudflare.kinds[PREFIXES] = reply
    by_hand = {"urls": [f"{SITE}/x.css"]}
    assert world.returned(sqs_event(*(s3_event(key) for key in THREE), by_hand)) == ["m0", "m1", "m2"]
    assert world.aws.delays == {f"receipt-m{number}": delay for number in range(3)}
    assert outcome(world) == ([], [f"{SITE}/x.css"])
    assert "Lag" not in world.metrics


def test_every_message_is_parked_when_the_prefix_is_refused_for_good() -> None:
    world = world_of(2)
    world.cloudflare.kinds[PREFIXES] = refusal(400, 1016, message="You can only purge files for this zone")
    assert world.returned(sqs_event(*(s3_event(key) for key in THREE))) == []
    assert [code for code, _ in world.parked_reasons] == ["ForeignHost"] * 3
    assert [json.loads(parked["MessageBody"]) for parked in world.aws.parked] == [s3_event(key) for key in THREE]


def test_a_change_is_done_only_when_the_prefixes_of_all_its_hosts_are_accepted() -> None:
    world = world_of(1, target(hosts=[HOST, CDN]))
    world.cloudflare.bad = lambda item: item.startswith(CDN)
    assert world.returned(sqs_event(s3_event("a.css", "b.css"))) == []
    assert outcome(world) == ([f"{HOST}/"], [])
    assert [code for code, _ in world.parked_reasons] == ["ForeignHost"]
    assert "Lag" not in world.metrics


def test_outside_sqs_a_refused_prefix_is_an_exception() -> None:
    world = world_of(1)
    world.cloudflare.kinds[PREFIXES] = answer(500)
    with pytest.raises(Exception, match="Cloudflare answered 500"):
        world.invoke(s3_event("a.css", "b.css"))


def test_the_second_purge_names_the_keys_and_collapses_again() -> None:
    world = world_of(2, repurge_after_seconds=30, queue_arn=QUEUE_ARN)
    assert world.returned(sqs_event(*(s3_event(key) for key in THREE))) == []
    [second] = world.aws.delayed
    assert json.loads(second["MessageBody"])["keys"] == [*THREE]
    assert world.returned(sqs_event(second["MessageBody"])) == []
    assert outcome(world) == ([f"{HOST}/"] * 2, [])
    assert len(world.aws.delayed) == 1


def test_no_second_purge_is_asked_for_while_the_prefix_is_refused() -> None:
    world = world_of(2, repurge_after_seconds=30, queue_arn=QUEUE_ARN)
    world.cloudflare.kinds[PREFIXES] = answer(503)
    world.returned(sqs_event(*(s3_event(key) for key in THREE)))
    assert world.aws.delayed == []


def test_without_the_document_nothing_collapses() -> None:
    world = World(environ=flat_environment())
    world.invoke(s3_event(*(f"{number}.css" for number in range(250))))
    assert accepted(world, PREFIXES) == []
    assert len(accepted(world, FILES)) == 250


PLACES = st.lists(
    st.builds(
        target,
        zone_id=st.sampled_from([ZONE, OTHER_ZONE]),
        hosts=st.sampled_from([[HOST], [CDN], [HOST, CDN]]),
        key_prefix=st.sampled_from(["", "a", "a/b"]),
        path_prefix=st.sampled_from(["", "blog", "v 1/(x)"]),
        purge_by=st.sampled_from(["url", "prefix", "host"]),
        clean_urls=st.booleans(),
        header_variants=st.sampled_from([[], APP]),
    ),
    min_size=1,
    max_size=3,
)


def test_what_several_targets_name_alike_counts_once_for_how_much_a_message_may_ask_for() -> None:
    one, other = target(), target(hosts=["b.example.org"])
    world = World(document(targets=[one, other, one, other], collapse_above=1000, max_concurrency=160))
    assert world.returned(sqs_event({"keys": ["k0", "k1"]})) == []
    assert (world.aws.parked, len(world.cloudflare.accepted)) == ([], 4)


KEYS = st.lists(
    st.lists(st.sampled_from(["a", "b", "index.html", "(1)", "ü c.html"]), min_size=1, max_size=3).map("/".join),
    max_size=8,
)


def jobs_of(keys: list[str], config: Config) -> list[Job]:
    return [Job("m0", key, tuple(purges_for(key, BUCKET, config)), Change(key, BUCKET)) for key in keys]


@given(places=PLACES, keys=KEYS, above=st.integers(1, 12))
def test_whatever_collapses_is_covered_by_prefixes_within_its_target_and_the_rest_is_untouched(
    places: list[dict[str, Any]], keys: list[str], above: int
) -> None:
    config = load({"CF_PURGE_CONFIG": json.dumps(document(targets=places))})
    before = jobs_of(keys, config)
    after = collapsed(before, config, above)
    assert [(job.name, job.change) for job in after] == [(job.name, job.change) for job in before]
    for old, new in zip(before, after, strict=True):
        gained = [purge for purge in new.purges if purge not in old.purges]
        assert {purge.kind for purge in gained} <= {PREFIXES}
        for purge in (purge for purge in old.purges if purge not in new.purges):
            assert purge.kind == FILES
            assert any(
                purge.zone == other.zone and purge.item.partition("://")[2].startswith(other.item) for other in gained
            )
        # Every prefix is needed: it stands for a URL of this very change.
        for purge in gained:
            path = purge.item.partition("/")[2]
            assert path == "" or path.endswith("/")
            assert any(
                url.kind == FILES and url.zone == purge.zone and url.item.partition("://")[2].startswith(purge.item)
                for url in old.purges
            )
    few = [
        target
        for target in config.targets
        if len({each.item for key in keys for each in purges_at(target, key, BUCKET) if each.kind == FILES}) <= above
    ]
    for job in after:
        stays = {purge for target in few for purge in purges_at(target, job.name, BUCKET)}
        assert {purge for purge in job.purges if purge.kind == FILES} <= stays <= set(job.purges)
