"""Manual items are purged inside the configured targets; everything else is refused in a sentence."""

import json
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cf_purge.config import Config, Zone, load
from cf_purge.errors import Rejected
from cf_purge.events import SWITCHES, Item, parse
from cf_purge.targets import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge, purges_for_item
from tests.support.factories import document, flat_environment, sqs_event, target
from tests.support.fakes import World
from tests.support.names import HOST, OTHER_ZONE, SITE, ZONE

B = "b.example.net"
BOTH = [
    target(),
    target(key_prefix="x"),
    target(zone_id=OTHER_ZONE, hosts=[B, HOST]),
    target(environment_id="staging", hosts=["staging.example.com", HOST]),
]
STAGING = Zone(ZONE, "staging")
FLAT = load(flat_environment())


def config(*targets: dict[str, Any]) -> Config:
    return load({"CF_PURGE_CONFIG": json.dumps(document(targets=list(targets) or [target()]))})


def purges(kind: str, text: str = "", by: Config | None = None, **options: str) -> list[Purge]:
    [entry] = parse({kind: kind in SWITCHES or [text], **options}).entries
    if isinstance(entry, Rejected):
        raise entry
    assert isinstance(entry, Item)
    return purges_for_item(entry, by or config())


def refusal_of(kind: str, text: str, by: Config | None = None, **options: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        purges(kind, text, by, **options)
    assert str(caught.value).endswith(".")
    assert len(str(caught.value)) < 700
    return caught.value


# ---- What is purged ----


@pytest.mark.parametrize(
    ("kind", "text", "sent"),
    [
        ("urls", f"{SITE}/a.css", f"{SITE}/a.css"),
        ("urls", f"http://{HOST}/a.css", f"http://{HOST}/a.css"),
        ("urls", f" HTTPS://{HOST.upper()}/Aa\n", f"{SITE}/Aa"),
        ("urls", SITE, f"{SITE}/"),
        ("urls", f"{SITE}?v=1", f"{SITE}/?v=1"),
        ("urls", f"{SITE}/?v=1&w=/../2", f"{SITE}/?v=1&w=/../2"),
        ("urls", f"{SITE}/a#part", f"{SITE}/a"),
        ("urls", f"{SITE}/a%20b%2B+(1)[2]", f"{SITE}/a%20b%2B+(1)[2]"),
        ("urls", f"{SITE}/ü b", f"{SITE}/%C3%BC%20b"),
        ("prefixes", f"{HOST}/", f"{HOST}/"),
        ("prefixes", f" {HOST.upper()}/Blog/Aa\n", f"{HOST}/Blog/Aa"),
        ("prefixes", f"{HOST}/a b/ü+(1)", f"{HOST}/a%20b/%C3%BC+(1)"),
        ("prefixes", f"{HOST}//a\\b@c:d", f"{HOST}//a%5Cb@c:d"),
        ("prefixes", f"{HOST}{'/a' * 31}", f"{HOST}{'/a' * 31}"),
        *(("tags", tag, tag) for tag in ("A", "post-1,b", "!~", "{dir}", "a" * 1024, '"\\')),
        *(("hosts", host, HOST) for host in (HOST, HOST.upper(), f" {HOST}\n")),
    ],
)
def test_a_manual_item_is_purged_as_it_is_written(kind: str, text: str, sent: str) -> None:
    kinds = {"urls": FILES, "prefixes": PREFIXES, "tags": TAGS, "hosts": HOSTS}
    assert purges(kind, text) == [Purge(Zone(ZONE), kinds[kind], sent, "" if kind == "tags" else HOST)]


@pytest.mark.parametrize(
    ("kind", "text", "zones"),
    [
        ("urls", f"{SITE}/a", [Zone(ZONE), Zone(OTHER_ZONE), STAGING]),
        ("prefixes", f"{HOST}/a", [Zone(ZONE), Zone(OTHER_ZONE), STAGING]),
        ("hosts", HOST, [Zone(ZONE), Zone(OTHER_ZONE), STAGING]),
        ("urls", f"https://{B}/a", [Zone(OTHER_ZONE)]),
        ("hosts", "staging.example.com", [STAGING]),
        ("tags", "t", [Zone(ZONE), Zone(OTHER_ZONE), STAGING]),
    ],
)
def test_an_item_is_purged_once_in_every_zone_that_serves_it_or_only_in_the_one_it_names(
    kind: str, text: str, zones: list[Zone]
) -> None:
    by = config(*BOTH)
    assert [purge.zone for purge in purges(kind, text, by)] == zones
    for zone_id in (ZONE, OTHER_ZONE):
        left = [zone for zone in zones if zone.id == zone_id]
        if left:
            assert [purge.zone for purge in purges(kind, text, by, zone_id=zone_id.upper())] == left
        else:
            assert refusal_of(kind, text, by, zone_id=zone_id).code == "ForeignHost"
    assert refusal_of(kind, text, by, zone_id="c" * 32).code == "ForeignZone"


def test_everything_is_one_zone_and_its_environments() -> None:
    for zone_id, zones in ((OTHER_ZONE, [Zone(OTHER_ZONE)]), (ZONE, [Zone(ZONE), STAGING])):
        found = purges("everything", "", config(*BOTH), zone_id=zone_id)
        assert found == [Purge(z, EVERYTHING, "") for z in zones]
        assert [purge.shown for purge in found] == [{"everything": True, "zone_id": str(z)} for z in zones]


# ---- What is refused ----


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        *(("urls", url, "ForeignHost") for url in ("https://www.example.net/", "https://www.example.com.evil.net/")),
        *(("urls", url, "MalformedUrl") for url in (f"{HOST}/a", "/a.css", f"//{HOST}/a", "file:///etc/passwd")),
        *(("urls", f"https://{host}/a", "MalformedUrl") for host in ("", f"{HOST}.", "evil.net\\.www.example.com")),
        *(("urls", f"https://{host}/a", "MalformedUrl") for host in (f"{HOST}:443", f"{HOST}@evil.net", "[::1")),
        *(("urls", url, "MalformedUrl") for url in (f"{SITE}/\ud800", f"{SITE}/?{'a' * 32_768}", f"{SITE}\t/a")),
        *(("urls", url, "MalformedUrl") for url in (f"ht\ntps://{HOST}/a", f"{SITE}/a\nb", f"ftp://{HOST}/a")),
        ("urls", f"http\u017f://{HOST}/a", "MalformedUrl"),  # a long s, which is an s in any case
        *(("prefixes", text, "MalformedPrefix") for text in (HOST, "/blog/", f"{SITE}/blog", f"//{HOST}/a")),
        *(("prefixes", f"{HOST}{rest}", "MalformedPrefix") for rest in (":443/a", "/a?b=1", "/a#b", " /a", "/a\nb")),
        *(("prefixes", f"{HOST}{rest}", "MalformedPrefix") for rest in ("/\ud800", "./a", "/a" * 32)),
        *(("prefixes", text, "ForeignHost") for text in ("www.example.net/blog", "example.com/blog", "com/")),
        *(("tags", tag, "MalformedTag") for tag in (" ", "a b", "a\n", "ä", "\x7f", "\ud800", "a" * 1025)),
        *(("hosts", text, "MalformedHost") for text in (SITE, f"{HOST}/", f"{HOST}:443", "*.example.com")),
        *(("hosts", text, "MalformedHost") for text in (f"{HOST}.", "bücher.example", f"{'a' * 64}.example.com")),
        *(("hosts", text, "ForeignHost") for text in ("example.com", "a.www.example.com")),
        ("urls", "x y" * 100_000, "MalformedUrl"),
    ],
)  # fmt: skip
def test_an_item_that_is_malformed_or_elsewhere_is_refused(kind: str, text: str, code: str) -> None:
    assert refusal_of(kind, text).code == code


OUTSIDE = ["/", "/blogger", "/blog", "/Blog/a", "/BLOG/", "//blog/a", "/a/blog/", "/blo", "/b%6Co/", "/%42log/a"]
OUTSIDE += ["/blog%2Fa", "/blog%2fa", "/blog%5Ca", "/blog\\a", "/blog/..", "/blog/../a", "/blog/a/../../b", "/blog/./a"]
OUTSIDE += ["/blog/%2e%2e/a", "/blog/.%2E/a", "/blog/..%2fa", "/blog/a%2F..%2F..%2Fb", "/%2e/blog/a", "/../blog/a"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_url_or_prefix_outside_of_the_path_prefix_is_refused_with_what_can_be_purged(path: str) -> None:
    by = config(target(path_prefix="blog"), target(zone_id=OTHER_ZONE, hosts=[B]))
    spoiled = f"HTTP://{HOST.upper()}{path}?/blog/#/blog/"
    for kind, text in (("urls", SITE + path), ("urls", spoiled), ("prefixes", HOST + path)):
        error = refusal_of(kind, text, by)
        assert (error.code, f"below {HOST}/blog/" in str(error)) == ("OutsideTargets", True)


@pytest.mark.parametrize("path", ["/blog/", "/blog/a", "/%62log/a", "/blog/a/..b/.c", "/blog//a", "/blog/%252e%252e/a"])
def test_a_url_or_prefix_below_the_path_prefix_is_purged(path: str) -> None:
    by = config(target(path_prefix="blog"))
    assert [purge.item for purge in purges("urls", SITE + path, by)] == [SITE + path]
    assert [purge.item for purge in purges("prefixes", HOST + path, by)] == [HOST + path]
    spaced = config(target(path_prefix="a b/ü"))
    assert purges("urls", f"{SITE}/a%20b/%C3%BC/c", spaced) == purges("urls", f"{SITE}/a b/ü/c", spaced)


def test_an_item_is_purged_only_in_the_zones_of_targets_that_contain_it() -> None:
    by = config(target(path_prefix="blog"), target(zone_id=OTHER_ZONE), target(zone_id="c" * 32, path_prefix="shop"))
    for kind, text in (("urls", f"{SITE}/shop/a"), ("prefixes", f"{HOST}/shop/")):
        assert [purge.zone.id for purge in purges(kind, text, by)] == [OTHER_ZONE, "c" * 32]
    assert [purge.zone.id for purge in purges("hosts", HOST, by)] == [OTHER_ZONE]
    assert [purge.zone.id for purge in purges("tags", "t", by)] == [ZONE, OTHER_ZONE, "c" * 32]


def test_a_host_of_another_zone_is_refused_with_the_advice_to_correct_the_zone() -> None:
    world = World(document(targets=[target(), target(zone_id=OTHER_ZONE, hosts=["b.example.com"])]))
    with pytest.raises(Rejected, match=f"^{HOST} is not a host of any .* zone: correct it or the zone_id"):
        world.invoke({"hosts": [HOST], "zone_id": OTHER_ZONE})


# ---- One bad item harms no other ----

BAD = [("keys", "/news/index.html"), ("keys", f"{SITE}/a.css"), ("urls", "https://evil.net/"), ("prefixes", f"{HOST}")]
BAD += [("tags", "a b"), ("hosts", "evil.net"), ("keys", "news/" * 205)]


@pytest.mark.parametrize(("kind", "bad"), BAD)
def test_an_invalid_item_among_ten_is_named_after_the_others_are_purged(kind: str, bad: str, world: World) -> None:
    good = {"keys": "k{}", "urls": SITE + "/{}", "prefixes": HOST + "/{}", "tags": "t{}", "hosts": HOST}[kind]
    items = [good.format(number) for number in range(9)]
    items.insert(4, bad)
    with pytest.raises(Rejected) as caught:
        world.invoke({kind: items})
    assert (bad[:256] if kind != "urls" else "evil.net") in str(caught.value)
    assert len(world.cloudflare.accepted) == len(set(items)) - 1
    # In a queue they are purged too, and the message is parked.
    queued = World()
    assert queued.returned(sqs_event({kind: items})) == []
    assert queued.cloudflare.accepted == world.cloudflare.accepted
    assert queued.parked_reasons == [(caught.value.code, str(caught.value))]


# ---- The flat variables ----

ITEMS = [("urls", "https://{}/a"), ("prefixes", "{}/a"), ("hosts", "{}")]


@pytest.mark.parametrize(("kind", "text"), ITEMS)
def test_with_the_flat_variables_any_host_may_be_named_or_the_bucket_s_alone(kind: str, text: str) -> None:
    for host in (HOST, "cdn.example.org"):
        assert [purge.item for purge in purges(kind, text.format(host), FLAT)] == [text.format(host)]
        assert [purge.item for purge in purges(kind, text.format(host), FLAT, bucket=host.upper())]
    assert refusal_of(kind, text.format(HOST), FLAT, bucket="cdn.example.org").code == "ForeignHost"
    assert refusal_of(kind, text.format(HOST), FLAT, bucket=f"{HOST}/").code == "ForeignBucket"


@settings(max_examples=400)
@given(
    st.sampled_from(["https://", "http://", "HTTPS://", "//", "", " https://", "https:/\n/"]),
    st.sampled_from([HOST, HOST.upper(), "evil.net", f"{HOST}.evil.net", f"evil.net@{HOST}", f"{HOST}:443", f"{HOST}."])
    | st.text("www.exampl/?#@:\\\t\n\x00[]%", max_size=20),
    st.sampled_from(["", "/blog/", "/blog/../", "/%62log/%2e", "/blog%2f"]) | st.just("/"),
    st.text("ab./\\%2eEfF?#:@ \n", max_size=20) | st.text(),
    st.booleans(),
)
def test_no_manual_url_or_prefix_leaves_the_host_and_the_folder(
    scheme: str, host: str, start: str, rest: str, is_prefix: bool
) -> None:
    by, text = config(target(path_prefix="blog")), host + start + rest
    try:
        [purge] = purges("prefixes", text, by) if is_prefix else purges("urls", scheme + text, by)
    except Rejected as error:
        assert len(str(error)) < 700  # noqa: PT017
        return
    sent = purge.item if is_prefix else purge.item.partition("://")[2]
    assert purge.item.isascii()
    assert purge.item.isprintable()
    assert not set(sent) & set(" #\\" + ("?" if is_prefix else ""))
    assert sent.partition("/")[0] == HOST
    path = sent.partition("?")[0].partition("/")[2]
    segments = unquote(path).split("/")
    assert segments[0] == "blog"
    assert not {".", ".."} & set(segments)
