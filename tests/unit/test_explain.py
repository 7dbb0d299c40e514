"""`explain` and `wait`: the conclusions, what covers a URL, and what is refused."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from cf_purge.doctor import conclude
from cf_purge.errors import NotFresh, PurgeError, Rejected, TimedOut, TooLarge, UnknownEvent
from cf_purge.http_client import Answer
from cf_purge.visitor import NO_ANSWER, Seen
from tests.support.factories import document, flat_environment, s3_event, sns_event, sqs_event, target
from tests.support.fakes import Sent, World, answer
from tests.support.names import HOST, OTHER_ZONE, TOKEN, ZONE

SITE = f"https://{HOST}/"
A = f"{SITE}a.css"
MISS, HIT = {"cf-cache-status": "MISS"}, {"cf-cache-status": "HIT", "age": "90"}
YOUNG = {"cf-cache-status": "HIT", "age": "50"}
OLD, NEW = {"etag": '"old"'}, {"etag": 'W/"new"'}
EARLY, LATE = ({"last-modified": f"Sat, 28 Nov 2026 {hour}:00:00 GMT"} for hour in ("08", "09"))
RAY = {"cf-ray": "8a-FRA"}
OTHERS = ("with_origin", "with_query", "without_query")


def seen(status: int = 200, *headers: dict[str, str]) -> Seen:
    return Seen(Answer(status, {name: value for each in headers for name, value in each.items()}, b""), 0.0)


def dynamic(name: str = "DYNAMIC") -> dict[str, str]:
    return {"cf-cache-status": name}


# ---- The conclusion ----

CONCLUSIONS: list[tuple[str, Seen, dict[str, Seen], str]] = [
    # Just fetched from the origin, or equal to an answer that was.
    ("FRESH", seen(200, MISS), {}, "the origin's version"),
    ("FRESH", seen(404, MISS), {}, "the origin's version"),
    ("FRESH", seen(200, NEW, dynamic("EXPIRED")), {"with_query": seen(200, MISS, OLD)}, "the origin's version"),
    ("FRESH", seen(200, NEW, HIT), {"with_query": seen(200, {"etag": '"new"'}, MISS)}, "the origin's version"),
    ("FRESH", seen(200, LATE, HIT), {"with_query": seen(200, MISS, LATE)}, "the origin's version"),
    # Without such an answer there is no proof, and the sentence says so.
    ("FRESH", seen(200, NEW, HIT), {"with_query": seen(200, NEW, HIT)}, "may have a newer one"),
    ("FRESH", seen(200, HIT, NEW), {"with_query": seen(403, {"cf-mitigated": "challenge"})}, "may have a newer one"),
    ("FRESH", seen(200, HIT, NEW), {"with_query": seen(500, MISS)}, "may have a newer one"),
    *(("FRESH", seen(200, HIT, LATE), {"with_query": seen(200, HIT, each)}, "newer one") for each in ({}, NEW | LATE)),
    # What the origin has is the newer version, even if its date is older: somebody restored it.
    ("STALE", seen(200, OLD, HIT), {"with_query": seen(200, NEW, MISS)}, "(90 s old)"),
    # A prefix does not reach the copies of a page.
    ("STALE", seen(200, OLD, HIT), {"with_query": seen(200, NEW, MISS)}, "for a folder or a clean URL"),
    ("STALE", seen(200, OLD, LATE, HIT), {"with_query": seen(200, NEW, EARLY, MISS)}, "or clean_urls = true"),
    ("STALE", seen(200, OLD, HIT), {"with_query": seen(404, MISS)}, "old copy"),
    # Cloudflare keeps nothing of it any more: it was deleted, or its Cache-Control was changed.
    *(
        ("STALE", seen(200, OLD, HIT), {"with_query": seen(status, NEW, dynamic())}, "old copy")
        for status in (200, 404)
    ),
    ("STALE", seen(200, EARLY, HIT), {"with_origin": seen(200, LATE, HIT)}, "old copy"),
    ("STALE", seen(200, NEW, dynamic("UPDATING")), {}, "old copy"),
    ("OTHER_COPY", seen(200, NEW, HIT), {"with_origin": seen(200, OLD, HIT)}, "an earlier explain left it"),
    ("OTHER_COPY", seen(200, NEW, MISS), {"with_origin": seen(404, HIT)}, "with origin"),
    # header_variants may be set, and its copy be old because no event arrived.
    ("OTHER_COPY", seen(200, NEW, MISS), {"with_origin": seen(200, OLD, HIT)}, "purge its key, and if it stays, set"),
    ("OTHER_COPY", seen(200, NEW, MISS), {"without_query": seen(200, OLD, HIT)}, "without query"),
    ("OTHER_COPY", seen(200, OLD, HIT), dict.fromkeys(OTHERS, seen(200, NEW, MISS)), "(90 s old) for this query only"),
    ("OTHER_COPY", seen(200, OLD, HIT), dict.fromkeys(OTHERS, seen(200, NEW, MISS)), "for a folder or a clean URL"),
    ("BEHIND_ANOTHER_CACHE", seen(200, MISS, {"age": "7"}), {}, "age: 7"),
    ("BEHIND_ANOTHER_CACHE", seen(200, dynamic(), {"via": "1.1 varnish"}), {}, "via: 1.1 varnish"),
    ("BEHIND_ANOTHER_CACHE", seen(200, HIT, OLD, {"x-cache": "Hit"}), {"with_query": seen(200, NEW, MISS)}, "x-cache"),
    ("BEHIND_ANOTHER_CACHE", seen(200, HIT, NEW, {"x-cache": "Miss"}), {"with_query": seen(200, NEW, MISS)}, "x-cache"),
    ("STALE", seen(200, HIT, OLD, {"x-cache": "Miss"}), {"with_query": seen(200, NEW, MISS)}, "old copy"),
    ("REDIRECT", seen(302, {"location": "https://b.test/c?d"}), {}, "(302) to b.test"),
    ("REDIRECT", seen(301, HIT, {"location": "/b"}), {}, "another path"),
    *(("CACHED_404", seen(status, HIT, RAY), {}, f"a {status} (90 s old)") for status in (403, 404, 410)),
    ("NOT_CACHED", seen(200, dynamic()), {}, "DYNAMIC"),
    ("NOT_CACHED", seen(200, dynamic("BYPASS"), {"cache-control": "private"}), {}, "Cache-Control: private"),
    ("NOT_CACHED", seen(522, RAY, MISS), {}, "522"),
    ("CHALLENGE", seen(503, RAY, {"cf-mitigated": "challenge"}), {}, "(503)"),
    *(("CHALLENGE", seen(status, RAY), {}, "User-Agent cf_purge") for status in (401, 403)),
    ("NO_CLOUDFLARE", seen(200, {"server": "nginx"}), {}, "proxy its DNS record"),
    ("NO_CLOUDFLARE", seen(200, {"via": "1.1 x.cloudfront.net", "x-cache": "Hit"}), {}, "proxy its DNS record"),
    ("NO_CLOUDFLARE", seen(403), {}, "proxy its DNS record"),
    ("NO_CLOUDFLARE", seen(200, RAY), {}, "a Worker or a rule"),
    ("NO_CLOUDFLARE", seen(522, RAY), {}, "its origin fails (522)"),
    ("NO_CLOUDFLARE", Seen(NO_ANSWER, 0.0, "The host has a private address."), {}, "private address"),
]


@pytest.mark.parametrize(("code", "plain", "others", "said"), CONCLUSIONS)
def test_the_conclusion_follows_from_the_answers(code: str, plain: Seen, others: dict[str, Seen], said: str) -> None:
    found, sentence = conclude(HOST, {"plain": plain, **others})
    assert found == code
    assert said in sentence
    assert sentence.endswith(".")


# ---- What covers a URL ----

GLOBS = {"include": ["*.css", "*.html"], "exclude": ["tmp/**"]}


@pytest.mark.parametrize(
    ("path", "of_target", "keys", "said"),
    [
        ("css/a+b.css", {}, ["css/a+b.css", "css/a b.css"], ""),
        ("", {}, ["index.html"], ""),
        ("docs/", {}, ["docs/index.html"], ""),
        ("docs", {"clean_urls": True}, ["docs/index.html", "docs.html"], ""),
        ("static/a.css", {"key_prefix": "site", "path_prefix": "static"}, ["site/a.css"], ""),
        ("b.css", {"purge_by": "host", "keys": ["*.html"]}, [None], ""),  # by any other key
        ("tmp/x", {"purge_by": "everything", "keys": ["*.html"]}, [None], ""),
        ("a.css", {"purge_by": "tag", "tags": ["{dir}:{name}"], "keys": ["*.css"]}, ["a.css"], ""),
        ("a.css", {"keys": ["*.html", "b.css"]}, [], "for its key a.css correct targets[1].keys."),
        ("amp/a.js", {"related": ["/amp/{key}"]}, [None], ""),
        ("feed.xml", {"related": ["/feed.xml"]}, [None], ""),
        ("tags/a/2", {"related": ["/tags/{dir}/*"]}, [None], ""),
        ("a/a/b/b/c", {"related": ["/{dir}/b/{stem}", "/{dir}/{stem}/b/c", "/a/{dir}/{stem}/*"]}, [None] * 3, ""),
        (
            "a/b",
            {"related": ["/{dir}{stem}a/b", "/a{dir}/b", "/a/b{stem}", "/{dir}/{stem}/*", "/{name}"], "keys": ["x"]},
            [],
            "key",
        ),
        ("feed.xml.gz", {"related": ["/feed.xml"]}, [], "for its key feed.xml.gz correct include."),
        ("tmp/a.css", {}, [], "for its key tmp/a.css correct exclude."),
        ("a.js", {}, [], "for its key a.js correct include."),
        ("docs", {"clean_urls": True, "keys": ["*.txt"]}, [], "for its key docs.html correct targets[1].keys."),
        ("a.css", {"schemes": ["http"]}, [], "for its key a.css correct targets[1].schemes."),
        ("a.css", {"schemes": ["http"], "purge_by": "prefix"}, ["a.css"], ""),
        ("blog/a.css", {"path_prefix": "shop"}, [], "correct path_prefix, index_documents or clean_urls"),
        ("tmp/a.js", {"keys": ["a.css"]}, [], "for its key tmp/a.js correct exclude and include and targets[1].keys."),
        ("a/../b.css", {}, [], "correct path_prefix, index_documents or clean_urls"),
        ("", {"index_documents": [""]}, [], "correct path_prefix, index_documents or clean_urls"),  # no key is empty
        ("%c3%bc%7e%2b%41.css", {"purge_by": "prefix"}, ["ü~+A.css"], ""),  # as it is kept: %C3%BC~%2BA.css
        ("(1%29.css", {}, [], "for its key (1).css correct the spelling of the link."),  # no client writes it so
        ("a%2fb.css", {}, [], "for its key a/b.css correct the spelling of the link."),
        ("a%2fb.css", {"purge_by": "tag", "tags": ["{dir}"]}, ["a/b.css"], ""),
        ("a%2fb.css", {"purge_by": "host"}, ["a/b.css", None], ""),
        ("a%2fb.css", {"purge_by": "tag", "tags": ["{key}"]}, [], "for its key a/b.css correct the spelling"),
        ("50%.css", {}, [], "for its key 50%.css correct the spelling of the link."),  # that of another object
        ("docs/", {"schemes": ["http"], "purge_by": "prefix"}, [], "key docs/index.html correct targets[1].schemes."),
        (
            "feed.xml",
            {"schemes": ["http"], "related": ["/feed.xml"]},
            [],
            "for its related page /feed.xml correct targets[1].schemes.",
        ),
        ("tags/a/2", {"schemes": ["http"], "related": ["/tags/{dir}/*"]}, [None], ""),
        ("(1%29.xml", {"related": ["/(1).xml"]}, [], "for its related page /(1).xml correct the spelling of the link."),
        ("new/feed.xml", {"path_prefix": "blog", "related": ["/{dir}/feed.xml"]}, [], "correct path_prefix, index_"),
    ],
)
def test_the_keys_that_purge_a_url_are_listed_or_the_fields_that_keep_them_from_it(
    path: str, of_target: dict[str, Any], keys: list[str], said: str
) -> None:
    elsewhere = target(zone_id=OTHER_ZONE, hosts=["cdn.example.org"])
    world = World(document(targets=[elsewhere, target(**of_target)], **GLOBS))
    world.transport.edge = lambda _: answer(200, cf_cache_status="MISS")
    found = world.invoke({"explain": f"{SITE}{path}"})
    assert [entry["key"] for entry in found["covered_by"]] == keys
    assert (found["code"], said in found["conclusion"]) == ("FRESH" if keys else "NOT_COVERED", True)
    for entry in [each for each in found["covered_by"] if each["key"]]:
        assert (entry["target"], entry["zone_id"]) == ("targets[1]", ZONE)
        assert entry["filter"] in GLOBS["include"]
        assert world.invoke({"keys": [entry["key"]], "dry_run": True})["skipped"] == []


@pytest.mark.parametrize(
    ("path", "of_target", "purge_by"),
    [
        ("a.css", {}, ["prefix"]),
        ("docs/", {}, ["url"]),  # as a prefix it would take the whole folder
        ("docs", {"clean_urls": True}, ["prefix", "url", "url"]),  # an object, and two of which it is a page
        ("feed.xml", {"keys": ["x"], "related": ["/feed.xml"]}, ["url"]),
        ("tags/a/2", {"keys": ["x"], "related": ["/tags/{dir}/*"], "purge_by": "host"}, ["host", "prefix"]),
    ],
)
def test_a_url_is_covered_by_what_its_key_purges(path: str, of_target: dict[str, Any], purge_by: list[str]) -> None:
    """A page is purged by URL even with `prefix`, so a copy for a query can be the only old one."""
    world = World(document(targets=[target(**{"purge_by": "prefix"} | of_target)]))
    other, old = Answer(200, HIT | NEW, b""), Answer(200, HIT | OLD, b"")
    world.transport.edge = lambda sent: old if sent.url.endswith("?p=1") else other
    found = world.invoke({"explain": f"{SITE}{path}?p=1"})
    assert sorted(entry["purge_by"] for entry in found["covered_by"]) == purge_by
    assert ("without_query" in found["evidence"]) == ("url" in purge_by)


def test_no_url_is_slow_to_compare_with_a_template() -> None:
    world = World(document(targets=[target(related=["/{bucket}/{dir}/{stem}/{ext}/x"])]))
    world.transport.edge = lambda _: answer(200, cf_cache_status="MISS")
    before = time.thread_time()
    world.invoke({"explain": f"{SITE}{'a/' * 1000}"})
    assert time.thread_time() - before < 0.5


def test_a_url_is_requested_with_the_origin_of_a_header_variant_and_without_credentials() -> None:
    world = World(document(targets=[target(header_variants=[{"X-App": "1"}, {"Origin": "https://app.test"}])]))
    found = world.invoke({"explain": f"{A}?v=1"})
    plain, origin, query, bare = world.transport.visits
    assert [plain.url, origin.url, bare.url] == [f"{A}?v=1", f"{A}?v=1", A]
    assert origin.headers["Origin"] == "https://app.test"
    assert query.url.startswith(f"{A}?v=1&cf-purge-explain=")
    assert (found["code"], world.cloudflare.requests) == ("NO_CLOUDFLARE", [])
    assert TOKEN not in json.dumps([sent.headers for sent in world.transport.visits])
    world = World(document(targets=[target(purge_by="prefix")]))  # a prefix takes all queries
    world.invoke({"explain": f"{A}?v=1"})
    assert A not in [sent.url for sent in world.transport.visits]


# ---- wait ----


@pytest.mark.parametrize(
    ("verdict", "since", "status", "fields"),
    [
        ("stale", None, 200, HIT | OLD),
        ("unverifiable", None, 200, dynamic()),
        *(("fresh", f"2026-11-28T{time}", 200, YOUNG | LATE) for time in ("09:00:00Z", "11:00:00.5+02:00")),
        ("stale", "2026-11-28T09:00:00Z", 200, HIT | LATE),
        ("stale", "2026-11-28T09:00:06Z", 200, MISS | LATE),
        *(("renewed", since, 200, MISS) for since in (None, "2026-11-28T09:00:00Z", "2026-11-28T09:01:05Z")),
        ("unverifiable", None, 200, MISS | {"age": "300"}),  # another cache had it before the purge
        # What was just fetched is renewed, unless it is no page.
        *(("renewed", None, status, MISS) for status in (301, 403, 404)),
        *(("unverifiable", None, status, MISS) for status in (401, 429, 500)),
        ("unverifiable", None, 200, MISS | {"cf-mitigated": "challenge"}),
    ],
)
def test_a_wait_gives_each_url_its_verdict(
    verdict: str, since: str | None, status: int, fields: dict[str, str]
) -> None:
    world = World()
    world.clock.time = datetime(2026, 11, 28, 9, 1, tzinfo=UTC).timestamp()
    world.transport.edge = lambda _: Answer(status, fields, b"")
    event = {"keys": ["a.css"], "wait": 3, **({"since": since} if since else {})}
    is_seen = verdict in ("fresh", "renewed")
    answers = {"fresh": [], "renewed": [], "unverifiable": [], "skipped": [], "verified": is_seen, verdict: [A]}
    if verdict == "stale":
        with pytest.raises(NotFresh) as caught:
            world.invoke(event)
        assert json.loads(str(caught.value)) == answers
    else:
        assert world.invoke(event) == answers
    assert len(world.transport.visits) == (1 if is_seen else 4)
    assert world.clock.slept == ([] if is_seen else [1, 1, 1])
    assert world.cloudflare.accepted != []


def test_a_wait_looks_at_urls_as_they_are_and_at_the_pages_of_a_key_in_each_variant_once() -> None:
    variants = [{"Origin": "https://app.test"}]
    settings = {"hosts": [HOST, "cdn.test"], "schemes": ["http", "https"], "header_variants": variants}
    world = World(document(targets=[target(**settings)]))
    world.transport.edge = lambda _: answer(200, cf_cache_status="MISS")
    url = f"https://{HOST}/(1)/"
    found = world.invoke({"keys": ["(1)/index.html"], "urls": [url, f"{url}?p=2"], "wait": 1})
    places = [f"https://{host}/(1)/{page}" for host in (HOST, "cdn.test") for page in ("index.html", "")]
    pages = [each for page in places for each in (page, {"url": page, "headers": variants[0]})]
    assert found["renewed"] == [*pages, f"{url}?p=2"]
    world = World(document(targets=[target(schemes=["http"])]))
    assert world.invoke({"keys": ["a"], "wait": 1})["unverifiable"] == [f"http://{HOST}/a"]


def test_a_wait_lists_the_keys_that_it_skips() -> None:
    world = World(document(exclude=["*.map"]))
    event = {"keys": ["a.css", "a.map"], "wait": 1}
    world.transport.edge = lambda _: answer(200, cf_cache_status="MISS")
    found = world.invoke(event)
    assert (found["renewed"], found["skipped"]) == ([A], ["a.map"])
    world.transport.edge = lambda _: Answer(200, HIT, b"")
    with pytest.raises(NotFresh) as caught:
        world.invoke(event)
    assert json.loads(str(caught.value)) == {**found, "renewed": [], "verified": False, "stale": [A]}


def test_a_url_that_was_seen_is_not_requested_again() -> None:
    world, left = World(), {A: 2, f"{SITE}b.css": 0}

    def edge(sent: Sent) -> Answer:
        left[sent.url] -= 1
        return answer(200, cf_cache_status="MISS") if left[sent.url] < 0 else answer(503)

    world.transport.edge = edge
    assert world.invoke({"keys": ["a.css", "b.css"], "wait": 5})["verified"] is True
    assert [sent.url for sent in world.transport.visits] == [A, f"{SITE}b.css", A, A]


def test_a_page_that_was_filled_again_before_the_answer_to_its_purge_is_renewed() -> None:
    world = World()
    began = world.clock.time
    world.transport.on_post = lambda _: world.clock.pass_(1.5)
    world.transport.edge = lambda _: Answer(200, HIT | {"age": f"{world.clock.time - began - 1:.0f}"}, b"")
    assert world.invoke({"keys": ["a.css"], "wait": 5})["renewed"] == [A]


def test_a_page_is_judged_at_the_time_of_its_own_answer() -> None:
    world = World()

    def edge(sent: Sent) -> Answer:  # the second page answers late
        world.clock.time += 3.0 if sent.url != A else 0.0
        return Answer(200, HIT | {"age": "2"} if sent.url == A else MISS, b"")

    world.transport.edge = edge
    with pytest.raises(NotFresh) as caught:
        world.invoke({"keys": ["a.css", "b.css"], "wait": 1})
    assert json.loads(str(caught.value))["stale"] == [A]


def test_a_page_that_was_stale_stays_so_when_it_cannot_be_seen_any_more() -> None:
    world = World()
    world.transport.edge = lambda _: answer(429) if len(world.transport.visits) > 1 else Answer(200, HIT, b"")
    with pytest.raises(NotFresh) as caught:
        world.invoke({"keys": ["a.css"], "wait": 3})
    assert json.loads(str(caught.value))["stale"] == [A]


def test_the_last_look_of_a_wait_ends_before_the_function() -> None:
    world = World()

    def hang(sent: Sent) -> Exception:
        world.clock.time += sent.timeout
        return TimedOut("No answer.")

    world.transport.edge = hang
    world.transport.on_post = lambda _: world.clock.pass_(6.0)
    began = world.clock.time
    assert world.invoke({"keys": ["a.css"], "wait": 50})["unverifiable"] == [A]
    assert 54 < world.clock.time - began < 59.5


# ---- Refused ----

WAIT = {"keys": ["a"], "wait": 5}
FOREIGN = {"explain": "https://elsewhere.example/a.css"}


@pytest.mark.parametrize(
    ("event", "error", "said"),
    [
        (FOREIGN, Rejected, "elsewhere.example is not a host of any target: correct it, or add it to"),
        ({"explain": "a.css"}, Rejected, "is not a URL such as"),
        ({"explain": f"https://me@{HOST}/"}, Rejected, "is not a URL such as"),
        ({"explain": [A]}, UnknownEvent, '"explain" must be a URL'),
        ({"explain": A, "keys": ["a.css"]}, UnknownEvent, "nothing beside it"),
        ({"explain": A, "wait": 5}, UnknownEvent, "nothing beside it"),
        *(({"keys": ["a"], "wait": wait}, UnknownEvent, "from 1 to 50") for wait in (0, 51, 1.5, True, "5")),
        *(
            ({**WAIT, "since": since}, UnknownEvent, '"since" must be a past time')
            for since in ("yesterday", 7, "2026-11-23", "2026-11-23T05:00:00", "2026-11-23T06:00:07Z")
        ),
        ({"keys": ["a"], "since": "2026-11-28T23:00:00Z"}, UnknownEvent, "from 1 to 50"),
        *(
            ({**other, "wait": 5}, UnknownEvent, '"wait" belongs to')
            for other in ({}, {"check": True}, s3_event("a"), {**WAIT, "tags": ["a"]}, {**WAIT, "dry_run": True})
        ),
        ({"keys": ["x.map"], "wait": 5}, UnknownEvent, "No target serves these keys"),
        ({"keys": [f"{n}" for n in range(101)], "wait": 5}, TooLarge, "100 URLs at most, and these are 101"),
        ({"keys": ["/a"], "wait": 5}, Rejected, "is a path or a URL"),
    ],
)
def test_an_invalid_event_is_refused_before_anything_is_purged(
    event: dict[str, Any], error: type[PurgeError], said: str
) -> None:
    world = World(document(exclude=["*.map"]))
    with pytest.raises(error) as caught:
        world.invoke(event)
    assert said in str(caught.value)
    assert type(caught.value) is error
    assert (world.cloudflare.requests, world.transport.visits) == ([], [])


@pytest.mark.parametrize("event", [{"explain": A}, WAIT, {"urls": [A], "since": "2026-11-28"}])
def test_explain_and_wait_are_refused_in_the_queue(event: dict[str, Any]) -> None:
    world = World()
    assert world.returned(sqs_event(sns_event(event))) == []
    [(code, reason)] = world.parked_reasons
    assert (code, "by direct invocation only: explain, wait, since" in reason) == ("UnknownEvent", True)
    assert (world.cloudflare.requests, world.transport.visits) == ([], [])


def test_with_the_flat_variables_no_host_is_configured_or_requested() -> None:
    world = World(environ=flat_environment())
    with pytest.raises(Rejected, match="is not a host of any target"):
        world.invoke({"explain": A})
    assert world.transport.visits == []
