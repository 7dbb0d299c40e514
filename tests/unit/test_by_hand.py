from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cf_purge.by_hand import purges_named, zones_in
from cf_purge.config import Config
from cf_purge.environment import load
from cf_purge.errors import Rejected
from cf_purge.events import Named
from cf_purge.purge import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge, Zone
from cf_purge.targets import within
from tests.unit.factories import BUCKET, HOST, OTHER_ZONE, ZONE, document, flat_environment, s3_event, target
from tests.unit.fakes import World

FLAT = load(flat_environment())
B = "b.example.net"
BOTH = [
    target(),
    target(key_prefix="x"),
    target(zone_id=OTHER_ZONE, hosts=[B, HOST]),
    target(environment_id="staging", hosts=["staging.example.com", HOST]),
]


def config(*targets: dict[str, Any], **changes: Any) -> Config:
    return load({"CF_PURGE_CONFIG": json.dumps(document(targets=list(targets) or [target()], **changes))})


def named(kind: str, item: str = "", by: Config | None = None, **options: str) -> list[Purge]:
    return purges_named(Named(kind, item, **options), by or config())


def refusal_of(kind: str, item: str, by: Config | None = None, **options: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        named(kind, item, by, **options)
    assert len(str(caught.value)) < 500
    return caught.value


# ---- URLs ----


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://www.example.com/a.css", "https://www.example.com/a.css"),
        ("http://www.example.com/a.css", "http://www.example.com/a.css"),
        ("https://www.example.com", "https://www.example.com/"),
        ("https://www.example.com/?v=1&w=2", "https://www.example.com/?v=1&w=2"),
        ("https://www.example.com?v=1", "https://www.example.com/?v=1"),
        ("https://www.example.com/a#part", "https://www.example.com/a"),
        ("https://www.example.com/a%20b%2B+(1)", "https://www.example.com/a%20b%2B+(1)"),
        ("https://www.example.com/a b", "https://www.example.com/a%20b"),
        ("https://www.example.com/ü", "https://www.example.com/%C3%BC"),
        ("https://www.example.com/%c3%bc", "https://www.example.com/%c3%bc"),
    ],
)
def test_a_url_named_by_hand_is_purged_as_it_is_spelt(url: str, sent: str) -> None:
    assert named("urls", url) == [Purge(Zone(ZONE), FILES, sent)]


def test_the_host_of_a_url_named_by_hand_may_be_in_capitals() -> None:
    [purge] = named("urls", "https://WWW.Example.COM/Aa")
    assert urlsplit(purge.item).hostname == HOST
    assert purge.item.endswith("/Aa")


def test_a_url_is_purged_in_the_zones_that_serve_its_host() -> None:
    both = config(target(), target(key_prefix="x"), target(zone_id=OTHER_ZONE, hosts=[B, HOST]))
    assert [p.zone.id for p in named("urls", "https://www.example.com/", both)] == [ZONE, OTHER_ZONE]
    assert [p.zone.id for p in named("urls", "https://b.example.net/", both)] == [OTHER_ZONE]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://www.example.net/", "ForeignHost"),
        ("https://example.com/", "ForeignHost"),
        ("https://www.example.com.evil.net/", "ForeignHost"),
        ("https://evil.net\\.www.example.com/", "MalformedUrl"),
        ("https://www.example.com./", "MalformedUrl"),
        ("www.example.com/a", "MalformedUrl"),
        ("/a.css", "MalformedUrl"),
        ("//www.example.com/a", "MalformedUrl"),
        ("", "MalformedUrl"),
        ("ftp://www.example.com/a", "MalformedUrl"),
        ("file:///etc/passwd", "MalformedUrl"),
        ("https://", "MalformedUrl"),
        ("https:///a", "MalformedUrl"),
        ("https://www.example.com:8443/a", "MalformedUrl"),
        ("https://www.example.com:0/a", "MalformedUrl"),
        ("https://www.example.com:port/a", "MalformedUrl"),
        ("https://www.example.com:99999/a", "MalformedUrl"),
        ("https://user@www.example.com/a", "MalformedUrl"),
        ("https://www.example.com@evil.net/a", "MalformedUrl"),
        ("https://[::1/a", "MalformedUrl"),
        ("https://www.example.com/\ud800", "MalformedUrl"),
        (f"https://www.example.com/?{'a' * 32_768}", "MalformedUrl"),
        ("https://www.exam\nple.com/a", "MalformedUrl"),
        ("https://www.example.com\t/a", "MalformedUrl"),
        ("ht\ntps://www.example.com/a", "MalformedUrl"),
    ],
)
def test_a_url_that_is_none_or_elsewhere_is_rejected_in_words(url: str, code: str) -> None:
    error = refusal_of("urls", url)
    assert error.code == code
    assert len(str(error)) < 400


@pytest.mark.parametrize("kind", ["urls", "prefixes", "tags", "hosts"])
def test_a_rejected_item_is_quoted_but_not_at_any_length(kind: str) -> None:
    error = refusal_of(kind, "x y" * 100_000)
    assert error.code.startswith("Malformed")
    assert "'x yx y" in str(error)


@settings(max_examples=400)
@given(
    st.tuples(
        st.sampled_from(["https://", "http://", "HTTPS://", "//", "", " https://", "https:/\n/"]),
        st.sampled_from([HOST, HOST.upper(), "evil.net", f"{HOST}.evil.net", f"evil.net@{HOST}", f"{HOST}:443"])
        | st.text("www.exampl/?#@:\\\t\n\x00[]%", max_size=20),
        st.sampled_from(["", "/", "/a?b#c"]) | st.text(),
    ).map("".join)
)
def test_no_url_named_by_hand_leaves_the_configured_host(url: str) -> None:
    try:
        purges = named("urls", url)
    except Rejected:
        return
    for purge in purges:
        assert purge.item.isascii()
        assert purge.item.isprintable()
        assert purge.item.split("/")[0].lower() in ("http:", "https:")
        assert purge.item.split("/")[1] == ""
        # Read as the strictest reader would, without urlsplit's leniency.
        assert purge.item.split("/")[2].lower().rstrip(":") == HOST


# ---- Prefixes ----


@pytest.mark.parametrize(
    ("prefix", "sent"),
    [
        ("www.example.com/", "www.example.com/"),
        ("www.example.com/blog", "www.example.com/blog"),
        ("www.example.com/blog/", "www.example.com/blog/"),
        ("WWW.Example.COM/Blog/Aa", "www.example.com/Blog/Aa"),
        (" www.example.com/a \n", "www.example.com/a"),
        ("www.example.com/a b", "www.example.com/a%20b"),
        ("www.example.com/a%20b+(1)", "www.example.com/a%20b+(1)"),
        ("www.example.com/ü/文", "www.example.com/%C3%BC/%E6%96%87"),
        ("www.example.com//a", "www.example.com//a"),
        ("www.example.com/a@b:c", "www.example.com/a@b:c"),
        ("www.example.com/a\\b", "www.example.com/a%5Cb"),
        (f"www.example.com{'/a' * 31}", f"www.example.com{'/a' * 31}"),
    ],
)
def test_a_prefix_is_a_host_in_lower_case_and_a_path_as_it_is_spelt(prefix: str, sent: str) -> None:
    assert named("prefixes", prefix) == [Purge(Zone(ZONE), PREFIXES, sent)]


@pytest.mark.parametrize(
    ("prefix", "code"),
    [
        ("www.example.com", "MalformedPrefix"),
        ("", "MalformedPrefix"),
        ("/", "MalformedPrefix"),
        ("/blog/", "MalformedPrefix"),
        ("https://www.example.com/blog", "MalformedPrefix"),
        ("//www.example.com/blog", "MalformedPrefix"),
        ("www.example.com:443/blog", "MalformedPrefix"),
        ("user@www.example.com/blog", "MalformedPrefix"),
        ("www.example.com/blog?page=1", "MalformedPrefix"),
        ("www.example.com/blog#top", "MalformedPrefix"),
        ("www.example.com?x/", "MalformedPrefix"),
        ("www.example.com /blog", "MalformedPrefix"),
        ("www.example.com\n/blog", "MalformedPrefix"),
        ("www.example.com/a\nb", "MalformedPrefix"),
        ("www.example.com/a\x00", "MalformedPrefix"),
        ("www.example.com/\ud800", "MalformedPrefix"),
        ("*.example.com/", "MalformedPrefix"),
        ("bücher.example/", "MalformedPrefix"),
        ("www.example.com./a", "MalformedPrefix"),
        (f"www.example.com{'/a' * 32}", "MalformedPrefix"),
        (f"www.example.com{'/' * 32}", "MalformedPrefix"),
        ("www.example.net/blog", "ForeignHost"),
        ("example.com/blog", "ForeignHost"),
        ("com/", "ForeignHost"),
    ],
)
def test_a_prefix_that_is_none_or_elsewhere_is_rejected_in_words(prefix: str, code: str) -> None:
    error = refusal_of("prefixes", prefix)
    assert error.code == code
    assert ("at most 31 slashes" in str(error)) == (code == "MalformedPrefix")


@settings(max_examples=200)
@given(
    st.sampled_from([HOST, HOST.upper(), "evil.net", f" {HOST}", f"{HOST}.", "", "https://www.example.com"]),
    st.sampled_from(["", "/", "/a"]) | st.text() | st.text("/ab?#%@:\n ", max_size=80).map(lambda text: f"/{text}"),
)
def test_no_prefix_named_by_hand_leaves_the_configured_host(host: str, path: str) -> None:
    try:
        [purge] = named("prefixes", host + path)
    except Rejected:
        return
    assert purge.item.isascii()
    assert purge.item.isprintable()
    assert purge.item.partition("/")[0] == HOST
    assert not set(purge.item) & set(" ?#\\")
    assert purge.item.count("/") <= 31


# ---- Tags ----


@pytest.mark.parametrize("tag", ["a", "A", "post-1", "a,b", "ä".encode().hex(), "!~", "{dir}", "*", "a" * 1024, '"\\'])
def test_a_tag_is_purged_as_it_is_written(tag: str) -> None:
    assert named("tags", tag) == [Purge(Zone(ZONE), TAGS, tag)]


@pytest.mark.parametrize("tag", ["", " ", "a b", " a", "a ", "a\n", "\ta", "ä", "a\u00a0", "\x7f", "\x00", "a" * 1025])
def test_a_tag_that_is_none_is_rejected_in_words(tag: str) -> None:
    error = refusal_of("tags", tag)
    assert error.code == "MalformedTag"
    assert "1 to 1024 printable ASCII characters without spaces" in str(error)


# ---- Hosts ----


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f" {HOST}\n"])
def test_a_host_is_purged_in_lower_case(host: str) -> None:
    assert named("hosts", host) == [Purge(Zone(ZONE), HOSTS, HOST)]


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("", "MalformedHost"),
        (" ", "MalformedHost"),
        ("https://www.example.com", "MalformedHost"),
        ("www.example.com/", "MalformedHost"),
        ("www.example.com:443", "MalformedHost"),
        ("*.example.com", "MalformedHost"),
        ("www.example.com.", "MalformedHost"),
        ("www. example.com", "MalformedHost"),
        ("bücher.example", "MalformedHost"),
        ("\ud800", "MalformedHost"),
        (f"{'a' * 64}.example.com", "MalformedHost"),
        ("example.com", "ForeignHost"),
        ("a.www.example.com", "ForeignHost"),
        ("www.example.net", "ForeignHost"),
    ],
)
def test_a_host_that_is_none_or_elsewhere_is_rejected_in_words(host: str, code: str) -> None:
    assert refusal_of("hosts", host).code == code


def test_a_foreign_host_is_named_with_what_to_do() -> None:
    for kind, item in (("urls", "https://x.example/"), ("prefixes", "x.example/"), ("hosts", "X.example")):
        error = refusal_of(kind, item)
        assert str(error) == "x.example is the host of no target: add it to targets[*].hosts."


# ---- Zones ----


@pytest.mark.parametrize(
    ("kind", "item", "zones"),
    [
        ("urls", f"https://{HOST}/a", [Zone(ZONE), Zone(OTHER_ZONE), Zone(ZONE, "staging")]),
        ("prefixes", f"{HOST}/a", [Zone(ZONE), Zone(OTHER_ZONE), Zone(ZONE, "staging")]),
        ("hosts", HOST, [Zone(ZONE), Zone(OTHER_ZONE), Zone(ZONE, "staging")]),
        ("urls", f"https://{B}/a", [Zone(OTHER_ZONE)]),
        ("hosts", "staging.example.com", [Zone(ZONE, "staging")]),
        ("tags", "t", [Zone(ZONE), Zone(OTHER_ZONE), Zone(ZONE, "staging")]),
    ],
)
def test_an_item_is_purged_once_in_every_zone_and_environment_that_serves_it(
    kind: str, item: str, zones: list[Zone]
) -> None:
    by = config(*BOTH)
    assert [purge.zone for purge in named(kind, item, by)] == zones
    for zone_id in (ZONE, OTHER_ZONE):
        left = [zone for zone in zones if zone.id == zone_id]
        if left:
            assert [purge.zone for purge in named(kind, item, by, zone_id=zone_id.upper())] == left
        else:
            assert refusal_of(kind, item, by, zone_id=zone_id).code == "ForeignHost"


def test_everything_is_of_one_zone_and_its_environments() -> None:
    by = config(*BOTH)
    assert named("everything", by=by, zone_id=OTHER_ZONE) == [Purge(Zone(OTHER_ZONE), EVERYTHING, "")]
    assert [purge.zone for purge in named("everything", by=by, zone_id=ZONE)] == [Zone(ZONE), Zone(ZONE, "staging")]


@pytest.mark.parametrize("kind", ["urls", "prefixes", "tags", "hosts", "everything"])
@pytest.mark.parametrize("zone_id", ["c" * 32, "example.com", "x" * 9999, "ü", "*", " "])
def test_a_zone_of_no_target_is_rejected_by_name(kind: str, zone_id: str) -> None:
    error = refusal_of(kind, "https://www.example.com/", config(*BOTH), zone_id=zone_id)
    assert error.code == "ForeignZone"
    assert str(error) == f"{zone_id[:64]!r} is the zone of no target: add it to targets[*].zone_id."


def test_a_key_with_a_zone_is_purged_in_that_zone_only() -> None:
    config = document(targets=[target(), target(zone_id=OTHER_ZONE, hosts=[B])])
    for zone_id, host in ((ZONE, HOST), (OTHER_ZONE, B)):
        world = World(config)
        summary = world.invoke({"keys": ["a"], "zone_id": zone_id})
        assert summary["invalidations"] == [f"https://{host}/a"]
        assert {zone for zone, _, _ in world.cloudflare.accepted} == {zone_id}
    with pytest.raises(Rejected, match="is the zone of no target"):
        World(config).invoke({"keys": ["a"], "zone_id": "c" * 32})


def test_without_a_zone_the_configuration_is_the_whole_one() -> None:
    by = config(*BOTH)
    assert within(by, None) is by
    assert zones_in(by) == [Zone(ZONE), Zone(OTHER_ZONE), Zone(ZONE, "staging")]
    assert within(by, OTHER_ZONE).targets == (by.targets[2],)


# ---- The flat variables ----

ITEMS = [("urls", "https://{}/a"), ("prefixes", "{}/a"), ("hosts", "{}")]


@pytest.mark.parametrize(("kind", "item"), ITEMS)
def test_with_the_flat_variables_any_host_may_be_named(kind: str, item: str) -> None:
    for host in (HOST, "cdn.example.org"):
        [purge] = named(kind, item.format(host), FLAT)
        assert (purge.zone, purge.item) == (Zone(ZONE), item.format(host))


@pytest.mark.parametrize(("kind", "item"), ITEMS)
def test_with_the_flat_variables_and_a_bucket_the_host_is_the_bucket_s(kind: str, item: str) -> None:
    for bucket in (HOST, HOST.upper()):
        assert named(kind, item.format(HOST), FLAT, bucket=bucket) == named(kind, item.format(HOST), FLAT)
    assert refusal_of(kind, item.format(HOST), FLAT, bucket="cdn.example.org").code == "ForeignHost"
    for bucket in (f"{HOST}/", "x y", f"{HOST}:443"):
        assert refusal_of(kind, item.format(HOST), FLAT, bucket=bucket).code == "ForeignBucket"


def test_with_the_flat_variables_tags_and_everything_are_of_the_one_zone() -> None:
    assert named("tags", "t", FLAT) == [Purge(Zone(ZONE), TAGS, "t")]
    assert named("everything", by=FLAT, zone_id=ZONE) == [Purge(Zone(ZONE), EVERYTHING, "")]
    assert refusal_of("everything", "", FLAT, zone_id=OTHER_ZONE).code == "ForeignZone"


# ---- Laws of the whole ----


@pytest.mark.parametrize(
    "event",
    [
        {"keys": []},
        {"everything": []},
        {"everything": [], "zone_id": ZONE},
        {"everything": False, "zone_id": ZONE},
        {"everything": True},
        {"tags": [], "zone_id": ZONE},
        {"hosts": []},
        {"hosts": [""]},
        {"prefixes": []},
        {"prefixes": [""]},
        {"urls": [], "zone_id": ZONE},
        {"zone_id": ZONE},
        {"Records": [], "everything": True, "zone_id": ZONE},
        s3_event(),
        s3_event("folder/"),
    ],
)
def test_everything_never_follows_from_nothing(world: World, event: dict[str, Any]) -> None:
    try:
        assert world.invoke(event)["invalidations"] == []
    except Rejected as error:
        assert error.code in ("UnknownEvent", "MalformedHost", "MalformedPrefix")  # noqa: PT017
    assert world.transport.sent == []


NAMES = st.sampled_from([HOST, B, "evil.net", "staging.example.com", HOST.upper(), "", "a b"])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "urls": st.lists(NAMES.map("https://{}/a".format), min_size=1, max_size=3),
            "prefixes": st.lists(NAMES.map("{}/a".format), min_size=1, max_size=3),
            "hosts": st.lists(NAMES.filter(bool), min_size=1, max_size=3),
            "tags": st.lists(st.sampled_from(["t", "u,v", "a b"]), min_size=1, max_size=3),
            "zone_id": st.sampled_from([ZONE, OTHER_ZONE, "c" * 32]),
            "bucket": st.just(BUCKET),
        },
    )
)
def test_only_what_is_named_is_purged_and_only_where_it_is_configured(event: dict[str, Any]) -> None:
    world = World(document(targets=BOTH))
    try:
        world.invoke(event)
    except Rejected:
        pass
    else:
        assert event.keys() & {"urls", "prefixes", "hosts", "tags"}
        assert event.get("zone_id") != "c" * 32
    assert world.cloudflare.malformed == []
    served = {
        ZONE: {HOST},
        OTHER_ZONE: {B, HOST},
        f"{ZONE}/environments/staging": {"staging.example.com", HOST},
    }
    for zone, kind, item in world.cloudflare.accepted:
        assert zone.startswith(event.get("zone_id", zone[:32]))
        spelt = [each.lower() for each in event[{"files": "urls"}.get(kind, kind)]]
        assert item in spelt
        if kind != TAGS:
            assert str(item).removeprefix("https://").partition("/")[0] in served[zone]
