"""Messages → requests: each copy once, within Cloudflare's limits and ours."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.config import Config, Zone, load
from cf_purge.plan import Request, requests_for
from cf_purge.targets import FILES, HOSTS, PREFIXES, TAGS, Purge
from tests.support.factories import document, environment, s3_event, sqs_event, target
from tests.support.fakes import World, answer
from tests.support.names import HOST, OTHER_ZONE, ZONE

SITE = f"https://{HOST}"
CDN = "cdn.example.org"
APP = [{"Origin": "https://app.example.com"}, {"Origin": SITE}]
HERE, THERE, STAGING = Zone(ZONE), Zone(OTHER_ZONE), Zone(ZONE, "staging")


def world_of(*targets: dict[str, Any], **changes: Any) -> World:
    return World(document(targets=list(targets) or [target()], **changes))


def config_of(plan: str = "free") -> Config:
    return load(environment(document(cloudflare={"plan": plan})))


def purges(zone: Zone, kind: str, *numbers: int) -> list[Purge]:
    return [Purge(zone, kind, f"https://h/{number}") for number in numbers]


def accepted(world: World, kind: str) -> list[object]:
    assert not world.cloudflare.malformed
    return [item for _, accepted_kind, item in world.cloudflare.accepted if accepted_kind == kind]


# ---- Requests ----


@pytest.mark.parametrize(
    ("kind", "plan", "count", "sizes"),
    [
        (FILES, "free", 1, [1]),
        (FILES, "free", 250, [100, 100, 50]),
        (FILES, "enterprise", 501, [500, 1]),
        (PREFIXES, "enterprise", 101, [100, 1]),
        (TAGS, "free", 100, [100]),
        (HOSTS, "pro", 101, [100, 1]),
    ],
)
def test_requests_are_cut_at_cloudflares_limit(kind: str, plan: str, count: int, sizes: list[int]) -> None:
    asked = dict.fromkeys(purges(HERE, kind, *range(count)), "m0")
    assert [request.size for request in requests_for(asked, config_of(plan))] == sizes


ASKED = st.dictionaries(
    st.builds(
        Purge,
        st.sampled_from([HERE, THERE, STAGING]),
        st.sampled_from([FILES, FILES, PREFIXES, TAGS]),
        st.integers(0, 400).map(str),
        st.sampled_from([(), (("Origin", "https://a.example"),)]),
    ),
    st.sampled_from(["m0", "m1", "m2"]),
    max_size=350,
)


@given(ASKED)
def test_requests_are_of_one_zone_and_kind_and_as_few_as_can_be(asked: dict[Purge, str]) -> None:
    requests = list(requests_for(asked, config_of()))
    sent = [part for request in requests for part in request.parts]
    assert {purge for part in sent for purge in part} == set(asked)
    assert all(len({asked[purge] for purge in part}) == 1 for part in sent)
    assert sum(request.size for request in requests) == len(asked)
    groups = [(purge.zone, purge.kind) for purge in asked]
    assert len(requests) == sum(-(-groups.count(group) // 100) for group in set(groups))
    for request in requests:
        assert {(purge.zone, purge.kind) for purge in request.purges} == {(request.zone, request.kind)}


def test_a_message_about_two_zones_is_not_behind_all_requests_of_the_first() -> None:
    asked = {purge: "m0" for zone in (HERE, THERE) for purge in purges(zone, FILES, *range(250))}
    assert [request.zone for request in requests_for(asked, config_of())] == [HERE, THERE] * 3


@given(st.lists(st.lists(st.integers(0, 999), min_size=1, max_size=9), min_size=1, max_size=9))
def test_a_request_is_halved_by_message_and_a_message_by_item(sizes: list[list[int]]) -> None:
    parts = tuple(
        tuple(purges(HERE, TAGS, *(1000 * place + number for number in set(part)))) for place, part in enumerate(sizes)
    )
    request = Request(HERE, TAGS, parts)
    if request.size == 1:
        return
    first, second = request.halves(0.0)
    assert first.purges + second.purges == request.purges
    if len(parts) > 1:
        assert first.parts + second.parts == parts
        assert abs(len(first.parts) - len(second.parts)) <= 1
    else:
        assert abs(first.size - second.size) <= 1


def test_what_several_messages_ask_for_is_sent_once_and_each_of_them_waits_for_it() -> None:
    world = world_of()
    bodies = [s3_event("a"), s3_event("a", "b"), {"keys": ["a"]}, {"urls": [f"{SITE}/a"]}]
    assert world.returned(sqs_event(*bodies)) == []
    assert world.cloudflare.urls == [f"{SITE}/a", f"{SITE}/b"]
    world.cloudflare.zones[ZONE] = answer(503)
    assert len(world.returned(sqs_event(*bodies))) == 4


# ---- Collapsing ----


def outcome(world: World) -> tuple[list[object], list[object]]:
    """The accepted prefixes and URLs."""
    return accepted(world, PREFIXES), accepted(world, FILES)


@pytest.mark.parametrize(
    ("keys", "settings", "urls"),
    [
        (["a.css"] * 5 + ["b.css"], {}, 2),
        (["a/index.html"], {"clean_urls": True}, 3),
        (["(1).css"], {}, 2),
        (["a.css"], {"schemes": ["http", "https"]}, 2),
        (["a.css"], {"hosts": [HOST, CDN]}, 2),
        (["a.css", "b.css"], {"header_variants": APP}, 2),
        (["b.html", "a/index.html"], {"purge_by": "prefix", "clean_urls": True}, 3),
    ],
)
def test_only_above_the_limit_the_distinct_urls_of_a_target_become_its_prefix(
    keys: list[str], settings: dict[str, Any], urls: int
) -> None:
    spared = world_of(target(**settings), collapse_above=urls)
    taken = world_of(target(**settings), collapse_above=urls - 1)
    for world in (spared, taken):
        assert world.returned(sqs_event(*(s3_event(key) for key in keys))) == []
    roots = {f"{host}/" for host in settings.get("hosts", [HOST])}
    assert len(set(spared.cloudflare.urls)) == urls
    assert not roots & {*map(str, accepted(spared, PREFIXES))}
    assert roots <= {*map(str, accepted(taken, PREFIXES))}
    assert taken.cloudflare.urls == []


def test_each_target_collapses_for_itself_to_its_own_path_in_every_spelling() -> None:
    world = world_of(
        target(path_prefix="(x)"),
        target(key_prefix="few", path_prefix="few", environment_id="staging"),
        target(purge_by="tag", tags=["{name}"]),
        target(keys=["*.css"], related=["/feed"], environment_id="some-keys"),
        collapse_above=2,
    )
    assert world.returned(sqs_event(s3_event("few/a.css", "b.css", "c.css"), {"urls": [f"{SITE}/(x)/by-hand"]})) == []
    assert set(accepted(world, PREFIXES)) == {f"{HOST}/(x)/", f"{HOST}/%28x%29/"}
    named = {f"{SITE}/{path}" for path in ("few/a.css", "b.css", "c.css", "feed")}
    assert set(accepted(world, FILES)) == {*named, f"{SITE}/(x)/by-hand"}
    assert len(accepted(world, TAGS)) == 3


@pytest.mark.parametrize("event", [{"keys": ["a.css", "b.css"]}, s3_event("a.css", "b.css")], ids=["manual", "S3"])
def test_a_collapsed_change_is_done_when_all_of_its_prefixes_are_accepted(event: dict[str, Any]) -> None:
    world = world_of(target(hosts=[HOST, CDN]), collapse_above=1)
    world.cloudflare.bad = lambda item: item.startswith(CDN)
    assert world.returned(sqs_event(event)) == []
    assert outcome(world) == ([f"{HOST}/"], [])
    assert [code for code, _ in world.parked_reasons] == ["RejectedByCloudflare"]
