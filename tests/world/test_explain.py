"""`explain` against the simulated edge: a fault causes each conclusion."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.world.conftest import TOKENS, World

HOST = "www.example.test"
A = f"https://{HOST}/a.css"
Given = Callable[[World], None]


def fault(kind: str, **order: Any) -> Given:
    return lambda world: world.control.add_edge_fault(kind, **order)


def headers(**headers: str | None) -> Given:
    return fault("headers", headers=headers)


def changed(world: World, *urls: str, **headers: str) -> None:
    """The edge has copies of an old version, the origin a new one."""
    world.fill(*(urls or (A,)), **headers)
    world.site.put("/a.css", "new")


def other_copy(world: World) -> None:
    changed(world, A, Origin=f"https://{HOST}")
    world.purge({"files": [A]})


def missing(world: World) -> None:
    world.fill(f"https://{HOST}/b.css")
    world.site.put("/b.css", "now it exists")


@pytest.mark.parametrize(
    ("code", "given", "path", "said"),
    [
        ("FRESH", lambda world: None, "a.css", "the origin's version"),
        ("FRESH", lambda world: world.fill(A), "a.css", "the origin's version"),
        ("STALE", changed, "a.css", "purge it"),
        ("OTHER_COPY", other_copy, "a.css", "with origin"),
        ("OTHER_COPY", lambda world: changed(world, f"{A}?v=1"), "a.css?v=1", "without query"),
        ("BEHIND_ANOTHER_CACHE", headers(**{"X-Cache": "Hit from cloudfront"}), "a.css", "Hit from cloudfront"),
        ("BEHIND_ANOTHER_CACHE", headers(Via="1.1 varnish"), "a.css", "via: 1.1"),
        ("REDIRECT", fault("answer", status=301, headers={"Location": "https://b.test/?x"}), "a.css", "to b.test:"),
        ("CACHED_404", missing, "b.css", "a 404 (0 s old)"),
        ("NOT_CACHED", headers(**{"CF-Cache-Status": "DYNAMIC"}), "a.css", "DYNAMIC"),
        (
            "NOT_CACHED",
            lambda world: world.site.put("/a.css", "a", headers={"Cache-Control": "no-store"}),
            "a.css",
            "BYPASS, Cache-Control: no-store",
        ),
        ("CHALLENGE", fault("answer", headers={"cf-mitigated": "challenge"}), "a.css", "(403)"),
        ("NO_CLOUDFLARE", headers(**{"CF-Cache-Status": None}), "a.css", "a Worker or a rule"),
        ("NOT_COVERED", lambda world: None, "a.map", "exclude"),
    ],
)
def test_each_cause_at_the_edge_has_its_conclusion(
    world: World, monkeypatch: pytest.MonkeyPatch, code: str, given: Given, path: str, said: str
) -> None:
    monkeypatch.setattr("cf_purge.doctor._VISIT", 40.0)  # seconds: the simulation may share a busy processor
    world.site.put("/a.css", "old")
    given(world)
    answer = world.function(exclude=("*.map",)).invoke({"explain": f"https://{HOST}/{path}"}, None)
    assert list(answer) == ["url", "conclusion", "code", "evidence", "covered_by"]
    assert (answer["code"], answer["url"]) == (code, f"https://{HOST}/{path}"), answer
    assert said in answer["conclusion"]
    assert set(answer["evidence"]) >= {"plain", "with_origin", "with_query"}
    assert TOKENS["good"]["value"] not in json.dumps(answer)
