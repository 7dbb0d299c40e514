"""What a visitor gets from the edge, and which copies a purge removes."""

from typing import Any

import pytest

from tests.world.conftest import ENVIRONMENT, FREE, World

WWW = "https://www.example.test"
A = f"{WWW}/a.css"
CORS = {"Origin": "https://app.test"}

Copy = tuple[str, dict[str, str]]  # a URL and a visitor's headers
RESIZED = f"{WWW}/cdn-cgi/image/width=80"
# Separate copies: the purge of one leaves the other.
APART = [
    (A, "http://www.example.test/a.css"),
    (A, "https://img.example.test/a.css"),
    (A, f"{WWW}/A.css"),
    (f"{WWW}/a", f"{WWW}/a/"),
    (A, f"{A}?v=1"),
    (f"{WWW}/a+b", f"{WWW}/a%2Bb"),
    (f"{WWW}/a+b", f"{WWW}/a%20b"),
    (f"{WWW}/(1)", f"{WWW}/%281%29"),
    (f"{WWW}/a/b", f"{WWW}/a//b"),
]


def copies(*urls: str, **headers: str) -> list[Copy]:
    return [(url, headers) for url in urls]


@pytest.mark.parametrize(
    ("body", "taken", "left"),
    [
        *(({"files": [one]}, copies(one), copies(other)) for one, other in APART),
        ({"files": [f"{WWW}/a.png"]}, copies(f"{RESIZED}/a.png"), copies(f"{RESIZED}/b.png")),
        (
            {"hosts": ["WWW.example.test"]},
            copies(A, f"{A}?v=1", "http://www.example.test/b") + copies(A, **CORS),
            copies("https://img.example.test/a.css"),
        ),
        (
            {"prefixes": ["WWW.example.test/d/%61%C3"]},
            copies(f"{WWW}/d/a%c3.css", f"{WWW}/d/a%C3.css?v=1", "http://www.example.test/d/a%C3", f"{WWW}/d/a%C3z/f")
            + copies(f"{WWW}/d/a%c3.css", **CORS),
            copies(f"{WWW}/d", f"{WWW}/d/b", f"{WWW}/D/a%C3", f"{WWW}/x/d/a%C3", "https://img.example.test/d/a%C3"),
        ),
        (
            {"purge_everything": True},
            copies(A, "http://img.example.test/b") + copies(A, **{"X-Environment": ENVIRONMENT}),
            copies("https://www.shop.test/a.css"),
        ),
    ],
)
def test_a_purge_removes_exactly_the_copies_that_it_names(
    world: World, body: dict[str, Any], taken: list[Copy], left: list[Copy]
) -> None:
    for url, headers in (*taken, *left):
        world.fill(url, **headers)
    world.purge(body)
    statuses = [world.statuses(url, **headers) for url, headers in (*taken, *left)]
    assert statuses == [["MISS"]] * len(taken) + [["HIT"]] * len(left)


@pytest.mark.parametrize(
    "other", ["https://WWW.Example.Test/%7Ea%c3", "https://www.example.test:443/~a%C3", f"{WWW}/~%61%C3"]
)
def test_equivalent_spellings_share_a_copy(world: World, other: str) -> None:
    world.fill(f"{WWW}/~a%C3")
    assert world.statuses(other) == ["HIT"]
    world.purge({"files": [f"{other}#top"]})
    assert world.statuses(f"{WWW}/~a%C3") == ["MISS"]


def test_a_purge_by_url_removes_vary_copies_but_not_those_of_an_origin(world: World) -> None:
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
        (
            "x-amz-meta-cache-tag",
            [],
            ["HIT", "HIT", "HIT"],
        ),  # S3's form of metadata, which Cloudflare does not read as a tag
        ("x-amz-meta-cache-tag", [METADATA], ["MISS", "MISS", "HIT"]),  # except with a Cache Response Rule
    ],
)
def test_a_purge_by_tag_removes_every_copy_with_it_in_any_case(
    world: World, header: str, rules: list[Any], left: list[str]
) -> None:
    world.control.set_cache_rules(FREE, rules)
    for name, tags in {"a": "Style,main", "b": "style", "c": "script,styles"}.items():
        world.site.put(f"/{name}", name, headers={header: tags})
    urls = [f"{WWW}/{name}" for name in "abc"]
    world.fill(*urls)
    world.purge({"tags": ["STYLE"]})
    assert world.statuses(*urls) == left


def test_the_origin_reads_a_plus_as_a_space(world: World) -> None:
    world.site.put("/a%20b", "a space")
    assert world.visit(f"{WWW}/a+b").text == "a space"
