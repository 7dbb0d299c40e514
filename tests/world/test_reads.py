"""What the API tells to somebody whose purge was refused, and wants to know why."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.world.simulation import BLOG, DOWN, EMAIL, FREE, KEY, SHOP, TOKENS, Answer, World

VERIFY = "/user/tokens/verify"
GOOD = TOKENS["good"]["value"]
GLOBAL_KEY = {"X-Auth-Email": EMAIL, "X-Auth-Key": KEY}


def ask(world: World, path: str, headers: Mapping[str, str]) -> Answer:
    return world.ask("", method="GET", path=path, headers=headers)


# ---- The token ----


def test_an_active_token_is_told_so(world: World) -> None:
    answer = world.read(VERIFY)
    token_id = answer.document["result"]["id"]
    assert answer.status == 200
    assert answer.document == {
        "success": True,
        "errors": [],
        "messages": [{"code": 10000, "message": "This API Token is valid and active", "type": None}],
        "result": {"id": token_id, "status": "active"},
    }
    assert len(token_id) == 32
    assert int(token_id, 16)
    assert world.read(VERIFY, "narrow").document["result"]["id"] != token_id


@pytest.mark.parametrize("status", ["disabled", "expired"])
def test_a_token_out_of_use_is_told_why_its_purges_are_refused(world: World, status: str) -> None:
    answer = world.read(VERIFY, status)
    assert (answer.status, answer.document["result"]["status"]) == (200, status)
    assert answer.document["messages"] == []
    headers = {"Authorization": f"Bearer {TOKENS[status]['value']}"}
    refused = [world.ask({"tags": ["a"]}, headers=headers), world.read("/zones?name=example.test", status)]
    assert [(answer.status, answer.codes) for answer in refused] == [(401, [10000])] * 2


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": "Bearer unknown"}, 401, 1000),
        ({"Authorization": f"Bearer {TOKENS['account']['value']}"}, 401, 1000),  # works, but is no user's
        ({"Authorization": f"Bearer Bearer {GOOD}"}, 400, 6003),
        ({"Authorization": f'Bearer "{GOOD}"'}, 400, 6003),
        (GLOBAL_KEY, 400, 1001),
        ({**GLOBAL_KEY, "X-Auth-Key": "0" * 37}, 400, 1001),
        ({**GLOBAL_KEY, "X-Auth-Key": GOOD}, 400, 6003),
    ],
)
def test_what_is_no_token_of_a_user_is_refused(
    world: World, headers: Mapping[str, str], status: int, code: int
) -> None:
    answer = ask(world, VERIFY, headers)
    assert (answer.status, answer.codes) == (status, [code])
    assert (answer.document["success"], answer.document["result"]) == (False, None)


# ---- The zone ----


@pytest.mark.parametrize("token", ["good", "narrow", "reader", "account"])
@pytest.mark.parametrize("name", ["example.test", "Example.TEST"])
def test_any_permission_in_a_zone_is_enough_to_find_it_by_name(world: World, token: str, name: str) -> None:
    answer = world.read(f"/zones?name={name}", token)
    assert (answer.status, answer.document["success"], answer.document["messages"]) == (200, True, [])
    assert answer.document["result"] == [{"id": FREE, "name": "example.test", "status": "active"}]
    assert answer.document["result_info"]["total_count"] == 1


def test_a_second_page_is_empty(world: World) -> None:
    answer = world.read("/zones?name=example.test&page=2")
    assert (answer.status, answer.document["result"], answer.document["result_info"]["page"]) == (200, [], 2)


@pytest.mark.parametrize(
    ("token", "name"),
    [("good", "foreign.test"), ("good", "nowhere.test"), ("good", "www.example.test"), ("narrow", "shop.test")],
)
def test_a_token_that_reaches_no_zone_of_a_name_lacks_a_permission(world: World, token: str, name: str) -> None:
    answer = world.read(f"/zones?name={name}", token)
    assert (answer.status, answer.codes, answer.document["result"]) == (403, [0], None)
    token_id = world.read(VERIFY, token).document["result"]["id"]
    assert answer.document["errors"][0]["message"] == (
        f"Actor 'com.cloudflare.api.token.{token_id}' requires permission 'com.cloudflare.api.account.zone.list'"
        " to list zones"
    )


def test_a_token_without_any_permission_finds_nothing(world: World) -> None:
    world.control.add_token("nothing", [FREE], permissions=[])
    answer = ask(world, "/zones?name=example.test", {"Authorization": "Bearer nothing"})
    assert (answer.status, answer.codes) == (403, [0])


def test_a_user_finds_the_own_zones_and_no_others(world: World) -> None:
    assert [zone["id"] for zone in ask(world, "/zones?name=example.test", GLOBAL_KEY).document["result"]] == [FREE]
    for name in ("shop.test", "foreign.test", "nowhere.test"):
        answer = ask(world, f"/zones?name={name}", GLOBAL_KEY)
        assert (answer.status, answer.document["success"], answer.document["result"]) == (200, True, [])


def test_without_a_name_all_zones_in_reach_are_listed(world: World) -> None:
    assert [zone["id"] for zone in world.read("/zones").document["result"]] == [FREE, BLOG, SHOP, DOWN]


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer unknown"}, {}])
def test_somebody_unknown_is_refused_the_list_as_a_purge(world: World, headers: Mapping[str, str]) -> None:
    listed, purged = ask(world, "/zones?name=example.test", headers), world.ask({"tags": ["a"]}, headers=headers)
    assert (listed.status, listed.document) == (purged.status, purged.document)
    assert (listed.status, listed.codes) == (401, [10000])


# ---- Like every request ----


@pytest.mark.parametrize("path", [VERIFY, "/zones"])
def test_only_get_reads(world: World, path: str) -> None:
    answer = world.ask({}, path=path)
    assert (answer.status, answer.codes) == (405, [10405])


def test_reads_are_in_the_journal_and_purge_nothing_there(world: World) -> None:
    world.read(VERIFY)
    world.read("/zones?name=foreign.test")
    verified, listed = world.control.requests()
    assert (verified.method, verified.path, verified.query) == ("GET", "/client/v4/user/tokens/verify", "")
    assert (listed.method, listed.path, listed.query) == ("GET", "/client/v4/zones", "name=foreign.test")
    for request in (verified, listed):
        assert (request.zone, request.kind, request.body, request.urls) == (None, None, None, ())
        assert request.identity == "good"
    assert [(request.status, request.codes) for request in (verified, listed)] == [(200, []), (403, [0])]


def test_reads_count_as_requests_of_the_token(world: World) -> None:
    def left(answer: Answer) -> int:
        return int(answer.headers["ratelimit"].split(";r=")[1].split(";")[0])

    first = left(world.read(VERIFY))
    assert left(world.read("/zones?name=example.test")) == first - 1
    assert left(world.ask({})) == first - 2
    assert left(world.read(VERIFY, "narrow")) == first
    assert world.ask({"tags": ["a"]}).headers["ratelimit"].startswith('"default";r=24;')  # no purge was counted
