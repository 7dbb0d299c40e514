"""Every way from a key to what Cloudflare holds of it, written out."""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import unquote

import pytest

from cf_purge.config import Config
from cf_purge.environment import load
from cf_purge.purge import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge, Zone
from cf_purge.targets import purges_for
from tests.unit.factories import BUCKET, HOST, OTHER_ZONE, ZONE, document, flat_environment, target

SITE = f"https://{HOST}"
LONGEST = {
    "plain": "a" * 1021 + ".js",
    "two bytes a letter": "ä" * 510 + ".css",
    "four bytes a letter": "🎉" * 255 + ".txt",
    "all of it reserved": "+" * 1024,
    "all of it percent": "%" * 1024,
    "all of it folders": "d/" * 511 + "ab",
}

# A decoded key, and its paths in every spelling that clients send.
SPELT = [
    ("css/site.css", ["css/site.css"]),
    ("red flower.jpg", ["red%20flower.jpg"]),
    ("a+b.css", ["a+b.css", "a%2Bb.css"]),
    ("(1)+.css", ["(1)+.css", "%281%29%2B.css", "(1)%2B.css"]),
    ("100%.css", ["100%25.css"]),
    ("a%20b+c", ["a%2520b+c", "a%2520b%2Bc"]),
    ("what?#1", ["what%3F%231"]),
    ("é/ü ñ.css", ["%C3%A9/%C3%BC%20%C3%B1.css"]),
    ("文/🎉.png", ["%E6%96%87/%F0%9F%8E%89.png"]),
    ("a@2x=b&c.png", ["a@2x=b&c.png", "a%402x%3Db%26c.png"]),
    ("it's (new)!", ["it's%20(new)!", "it%27s%20%28new%29%21"]),
    ("a:b;c,d$e*", ["a:b;c,d$e*", "a%3Ab%3Bc%2Cd%24e%2A", "a%3Ab%3Bc%2Cd%24e*"]),
    ("a\\b|c<d>", ["a%5Cb%7Cc%3Cd%3E"]),
    ("line\nbreak\x7f", ["line%0Abreak%7F"]),
    ("LICENSE", ["LICENSE"]),
    (".htaccess", [".htaccess"]),
    (".well-known/assetlinks.json", [".well-known/assetlinks.json"]),
    ("a/.env.js", ["a/.env.js"]),
    ("...", ["..."]),
    ("a..b/c.", ["a..b/c."]),
    ("//a//b.css", ["//a//b.css"]),
    ("/a.css", ["/a.css"]),
]


def config(*targets: dict[str, Any], **changes: Any) -> Config:
    return load({"CF_PURGE_CONFIG": json.dumps(document(targets=list(targets) or [target()], **changes))})


def purged(key: str, *targets: dict[str, Any], **changes: Any) -> list[tuple[str, str]]:
    """Kind and item of every purge of a key."""
    return [(purge.kind, purge.item) for purge in purges_for(key, BUCKET, config(*targets, **changes))]


def paths(key: str, **settings: Any) -> list[str]:
    """The decoded paths of a key's URLs, each once, at one target."""
    purges = purged(key, target(**settings))
    assert all(kind == FILES for kind, _ in purges)
    return list(dict.fromkeys(unquote(item.removeprefix(SITE), errors="strict") for _, item in purges))


@pytest.mark.parametrize(("key", "spelt"), SPELT)
def test_an_object_is_purged_in_every_spelling_by_url(key: str, spelt: list[str]) -> None:
    assert purged(key) == [(FILES, f"{SITE}/{path}") for path in spelt]


@pytest.mark.parametrize(("key", "spelt"), SPELT)
def test_an_object_is_purged_in_every_spelling_by_prefix_which_is_its_full_path(key: str, spelt: list[str]) -> None:
    assert purged(key, target(purge_by="prefix")) == [(PREFIXES, f"{HOST}/{path}") for path in spelt]


@pytest.mark.parametrize("key", LONGEST.values(), ids=LONGEST)
@pytest.mark.parametrize("purge_by", ["url", "prefix"])
def test_the_longest_key_is_purged_whole_and_in_ascii(key: str, purge_by: str) -> None:
    assert len(key.encode()) >= 1023
    for kind, item in purged(key, target(purge_by=purge_by)):
        assert item.isascii()
        path = unquote(item.removeprefix("https://").removeprefix(HOST), errors="strict")
        if kind == FILES or key.count("/") < 31:
            assert path == f"/{key}"
        else:
            assert path == "/" + "d/" * 30


INDEX = {"index_documents": ["index.html"]}
NONE: dict[str, Any] = {"index_documents": []}
SEVERAL = {"index_documents": ["index.html", "index.htm", "home page"]}
MARKERS = {"index_documents": ["", "index.html"]}
CLEAN = {"clean_urls": True}
BLOG = {"key_prefix": "site", "path_prefix": "blog"}


@pytest.mark.parametrize(
    ("key", "settings", "expected"),
    [
        # Index documents: none, several, "".
        ("a/index.html", INDEX, ["/a/index.html", "/a/"]),
        ("a/index.html", NONE, ["/a/index.html"]),
        ("index.html", INDEX, ["/index.html", "/"]),
        ("index.html", NONE, ["/index.html"]),
        ("a/index.htm", INDEX, ["/a/index.htm"]),
        ("a/index.htm", SEVERAL, ["/a/index.htm", "/a/"]),
        ("ü b/home page", SEVERAL, ["/ü b/home page", "/ü b/"]),
        ("a//index.html", INDEX, ["/a//index.html", "/a//"]),
        ("/index.html", INDEX, ["//index.html", "//"]),
        ("a/", INDEX, []),
        ("a/", MARKERS, ["/a/"]),
        ("a//", MARKERS, ["/a//"]),
        ("a/index.html", MARKERS, ["/a/index.html", "/a/"]),
        ("a", MARKERS, ["/a"]),
        # Clean URLs.
        ("a/index.html", CLEAN, ["/a/index.html", "/a/", "/a"]),
        ("a/index.html", {**CLEAN, **NONE}, ["/a/index.html", "/a/index"]),
        ("a/b/index.html", CLEAN, ["/a/b/index.html", "/a/b/", "/a/b"]),
        ("index.html", CLEAN, ["/index.html", "/"]),
        ("index.html", {**CLEAN, **NONE}, ["/index.html", "/index"]),
        ("a/index.htm", {**CLEAN, **SEVERAL}, ["/a/index.htm", "/a/", "/a"]),
        ("/index.html", CLEAN, ["//index.html", "//"]),
        ("b.html", CLEAN, ["/b.html", "/b"]),
        ("a/b.html", CLEAN, ["/a/b.html", "/a/b"]),
        ("a/b c+.html", CLEAN, ["/a/b c+.html", "/a/b c+"]),
        ("b.html.html", CLEAN, ["/b.html.html", "/b.html"]),
        ("b.htm", CLEAN, ["/b.htm"]),
        ("b.HTML", CLEAN, ["/b.HTML"]),
        ("b.html/c.css", CLEAN, ["/b.html/c.css"]),
        ("html", CLEAN, ["/html"]),
        (".html", CLEAN, ["/.html"]),
        ("a/.html", CLEAN, ["/a/.html"]),
        ("a/", {**CLEAN, **MARKERS}, ["/a/", "/a"]),
        ("a/", CLEAN, []),
        # A folder of another, in the path of another; the target's own root has its clean URL outside.
        ("site/a.css", BLOG, ["/blog/a.css"]),
        ("site/index.html", BLOG, ["/blog/index.html", "/blog/"]),
        ("site/index.html", {**BLOG, **CLEAN}, ["/blog/index.html", "/blog/"]),
        ("site/a/index.html", {**BLOG, **CLEAN}, ["/blog/a/index.html", "/blog/a/", "/blog/a"]),
        ("site/.html", {**BLOG, **CLEAN}, ["/blog/.html"]),
        ("site/", {**BLOG, **CLEAN}, []),
        ("site/", {**BLOG, **CLEAN, **MARKERS}, ["/blog/"]),
        ("site//", {**BLOG, **CLEAN, **MARKERS}, ["/blog//", "/blog/"]),
        ("site//index.html", {**BLOG, **CLEAN}, ["/blog//index.html", "/blog//", "/blog/"]),
        ("site", {**BLOG, **CLEAN}, []),
        ("site.html", {**BLOG, **CLEAN}, []),
        ("sites/a.css", BLOG, []),
        ("index.html", BLOG, []),
        ("blog/a.css", BLOG, []),
        ("site/site/a.css", BLOG, ["/blog/site/a.css"]),
        ("index.html", {"path_prefix": "a/b", **CLEAN}, ["/a/b/index.html", "/a/b/"]),
        ("site/index.html", {"key_prefix": "site", **CLEAN}, ["/index.html", "/"]),
        ("ü b/a.css", {"key_prefix": "ü b", "path_prefix": "(x) y"}, ["/(x) y/a.css"]),
        # Nobody can ask for a dot segment.
        ("a/../b.html", CLEAN, []),
        ("a/..", {}, []),
        ("a/..\n", {}, ["/a/..\n"]),
        (".\n", {}, ["/.\n"]),
        ("a/..b", {}, ["/a/..b"]),
        ("./b.html", CLEAN, []),
        ("a/./index.html", CLEAN, []),
        ("site/..", BLOG, []),
    ],
)
def test_the_pages_of_an_object(key: str, settings: dict[str, Any], expected: list[str]) -> None:
    assert paths(key, **settings) == expected


@pytest.mark.parametrize(
    ("key", "settings", "expected"),
    [
        ("..html", {}, ["/..html"]),
        ("...html", {}, ["/...html"]),
        ("a/..html", {}, ["/a/..html"]),
        ("site/...html", BLOG, ["/blog/...html"]),
    ],
)
def test_a_clean_url_is_no_dot_segment(key: str, settings: dict[str, Any], expected: list[str]) -> None:
    assert paths(key, **{**CLEAN, **settings}) == expected


@pytest.mark.parametrize(
    ("key", "settings", "prefixes", "urls"),
    [
        ("a/index.html", {}, ["a/index.html"], ["a/"]),
        ("index.html", {}, ["index.html"], [""]),
        ("index.html", NONE, ["index.html"], []),
        ("a/index.html", CLEAN, ["a/index.html"], ["a/", "a"]),
        ("b.html", CLEAN, ["b.html"], ["b"]),
        ("(b).html", CLEAN, ["(b).html", "%28b%29.html"], ["(b)", "%28b%29"]),
        ("a/", MARKERS, [], ["a/"]),
        ("a/", {**MARKERS, **CLEAN}, [], ["a/", "a"]),
        ("a/", {}, [], []),
        ("site/index.html", {**BLOG, **CLEAN}, ["blog/index.html"], ["blog/"]),
        ("site/", {**BLOG, **MARKERS}, [], ["blog/"]),
        ("site/", {"key_prefix": "site", **MARKERS}, [], [""]),
        ("a.css", {"path_prefix": "v 1"}, ["v%201/a.css"], []),
        ("a/../b", {}, [], []),
    ],
)
def test_folders_and_clean_urls_of_a_prefix_target_go_by_url(
    key: str, settings: dict[str, Any], prefixes: list[str], urls: list[str]
) -> None:
    assert purged(key, target(purge_by="prefix", **settings)) == [
        *((PREFIXES, f"{HOST}/{path}") for path in prefixes),
        *((FILES, f"{SITE}/{path}") for path in urls),
    ]


def folders(depth: int) -> str:
    return "".join(f"{level}/" for level in range(1, depth + 1))


@pytest.mark.parametrize(
    ("key", "path_prefix", "prefix"),
    [
        (f"{folders(29)}x.js", "", f"{folders(29)}x.js"),
        (f"{folders(30)}x.js", "", f"{folders(30)}x.js"),
        (f"{folders(31)}x.js", "", folders(30)),
        (f"{folders(60)}x.js", "", folders(30)),
        (f"{folders(28)}x.js", "p/q", f"p/q/{folders(28)}x.js"),
        (f"{folders(29)}x.js", "p/q", f"p/q/{folders(28)}"),
        (f"{folders(1)}x.js", folders(30), folders(30)),
        ("x.js", folders(30), f"{folders(30)}x.js"),
        ("/" * 30 + "x.js", "", "/" * 30 + "x.js"),
        ("/" * 31 + "x.js", "", "/" * 30),
    ],
)
def test_a_path_deeper_than_31_slashes_is_purged_by_the_deepest_folder_that_fits(
    key: str, path_prefix: str, prefix: str
) -> None:
    [(kind, item)] = purged(key, target(purge_by="prefix", path_prefix=path_prefix))
    assert (kind, item) == (PREFIXES, f"{HOST}/{prefix}")
    assert item.count("/") <= 31


def test_by_url_no_path_is_too_deep() -> None:
    assert purged(f"{folders(60)}x.js") == [(FILES, f"{SITE}/{folders(60)}x.js")]


@pytest.mark.parametrize(
    ("key", "template", "tag"),
    [
        ("a/b.css", "{bucket}", BUCKET),
        ("a/b.css", "{key}", "a/b.css"),
        ("a/b.css", "{dir}", "a"),
        ("a/b/c.css", "{dir}", "a/b"),
        ("a/b.css", "{name}", "b.css"),
        ("a/b.css", "{ext}", "css"),
        ("a/b.tar.gz", "{ext}", "gz"),
        ("a/b.css", "{bucket}:{dir}:{name}.{ext}", f"{BUCKET}:a:b.css.css"),
        ("a/b.css", "site", "site"),
        ("a/b.css", "{key}{key}", "a/b.cssa/b.css"),
        ("LICENSE", "{ext}", None),
        ("LICENSE", "e-{ext}", "e-"),
        (".htaccess", "{ext}", None),
        ("a/.htaccess", "{name}", ".htaccess"),
        ("b.", "{ext}", None),
        ("b.css", "{dir}", None),
        ("b.css", "d:{dir}", "d:"),
        ("a//b.css", "{dir}", "a/"),
        # Spaces, commas, percent signs and what is not ASCII: a tag cannot hold them, and nothing decodes twice.
        ("a b/c,d.css", "{key}", "a%20b/c%2Cd.css"),
        ("100%25.css", "{key}", "100%2525.css"),
        ("ü/文.css", "{dir}", "%C3%BC"),
        ("(1)+'!*&=@$;:.css", "{key}", "(1)+'!*&=@$;:.css"),
        ("{bucket}.css", "{key}", "{bucket}.css"),
        ("a\nb", "{key}", "a%0Ab"),
        # The tag is the key's; the target's prefixes only say which keys.
        ("site/a/index.html", "{key}", "site/a/index.html"),
    ],
)
def test_a_tag_is_filled_from_the_key(key: str, template: str, tag: str | None) -> None:
    assert purged(key, target(purge_by="tag", tags=[template])) == ([] if tag is None else [(TAGS, tag)])


def test_each_distinct_tag_is_purged_once_whatever_the_hosts_schemes_and_pages() -> None:
    tagged = target(
        purge_by="tag",
        tags=["{dir}", "{key}", "a", "{ext}"],
        hosts=[HOST, "b.example.com"],
        schemes=["http", "https"],
        header_variants=[{"Origin": SITE}],
        clean_urls=True,
    )
    assert purged("a/index.html", tagged) == [(TAGS, "a"), (TAGS, "a/index.html"), (TAGS, "html")]


@pytest.mark.parametrize(
    ("purge_by", "expected"),
    [("host", [(HOSTS, HOST), (HOSTS, "b.example.com")]), ("everything", [(EVERYTHING, "")])],
)
def test_a_whole_host_or_zone_is_purged_once_for_a_key_that_is_served(
    purge_by: str, expected: list[tuple[str, str]]
) -> None:
    whole = target(purge_by=purge_by, hosts=[HOST, "B.example.com"], schemes=["http", "https"], clean_urls=True, **BLOG)
    assert purged("site/(1)/index.html", whole) == expected
    assert purged("elsewhere/index.html", whole) == []
    assert purged("site/", whole) == []


VARIANTS = [{"Origin": "https://app.example.com"}, {"Origin": SITE, "CF-Device-Type": "mobile"}]


def test_every_url_is_purged_on_every_host_and_scheme_with_and_without_every_variant() -> None:
    hosts, schemes, pages = [HOST, "b.example.com"], ["https", "http"], ["(a)/index.html", "(a)/", "(a)"]
    spelt = [spelling for page in pages for spelling in (page, page.replace("(", "%28").replace(")", "%29"))]
    copies = target(hosts=hosts, schemes=schemes, header_variants=VARIANTS, clean_urls=True)
    headers = [(), *(tuple(variant.items()) for variant in VARIANTS)]
    found = purges_for("(a)/index.html", BUCKET, config(copies))
    assert len(found) == len(set(found)) == 2 * 2 * 3 * 6
    assert set(found) == {
        Purge(Zone(ZONE), FILES, f"{scheme}://{host}/{path}", variant)
        for host, scheme, path, variant in itertools.product(hosts, schemes, spelt, headers)
    }


def test_a_prefix_takes_every_scheme_and_variant_by_itself_and_the_pages_have_theirs() -> None:
    copies = target(purge_by="prefix", schemes=["https", "http"], header_variants=VARIANTS[:1], clean_urls=True)
    assert purged("b.html", copies) == [
        (PREFIXES, f"{HOST}/b.html"),
        *[(FILES, f"https://{HOST}/b")] * 2,
        *[(FILES, f"http://{HOST}/b")] * 2,
    ]
    assert [purge.shown for purge in purges_for("b.html", BUCKET, config(copies))][2] == {
        "url": f"{SITE}/b",
        "headers": VARIANTS[0],
    }


@pytest.mark.parametrize("purge_by", ["url", "prefix", "tag", "host", "everything"])
@pytest.mark.parametrize("environment_id", [None, "d8e8fca2dc0f896f"])
def test_every_kind_is_purged_in_the_environment_of_its_target(purge_by: str, environment_id: str | None) -> None:
    tags = ["{key}"] if purge_by == "tag" else []
    place = target(purge_by=purge_by, tags=tags, environment_id=environment_id)
    found = purges_for("a/index.html", BUCKET, config(place))
    assert found
    assert {purge.zone for purge in found} == {Zone(ZONE, environment_id)}


def test_each_target_that_serves_a_key_purges_it_in_its_own_way() -> None:
    targets = [
        target(),
        target(zone_id=OTHER_ZONE, hosts=["cdn.example.org"], purge_by="prefix", path_prefix="static"),
        target(purge_by="tag", tags=["{dir}"], key_prefix="a"),
        target(purge_by="host", key_prefix="b"),
        target(zone_id=OTHER_ZONE, hosts=["shop.example.org"], purge_by="everything", environment_id="staging"),
    ]
    assert [(str(purge.zone), purge.kind, purge.item) for purge in purges_for("a/x.js", BUCKET, config(*targets))] == [
        (ZONE, FILES, f"{SITE}/a/x.js"),
        (OTHER_ZONE, PREFIXES, "cdn.example.org/static/a/x.js"),
        (ZONE, TAGS, "a"),
        (f"{OTHER_ZONE} (environment staging)", EVERYTHING, ""),
    ]


def test_what_a_filter_leaves_out_is_purged_nowhere() -> None:
    targets = [target(), target(purge_by="everything"), target(purge_by="host")]
    assert purged("img/a.png", *targets, include=["*.css"]) == []
    assert purged("img/a.css", *targets, include=["*.css"], exclude=["img/**"]) == []
    assert len(purged("a.css", *targets, include=["*.css"], exclude=["img/**"])) == 3


def test_without_the_document_the_bucket_is_the_host() -> None:
    flat = load(flat_environment())
    assert [purge.item for purge in purges_for("(a)/index.html", "www.Example.com", flat)] == [
        "https://www.example.com/(a)/index.html",
        "https://www.example.com/%28a%29/index.html",
        "https://www.example.com/(a)/",
        "https://www.example.com/%28a%29/",
    ]
