"""`explain` against the simulated edge, whose cache causes each conclusion; unit tests have all of them."""

import json
from collections.abc import Callable

import pytest

from tests.world.conftest import TOKENS, World

HOST = "www.example.test"
A = f"https://{HOST}/a.css"
Given = Callable[[World], None]


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
        ("CACHED_404", missing, "b.css", "a 404 (0 s old)"),
        (
            "NOT_CACHED",
            lambda world: world.site.put("/a.css", "a", headers={"Cache-Control": "no-store"}),
            "a.css",
            "BYPASS, Cache-Control: no-store",
        ),
    ],
)
def test_each_cause_at_the_edge_has_its_conclusion(
    world: World, monkeypatch: pytest.MonkeyPatch, code: str, given: Given, path: str, said: str
) -> None:
    monkeypatch.setattr("cf_purge.doctor._VISIT", 40.0)  # seconds: the simulation may share a busy processor
    world.site.put("/a.css", "old")
    given(world)
    answer = world.function().invoke({"explain": f"https://{HOST}/{path}"}, None)
    assert list(answer) == ["url", "conclusion", "code", "evidence", "covered_by"]
    assert (answer["code"], answer["url"]) == (code, f"https://{HOST}/{path}"), answer
    assert said in answer["conclusion"]
    assert set(answer["evidence"]) >= {"plain", "with_origin", "with_query"}
    assert TOKENS["good"]["value"] not in json.dumps(answer)
