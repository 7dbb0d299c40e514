"""What the purge API accepts, and how it refuses the rest; test_official_client.py has who may ask, and the faults."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world.conftest import (
    ENVIRONMENT,
    NOT_BY_URL,
    SHOP,
    World,
)

WWW = "https://www.example.test"
ENDPOINTS = [
    f"{place}{kind}" for place in ("", f"environments/{ENVIRONMENT}/") for kind in ("purge_cache", "invalidate_cache")
]


def refused(world: World, codes: list[int], body: Any, **options: str) -> None:
    answer = world.ask(body, **options)
    assert (answer.codes, answer.status) == (codes, 400)
    assert (answer.document["success"], answer.document["result"]) == (False, None)


def test_an_environment_that_cannot_be_purged_by_url_takes_every_other_kind(world: World) -> None:
    endpoint = f"environments/{NOT_BY_URL}/purge_cache"
    refused(world, [1136], {"files": [f"{WWW}/a"]}, endpoint=endpoint)
    for body in ({"tags": ["a"]}, {"prefixes": ["www.example.test/a"]}, {"purge_everything": True}):
        world.purge(body, endpoint=endpoint)


@pytest.mark.parametrize(
    ("codes", "body"),
    [
        ([6007], "not JSON"),
        ([6007], '"text"'),
        ([1012], {}),
        ([1012], {"files": []}),
        ([1012], {"purge_everything": False}),
        ([1012], {"files": [f"{WWW}/a"], "tags": ["a"]}),
        ([1012], {"files": ["www.example.test/a.css"]}),
        ([1012], {"files": [{"url": f"{WWW}/a", "headers": {"Origin": None}}]}),
        ([1012], {"prefixes": [f"{WWW}/a"]}),
        ([1012], {"prefixes": ["www.example.test/a?b"]}),
        ([1012], {"prefixes": ["www.example.test" + "/a" * 32]}),
        ([1013], {"purge_everything": "true"}),
        ([1014], {"files": f"{WWW}/a"}),
        ([1014], {"tags": [1]}),
        ([1092], {"purge_everything": True, "files": [f"{WWW}/a"]}),
        ([1094], {"files": [f"{WWW}/{n}" for n in range(101)]}),
        ([1094], {"hosts": ["www.example.test"] * 101}),
        ([1100], {"tags": ["a" * 1025]}),
        ([1100], {"tags": ["two words"]}),
        ([1100], {"tags": ["café"]}),
        ([1016, 1082], {"files": [f"{WWW}/a", "https://www.shop.test/a"]}),
        ([1016, 1082], {"files": ["https://notexample.test/a"]}),
        ([1016, 1082], {"hosts": [WWW]}),
        ([1016, 1082], {"prefixes": ["/a"]}),
    ],
)
def test_a_wrong_body_is_refused_with_its_code(world: World, codes: list[int], body: Any) -> None:
    for endpoint in ENDPOINTS:
        refused(world, codes, body, endpoint=endpoint)


@pytest.mark.parametrize(
    "body",
    [
        {"files": [f"{WWW}/{n}" for n in range(100)]},
        {"files": ["http://example.test", {"url": f"{WWW}/a", "headers": {"Origin": "https://a.test"}}]},
        {"tags": ["a" * 1024] * 100},
        {"hosts": ["example.test", "any.below.example.test"]},
        {"prefixes": ["www.example.test" + "/a" * 31, "www.example.test"]},
        {"purge_everything": True},
    ],
)
def test_a_body_at_the_edge_of_the_rules_is_accepted(world: World, body: Any) -> None:
    for endpoint in ENDPOINTS:
        world.purge(body, endpoint=endpoint)


def test_enterprise_takes_500_items_and_no_more(world: World) -> None:
    items = [f"https://www.shop.test/{number}" for number in range(501)]
    world.purge({"files": items[:500]}, zone=SHOP)
    refused(world, [1094], {"files": items}, zone=SHOP)
