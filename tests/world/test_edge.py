"""What a visitor gets of the edge, and what a purge takes away."""

import threading
import time
from typing import Any

import pytest

from tests.world.conftest import ENVIRONMENT, FREE, World

WWW = "https://www.example.test"
A = f"{WWW}/a.css"
CORS = {"Origin": "https://app.test"}

# ---- Copies ----


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (A, "http://www.example.test/a.css"),
        (A, "https://img.example.test/a.css"),
        (A, f"{WWW}/A.css"),
        (f"{WWW}/a", f"{WWW}/a/"),
        (A, f"{A}?v=1"),
        (f"{WWW}/a+b", f"{WWW}/a%2Bb"),
        (f"{WWW}/a+b", f"{WWW}/a%20b"),
        (f"{WWW}/(1)", f"{WWW}/%281%29"),
        (f"{WWW}/a/b", f"{WWW}/a//b"),
    ],
)
def test_each_spelling_is_a_copy_of_its_own(world: World, one: str, other: str) -> None:
    world.fill(one, other)
    world.purge({"files": [one]})
    assert world.statuses(one, other) == ["MISS", "HIT"]


@pytest.mark.parametrize(
    "other", ["https://WWW.Example.Test/%7Ea%c3", "https://www.example.test:443/~a%C3", f"{WWW}/~%61%C3"]
)
def test_equivalent_spellings_share_a_copy(world: World, other: str) -> None:
    world.fill(f"{WWW}/~a%C3")
    assert world.statuses(other) == ["HIT"]
    world.purge({"files": [f"{other}#top"]})
    assert world.statuses(f"{WWW}/~a%C3") == ["MISS"]


# ---- By URL ----


def test_a_purged_visitor_sees_the_new_version_and_a_new_object_in_the_place_of_its_404(world: World) -> None:
    world.site.put("/a.css", "old")
    world.fill(A, f"{WWW}/new")
    world.site.put("/a.css", "new")
    world.site.put("/new", "now it exists")
    assert (world.visit(A).text, world.visit(f"{WWW}/new").status) == ("old", 404)
    world.purge({"files": [A, {"url": f"{WWW}/new", "headers": {}}]})
    assert (world.visit(A).text, world.visit(f"{WWW}/new").text) == ("new", "now it exists")


def test_copies_that_differ_by_vary_go_with_the_url_and_those_of_an_origin_do_not(world: World) -> None:
    world.site.put("/a.css", "a", headers={"Vary": "Accept-Language"})
    world.fill(A, **{"Accept-Language": "de"})
    assert world.statuses(A, **{"Accept-Language": "en"}) == ["MISS"]
    world.fill(A, **CORS)
    world.fill(A, Origin="https://other.test")
    world.purge({"files": [A]})
    assert [world.statuses(A, **{"Accept-Language": each}) for each in ("de", "en")] == [["MISS"], ["MISS"]]
    assert world.statuses(A, **CORS) == ["HIT"]
    world.purge({"files": [{"url": A, "headers": {"origin": CORS["Origin"]}}]})
    assert world.statuses(A, **CORS) == ["MISS"]
    assert world.statuses(A, Origin="https://other.test") == ["HIT"]


# ---- By other things ----


def test_a_host_takes_all_its_copies_and_no_other_hosts(world: World) -> None:
    mine, others = [A, f"{A}?v=1", "http://www.example.test/b"], ["https://img.example.test/a.css"]
    world.fill(*mine, *others)
    world.fill(A, **CORS)
    world.purge({"hosts": ["WWW.example.test"]})
    assert world.statuses(*mine, *others) == ["MISS"] * 3 + ["HIT"]
    assert world.statuses(A, **CORS) == ["MISS"]


METADATA = {
    "action": "set_cache_tags",
    "expression": 'any(http.response.headers.names[*] == "x-amz-meta-cache-tag")',
    "action_parameters": {
        "operation": "add",
        "expression": 'split(http.response.headers["x-amz-meta-cache-tag"][0], ",", 128)',
    },
}


@pytest.mark.parametrize(
    ("header", "rules", "left"),
    [
        ("Cache-Tag", [], ["MISS", "MISS", "HIT"]),
        ("x-amz-meta-cache-tag", [], ["HIT", "HIT", "HIT"]),  # how S3 gives an object's metadata: no tag to Cloudflare
        ("x-amz-meta-cache-tag", [METADATA], ["MISS", "MISS", "HIT"]),  # but by a Cache Response Rule
    ],
)
def test_a_tag_takes_every_copy_that_carries_it_in_any_case(
    world: World, header: str, rules: list[Any], left: list[str]
) -> None:
    world.control.set_cache_rules(FREE, rules)
    for name, tags in {"a": "Style,main", "b": "style", "c": "script,styles"}.items():
        world.site.put(f"/{name}", name, headers={header: tags})
    urls = [f"{WWW}/{name}" for name in "abc"]
    world.fill(*urls)
    world.purge({"tags": ["STYLE"]})
    assert world.statuses(*urls) == left


def test_a_prefix_takes_every_query_origin_and_scheme_below_it(world: World) -> None:
    mine = [f"{WWW}/d/a%c3.css", f"{WWW}/d/a%C3.css?v=1", "http://www.example.test/d/a%C3", f"{WWW}/d/a%C3z/f"]
    others = [f"{WWW}/d", f"{WWW}/d/b", f"{WWW}/D/a%C3", f"{WWW}/x/d/a%C3", "https://img.example.test/d/a%C3"]
    world.fill(*mine, *others)
    world.fill(mine[0], **CORS)
    world.purge({"prefixes": ["WWW.example.test/d/%61%C3"]})
    assert world.statuses(*mine, *others) == ["MISS"] * len(mine) + ["HIT"] * len(others)
    assert world.statuses(mine[0], **CORS) == ["MISS"]


def test_everything_takes_the_whole_zone_with_its_environments_and_no_other_zone(world: World) -> None:
    mine, others = [A, "http://img.example.test/b"], ["https://www.shop.test/a.css"]
    world.fill(*mine, *others)
    world.fill(A, **{"X-Environment": ENVIRONMENT})
    world.purge({"purge_everything": True})
    assert world.statuses(*mine, *others) == ["MISS", "MISS", "HIT"]
    assert world.statuses(A, **{"X-Environment": ENVIRONMENT}) == ["MISS"]


def test_an_image_takes_its_resized_copies(world: World) -> None:
    resized = f"{WWW}/cdn-cgi/image/width=80"
    world.fill(f"{resized}/a.png", f"{resized}/b.png")
    world.purge({"files": [f"{WWW}/a.png"]})
    assert world.statuses(f"{resized}/a.png", f"{resized}/b.png") == ["MISS", "HIT"]


def test_the_origin_reads_a_plus_as_a_space(world: World) -> None:
    world.site.put("/a%20b", "a space")
    assert world.visit(f"{WWW}/a+b").text == "a space"


# ---- Faults ----

CLOUDFRONT = "Hit from cloudfront"


@pytest.mark.parametrize(
    ("fault", "visits"),  # after the purge of an old copy: the first visitors' text, CF-Cache-Status and one header
    [
        ({"kind": "keep", "times": 1}, [("old", "HIT", "age", "0")]),
        ({"kind": "keep", "by": "hosts"}, [("new", "MISS", "age", None)]),
        ({"kind": "keep", "edge": "FRA"}, [("new", "MISS", "age", None)]),
        ({"kind": "keep", "edge": "IAD"}, [("old", "HIT", "age", "0")]),
        ({"kind": "weak_etag"}, [("new", "MISS", "etag", 'W/"11507a0e2f5e69d5"')]),
        ({"kind": "headers", "headers": {"ETag": None}}, [("new", "MISS", "etag", None)]),
        ({"kind": "headers", "headers": {"CF-Cache-Status": None}}, [("new", None, "server", "cloudflare")]),
        ({"kind": "dynamic"}, [("new", "DYNAMIC", "age", None)] * 2),
        (
            {"kind": "answer", "status": 403, "headers": {"cf-mitigated": "challenge"}},
            [("Just a moment...", None, "cf-mitigated", "challenge")],
        ),
        ({"kind": "cache_in_front"}, [("old", "MISS", "x-cache", CLOUDFRONT)] * 2),
        ({"kind": "cache_behind"}, [("old", "MISS", "x-cache", CLOUDFRONT), ("old", "HIT", "age", "0")]),
    ],
)
def test_each_fault_of_the_edge_is_seen_by_a_visitor(world: World, fault: Any, visits: Any) -> None:
    ordered_first = fault["kind"].startswith("cache_")
    if ordered_first:
        world.control.add_edge_fault(**fault)
    world.site.put("/a.css", "old")
    world.visit(A)
    if not ordered_first:
        world.control.add_edge_fault(host="www.example.test", path="/a", **fault)
    world.site.put("/a.css", "new")
    world.purge({"files": [A]})
    for text, cache_status, name, value in visits:
        visit = world.visit(A)
        assert (visit.text, visit.cache_status, visit.headers.get(name)) == (text, cache_status, value)
        assert visit.headers["cf-ray"].endswith("-IAD")


def test_a_kept_copy_goes_with_the_second_purge_or_by_another_kind(world: World) -> None:
    for order in ({"times": 1}, {"by": "files"}):
        world.fill(A)
        world.control.add_edge_fault("keep", **order)
        world.purge({"files": [A]})
        assert world.statuses(A) == ["HIT"]
        world.purge({"files": [A]} if "times" in order else {"prefixes": ["www.example.test/a.css"]})
        assert world.statuses(A) == ["MISS"]


def test_a_slow_fill_stores_the_old_body_after_the_purge(world: World) -> None:
    world.site.put("/a.css", "old")
    world.control.add_edge_fault("slow_fill", times=1, seconds=0.5)
    visitor = threading.Thread(target=world.visit, args=(A,))
    visitor.start()
    time.sleep(0.25)
    world.site.put("/a.css", "new")
    world.purge({"files": [A]})
    visitor.join()
    visit = world.visit(A)
    assert (visit.text, visit.cache_status, visit.headers["age"]) == ("old", "HIT", "0")


@pytest.mark.parametrize(
    "body",
    [
        {"files": [A, "https://www.shop.test/a.css"]},
        {"hosts": ["www.example.test", "www.shop.test"]},
        {"prefixes": ["www.example.test/", "www.shop.test/"]},
        {"purge_everything": True, "files": [A]},
        {"tags": ["style", "two words"]},
    ],
)
def test_a_request_with_one_wrong_part_purges_nothing(world: World, body: Any) -> None:
    world.site.put("/a.css", "a", headers={"Cache-Tag": "style"})
    world.fill(A)
    assert world.ask(body).status == 400
    assert world.statuses(A) == ["HIT"]
