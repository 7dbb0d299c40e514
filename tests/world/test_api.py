"""What the purge API accepts and how it refuses the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.world.simulation import DOWN, EMAIL, ENVIRONMENT, FOREIGN, FREE, KEY, NOT_BY_URL, SHOP, TOKENS, World

WWW = "https://www.example.test"
GOOD = TOKENS["good"]["value"]
KINDS = ("purge_cache", "invalidate_cache")


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]['value']}"}


def refused(world: World, codes: list[int], status: int, body: Any = None, **options: Any) -> None:
    answer = world.ask({"purge_everything": True} if body is None else body, **options)
    assert (answer.codes, answer.status) == (codes, status)
    assert answer.document["success"] is False
    assert answer.document["result"] is None
    assert all(error["message"] for error in answer.document["errors"])


# ---- Who asks ----


@pytest.mark.parametrize(
    ("headers", "inner"),
    [
        ({"Authorization": f"bearer {GOOD}"}, 6111),
        ({"Authorization": f"Token {GOOD}"}, 6111),
        ({"Authorization": GOOD}, 6111),
        ({"Authorization": "Bearer"}, 6111),
        ({"Authorization": f"Bearer Bearer {GOOD}"}, 6111),
        ({"Authorization": f'Bearer "{GOOD}"'}, 6111),
        ({"Authorization": f"Bearer  {GOOD}"}, 6111),
        ({"Authorization": f"Bearer {KEY}"}, 6111),
        ({"X-Auth-Email": EMAIL, "X-Auth-Key": GOOD}, 6103),
        ({"X-Auth-Email": EMAIL}, 6103),
        ({"X-Auth-Key": KEY}, 6102),
        ({"X-Auth-Email": "nobody", "X-Auth-Key": KEY}, 6102),
    ],
)
def test_a_malformed_identity_is_refused_with_its_reason_in_the_chain(
    world: World, headers: Mapping[str, str], inner: int
) -> None:
    refused(world, [6003], 400, headers=headers)
    [error] = world.ask({"purge_everything": True}, headers=headers).document["errors"]
    assert [chained["code"] for chained in error["error_chain"]] == [inner]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer unknown"}, 401),
        ({"Authorization": f"Bearer {GOOD.upper()}"}, 401),
        ({"X-Auth-Email": EMAIL, "X-Auth-Key": "0" * 37}, 401),
        ({"X-Auth-Email": f"other.{EMAIL}", "X-Auth-Key": KEY}, 401),
        (bearer("reader"), 403),
        (bearer("disabled"), 401),
        (bearer("expired"), 401),
    ],
)
def test_somebody_unknown_or_without_the_permission_is_refused(
    world: World, headers: Mapping[str, str], status: int
) -> None:
    refused(world, [10000], status, headers=headers)


@pytest.mark.parametrize("zone", [SHOP, FOREIGN, "f" * 32])
def test_a_token_learns_nothing_of_zones_that_are_not_its_own(world: World, zone: str) -> None:
    refused(world, [10000], 403, zone=zone, headers=bearer("narrow"))


def test_a_global_api_key_works_with_its_email_in_any_case(world: World) -> None:
    answer = world.ask({"purge_everything": True}, headers={"X-Auth-Email": EMAIL.upper(), "X-Auth-Key": KEY})
    assert answer.document["success"] is True


@pytest.mark.parametrize(("zone", "code", "status"), [("f" * 32, 1001, 400), (SHOP, 1095, 403), (FOREIGN, 1095, 403)])
def test_a_user_is_told_whether_the_zone_exists(world: World, zone: str, code: int, status: int) -> None:
    refused(world, [code], status, zone=zone, headers={"X-Auth-Email": EMAIL, "X-Auth-Key": KEY})


# ---- Where to ----


@pytest.mark.parametrize(
    "path",
    [
        "/zones/example.test/purge_cache",
        "/zones//purge_cache",
        "/zones/purge_cache",
        f"/zones/{FREE.upper()}/purge_cache",
        f"/zones/{FREE}0/purge_cache",
        f"/zones/{FREE}/purge_cach",
        f"/zones/{FREE}/environments/{ENVIRONMENT}/extra/purge_cache",
    ],
)
def test_what_is_no_zone_id_cannot_be_routed_to(world: World, path: str) -> None:
    refused(world, [7003, 7000], 400, path=path)


def test_a_token_of_the_account_purges_like_any_other(world: World) -> None:
    assert world.ask({"purge_everything": True}, headers=bearer("account")).status == 200


def test_a_path_outside_zones_has_no_route(world: World) -> None:
    refused(world, [7000], 404, path="/accounts")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_purges(world: World, method: str) -> None:
    refused(world, [10405], 405, method=method)


@pytest.mark.parametrize("environment", ["f" * 32, "production", ""])
def test_an_environment_the_zone_does_not_have_is_refused(world: World, environment: str) -> None:
    refused(world, [1001], 400, endpoint=f"environments/{environment}/purge_cache")


@pytest.mark.parametrize("kind", KINDS)
def test_an_environment_that_cannot_be_purged_by_url_takes_every_other_kind(world: World, kind: str) -> None:
    endpoint = f"environments/{NOT_BY_URL}/{kind}"
    refused(world, [1136], 400, {"files": [f"{WWW}/a"]}, endpoint=endpoint)
    refused(world, [1136], 400, {"files": [{"url": f"{WWW}/a", "headers": {}}]}, endpoint=endpoint)
    for body in ({"tags": ["a"]}, {"hosts": ["www.example.test"]}, {"prefixes": ["www.example.test/a"]}):
        world.purge(body, endpoint=endpoint)
    world.purge({"purge_everything": True}, endpoint=endpoint)
    for other in (kind, f"environments/{ENVIRONMENT}/{kind}"):
        world.purge({"files": [f"{WWW}/a"]}, endpoint=other)


# ---- What for ----

ENDPOINTS = [f"{place}{kind}" for place in ("", f"environments/{ENVIRONMENT}/") for kind in KINDS]


def url(number: int) -> str:
    return f"{WWW}/{number}"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("code", "body"),
    [
        (6007, "not JSON"),
        (6007, ""),
        (6007, '"text"'),
        (1012, {}),
        (1012, []),
        (1012, {"file": [f"{WWW}/a"]}),
        (1012, {"files": []}),
        (1012, {"purge_everything": False}),
        (1012, {"files": [f"{WWW}/a"], "tags": ["a"]}),
        (1012, {"hosts": ["www.example.test"], "prefixes": ["www.example.test/a"]}),
        (1013, {"purge_everything": "true"}),
        (1013, {"purge_everything": 1}),
        (1014, {"files": f"{WWW}/a"}),
        (1014, {"files": None}),
        (1014, {"tags": {"a": 1}}),
        (1014, {"tags": [1]}),
        (1014, {"hosts": [None]}),
        (1014, {"prefixes": [["www.example.test/a"]]}),
        (1092, {"purge_everything": True, "files": [f"{WWW}/a"]}),
        (1092, {"purge_everything": False, "files": [f"{WWW}/a"]}),
        (1092, {"purge_everything": True, "hosts": ["www.example.test"]}),
        (1094, {"files": [url(n) for n in range(101)]}),
        (1094, {"tags": [str(n) for n in range(101)]}),
        (1094, {"hosts": ["www.example.test"] * 101}),
        (1094, {"prefixes": ["www.example.test/a"] * 101}),
        (1100, {"tags": ["a" * 1025]}),
        (1100, {"tags": ["two words"]}),
        (1100, {"tags": ["caf\u00e9"]}),
        (1100, {"tags": [""]}),
        (1012, {"files": [None]}),
        (1012, {"files": ["/a.css"]}),
        (1012, {"files": ["www.example.test/a.css"]}),
        (1012, {"files": [{"headers": {}}]}),
        (1012, {"files": [{"url": f"{WWW}/a", "headers": {"Origin": None}}]}),
        (1012, {"files": [{"url": f"{WWW}/a", "headers": {"Origin": 1}}]}),
        (1012, {"files": [{"url": f"{WWW}/a", "headers": ["Origin"]}]}),
        (1012, {"prefixes": [f"{WWW}/a"]}),
        (1012, {"prefixes": ["www.example.test/a?b"]}),
        (1012, {"prefixes": ["www.example.test/a#b"]}),
        (1012, {"prefixes": ["www.example.test" + "/a" * 32]}),
    ],
)
def test_a_wrong_body_is_refused_with_its_code(world: World, endpoint: str, code: int, body: Any) -> None:
    refused(world, [code], 400, body, endpoint=endpoint)


@pytest.mark.parametrize(
    "body",
    [
        {"files": ["https://www.blog.test/a"]},
        {"files": [f"{WWW}/a", "https://www.blog.test/a"]},
        {"files": [{"url": "https://example.test.evil.test/a"}]},
        {"files": ["https://notexample.test/a"]},
        {"hosts": ["www.blog.test"]},
        {"hosts": [WWW]},
        {"hosts": ["www.example.test/a"]},
        {"hosts": [""]},
        {"prefixes": ["www.blog.test/a"]},
        {"prefixes": ["/a"]},
    ],
)
def test_a_foreign_host_is_refused_with_both_codes(world: World, body: Any) -> None:
    refused(world, [1016, 1082], 400, body)


@pytest.mark.parametrize(
    "body",
    [
        {"files": [url(n) for n in range(100)]},
        {"files": ["http://example.test", {"url": f"{WWW}/a", "headers": {"Origin": "https://a.test"}}]},
        {"files": ["https://any.below.example.test/a"]},
        {"tags": ["a" * 1024] * 100},
        {"hosts": ["example.test", "IMG.example.test"]},
        {"prefixes": ["www.example.test" + "/a" * 31]},
        {"prefixes": ["www.example.test"]},
        {"purge_everything": True},
    ],
)
def test_a_body_at_the_edge_of_the_rules_is_accepted(world: World, body: Any) -> None:
    for endpoint in ENDPOINTS:
        world.purge(body, endpoint=endpoint)


def test_enterprise_takes_500_items_and_no_more(world: World) -> None:
    items = [f"https://www.shop.test/{number}" for number in range(501)]
    world.purge({"files": items[:500]}, zone=SHOP)
    refused(world, [1094], 400, {"files": items}, zone=SHOP)


# ---- How often ----


def test_the_free_plan_takes_25_requests_at_once_shared_by_its_zones_and_both_endpoints(world: World) -> None:
    zones = [FREE, "b" * 32]
    for number in range(25):
        endpoint = "invalidate_cache" if number % 3 else "purge_cache"
        world.purge({"tags": ["a"]}, zone=zones[number % 2], endpoint=endpoint)
    answer = world.ask({"hosts": ["www.blog.test"]}, zone=zones[1])
    assert (answer.status, answer.codes) == (429, [1134])
    assert "rate limit" in answer.document["errors"][0]["message"]
    assert 1 <= int(answer.headers["retry-after"]) <= 12  # five a minute
    assert answer.headers["ratelimit"] == f'"default";r=0;t={answer.headers["retry-after"]}'
    assert answer.headers["ratelimit-policy"] == '"default";q=25;w=300'
    world.purge({"files": [f"{WWW}/a"]})  # URLs have their own limit
    world.purge({"purge_everything": True}, zone=DOWN)  # and other plans theirs
    world.control.reset_limits()
    world.purge({"tags": ["a"]})


def test_a_rate_limited_request_purges_nothing(world: World) -> None:
    world.visit(f"{WWW}/a")
    for _ in range(25):
        world.purge({"tags": ["none"]})
    assert world.ask({"purge_everything": True}).status == 429
    assert world.control.state().copies_of(FREE) == 1


def test_too_many_urls_in_a_second_are_refused(world: World) -> None:
    body = {"files": [url(n) for n in range(100)]}
    answers = [world.ask(body) for _ in range(30)]
    assert [answer.status for answer in answers[:8]] == [200] * 8
    assert 429 in [answer.status for answer in answers]


def test_every_answer_to_somebody_known_says_what_is_left(world: World) -> None:
    accepted = world.ask({"purge_everything": True}).headers
    assert accepted["ratelimit"] == '"default";r=24;t=12'
    assert "retry-after" not in accepted
    assert world.ask({}).headers["ratelimit-policy"] == '"default";q=1200;w=300'
    assert "ratelimit" not in world.ask({}, headers={}).headers
    # A refused body costs no purge.
    assert world.ask({"purge_everything": True}).headers["ratelimit"].startswith('"default";r=23;')
