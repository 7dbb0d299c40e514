from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.config import Config, Target
from cf_purge.environment import load
from cf_purge.errors import Rejected
from cf_purge.purge import FILES, Purge, Zone
from cf_purge.targets import path_of, purges_at, purges_for, spellings
from tests.unit.factories import (
    BUCKET,
    HOST,
    OTHER_ZONE,
    ZONE,
    document,
    flat_environment,
    target,
)
from tests.unit.fakes import World

SEGMENT = st.text(min_size=1, max_size=12)
KEY = st.lists(SEGMENT | st.sampled_from(["index.html", "a"]), min_size=1, max_size=4).map("/".join)
FOLDER = st.sampled_from(["", "site/", "a b/ü/", "(1)/"])


def config(*targets: dict[str, Any], **changes: Any) -> Config:
    return load({"CF_PURGE_CONFIG": json.dumps(document(targets=list(targets) or [target()], **changes))})


def urls_of(key: str, *targets: dict[str, Any], **changes: Any) -> list[str]:
    return [purge.item for purge in purges_for(key, BUCKET, config(*targets, **changes))]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", [""]),
        ("css/site.css", ["css/site.css"]),
        ("~user/a_b-c.d", ["~user/a_b-c.d"]),
        ("red flower.jpg", ["red%20flower.jpg"]),
        ("(1)+.css", ["(1)+.css", "%281%29%2B.css", "(1)%2B.css"]),
        ("a+b", ["a+b", "a%2Bb"]),
        ("a@2x.png", ["a@2x.png", "a%402x.png"]),
        ("a:b;c=d,e&f$g", ["a:b;c=d,e&f$g", "a%3Ab%3Bc%3Dd%2Ce%26f%24g"]),
        ("it's!*", ["it's!*", "it%27s%21%2A"]),
        ("100%", ["100%25"]),
        ("a%2Bb", ["a%252Bb"]),
        ("q?x#y", ["q%3Fx%23y"]),
        ("ü", ["%C3%BC"]),
        ("e\u0301", ["e%CC%81"]),
        ("🎉/文", ["%F0%9F%8E%89/%E6%96%87"]),
        ("a//b", ["a//b"]),
        ("back\\slash", ["back%5Cslash"]),
        ('"<>|^`{}[]', ["%22%3C%3E%7C%5E%60%7B%7D%5B%5D"]),
        ("tab\tnul\x00", ["tab%09nul%00"]),
    ],
)
def test_a_path_is_spelt_in_every_form_clients_send(path: str, expected: list[str]) -> None:
    assert spellings(path) == expected


@given(st.text())
def test_every_spelling_decodes_back_to_the_path(path: str) -> None:
    found = spellings(path)
    assert found
    assert len(set(found)) == len(found)
    for spelling in found:
        assert unquote(spelling, errors="strict") == path
        assert spelling.isascii()
        assert not set(spelling) & set(' "<>?#\\^`{|}')
        escapes = [spelling[at : at + 3] for at, char in enumerate(spelling) if char == "%"]
        assert escapes == [escape.upper() for escape in escapes]


@pytest.mark.parametrize(
    ("key", "settings", "paths"),
    [
        ("a.css", {}, ["/a.css"]),
        ("index.html", {}, ["/index.html", "/"]),
        ("a/index.html", {}, ["/a/index.html", "/a/"]),
        ("a/b/index.html", {}, ["/a/b/index.html", "/a/b/"]),
        ("a/myindex.html", {}, ["/a/myindex.html"]),
        ("index.html/b", {}, ["/index.html/b"]),
        ("a/INDEX.HTML", {}, ["/a/INDEX.HTML"]),
        ("(a)/index.html", {}, ["/(a)/index.html", "/%28a%29/index.html", "/(a)/", "/%28a%29/"]),
        ("a/index.html", {"index_documents": []}, ["/a/index.html"]),
        ("a/home.htm", {"index_documents": ["index.html", "home.htm"]}, ["/a/home.htm", "/a/"]),
        ("a/home page", {"index_documents": ["home page"]}, ["/a/home%20page", "/a/"]),
        # Folder markers are pages only where "" is an index document.
        ("a/", {}, []),
        ("a/", {"index_documents": [""]}, ["/a/"]),
        ("a/b.css", {"index_documents": [""]}, ["/a/b.css"]),
        # key_prefix is a folder, however it is written, and is removed.
        ("site/a.css", {"key_prefix": "site/"}, ["/a.css"]),
        ("site/a.css", {"key_prefix": "site"}, ["/a.css"]),
        ("site/a.css", {"key_prefix": "/site/"}, ["/a.css"]),
        ("site/index.html", {"key_prefix": "site"}, ["/index.html", "/"]),
        ("site/", {"key_prefix": "site"}, []),
        ("site/", {"key_prefix": "site", "index_documents": [""]}, ["/"]),
        ("sites/a.css", {"key_prefix": "site"}, []),
        ("Site/a.css", {"key_prefix": "site"}, []),
        ("a.css", {"key_prefix": "site"}, []),
        ("x/site/a.css", {"key_prefix": "site"}, []),
        ("a b/c/d.css", {"key_prefix": "a b/c"}, ["/d.css"]),
        # path_prefix is put before what remains, decoded like a key.
        ("a.css", {"path_prefix": "static"}, ["/static/a.css"]),
        ("a.css", {"path_prefix": "/static/v 1/"}, ["/static/v%201/a.css"]),
        ("index.html", {"path_prefix": "blog"}, ["/blog/index.html", "/blog/"]),
        ("site/a.css", {"key_prefix": "site", "path_prefix": "static"}, ["/static/a.css"]),
        ("site/", {"key_prefix": "site", "path_prefix": "blog"}, []),
        ("a.css", {"path_prefix": "/"}, ["/a.css"]),
        # No client can ask for these: dot segments are resolved away before the request.
        ("..", {}, []),
        ("a/../b.css", {}, []),
        ("./a.css", {}, []),
        ("a/.", {}, []),
        ("site/../a.css", {"key_prefix": "site", "path_prefix": "static"}, []),
        ("a/..b/.c", {}, ["/a/..b/.c"]),
        ("a/...", {}, ["/a/..."]),
        ("%2e%2e/a", {}, ["/%252e%252e/a"]),
        ("/a.css", {}, ["//a.css"]),
    ],
)
def test_a_key_is_served_under_these_paths(key: str, settings: dict[str, Any], paths: list[str]) -> None:
    assert urls_of(key, target(**settings)) == [f"https://{HOST}{path}" for path in paths]


def test_every_host_and_scheme_is_a_copy_of_its_own() -> None:
    assert urls_of("a", target(hosts=[HOST, "cdn.example.com"], schemes=["https", "http"])) == [
        "https://www.example.com/a",
        "http://www.example.com/a",
        "https://cdn.example.com/a",
        "http://cdn.example.com/a",
    ]


def test_a_key_is_purged_in_every_target_that_serves_it() -> None:
    targets = [target(), target(zone_id=OTHER_ZONE, hosts=["b.example.net"], key_prefix="b")]
    assert purges_for("b/x", BUCKET, config(*targets)) == [
        Purge(Zone(ZONE), FILES, "https://www.example.com/b/x"),
        Purge(Zone(OTHER_ZONE), FILES, "https://b.example.net/x"),
    ]


def test_a_copy_that_two_targets_name_is_purged_once() -> None:
    world = World(document(targets=[target(), target(index_documents=[])]))
    assert world.invoke({"keys": ["a"]})["invalidations"] == ["https://www.example.com/a"]
    assert world.cloudflare.accepted == [(ZONE, FILES, "https://www.example.com/a")]
    assert urls_of("a", target(hosts=[HOST, HOST.upper()])) == ["https://www.example.com/a"]


@pytest.mark.parametrize("key", ["draft/a.css", "a.map"])
def test_a_key_that_the_filter_does_not_take_is_not_purged(key: str) -> None:
    assert urls_of("a.css", include=["*.css", "*.map"], exclude=["draft/**", "*.map"])
    assert urls_of(key, include=["*.css", "*.map"], exclude=["draft/**", "*.map"]) == []


def test_the_filter_sees_the_whole_key_not_what_the_prefix_leaves() -> None:
    assert urls_of("site/a.css", target(key_prefix="site"), include=["site/*.css"]) == ["https://www.example.com/a.css"]
    assert urls_of("site/a.css", target(key_prefix="site"), include=["a/*.css"]) == []


def test_an_event_about_another_bucket_is_rejected_by_name() -> None:
    with pytest.raises(Rejected, match=r"bucket other, this function serves my-assets") as caught:
        purges_for("a", "other", config())
    assert caught.value.code == "ForeignBucket"


def test_another_buckets_name_is_not_quoted_at_any_length() -> None:
    with pytest.raises(Rejected) as caught:
        purges_for("a", "x" * 100_000, config())
    assert len(str(caught.value)) < 256


def test_a_key_named_by_hand_lies_in_the_configured_bucket() -> None:
    assert purges_for("a", None, config()) == [Purge(Zone(ZONE), FILES, "https://www.example.com/a")]


def test_with_the_flat_variables_the_host_is_the_name_of_the_bucket() -> None:
    flat = load(flat_environment())
    assert purges_for("a", "www.example.org", flat) == [Purge(Zone(ZONE), FILES, "https://www.example.org/a")]
    assert purges_for("a", "Old_Assets.Example.org", flat) == [
        Purge(Zone(ZONE), FILES, "https://old_assets.example.org/a")
    ]
    with pytest.raises(Rejected, match='add "bucket" to the event'):
        purges_for("a", None, flat)


@pytest.mark.parametrize("bucket", ["www.example.com/private", "www.example.com?", "a b", "a@b.example", "x:8080", "ü"])
def test_with_the_flat_variables_a_bucket_that_is_no_hostname_is_rejected(bucket: str) -> None:
    with pytest.raises(Rejected):
        purges_for("a", bucket, load(flat_environment()))


@given(
    KEY,
    st.lists(
        st.builds(
            lambda key, path, hosts, documents: Target(
                Zone(ZONE), tuple(hosts), key, path, ("https",), tuple(documents)
            ),
            FOLDER,
            FOLDER,
            st.lists(st.sampled_from([HOST, "cdn.example.com"]), min_size=1, unique=True),
            st.lists(st.sampled_from(["index.html", "", "a"]), unique=True),
        ),
        min_size=1,
        max_size=3,
    ),
    FOLDER,
)
def test_every_purge_lies_on_a_configured_host_below_its_path_and_names_the_key(
    name: str, targets: list[Target], folder: str
) -> None:
    key = folder + name
    allowed = {
        f"https://{host}/{page}"
        for each in targets
        for host in each.hosts
        if key.startswith(each.key_prefix)
        for path in [each.path_prefix + key[len(each.key_prefix) :]]
        for page in [path, *(path.removesuffix(i) for i in each.index_documents if f"/{path}".endswith(f"/{i}"))]
    }
    purges = purges_for(key, BUCKET, Config("site", tuple(targets), BUCKET))
    for each in targets:  # two of them may name the same copy
        ours = purges_at(each, key, BUCKET)
        assert len(set(ours)) == len(ours)
        assert set(ours) <= set(purges)
    for purge in purges:
        parts = urlsplit(purge.item)
        assert (parts.query, parts.fragment) == ("", "")
        assert f"https://{parts.hostname}{unquote(parts.path, errors='strict')}" in allowed


@given(KEY)
def test_a_key_below_the_prefix_is_never_without_a_purge(key: str) -> None:
    hidden = any(segment in (".", "..") for segment in key.split("/"))
    served = Target(Zone(ZONE), (HOST,), "site/")
    assert (path_of(f"site/{key}", served) is not None) == (not key.endswith("/") and not hidden)
    assert bool(purges_for(f"site/{key}", BUCKET, Config("site", (served,), BUCKET))) == (
        not key.endswith("/") and not hidden
    )
