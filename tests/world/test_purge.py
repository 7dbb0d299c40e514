"""What a purge takes away, seen as a visitor."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.world.simulation import ENVIRONMENT, FREE, SHOP, TOKENS, World

WWW = "https://www.example.test"
A = f"{WWW}/a.css"
CORS = {"Origin": "https://app.test"}
ENDPOINT = "purge_cache"


def fill(world: World, *urls: str, **headers: str) -> None:
    for url in urls:
        world.visit(url, headers)
        assert world.visit(url, headers).cache_status == "HIT"


def statuses(world: World, *urls: str, **headers: str) -> list[str | None]:
    return [world.visit(url, headers).cache_status for url in urls]


def test_a_purged_visitor_sees_the_new_version(world: World) -> None:
    world.site.put("/bucket/a.css", "old")
    fill(world, A)
    world.site.put("/bucket/a.css", "new")
    assert world.visit(A).text == "old"
    world.purge({"files": [A]})
    visit = world.visit(A)
    assert (visit.text, visit.cache_status) == ("new", "MISS")


def test_a_new_object_stays_missing_until_its_404_is_purged(world: World) -> None:
    fill(world, A)
    world.site.put("/bucket/a.css", "now it exists")
    assert world.visit(A).status == 404
    world.purge({"files": [A]})
    assert world.visit(A).text == "now it exists"


OTHERS = [
    "http://www.example.test/a.css",
    "https://img.example.test/a.css",
    f"{A}?v=1",
    f"{WWW}/A.css",
    f"{WWW}/a.css/",
    f"{WWW}/a.cs",
]


@pytest.mark.parametrize(
    "item",
    [
        A,
        {"url": A},
        {"url": A, "headers": {}},
        {"url": A, "headers": {"CF-Device-Type": "mobile"}},
        "HTTPS://WWW.EXAMPLE.TEST/a.css",
        "https://www.example.test:443/a.css",
        f"{WWW}/%61.css",
        f"{A}#top",
    ],
)
def test_a_url_takes_exactly_its_own_copy(world: World, item: Any) -> None:
    fill(world, A, *OTHERS)
    fill(world, A, **CORS)
    world.purge({"files": [item]})
    assert statuses(world, *OTHERS) == ["HIT"] * len(OTHERS)
    assert statuses(world, A, **CORS) == ["HIT"]
    assert statuses(world, A) == ["MISS"]


@pytest.mark.parametrize("name", ["Origin", "origin"])
def test_a_url_with_an_origin_header_takes_only_that_variant(world: World, name: str) -> None:
    fill(world, A)
    fill(world, A, **CORS)
    fill(world, A, Origin="https://other.test")
    world.purge({"files": [{"url": A, "headers": {name: CORS["Origin"]}}]})
    assert statuses(world, A) == ["HIT"]
    assert statuses(world, A, Origin="https://other.test") == ["HIT"]
    assert statuses(world, A, **CORS) == ["MISS"]


@pytest.mark.parametrize(("cached", "purged"), [("/a+b", "/a%2Bb"), ("/(1)", "/%281%29"), ("/a%20b", "/a+b")])
def test_a_url_in_another_spelling_is_a_success_that_leaves_the_copy(world: World, cached: str, purged: str) -> None:
    fill(world, WWW + cached)
    world.purge({"files": [WWW + purged]})
    assert statuses(world, WWW + cached) == ["HIT"]


def test_a_host_takes_all_its_copies_and_no_other_hosts(world: World) -> None:
    mine, others = [A, f"{A}?v=1", "http://www.example.test/b"], ["https://img.example.test/a.css"]
    fill(world, *mine, *others)
    fill(world, A, **CORS)
    world.purge({"hosts": ["WWW.example.test"]})
    assert statuses(world, *others) == ["HIT"]
    assert statuses(world, *mine) == ["MISS"] * 3
    assert statuses(world, A, **CORS) == ["MISS"]


@pytest.mark.parametrize("header", ["Cache-Tag", "x-amz-meta-cache-tag"])
def test_a_tag_takes_every_copy_that_carries_it_in_any_case(world: World, header: str) -> None:
    world.site.put("/bucket/a.css", "a", headers={header: "Style, main"})
    world.site.put("/bucket/b.css", "b", headers={header: "style"})
    world.site.put("/bucket/c.js", "c", headers={header: "script,styles"})
    urls = [A, f"{WWW}/b.css", f"{WWW}/c.js", f"{WWW}/untagged"]
    fill(world, *urls)
    world.purge({"tags": ["STYLE"]})
    assert statuses(world, *urls) == ["MISS", "MISS", "HIT", "HIT"]


def test_the_tag_header_is_not_shown_to_visitors(world: World) -> None:
    world.site.put("/bucket/a.css", "a", headers={"Cache-Tag": "style"})
    assert "cache-tag" not in world.visit(A).headers
    assert "cache-tag" not in world.visit(A).headers


def test_a_prefix_takes_every_query_origin_and_scheme_below_it(world: World) -> None:
    mine = [f"{WWW}/d/a.css", f"{WWW}/d/a.css?v=1", "http://www.example.test/d/", f"{WWW}/d/e/f"]
    others = [
        f"{WWW}/d",
        f"{WWW}/dx",
        f"{WWW}/a.css",
        f"{WWW}/D/a.css",
        f"{WWW}/x/d/a.css",
        "https://img.example.test/d/a.css",
    ]
    fill(world, *mine, *others)
    fill(world, mine[0], **CORS)
    world.purge({"prefixes": ["www.example.test/d/"]})
    assert statuses(world, *others) == ["HIT"] * len(others)
    assert statuses(world, *mine) == ["MISS"] * len(mine)
    assert statuses(world, mine[0], **CORS) == ["MISS"]


@pytest.mark.parametrize("endpoint", [ENDPOINT, f"environments/{ENVIRONMENT}/{ENDPOINT}"])
def test_the_whole_path_as_a_prefix_takes_every_copy_of_the_object(world: World, endpoint: str) -> None:
    mine = [A, f"{A}?v=1", f"{A}?v=2&w=%2F", "http://www.example.test/a.css"]
    others = [f"{WWW}/a", f"{WWW}/A.css", "https://img.example.test/a.css"]
    fill(world, *mine, *others)
    fill(world, *mine, **CORS)
    fill(world, A, Origin="https://other.test")
    world.purge({"prefixes": ["www.example.test/a.css"]}, endpoint=endpoint)
    assert statuses(world, *others) == ["HIT"] * len(others)
    assert statuses(world, *mine) == ["MISS"] * len(mine)
    assert statuses(world, *mine, **CORS) == ["MISS"] * len(mine)
    assert statuses(world, A, Origin="https://other.test") == ["MISS"]


def test_a_prefix_without_a_final_slash_matches_in_the_middle_of_a_word(world: World) -> None:
    fill(world, f"{WWW}/bar", f"{WWW}/barbaz")
    world.purge({"prefixes": ["WWW.example.test/bar"]})
    assert statuses(world, f"{WWW}/bar", f"{WWW}/barbaz") == ["MISS", "MISS"]


def test_a_prefix_in_an_equivalent_spelling_takes_the_same_copies(world: World) -> None:
    fill(world, f"{WWW}/bar%c3%a4/a", f"{WWW}/bar%2Ba", f"{WWW}/bar+a")
    world.purge({"prefixes": ["www.example.test/b%61r%C3%a4/", "www.example.test/bar%2b"]})
    assert statuses(world, f"{WWW}/bar+a", f"{WWW}/bar%2Ba", f"{WWW}/bar%c3%a4/a") == ["HIT", "MISS", "MISS"]


def test_everything_takes_the_whole_zone_and_no_other_zone(world: World) -> None:
    mine, others = [A, "http://img.example.test/b"], ["https://www.blog.test/a.css"]
    fill(world, *mine, *others)
    world.purge({"purge_everything": True})
    assert statuses(world, *others) == ["HIT"]
    assert statuses(world, *mine) == ["MISS", "MISS"]


def test_several_items_are_all_purged(world: World) -> None:
    urls = [f"{WWW}/{number}" for number in range(100)]
    fill(world, *urls, A)
    world.purge({"files": urls})
    assert world.control.state().copies_of(FREE) == 1
    assert statuses(world, A) == ["HIT"]


def test_an_environment_of_the_zone_can_be_purged(world: World) -> None:
    fill(world, A)
    world.purge({"files": [A]}, endpoint=f"environments/{ENVIRONMENT}/purge_cache")
    assert statuses(world, A) == ["MISS"]
    [request] = world.control.requests()
    assert (request.kind, request.environment, request.urls) == ("purge_cache", ENVIRONMENT, (A,))


def test_an_invalidated_copy_that_has_not_changed_is_revalidated_by_its_etag(world: World) -> None:
    world.site.put("/bucket/a.css", "same")
    fill(world, A, f"{WWW}/b")
    world.purge({"files": [A]}, endpoint="invalidate_cache")
    assert world.control.state().copies_of(FREE) == 2
    visit = world.visit(A)
    assert (visit.text, visit.cache_status, visit.headers["age"]) == ("same", "REVALIDATED", "0")
    assert world.site.asked[-1][2]["if-none-match"] == visit.headers["etag"]
    assert statuses(world, A, f"{WWW}/b") == ["HIT", "HIT"]


def test_an_invalidated_copy_that_has_changed_is_replaced(world: World) -> None:
    world.site.put("/bucket/a.css", "old")
    fill(world, A)
    world.site.put("/bucket/a.css", "new")
    world.purge({"prefixes": ["www.example.test/"]}, endpoint="invalidate_cache")
    assert [(v.text, v.cache_status) for v in (world.visit(A), world.visit(A))] == [("new", "MISS"), ("new", "HIT")]


def test_an_invalidated_copy_without_an_etag_is_fetched_anew(world: World) -> None:
    world.site.put("/bucket/a.css", "old", etag=False)
    fill(world, A)
    world.purge({"hosts": ["www.example.test"]}, endpoint="invalidate_cache")
    assert statuses(world, A) == ["MISS"]
    assert "if-none-match" not in world.site.asked[-1][2]


def test_a_copy_whose_time_is_up_is_asked_for_again(world: World) -> None:
    world.site.put("/bucket/a.css", "old", headers={"Cache-Control": "max-age=1"})
    world.visit(A)
    threading.Event().wait(1.05)
    assert world.visit(A).cache_status == "REVALIDATED"


def test_a_copy_being_filled_when_the_purge_arrives_is_kept_and_old(world: World) -> None:
    """The race that `repurge_after_seconds` exists for."""
    asked, purged = threading.Event(), threading.Event()

    def hold(target: str) -> None:
        asked.set()
        assert purged.wait(10)

    world.site.put("/bucket/a.css", "old")
    world.site.before_answer = hold
    visitor = threading.Thread(target=world.visit, args=(A,))
    visitor.start()
    assert asked.wait(10)
    world.site.put("/bucket/a.css", "new")
    world.purge({"files": [A]})
    purged.set()
    visitor.join()
    visit = world.visit(A)
    assert (visit.text, visit.cache_status) == ("old", "HIT")


@pytest.mark.parametrize(
    "body",
    [
        {"files": [A, "https://www.blog.test/a.css"]},
        {"hosts": ["www.example.test", "www.blog.test"]},
        {"prefixes": ["www.example.test/", "www.blog.test/"]},
        {"files": [A], "hosts": ["www.example.test"]},
        {"purge_everything": True, "files": [A]},
        {"tags": ["style", "two words"]},
    ],
)
def test_a_request_with_one_wrong_part_purges_nothing(world: World, body: Any) -> None:
    world.site.put("/bucket/a.css", "a", headers={"Cache-Tag": "style"})
    fill(world, A)
    assert world.ask(body).status == 400
    assert statuses(world, A) == ["HIT"]


def test_another_zones_token_purges_nothing(world: World) -> None:
    shop = "https://www.shop.test/a.css"
    fill(world, shop)
    headers = {"Authorization": f"Bearer {TOKENS['narrow']['value']}"}
    assert world.ask({"files": [shop]}, SHOP, headers=headers).status == 403
    assert world.ask({"files": [shop]}, FREE, headers=headers).status == 400
    assert statuses(world, shop) == ["HIT"]
