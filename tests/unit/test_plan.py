"""Messages → requests: each copy once, within Cloudflare's limits and ours."""

from typing import Any

import pytest

from cf_purge.config import Zone, load
from cf_purge.plan import requests_for
from cf_purge.targets import FILES, PREFIXES, TAGS, Purge
from tests.support.factories import document, environment, s3_event, sqs_event, target
from tests.support.fakes import World
from tests.support.names import HOST, OTHER_ZONE, SITE, ZONE

CDN = "cdn.example.org"
APP = [{"Origin": "https://app.example.com"}, {"Origin": SITE}]


def world_of(*targets: dict[str, Any], **changes: Any) -> World:
    return World(document(targets=list(targets) or [target()], **changes))


def accepted(world: World, kind: str) -> list[object]:
    assert not world.cloudflare.malformed
    return [item for _, accepted_kind, item in world.cloudflare.accepted if accepted_kind == kind]


# ---- Requests ----


@pytest.mark.parametrize(
    ("kind", "plan", "count", "sizes"),
    [
        (FILES, "free", 250, [100, 100, 50]),
        (FILES, "enterprise", 501, [500, 1]),
        (PREFIXES, "enterprise", 101, [100, 1]),
    ],
)
def test_requests_are_cut_at_cloudflares_limit_and_no_zone_is_behind_all_requests_of_another(
    kind: str, plan: str, count: int, sizes: list[int]
) -> None:
    zones = [Zone(ZONE), Zone(OTHER_ZONE)]
    scheme = "https://" if kind == FILES else ""
    items = [("b" if number else "a", number) for number in range(count)]  # the first host has one item
    asked = {Purge(zone, kind, f"{scheme}{host}/{n}", host): "m0" for zone in zones for host, n in items}
    found = requests_for(asked, load(environment(document(cloudflare={"plan": plan}))))
    found_sizes = [(request.zone, len(request.purges)) for request in found]
    assert found_sizes == [(zone, size) for size in sizes for zone in zones]


# ---- Collapsing ----


@pytest.mark.parametrize(
    ("keys", "settings", "urls"),
    [
        (["a.css"] * 5 + ["b.css"], {}, 2),
        (["a/index.html"], {"clean_urls": True}, 3),
        (["(1).css"], {}, 2),
        (["a.css"], {"hosts": [HOST, CDN]}, 2),
        (["a.css", "b.css"], {"header_variants": APP}, 2),
        (["b.html", "a/index.html"], {"purge_by": "prefix", "clean_urls": True}, 3),
    ],
)
def test_only_above_the_limit_the_distinct_urls_of_a_target_become_its_prefix(
    keys: list[str], settings: dict[str, Any], urls: int
) -> None:
    spared, taken = (world_of(target(**settings), collapse_above=most) for most in (urls, urls - 1))
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
