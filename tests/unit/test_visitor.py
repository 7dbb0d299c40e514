"""Asking the edge as a visitor, and the verdict on what it answered."""

import itertools
import socket
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from cf_purge.budget import Clock
from cf_purge.config import Config, Target, Zone
from cf_purge.events import Change
from cf_purge.http_client import Answer, HttpClient
from cf_purge.targets import FILES, Purge
from cf_purge.visitor import Seen, Visitor, is_public, judge
from tests.support.names import AT, HOST, ZONE
from tests.support.servers import LocalServer, drip, write

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
MULTIPART = f"{MD5}-7"
KMS = "0f5a" * 8
OTHER = "b1946ac92492d2347c6235b4d2611184"
PURGED = AT + 1.0
NOW = PURGED + 30.0  # of the answer


def date(seconds: float) -> dict[str, str]:
    """Last-Modified, so many seconds after the change."""
    return {"last-modified": formatdate(AT + seconds, usegmt=True)}


def etag(text: str) -> dict[str, str]:
    return {"etag": text}


def cached(status: str, age: int | None = None) -> dict[str, str]:
    return {"cf-cache-status": status} | ({} if age is None else {"age": str(age)})


OLD, YOUNG = cached("HIT", 30), cached("HIT", 29)
put, multipart = (
    Change("a.css", None, AT + 0.9, etag=MD5, kind="put"),
    Change("a", None, AT, etag=MULTIPART, kind="put"),
)
nameless = put._replace(etag=None)  # the event has no ETag
delete = Change("a.css", None, AT, kind="delete")
undated = Change("", None, None, kind="put")
CASES: list[tuple[str, Change, int, dict[str, str]]] = [
    # The ETag is the event's, quotes and W/ apart; of SSE-KMS it is no MD5, of a multipart upload it ends in its parts.
    *(("fresh", put, 200, etag(text)) for text in (f'"{MD5}"', f'W/"{MD5}"', MD5, f' "{MD5}" ')),
    ("fresh", put._replace(etag=f'"{KMS}"'), 200, etag(f'"{KMS}"') | date(-3600) | OLD),
    ("fresh", multipart, 200, etag(f'W/"{MULTIPART}"') | date(-3600) | OLD),
    # The date is not before the change, in whole seconds: another writer's newer version is fine.
    *(("fresh", put, 200, etag(f'"{OTHER}"') | date(late)) for late in (0, 1, 3600)),
    *(("fresh", change, 200, etag(f'"{OTHER}"') | date(0) | OLD) for change in (put, multipart, nameless)),
    # The event's time is that of the end of the upload.
    *(("fresh", change, 200, date(-late)) for late in (1, 5) for change in (put, multipart, nameless)),
    *(("unverifiable", put, 200, etag(f'"{OTHER}"') | date(-late) | OLD) for late in (1, 5)),
    *(("unverifiable", change, 200, etag(f'"{OTHER}"') | date(-3)) for change in (multipart, nameless)),
    # ... but what the cache has kept since before the change is not its version, whatever else it says. S3 answers
    # 403 for a missing object to those who may not list the bucket.
    *(("stale", put, 200, more | cached("HIT", 32)) for more in ({}, etag(MD5), date(0), date(-5))),
    ("stale", put, 200, cached("HIT") | {"age": "9" * 400}),
    *(("stale", multipart, status, date(-3600) | cached("HIT", 32)) for status in (200, 301, 403)),
    *(("fresh", put, 200, more | etag(MD5)) for more in (cached("HIT", 31), cached("REVALIDATED", 32))),
    # Older by more than that is stale, whatever Age says: a slow fill stores the old body after the purge.
    *(("stale", put, 200, date(-6) | more) for more in ({}, OLD, YOUNG, cached("MISS"), etag(f'"{OTHER}"'))),
    ("stale", nameless, 200, date(-3600) | YOUNG),
    # ... but for a multipart upload, whose date is that of its start.
    *(("unverifiable", multipart, 200, date(-3600) | more) for more in ({}, YOUNG, etag(f'"{OTHER}"') | YOUNG)),
    *(("stale", multipart, 200, date(-3600) | OLD | more) for more in ({}, etag(f'"{OTHER}"'))),
    # Without a date only a copy that is older than the purge is stale.
    *(("stale", change, 200, etag(f'"{OTHER}"') | OLD) for change in (put, multipart)),
    *(("unverifiable", put, 200, etag(f'"{OTHER}"') | more) for more in (YOUNG, cached("MISS"), cached("DYNAMIC", 99))),
    *(("stale", put, status, OLD) for status in (404, 410)),
    *(("superseded", put, 404, more) for more in (YOUNG, cached("MISS"), cached("DYNAMIC", 99), date(-99))),
    # A delete. A page application answers 200 to everything.
    *(("fresh", delete, status, more) for status in (404, 410) for more in ({}, OLD, cached("MISS"))),
    ("fresh", delete, 403, cached("MISS")),
    *(("unverifiable", delete, 403, more) for more in ({}, cached("DYNAMIC") | {"cf-mitigated": "challenge"})),
    ("stale", delete, 200, etag(f'"{MD5}"') | date(-3600) | OLD),
    *(("superseded", delete, 200, etag(f'"{OTHER}"') | more) for more in (date(-3600), YOUNG, cached("MISS"))),
    # No validator, or nothing to hold it against: a copy that is younger than the purge.
    *(("renewed", put, 200, more) for more in (cached("MISS"), cached("EXPIRED"), cached("REVALIDATED"), YOUNG)),
    *(("renewed", undated, 200, etag(f'"{MD5}"') | date(-9) | more) for more in (cached("MISS"), YOUNG)),
    *(("unverifiable", put, 200, more) for more in ({}, OLD, cached("HIT"), cached("DYNAMIC"))),
    # Fetched from another cache, which had it before the purge.
    *(("unverifiable", put, 200, cached(status, 30)) for status in ("MISS", "EXPIRED", "REVALIDATED")),
    ("unverifiable", undated, 200, etag(f'"{MD5}"') | date(9) | OLD),
    # No evidence.
    *(("unverifiable", change, status, OLD) for change in (put, delete) for status in (0, 301, 401, 429, 503, 530)),
    ("unverifiable", put, 403, cached("MISS")),
    *(("unverifiable", put, status, {"cf-mitigated": "challenge"} | etag(f'"{MD5}"')) for status in (200, 403, 503)),
    *(("unverifiable", put, 200, {"last-modified": text}) for text in ("", "yesterday", "Mon, 99 Foo 2026")),
    *(("unverifiable", put, 200, cached("HIT") | {"age": text}) for text in ("-1", "", "soon", "²")),
]  # fmt: skip


@pytest.mark.parametrize(("verdict", "change", "status", "headers"), CASES, ids=repr)
def test_the_verdict_follows_from_the_answer(
    verdict: str, change: Change, status: int, headers: dict[str, str]
) -> None:
    seen = Seen(Answer(status, headers, b""), NOW)
    assert judge(change, seen, PURGED) == verdict


def test_nothing_is_fresh_without_evidence() -> None:
    """Of all answers, to all changes."""
    parts: list[list[dict[str, str]]] = [
        [{}, *(etag(text) for text in (MD5, OTHER, MULTIPART))],
        [{}, *(date(late) for late in range(-6, 2))],
        [{}, *({"age": text} for text in ("29", "30", "33"))],
        [{}, cached("HIT"), cached("MISS")],
        [{}, {"cf-mitigated": "challenge"}],
    ]
    headers = [{name: text for each in given for name, text in each.items()} for given in itertools.product(*parts)]
    answers = itertools.product((0, 200, 301, 403, 404, 410, 500), headers)
    asked = [Seen(Answer(status, given, b""), NOW) for status, given in answers]
    for seen, change in itertools.product(asked, (put, multipart, nameless, delete, undated)):
        if judge(change, seen, PURGED) != "fresh":
            continue
        assert not seen.is_challenge
        if change.kind == "delete":
            assert seen.status in (404, 410) or (seen.status == 403 and seen.cache_status)
            continue
        has_etag = change.etag is not None and seen.etag == change.etag
        has_date = seen.last_modified is not None and seen.last_modified >= AT - (5 if seen.etag is None else 0)
        assert seen.status == 200
        assert seen.cache_status != "HIT" or seen.age != 33 or change is undated
        assert has_etag or (has_date and change is not undated)


def test_no_query_and_no_long_header_is_reported() -> None:
    headers = {"location": "https://id.example/login?token=secret", "via": "v" * 999, "set-cookie": "s", "etag": '"x"'}
    reported = Seen(Answer(302, headers, b""), NOW).reported
    assert reported == {"status": 302, "etag": '"x"', "via": "v" * 256, "location_host": "id.example"}


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("/login?return=https://shop.example/x", ""), ("/a?u=//secret", ""), ("?//secret", ""), ("", ""),
        ("https://user:pass@id.example/x", "id.example"), ("//id.example:8443#x", "id.example:8443"),
    ],
)  # fmt: skip
def test_only_the_host_of_a_redirect_is_reported(location: str, host: str) -> None:
    assert Seen(Answer(302, {"location": location}, b""), NOW).reported["location_host"] == host


@pytest.mark.parametrize(
    ("address", "is_it"),
    [
        *((address, True) for address in ("104.16.1.1", "2606:4700::6810:101")),
        *((address, False) for address in ("10.0.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1")),
        *((address, False) for address in ("::1", "fe80::1%2", "fd00::1", "::ffff:10.0.0.1")),
        # A private address within another one.
        *((address, False) for address in ("64:ff9b::10.0.0.1", "2002:a00:1::1", "::10.0.0.1", "::ffff:0:10.0.0.1")),
    ],
)
def test_only_public_addresses_are_visited(address: str, is_it: bool) -> None:
    assert is_public(address) is is_it


# ---- Over real sockets ----

Serve = Callable[..., LocalServer]


def visitor(edge_url: str | None) -> Visitor:
    config = Config("site", (Target(Zone(ZONE), (HOST,)),), edge_url=edge_url)
    return Visitor(config, HttpClient(Clock()), Clock())


def test_a_question_is_a_get_of_the_headers_without_credentials(serve: Serve) -> None:
    server = serve()
    server.respond = lambda handler: write(handler, 200, b"x" * 9_000_000, {"ETag": f'W/"{MD5}"', "Age": "7"})
    question = Purge(Zone(ZONE), FILES, f"https://{HOST}/a%20b/(1).css", HOST, (("Origin", "https://x.example"),))
    [seen] = visitor(f"{server.url}/").ask([question], 3.0).values()
    assert (seen.status, seen.etag, seen.age) == (200, MD5, 7)
    [sent] = server.received
    assert (sent.method, sent.path, sent.body) == ("GET", "/a%20b/(1).css", b"")
    assert sent.headers["host"] == HOST
    assert sent.headers["origin"] == "https://x.example"
    assert sent.headers["accept-encoding"] == "identity"
    assert not {"authorization", "cookie", "x-auth-key"} & set(sent.headers)


@pytest.mark.parametrize("name", ["User-Agent", "user-agent", "Accept-Encoding", "accept-language"])
def test_a_header_of_a_variant_is_sent_whatever_its_name_is(serve: Serve, name: str) -> None:
    server = serve()
    visitor(f"{server.url}/").ask(
        [Purge(Zone(ZONE), FILES, f"https://{HOST}/a", HOST, ((name, "of the variant"),))], 3.0
    )
    [sent] = server.received
    assert sent.headers[name.lower()] == "of the variant"


def test_nothing_is_asked_without_time(serve: Serve) -> None:
    server = serve()
    server.respond = lambda handler: drip(handler, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 999)
    began = time.monotonic()
    seen = visitor(server.url).ask([Purge(Zone(ZONE), FILES, f"https://{HOST}/{n}", HOST) for n in range(4000)], 0.5)
    assert time.monotonic() - began < 10
    assert sum(each.reported == {"error": "No time was left."} for each in seen.values()) > 3900


@pytest.mark.parametrize("path", ["/a[1].css", "/a%2fb", "/%7ea", "/a/../b?x=[1]|", "/?a=/../b", "/b//a"])
def test_a_path_is_asked_in_the_spelling_that_is_reported(serve: Serve, path: str) -> None:
    server = serve()
    visitor(f"{server.url}/").ask([Purge(Zone(ZONE), FILES, f"https://{HOST}{path}", HOST)], 3.0)
    assert [sent.path for sent in server.received] == [path]


def test_a_host_that_hangs_ends_in_time_and_delays_no_other(serve: Serve) -> None:
    server, asked = serve(), list[float]()

    def respond(handler: Any) -> None:
        if handler.headers["Host"] != HOST:
            drip(handler, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 999)
        asked.append(time.monotonic() - began)
        write(handler, 404)

    server.respond = respond
    hosts = [*(f"slow{number}.example" for number in range(9)), *[HOST] * 9]
    began = time.monotonic()
    questions = [Purge(Zone(ZONE), FILES, f"https://{host}/{n}", host) for n, host in enumerate(hosts)]
    seen = list(visitor(server.url).ask(questions, 4.0).values())
    assert time.monotonic() - began < 15
    assert min(asked) < 2
    assert [each.status for each in seen] == [*[0] * 9, *[404] * 9]
    assert "error" in seen[0].reported


def test_the_address_that_was_checked_is_connected_to(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server, asked = serve(), []
    port = int(server.url.rpartition(":")[2])

    def resolve(host: str, *args: Any, **options: Any) -> list[Any]:
        asked.append(host)
        addresses = ["104.16.1.1", "127.0.0.1"] if len(asked) == 1 else ["127.0.0.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    [seen] = visitor(None).ask([Purge(Zone(ZONE), FILES, f"http://{HOST}:{port}/a", HOST)], 1.0).values()
    assert (seen.status, seen.reported) == (0, {"error": "The host has a private address."})
    assert (asked, server.accepted) == ([HOST], 0)
