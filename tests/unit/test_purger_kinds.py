"""Several kinds of purge in one run: each ends on its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.metrics import Metrics
from cf_purge.purge import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge, Zone
from tests.unit.factories import HOST, OTHER_ZONE, ZONE
from tests.unit.fakes import Reply, World, answer, outage, refusal, success


def url(name: object) -> str:
    return f"https://{HOST}/{name}"


ALL_KINDS = [
    Purge(Zone(ZONE), FILES, url("a")),
    Purge(Zone(ZONE), PREFIXES, f"{HOST}/a"),
    Purge(Zone(ZONE), TAGS, "a"),
    Purge(Zone(ZONE), HOSTS, HOST),
    Purge(Zone(ZONE), EVERYTHING, ""),
]


def endings(world: World, purges: list[Purge]) -> dict[tuple[str, str], str]:
    """How each kind of purge of each zone ended."""
    with world.listening():
        outcomes = list(world.function._purger.run(purges, world.clock.time + 60, Metrics()))
    assert sum(len(request.purges) for request, _ in outcomes) == len(purges)
    return {(str(r.zone), r.kind): type(error).__name__ if error else "purged" for r, error in outcomes}


@pytest.mark.parametrize("kind", [FILES, PREFIXES, TAGS, HOSTS, EVERYTHING])
@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (answer(429, {}, retry_after="300"), "RateLimited"),
        (refusal(400, 1136), "Misconfigured"),
        (refusal(403, 10000), "Unauthorized"),
        (outage(), "Transient"),
        (refusal(400, 1012), "Rejected"),
    ],
)
def test_what_stops_one_kind_of_a_zone_stops_no_other(world: World, kind: str, fault: Reply, name: str) -> None:
    world.cloudflare.kinds = {kind: fault}
    assert endings(world, ALL_KINDS) == {
        (ZONE, each.kind): name if each.kind == kind else "purged" for each in ALL_KINDS
    }
    assert len(world.cloudflare.accepted) == 4
    assert world.cloudflare.malformed == []


def test_what_stops_a_zone_stops_no_environment_of_it_and_the_other_way_round() -> None:
    for stopped in (Zone(ZONE), Zone(ZONE, "staging")):
        world = World()
        world.cloudflare.zones = {ZONE: refusal(403, 10000), f"{ZONE}/environments/staging": success()}
        if stopped.environment_id:
            world.cloudflare.zones = {ZONE: success(), f"{ZONE}/environments/staging": refusal(403, 10000)}
        purges = [Purge(zone, FILES, url(n)) for n in range(3) for zone in (Zone(ZONE), Zone(ZONE, "staging"))]
        ended = endings(world, purges)
        assert {zone for (zone, _), name in ended.items() if name == "Unauthorized"} == {str(stopped)}
        assert sorted(ended.values()) == ["Unauthorized", "purged"]


def test_of_two_zones_the_broken_one_stops_no_kind_of_the_other(world: World) -> None:
    world.cloudflare.zones = {ZONE: refusal(404, 7003)}
    both = [*ALL_KINDS, *(purge._replace(zone=Zone(OTHER_ZONE)) for purge in ALL_KINDS)]
    assert endings(world, both) == {
        **{(ZONE, purge.kind): "Misconfigured" for purge in ALL_KINDS},
        **{(OTHER_ZONE, purge.kind): "purged" for purge in ALL_KINDS},
    }


def test_a_bad_item_of_any_kind_is_found_by_halving(world: World) -> None:
    world.cloudflare.bad = lambda item: item in ("t3", f"{HOST}/3")
    purges = [
        Purge(Zone(ZONE), kind, item) for n in range(6) for kind, item in ((TAGS, f"t{n}"), (PREFIXES, f"{HOST}/{n}"))
    ]
    with world.listening():
        outcomes = list(world.function._purger.run(purges, world.clock.time + 60, Metrics()))
    refused = [purge.item for request, error in outcomes if error for purge in request.purges]
    assert sorted(refused) == ["t3", f"{HOST}/3"]
    assert len(world.cloudflare.accepted) == 10


@pytest.mark.parametrize(
    ("purge", "name", "shown"),
    [
        (Purge(Zone(ZONE), FILES, url("a")), "urls", url("a")),
        (
            Purge(Zone(ZONE), FILES, url("a"), (("Origin", "x"),)),
            "urls",
            {"url": url("a"), "headers": {"Origin": "x"}},
        ),
        (Purge(Zone(ZONE), PREFIXES, f"{HOST}/a"), "prefixes", f"{HOST}/a"),
        (Purge(Zone(ZONE), TAGS, "t"), "tags", "t"),
        (Purge(Zone(ZONE), HOSTS, HOST), "hosts", HOST),
        (Purge(Zone(ZONE), EVERYTHING, ""), "purge_everything", {"everything": True, "zone_id": ZONE}),
    ],
)
def test_the_log_names_what_was_purged_and_what_was_not_by_its_kind(
    world: World, purge: Purge, name: str, shown: object
) -> None:
    endings(world, [purge])
    [line] = world.logged("purged")
    assert (line["zone_id"], line[name]) == (ZONE, [shown])
    world.cloudflare.script = [refusal(400, 1012)]
    endings(world, [purge])
    [line] = world.logged("not purged")
    assert (line["zone_id"], line[name], line["first"], line["kind"]) == (ZONE, 1, shown, "Rejected")


def test_the_log_names_the_environment_with_its_zone(world: World) -> None:
    endings(world, [Purge(Zone(ZONE, "staging"), TAGS, "t")])
    assert [line["zone_id"] for line in world.logged("purged")] == [f"{ZONE} (environment staging)"]


@given(
    st.lists(
        st.builds(
            Purge,
            st.sampled_from([Zone(ZONE), Zone(OTHER_ZONE), Zone(ZONE, "staging")]),
            st.sampled_from([FILES, PREFIXES, TAGS, HOSTS]),
            st.integers(0, 5).map(str),
            st.just(()),
        ),
        unique=True,
    ),
    st.lists(st.sampled_from([None, outage(), refusal(401, 10000), refusal(400, 1012), answer(429, {})]), max_size=20),
)
def test_every_purge_of_every_kind_has_exactly_one_outcome(purges: list[Purge], script: list[Reply | None]) -> None:
    world = World()
    world.cloudflare.script = list(script)
    with world.listening():
        outcomes = list(world.function._purger.run(purges, world.clock.time + 60, Metrics()))
    ended = [purge for request, _ in outcomes for purge in request.purges]
    assert sorted(map(repr, ended)) == sorted(map(repr, purges))
    accepted = {(purge.zone, purge.kind, purge.item) for r, error in outcomes if error is None for purge in r.purges}
    assert len(accepted) == len(world.cloudflare.accepted)
    assert world.cloudflare.malformed == []
