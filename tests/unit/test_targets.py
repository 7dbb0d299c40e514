"""From a key to everything that Cloudflare can hold of it."""

import itertools
import json
import re
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cf_purge.config import Target, Zone, load
from cf_purge.errors import Rejected
from cf_purge.targets import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge, paths_of, purges_at
from tests.support.factories import document, flat_environment, s3_event, sqs_event
from tests.support.factories import target as place
from tests.support.fakes import World
from tests.support.names import BUCKET, HOST, OTHER_ZONE, SITE, ZONE


def target(**fields: Any) -> Target:
    [found] = load({"CF_PURGE_CONFIG": json.dumps(document(targets=[place(**fields)]))}).targets
    return found


def purges(key: str, **fields: Any) -> list[tuple[str, str]]:
    """Kind and item of each purge of a key in one target."""
    return [(purge.kind, purge.item) for purge in purges_at(target(**fields), key)]


def related(key: str, *templates: str, **fields: Any) -> list[str]:
    """The related URLs and prefixes of a key in one target, without those of the object; the prefixes end in a star."""
    own = purges(key, **fields)
    found = purges(key, related=list(templates), **fields)
    assert found[: len(own)] == own
    return [f"/{item.split('/', 1)[1]}*" if kind == PREFIXES else item[len(SITE) :] for kind, item in found[len(own) :]]


def paths(key: str, **fields: Any) -> list[str]:
    """The decoded paths of a key's URLs, each once."""
    found = purges(key, **fields)
    assert all(kind == FILES for kind, _ in found)
    return list(dict.fromkeys(unquote(item.removeprefix(SITE), errors="strict") for _, item in found))


# ---- Paths ----

NONE: dict[str, Any] = {"index_documents": []}
SEVERAL = {"index_documents": ["index.html", "index.htm", "home-page"]}
MARKERS = {"index_documents": ["", "index.html"]}
CLEAN = {"clean_urls": True}
BLOG = {"key_prefix": "site", "path_prefix": "blog"}


@pytest.mark.parametrize(
    ("key", "fields", "expected"),
    [
        ("a.css", {}, ["/a.css"]),
        # Index documents: one, none, several, "".
        ("index.html", {}, ["/index.html", "/"]),
        ("a/b/index.html", {}, ["/a/b/index.html", "/a/b/"]),
        *((key, {}, [f"/{key}"]) for key in ("a/myindex.html", "a/INDEX.HTML", "index.html/b")),
        ("a/index.html", NONE, ["/a/index.html"]),
        ("ü/home-page", SEVERAL, ["/ü/home-page", "/ü/"]),
        # Cloudflare's URL normalization merges slashes if the zone says so.
        ("a///b//c.css", {}, ["/a///b//c.css", "/a/b/c.css"]),
        ("/index.html", {}, ["//index.html", "/index.html", "//", "/"]),
        # Folder markers are pages only where "" is an index document.
        ("a/", {}, []),
        ("a/", MARKERS, ["/a/"]),
        # Clean URLs.
        ("a/index.html", CLEAN, ["/a/index.html", "/a/", "/a"]),
        ("a/index.html", {**CLEAN, **NONE}, ["/a/index.html", "/a/index"]),
        ("index.html", CLEAN, ["/index.html", "/"]),
        ("a/index.htm", {**CLEAN, **SEVERAL}, ["/a/index.htm", "/a/", "/a"]),
        ("a/b.html", CLEAN, ["/a/b.html", "/a/b"]),
        *((key, CLEAN, [f"/{key}"]) for key in ("b.htm", "b.HTML", "b.html/c.css", "html", "a/.html", "..html")),
        ("a/", {**CLEAN, **MARKERS}, ["/a/", "/a"]),
        # `key_prefix` is a folder however it is written, and removed; `path_prefix` is put before the rest.
        *(("site/a.css", {"key_prefix": prefix}, ["/a.css"]) for prefix in ("site", "site/", "/site/")),
        *((key, {"key_prefix": "site"}, []) for key in ("sites/a.css", "Site/a.css", "a.css", "x/site/a.css", "site")),
        ("site/index.html", {"key_prefix": "site"}, ["/index.html", "/"]),
        ("site/", {"key_prefix": "site", **MARKERS}, ["/"]),
        ("a.css", {"path_prefix": "/static/v(1)/"}, ["/static/v(1)/a.css"]),
        ("site/site/a.css", BLOG, ["/blog/site/a.css"]),
        # The clean URL of the target's own root is outside of the target.
        ("site/index.html", {**BLOG, **CLEAN}, ["/blog/index.html", "/blog/"]),
        ("site/a/index.html", {**BLOG, **CLEAN}, ["/blog/a/index.html", "/blog/a/", "/blog/a"]),
        ("site//index.html", {**BLOG, **CLEAN}, ["/blog//index.html", "/blog/index.html", "/blog//", "/blog/"]),
        # A target with `keys` is about these alone.
        ("a/b.html", {"keys": ["x", "*.html"]}, ["/a/b.html"]),
        ("a.css", {"keys": ["x", "*.html"]}, []),
        # Dot segments are removed by browsers and by Cloudflare: no page is there.
        *((key, CLEAN, []) for key in ("..", "a/../b.html", "./b.html", "a/.")),
        ("site/../a.css", BLOG, []),
        *((key, {}, [f"/{key}"]) for key in ("a/..b/.c", "...", "a/..\n", "%2e%2e/a", ".well-known/a")),
    ],
)
def test_an_object_is_purged_at_each_path_that_serves_it(key: str, fields: dict[str, Any], expected: list[str]) -> None:
    assert paths(key, **fields) == expected


def test_the_home_page_is_no_page_of_an_index_document_with_a_leading_slash() -> None:
    assert paths_of("/index.html", target(**CLEAN)) == ["/index.html", "/"]  # else it would be verified as one


def test_each_host_scheme_spelling_and_header_variant_of_a_page_and_a_related_one_is_a_copy() -> None:
    variants = [{"Origin": "https://app.example.com"}, {"Origin": SITE, "CF-Device-Type": "mobile"}]
    hosts, schemes = [HOST, "b.example.com"], ["https", "http"]
    copies = target(hosts=hosts, schemes=schemes, header_variants=variants, related=["/feed", "/t/*"], **CLEAN)
    found = list(purges_at(copies, "(a)/index.html"))
    pages = [f"{folder}{page}" for folder in ("(a)", "%28a%29") for page in ("/index.html", "/", "")]
    expected = {
        *(Purge(Zone(ZONE), PREFIXES, f"{host}/t/", host) for host in hosts),
        *(
            Purge(Zone(ZONE), FILES, f"{scheme}://{host}/{page}", host, headers)
            for scheme, host, page, headers in itertools.product(
                schemes, hosts, [*pages, "feed"], [(), *(tuple(each.items()) for each in variants)]
            )
        ),
    }
    assert set(found) == expected
    assert len(found) == len(expected)


# ---- By prefix ----


@pytest.mark.parametrize(
    ("key", "fields", "prefixes", "urls"),
    [
        ("a.css", {}, ["a.css"], []),
        ("(b) c.css", {}, ["(b)%20c.css", "%28b%29%20c.css", "%28b%29+c.css"], []),
        ("a/index.html", {}, ["a/index.html"], ["a/"]),
        ("index.html", {}, ["index.html"], [""]),
        ("(b).html", CLEAN, ["(b).html", "%28b%29.html"], ["(b)", "%28b%29"]),
        ("a/", {**MARKERS, **CLEAN}, [], ["a/", "a"]),
        ("site/", {"key_prefix": "site", **MARKERS}, [], [""]),
        ("site/index.html", {**BLOG, **CLEAN}, ["blog/index.html"], ["blog/"]),
        ("a/../b", {}, [], []),
    ],
)
def test_by_prefix_the_object_is_a_prefix_and_its_pages_are_urls(
    key: str, fields: dict[str, Any], prefixes: list[str], urls: list[str]
) -> None:
    assert purges(key, purge_by="prefix", **fields) == [
        *((PREFIXES, f"{HOST}/{path}") for path in prefixes),
        *((FILES, f"{SITE}/{path}") for path in urls),
    ]


def folders(depth: int) -> str:
    return "".join(f"{level}/" for level in range(1, depth + 1))


@pytest.mark.parametrize(
    ("key", "path_prefix", "prefix"),
    [
        (f"{folders(30)}x.js", "", f"{folders(30)}x.js"),
        (f"{folders(31)}x.js", "", folders(30)),
        (f"{folders(29)}x.js", "p/q", f"p/q/{folders(28)}"),
        (f"{folders(1)}x.js", folders(30), folders(30)),
    ],
)
def test_a_path_with_more_than_31_slashes_is_purged_by_its_deepest_folder_that_fits(
    key: str, path_prefix: str, prefix: str
) -> None:
    assert purges(key, purge_by="prefix", path_prefix=path_prefix) == [(PREFIXES, f"{HOST}/{prefix}")]


# ---- By tag, host and everything ----


@pytest.mark.parametrize(
    ("key", "template", "tag"),
    [
        ("a/b.css", "{bucket}:{dir}:{name}.{ext}", f"{BUCKET}:a:b.css.css"),
        ("a/b/c.css", "{dir}", "a/b"),
        ("a/b.tar.gz", "{ext}", "gz"),
        ("a/b.css", "site", "site"),
        ("a/b.css", "{key}.{ext}", "a/b.css.css"),
        ("LICENSE", "e-{ext}", "e-"),
        # A tag holds no space, comma or character beyond ASCII; nothing is decoded twice.
        ("a b/c,d.css", "{name}@{dir}", "c%2Cd.css@a%20b"),
        ("100%25.css", "{name}", "100%2525.css"),
        ("ü/文.css", "{dir}", "%C3%BC"),
        ("(1)+'!*&=@$;:.css", "{name}", "(1)+'!*&=@$;:.css"),
        ("{bucket}.css", "{name}", "{bucket}.css"),
        ("k" * 1024, "{key}", "k" * 1024),
    ],
)
def test_a_tag_is_filled_from_the_key(key: str, template: str, tag: str) -> None:
    assert purges(key, purge_by="tag", tags=[template]) == [(TAGS, tag)]


@pytest.mark.parametrize(
    ("key", "tags", "items"),
    [
        *((key, ["{ext}"], [f"{SITE}/{key}"]) for key in ("LICENSE", ".htaccess", "b.")),
        ("index.html", ["{dir}", "{dir}{dir}"], [f"{SITE}/index.html", f"{SITE}/"]),
        ("b.css", ["{dir}", "{ext}"], ["css"]),
        ("index.html", ["{key}"], ["index.html", f"{SITE}/"]),
    ],
)
def test_a_page_without_a_tag_is_purged_by_url(key: str, tags: list[str], items: list[str]) -> None:
    assert list(dict.fromkeys(item for _, item in purges(key, purge_by="tag", tags=tags))) == items


MANY = {"hosts": [HOST, "b.example.com"], "schemes": ["http", "https"], "header_variants": [{"Origin": SITE}]}


@pytest.mark.parametrize(
    ("key", "fields", "tags"),
    [
        ("a b.css", {"tags": ["{bucket}/{key}"]}, [f"{BUCKET}/a%20b.css", f"{BUCKET}/a+b.css"]),
        ("p,1.css", {"tags": ["{key}"]}, ["p,1.css", "p%2C1.css"]),
        ("i/é.css", {"tags": ["{key}"], "key_prefix": "i", "path_prefix": "x/y"}, ["i/%C3%A9.css"]),
        ("{key}.css", {"tags": ["{key}"]}, ["%7Bkey%7D.css"]),
        ("i/a/index.html", {"tags": ["t:{key}"], "key_prefix": "i"} | CLEAN, ["t:i/a/index.html", "t:i/a/", "t:i/a"]),
        ("index.html", {"tags": ["t{key}"]}, ["tindex.html", "t"]),
        ("index.html", {"tags": ["{key}"], "path_prefix": "a"}, ["index.html", f"{SITE}/a/"]),
        ("/index.html", {"tags": ["{key}"]}, ["/index.html", "index.html", "/", f"{SITE}//", f"{SITE}/"]),
        ("a/index.html", {"tags": ["{dir}", "{key}"], **MANY}, ["a", "a/index.html"]),
        # A folder whose path has several spellings: the tags are those of the object's metadata.
        ("a/b c.css", {"tags": ["{key}"], "path_prefix": "x (1)"}, ["a/b%20c.css"]),
        ("k 1/b c.css", {"tags": ["{key}"], "key_prefix": "k 1"}, ["k%201/b%20c.css"]),
    ],
)
def test_a_tag_of_the_path_is_purged_in_each_spelling_of_each_page(
    key: str, fields: dict[str, Any], tags: list[str]
) -> None:
    assert [item for _, item in purges(key, purge_by="tag", **fields)] == tags


@pytest.mark.parametrize(
    ("key", "template"), [("é" * 340, "{key}"), ("k" * 1024, "{key}x"), ("é" * 200 + "/a", "{dir}")]
)
def test_a_tag_that_cloudflare_would_refuse_parks_its_change_after_the_other_targets_purged_it(
    key: str, template: str
) -> None:
    world = World(document(targets=[place(purge_by="tag", tags=[template]), place(zone_id=OTHER_ZONE)]))
    assert world.returned(sqs_event(s3_event(key, "good/a.css"), s3_event("fine/b.css"))) == []
    [(code, reason)] = world.parked_reasons
    assert code == "MalformedTag"
    assert "Cloudflare accepts 1024: use a shorter template, such as {dir}." in reason
    assert [kind for _, kind, _ in world.cloudflare.accepted].count(TAGS) == 2
    urls = {unquote(str(item)) for _, kind, item in world.cloudflare.accepted if kind == FILES}
    assert urls == {f"{SITE}/{each}" for each in (key, "good/a.css", "fine/b.css")}


@pytest.mark.parametrize(
    ("purge_by", "expected"), [("host", [(HOSTS, HOST), (HOSTS, "b.example.com")]), ("everything", [(EVERYTHING, "")])]
)
def test_a_host_or_everything_is_purged_only_for_a_key_that_is_served(
    purge_by: str, expected: list[tuple[str, str]]
) -> None:
    whole = {"purge_by": purge_by, "hosts": [HOST, "b.example.com"], "schemes": ["http", "https"], **BLOG}
    assert purges("site/(1)/index.html", **whole) == expected
    assert purges("elsewhere/index.html", **whole) == purges("site/", **whole) == []


# ---- Related pages ----


@pytest.mark.parametrize(
    ("key", "template", "expected", "fields"),
    [
        ("a/b.css", "/", ["/"], {}),
        ("a/b.css", "/*", ["/*"], {}),
        ("a/b.tar.gz", "/{bucket}/{dir}/{name}/{stem}/{ext}", [f"/{BUCKET}/a/b.tar.gz/b.tar/gz"], {}),
        ("a/b.css", "/{dir}/*", ["/a/*"], {}),
        # Spelled as pages are; what a key has of a pattern's or a URL's characters is text.
        ("a.css", "/é &", ["/%C3%A9%20&", "/%C3%A9%20%26", "/%C3%A9+%26"], {}),
        ("a?b#c%2F", "/{key}", ["/a%3Fb%23c%252F"], {}),
        ("a*", "/{key}", ["/a*", "/a%2A"], {}),
        ("a*/b", "/{dir}/*", ["/a*/*", "/a%2A/*"], {}),
        ("{dir}", "/x/{key}", ["/x/%7Bdir%7D"], {}),
        ("a//b.css", "/{dir}/*", ["/a//*", "/a/*"], {}),
        # An empty placeholder, slashes alone and a dot segment are nothing, and never a wider prefix.
        *((key, template, [], {}) for key in ("robots.txt", "///a") for template in ("/{dir}/*", "/x/{dir}/y")),
        *((key, "/{ext}", [], {}) for key in ("LICENSE", ".htaccess", "b.")),
        *((key, "/{stem}", [f"/{key}"], {}) for key in ("LICENSE", ".htaccess")),
        ("..css", "/x/{stem}/y", [], {}),
        ("..css", "/x/.{stem}/y", [], {}),
        # A deep prefix is cut, but never inside of slashes that URL normalization merges.
        (f"{'x/' * 40}y", "/{dir}/*", [f"/{'x/' * 30}*"], {}),
        (f"{'/' * 40}x/y", "/t/{dir}/*", ["/t/x/*"], {}),
        # Nothing is related to an object that the target does not serve.
        *((key, "/", [], {}) for key in ("a/", "a/../b")),
        ("elsewhere/a.css", "/blog/", [], BLOG),
        # It is without the key_prefix, and below the path_prefix.
        ("site/a/b.css", "/blog/{dir}/{key}", ["/blog/a/a/b.css"], BLOG),
        ("site/a.css", "/blog/{dir}/*", [], BLOG),
        ("site/blog/a.css", "/{dir}/*", ["/blog/*"], BLOG),
        ("site/blog/a.css", "/{dir}*", [], BLOG),
        *((key, "/{dir}/*", [], BLOG) for key in ("site/blogger/a", "site//blog/a", "site/a/blog/b")),
    ],
)
def test_a_related_page_is_filled_from_the_key(
    key: str, template: str, expected: list[str], fields: dict[str, Any]
) -> None:
    for purge_by in ("url", "prefix", "host", "everything"):
        assert related(key, template, purge_by=purge_by, **fields) == expected


# ---- Several targets ----


def test_a_filtered_key_is_purged_nowhere_and_the_filter_sees_the_whole_key() -> None:
    config = document(targets=[place(key_prefix="site")], include=["site/*.css"], exclude=["*.min.css"])
    summary = World(config).invoke(s3_event("site/a.css", "site/a.js", "site/b.min.css", "site/x/a.css"))
    assert summary["invalidations"] == [f"{SITE}/a.css"]
    assert summary["skipped"] == ["site/a.js", "site/b.min.css", "site/x/a.css"]


# ---- Whose zone and bucket it is ----


@pytest.mark.parametrize(
    ("event", "code", "named"),
    [
        ({"keys": ["a"], "zone_id": "c" * 32}, "ForeignZone", f"Zone '{'c' * 32}' is not in any target"),
        ({"keys": ["a"], "zone_id": "x" * 9999}, "ForeignZone", "x" * 64),
        (s3_event("a", bucket="other"), "ForeignBucket", "bucket other, not about my-assets"),
        (s3_event("a", bucket="x" * 100_000), "ForeignBucket", "x" * 64),
    ],
)
def test_a_foreign_zone_or_bucket_is_refused_by_its_name(event: dict[str, Any], code: str, named: str) -> None:
    with pytest.raises(Rejected, match=re.escape(named)) as caught:
        World().invoke(event)
    assert caught.value.code == code
    assert len(str(caught.value)) < 200


def test_with_the_flat_variables_the_bucket_is_the_host() -> None:
    flat = load(flat_environment())
    [served] = flat.targets_for("Old_Assets.Example.org", None)
    assert [each.item for each in purges_at(served, "a")] == ["https://old_assets.example.org/a"]
    with pytest.raises(Rejected, match='add "bucket" to it'):
        flat.targets_for(None, None)
    for bucket in ("www.example.com/private", "www.example.com?", "a b", "a@b.example", "x:8080", "ü"):
        with pytest.raises(Rejected, match="not about one that can be a host"):
            flat.targets_for(bucket, None)


# ---- Laws ----

KEY = st.lists(st.text(min_size=1, max_size=12) | st.sampled_from(["index.html", "a", "b.html", "", "."]), min_size=1)
FOLDER = st.sampled_from(["", "site/", "a b/ü/", "(1)/"])


@given(
    KEY.map("/".join).filter(bool),
    FOLDER,
    st.builds(
        lambda key, path, hosts, documents, clean, by: Target(
            Zone(ZONE), tuple(hosts), key, path, ("https",), tuple(documents), by, clean
        ),
        FOLDER,
        FOLDER,
        st.lists(st.sampled_from([HOST, "cdn.example.com"]), min_size=1, unique=True),
        st.lists(st.sampled_from(["index.html", "", "a"]), unique=True),
        st.booleans(),
        st.sampled_from(["url", "prefix"]),
    ),
)
def test_every_purge_is_on_a_host_of_the_target_below_its_path_and_about_the_key(
    name: str, folder: str, each: Target
) -> None:
    key = folder + name
    found = list(purges_at(each, key))
    path = each.path_prefix + key.removeprefix(each.key_prefix)
    pages = {path, path.rpartition("/")[0], path.rpartition("/")[0] + "/", path.removesuffix(".html")}
    merged = {re.sub("/+", "/", f"/{page}")[1:] for page in pages}
    for purge in found:
        parts = urlsplit(purge.item if purge.kind == FILES else f"https://{purge.item}")
        assert (parts.query, parts.fragment, parts.hostname in each.hosts) == ("", "", True)
        decoded = {unquote(parts.path, errors="strict")[1:], unquote_plus(parts.path, errors="strict")[1:]}
        assert any(one.startswith(each.path_prefix) for one in decoded)
        assert decoded & (pages | merged) or parts.path.count("/") >= 30
    is_served = key.startswith(each.key_prefix) and not {".", ".."} & set(path.split("/"))
    is_marker = path.endswith("/") or not path
    assert bool(found) == (is_served and (not is_marker or "" in each.index_documents))


@given(KEY.map("/".join).filter(bool), FOLDER, FOLDER, FOLDER)
@example("//a", "", "", "")
def test_every_related_page_is_below_the_path_of_the_target_and_as_narrow_as_its_template(
    name: str, folder: str, key_prefix: str, path_prefix: str
) -> None:
    key = folder + name
    rest = key.removeprefix(key_prefix)
    values = {"{key}": rest, "{dir}": rest.rpartition("/")[0], "{name}": rest.rpartition("/")[2]}
    without = Target(Zone(ZONE), (HOST,), key_prefix, path_prefix)
    own = len(list(purges_at(without, key)))
    for start, (placeholder, value), end in itertools.product(("/", "/t/", "/site/"), values.items(), ("*", "/*", "")):
        each = without._replace(related=(f"{start}{placeholder}{end}",))
        for purge in itertools.islice(purges_at(each, key), own, None):
            path = "/" + purge.item.removeprefix("https://").partition("/")[2]
            assert (purge.kind == PREFIXES) == end.endswith("*")
            assert value.strip("/")
            filled = f"{start}{value}{end.removesuffix('*')}"
            texts = {decode(path, errors="strict") for decode in (unquote, unquote_plus)}
            assert texts & {filled, re.sub("/+", "/", filled)} or path.count("/") >= 30
            assert any(text.startswith(f"/{path_prefix}") for text in texts)


ORDERED: list[dict[str, Any]] = [
    {"keys": ["*.html"], "related": ["/feed", "/{dir}/*"], "delay_seconds": 30},
    {"keys": ["a/**"], "purge_by": "host", "delay_seconds": 60},
    {"path_prefix": "blog", "purge_by": "prefix", "related": ["/blog/{name}"]},
    {"environment_id": "staging"},
]


RULED = st.fixed_dictionaries(
    {},
    optional={
        "keys": st.sampled_from([["*.html"], ["a/**", "index.html"]]),
        "related": st.sampled_from([["/blog/feed"], ["/blog/{dir}/*", "/blog/{name}"]]),
        "delay_seconds": st.sampled_from([0, 30, 60]),
        "path_prefix": st.sampled_from(["", "blog"]),
        "purge_by": st.sampled_from(["url", "prefix", "host"]),
        "environment_id": st.sampled_from(["staging"]),
    },
)


@given(st.lists(RULED, min_size=2, max_size=3), st.lists(KEY.map("/".join).filter(bool)), st.sampled_from([None, 1, 3]))
@example(ORDERED, ["a/b.html", "c.html", "a/d.css", "e.css"], None)
@example(ORDERED, ["a/b.html", "c.html", "a/d.css", "e.css"], 1)
def test_the_order_of_targets_is_irrelevant(rules: list[dict[str, Any]], keys: list[str], most: int | None) -> None:
    keys = [key for key in keys if key.isprintable()] or ["a/b.html"]
    found = set()
    for targets in itertools.permutations(place(**each) for each in rules):
        world = World(document(targets=targets, collapse_above=most))
        assert world.returned(sqs_event(*map(s3_event, keys))) == []
        later = sorted((sent["DelaySeconds"], *_keys_in(sent["MessageBody"])) for sent in world.aws.delayed)
        found.add((frozenset(world.cloudflare.accepted), tuple(later)))
    assert len(found) == 1
    assert later or rules is not ORDERED


def _keys_in(body: str) -> list[str]:
    return sorted(change["key"] for change in json.loads(body)["changes"])
