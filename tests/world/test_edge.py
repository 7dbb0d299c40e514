from __future__ import annotations

import re
import ssl
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from tests.simulation.cloudflare.cache import lifetime
from tests.simulation.cloudflare.cache_key import key_of_url, normal_path
from tests.world.simulation import World

URL = "https://www.example.test/a.css"
TARGET = "/bucket/a.css"


def test_the_second_visit_is_a_hit_and_does_not_reach_the_origin(world: World) -> None:
    world.site.put(TARGET, "one", headers={"Content-Type": "text/css"})
    first = world.visit(URL)
    world.site.put(TARGET, "two")
    second = world.visit(URL)
    assert (first.status, first.text, first.cache_status) == (200, "one", "MISS")
    assert (second.status, second.text, second.cache_status) == (200, "one", "HIT")
    assert second.headers["content-type"] == "text/css"
    assert second.headers["etag"] == first.headers["etag"]
    assert "age" not in first.headers
    assert second.headers["age"].isdigit()
    assert world.site.targets_asked() == [TARGET]
    assert 0 < second.milliseconds < 5000


@pytest.mark.parametrize("count", [0, 1, 50])
def test_many_visits_are_told_in_the_order_they_were_asked_for(world: World, count: int) -> None:
    urls = [f"https://www.example.test/{number}.css" for number in range(count)]
    for number in range(0, count, 2):
        world.site.put(f"/bucket/{number}.css", str(number))
    visits = world.visitor.visit_all(urls)
    expected = [(404, "not found") if number % 2 else (200, str(number)) for number in range(count)]
    assert [(visit.status, visit.text) for visit in visits] == expected
    assert len(world.site.asked) == count


def test_many_visits_end_with_what_a_single_one_would_raise(world: World) -> None:
    with pytest.raises(ValueError, match="is not a URL"):
        world.visitor.visit_all([URL, "www.example.test/a.css"] * 20)


def test_who_stays_sees_every_change_over_the_same_connection(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.site.put(TARGET, "one")
    with world.visitor.staying(URL) as visit:
        monkeypatch.setattr("tests.simulation.cloudflare.visitor.socket", None)
        assert [visit().text, visit().cache_status] == ["one", "HIT"]
        world.site.put(TARGET, "two")
        world.control.empty_cache()
        assert visit().text == "two"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://www.example.test/a.css", "http://www.example.test/a.css"),
        ("https://www.example.test/a.css", "https://img.example.test/a.css"),
        ("https://www.example.test/a.css", "https://www.example.test/A.css"),
        ("https://www.example.test/a", "https://www.example.test/a/"),
        ("https://www.example.test/a.css", "https://www.example.test/a.css?v=1"),
        ("https://www.example.test/a.css?v=1", "https://www.example.test/a.css?v=%31"),
        ("https://www.example.test/a+b", "https://www.example.test/a%2Bb"),
        ("https://www.example.test/(1)", "https://www.example.test/%281%29"),
        ("https://www.example.test/a%20b", "https://www.example.test/a+b"),
        ("https://www.example.test/a/b", "https://www.example.test/a%2Fb"),
        ("https://www.example.test/a/b", "https://www.example.test/a//b"),
    ],
)
def test_two_copies_are_kept_apart(world: World, one: str, other: str) -> None:
    assert [world.status(one), world.status(other), world.status(one), world.status(other)] == [
        "MISS",
        "MISS",
        "HIT",
        "HIT",
    ]
    assert world.control.state().copies == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://www.example.test/a.css", "https://WWW.Example.Test/a.css"),
        ("https://www.example.test/a.css", "https://www.example.test:443/a.css"),
        ("https://www.example.test/%7Ea", "https://www.example.test/~a"),
        ("https://www.example.test/%61.css", "https://www.example.test/a.css"),
        ("https://www.example.test/%c3%a4", "https://www.example.test/%C3%A4"),
        ("https://www.example.test/a%2bb", "https://www.example.test/a%2Bb"),
    ],
)
def test_equivalent_spellings_share_a_copy(world: World, one: str, other: str) -> None:
    assert [world.status(one), world.status(other)] == ["MISS", "HIT"]


def test_each_origin_header_has_its_own_copy_and_reaches_the_origin(world: World) -> None:
    world.site.put(TARGET, "one", headers={"Access-Control-Allow-Origin": "*"})
    origins = [{}, {"Origin": "https://a.test"}, {"Origin": "https://b.test"}]
    assert [world.visit(URL, headers).cache_status for headers in origins * 2] == ["MISS"] * 3 + ["HIT"] * 3
    assert [headers.get("origin") for _, _, headers in world.site.asked] == [None, "https://a.test", "https://b.test"]
    assert world.visit(URL, origins[1]).headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "target",
    [
        "/(1)+.css",
        "/%281%29%2B.css",
        "/a%2fb",
        "/a/../b",
        "/a/./b",
        "//a",
        "/a;b=1,c&d@e:f$g!h*'i'",
        "/%C3%A4%20%F0%9F%8E%89",
        "/%25%3F%23",
        "/a?x=%2f&y=a+b",
        "/a?b?c",
        "/a|b",
    ],
)
def test_the_path_and_query_reach_the_origin_exactly_as_sent(world: World, target: str) -> None:
    world.site.put(f"/bucket{target}", "found")
    assert world.visit(f"https://www.example.test{target}").text == "found"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://www.example.test", "/bucket/index.html"),
        ("https://www.example.test/", "/bucket/index.html"),
        ("https://www.example.test?v=1", "/bucket/index.html?v=1"),
        ("https://www.example.test/a/?v=1", "/bucket/a/index.html?v=1"),
        ("https://www.shop.test/a/", "/bucket/shop/a/home.html"),
        ("https://www.shop.test/a.css", "/bucket/shop/a.css"),
    ],
)
def test_a_path_that_ends_in_a_slash_is_the_zones_index_document(world: World, url: str, target: str) -> None:
    world.visit(url)
    assert world.site.targets_asked() == [target]


def test_a_head_request_fills_the_cache_for_the_get_that_follows(world: World) -> None:
    world.site.put(TARGET, "one")
    head = world.visit(URL, method="HEAD")
    assert (head.body, head.headers["content-length"], head.cache_status) == (b"", "3", "MISS")
    assert (world.visit(URL).text, world.status(URL)) == ("one", "HIT")
    assert [method for method, _, _ in world.site.asked] == ["GET"]


def test_a_missing_object_is_cached_too(world: World) -> None:
    assert [(v.status, v.cache_status) for v in (world.visit(URL), world.visit(URL))] == [(404, "MISS"), (404, "HIT")]


@pytest.mark.parametrize("status", [500, 503, 403, 301])
def test_an_answer_that_is_neither_200_nor_404_is_passed_on_and_never_cached(world: World, status: int) -> None:
    world.site.put(TARGET, "no", status=status, headers={"Location": "/elsewhere"})
    assert [(v.status, v.text, v.cache_status) for v in (world.visit(URL), world.visit(URL))] == [
        (status, "no", "MISS")
    ] * 2
    assert world.visit(URL).headers["location"] == "/elsewhere"
    assert world.control.state().copies == 0


def test_an_origin_that_cannot_be_reached_is_a_502_and_not_cached(world: World) -> None:
    visit = world.visit("https://www.down.test/a.css")
    assert (visit.status, visit.text, visit.cache_status) == (502, "error code: 502", None)
    assert world.control.state().copies == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Cache-Control": "private"},
        {"Cache-Control": "max-age=60, NO-STORE"},
        {"Cache-Control": "no-cache"},
        {"Cache-Control": "max-age=0"},
        {"Cache-Control": "max-age=60, s-maxage=0"},
        {"Set-Cookie": "a=b"},
    ],
)
def test_what_the_origin_forbids_to_cache_bypasses_the_cache(world: World, headers: dict[str, str]) -> None:
    world.site.put(TARGET, "one", headers=headers)
    assert [world.status(URL), world.status(URL)] == ["BYPASS", "BYPASS"]
    assert world.control.state().copies == 0


@pytest.mark.parametrize(
    ("status", "cache_control", "seconds"),
    [
        (200, None, 7200),
        (404, None, 180),
        (200, "public, max-age=60", 60),
        (200, 'max-age=60, s-maxage="10"', 10),
        (200, "max-age=soon", 7200),
        (206, "max-age=60", None),
    ],
)
def test_a_copy_lives_as_long_as_the_origin_says(status: int, cache_control: str | None, seconds: float | None) -> None:
    headers = CIMultiDict({} if cache_control is None else {"Cache-Control": cache_control})
    assert lifetime(status, headers) == seconds


def test_other_methods_pass_through_and_are_never_cached(world: World) -> None:
    world.site.put(TARGET, "posted")
    visit = world.visit(URL, method="POST")
    assert (visit.text, visit.cache_status) == ("posted", "DYNAMIC")
    assert world.site.asked[0][0] == "POST"
    assert world.control.state().copies == 0


def test_a_host_of_no_zone_is_an_error_and_reaches_no_origin(world: World) -> None:
    visit = world.visit("https://unknown.test/a.css")
    assert (visit.status, visit.text) == (530, "error code: 1001")
    assert world.site.asked == []


def test_the_visitor_sees_a_body_in_any_encoding_as_the_origin_sent_it(world: World) -> None:
    world.site.put(TARGET, "not really gzip", headers={"Content-Encoding": "gzip"})
    visits = [world.visit(URL), world.visit(URL)]
    assert [(v.text, v.headers["content-encoding"]) for v in visits] == [("not really gzip", "gzip")] * 2


def test_the_edge_has_a_certificate_that_is_checked_against_the_host(world: World) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        world.visit("https://not-in-the-certificate.test/")


@settings(deadline=None)
@given(st.text(alphabet="aZ0-._~%2fF7Ee+()/ !*'ä", max_size=30))
def test_normalising_a_path_twice_is_normalising_it_once(path: str) -> None:
    # A stray % may form a new escape with what was decoded behind it; such a path is no URL.
    if not re.search(r"%(?![0-9A-Fa-f]{2})", path):
        assert normal_path(normal_path(path)) == normal_path(path)


@settings(deadline=None)
@given(st.text(alphabet="!$&'()*+,;=:@/?#[]", min_size=1, max_size=10))
def test_a_reserved_character_is_never_unified_with_its_escape(characters: str) -> None:
    assert normal_path(quote(characters, safe="")) != normal_path(characters)
    assert normal_path(quote(characters, safe="")) == quote(characters, safe="")


@pytest.mark.parametrize(
    "url", ["", "/a", "www.example.test/a", "ftp://a.test/", "https://", "https:///a", "https://u@a.test/"]
)
def test_what_is_no_absolute_url_has_no_key(url: str) -> None:
    assert key_of_url(url, None) is None
