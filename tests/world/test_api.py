"""What the purge API accepts, how it refuses the rest, and the faults that a test can order."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation import certificates
from tests.simulation.cloudflare.limits import Bucket, Limits
from tests.world.conftest import (
    EMAIL,
    ENVIRONMENT,
    FOREIGN,
    FREE,
    KEY,
    NOT_BY_URL,
    SHOP,
    TOKENS,
    World,
    bearer,
    written,
)

WWW = "https://www.example.test"
GOOD = TOKENS["good"]["value"]
USER = {"X-Auth-Email": EMAIL, "X-Auth-Key": KEY}
ENDPOINTS = [
    f"{place}{kind}" for place in ("", f"environments/{ENVIRONMENT}/") for kind in ("purge_cache", "invalidate_cache")
]


def refused(world: World, codes: list[int], status: int, body: Any = None, **options: Any) -> Any:
    answer = world.ask({"tags": ["a"]} if body is None else body, **options)
    assert (answer.codes, answer.status) == (codes, status)
    assert (answer.document["success"], answer.document["result"]) == (False, None)
    return answer.document["errors"]


# ---- Who asks ----


@pytest.mark.parametrize(
    ("headers", "inner"),
    [
        ({"Authorization": f"bearer {GOOD}"}, 6111),
        ({"Authorization": GOOD}, 6111),
        ({"Authorization": f"Bearer Bearer {GOOD}"}, 6111),
        ({"Authorization": f'Bearer "{GOOD}"'}, 6111),
        ({"Authorization": f"Bearer {KEY}"}, 6111),
        ({"Authorization": f"Bearer {'0' * 45}"}, 6111),
        ({"Authorization": "Bearer cfk_0123456789"}, 6111),
        ({"X-Auth-Email": EMAIL, "X-Auth-Key": GOOD}, 6103),
        ({"X-Auth-Key": KEY}, 6102),
    ],
)
def test_a_malformed_identity_is_refused_with_its_reason_in_the_chain(
    world: World, headers: Mapping[str, str], inner: int
) -> None:
    [error] = refused(world, [6003], 400, headers=headers)
    assert [chained["code"] for chained in error["error_chain"]] == [inner]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 400, 9106),
        ({"Authorization": f"Bearer {'u' * 40}"}, 401, 10000),
        ({"Authorization": f"Bearer {GOOD}u"}, 403, 9109),
        ({**USER, "X-Auth-Key": "0" * 37}, 403, 9103),
        (bearer("reader"), 403, 10000),
        (bearer("disabled"), 403, 10001),
        (bearer("expired"), 403, 10001),
        (bearer("elsewhere"), 403, 9109),
    ],
)
def test_authentication_fails_under_three_statuses(
    world: World, headers: Mapping[str, str], status: int, code: int
) -> None:
    refused(world, [code], status, headers=headers)


def test_a_token_used_from_outside_its_ip_filter_is_told_from_where(world: World) -> None:
    [error] = refused(world, [9109], 403, headers=bearer("elsewhere"))
    assert error["message"] == "Cannot use the access token from location: 127.0.0.1"
    world.control.add_token("h" * 40, [FREE], name="here", addresses=["127.0.0.1"])
    assert world.ask({"tags": ["a"]}, headers={"Authorization": f"Bearer {'h' * 40}"}).status == 200


@pytest.mark.parametrize("headers", [bearer("narrow"), bearer("account"), bearer("old account"), USER])
def test_every_form_of_credential_purges(world: World, headers: Mapping[str, str]) -> None:
    assert world.ask({"tags": ["a"]}, headers=headers).status == 200


@pytest.mark.parametrize(
    ("headers", "zone", "code", "status"),
    [
        *((bearer("narrow"), zone, 10000, 403) for zone in (SHOP, FOREIGN, "f" * 32)),
        (USER, "f" * 32, 1001, 400),
        (USER, SHOP, 1095, 403),
    ],
)
def test_a_user_is_told_whether_a_zone_exists_and_a_token_is_not(
    world: World, headers: Mapping[str, str], zone: str, code: int, status: int
) -> None:
    refused(world, [code], status, zone=zone, headers=headers)


@pytest.mark.parametrize("name", ["account", "old account"])
def test_an_accounts_token_is_no_users_and_still_finds_its_zone(world: World, name: str) -> None:
    answer = world.ask("", method="GET", path="/user/tokens/verify", headers=bearer(name))
    assert (answer.status, answer.codes) == (400, [1000])
    answer = world.ask("", method="GET", path="/zones?name=example.test", headers=bearer(name))
    assert [zone["id"] for zone in answer.document["result"]] == [FREE]


# ---- What for ----


@pytest.mark.parametrize("zone", ["example.test", "", FREE.upper(), f"{FREE}0"])
def test_what_is_no_zone_id_cannot_be_routed_to(world: World, zone: str) -> None:
    refused(world, [7003, 7000], 400, zone=zone)


def test_only_post_purges_and_only_what_exists(world: World) -> None:
    refused(world, [10405], 405, method="PUT")
    refused(world, [7000], 404, path="/accounts")
    refused(world, [1001], 400, endpoint=f"environments/{'f' * 32}/purge_cache")


def test_an_environment_that_cannot_be_purged_by_url_takes_every_other_kind(world: World) -> None:
    endpoint = f"environments/{NOT_BY_URL}/purge_cache"
    refused(world, [1136], 400, {"files": [f"{WWW}/a"]}, endpoint=endpoint)
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
        refused(world, codes, 400, body, endpoint=endpoint)


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
    refused(world, [1094], 400, {"files": items}, zone=SHOP)


# ---- How often ----


def test_the_free_plan_takes_25_requests_at_once_and_ratelimit_does_not_tell(world: World) -> None:
    world.visit(f"{WWW}/a")
    for _ in range(25):
        answer = world.ask({"tags": ["a"]})
        assert (answer.status, answer.headers["ratelimit"]) == (200, '"default";r=1199;t=1')
        assert "retry-after" not in answer.headers
    answer = world.ask({"purge_everything": True}, endpoint="invalidate_cache")
    assert (answer.status, answer.codes, answer.headers["ratelimit"]) == (429, [1134], '"default";r=1199;t=1')
    assert 1 <= int(answer.headers["retry-after"]) <= 12  # five a minute
    assert world.statuses(f"{WWW}/a") == ["HIT"]
    world.purge({"files": [f"{WWW}/b"]})  # URLs have their own limit
    world.purge({"purge_everything": True}, zone=SHOP)  # and other plans theirs


@given(
    rate=st.sampled_from([5 / 60, 5.0, 50.0, 800.0]),
    capacity=st.integers(1, 500),
    steps=st.lists(st.tuples(st.floats(0, 100), st.integers(1, 5)), max_size=60),
)
@settings(deadline=None)
def test_no_bucket_ever_gives_more_than_its_capacity_and_rate(
    rate: float, capacity: int, steps: list[tuple[float, int]]
) -> None:
    clock = [0.0]
    bucket, given_out = Bucket(rate, capacity, lambda: clock[0]), 0
    for seconds, cost in steps:
        clock[0] += seconds
        wait = bucket.take(cost).wait
        given_out += 0 if wait else cost
        assert given_out <= capacity + rate * clock[0] + 1e-6
        if wait and cost <= capacity:
            clock[0] += wait
            assert bucket.take(cost).wait == 0, "who waits as long as told passes"
            given_out += cost


def test_the_1201st_request_of_a_token_closes_the_api_to_it_for_five_minutes() -> None:
    clock = [0.0]
    limits = Limits(lambda: clock[0])
    assert not any(limits.take_request("mine").wait for _ in range(1200))
    assert limits.take_request("mine").headers["retry-after"] == "300"
    assert limits.take_request("other").wait == 0
    clock[0] = 299.5
    assert limits.take_request("mine").headers["retry-after"] == "1"
    clock[0] = 300
    assert limits.take_request("mine").wait == 0


# ---- Faults ----


def raw(world: World) -> urllib3.BaseHTTPResponse:
    body, headers = json.dumps({"files": [f"{WWW}/a"]}), bearer("good")
    return world.pool.request("POST", f"{world.addresses.api}/zones/{FREE}/purge_cache", body=body, headers=headers)


@pytest.mark.parametrize(
    ("order", "answered"),
    [
        ({"kind": "status", "status": 400, "errors": [{"code": 971, "message": "slow down"}]}, (400, [971])),
        ({"kind": "status", "status": 429, "headers": {"Retry-After": "7"}, "body": {"errors": []}}, (429, [])),
        ({"kind": "status", "status": 403, "raw": "<h1>Blocked</h1>"}, (403, [])),
        ({"kind": "success_false", "errors": [{"code": 1012, "message": "no"}]}, (200, [1012])),
        ({"kind": "garbage"}, (200, [])),
        ({"kind": "reset"}, (None, None)),
    ],
)
@pytest.mark.parametrize("acted", [False, True])
def test_a_fault_takes_the_place_of_an_answer_and_purges_only_when_told_to(
    world: World, order: dict[str, Any], answered: tuple[int, list[int]], acted: bool
) -> None:
    world.visit(f"{WWW}/a")
    world.control.add_fault(**order, acted=acted)
    if order["kind"] == "reset":
        with pytest.raises(urllib3.exceptions.ProtocolError):
            raw(world)
    else:
        response = raw(world)
        assert response.status == answered[0]
        assert response.headers.get("Retry-After") == order.get("headers", {}).get("Retry-After")
    [request] = world.control.requests()
    assert (request.fault, request.status, request.codes) == (order["kind"], *answered)
    assert world.statuses(f"{WWW}/a") == ["MISS" if acted else "HIT"]
    world.purge({"files": [f"{WWW}/a"]})


def test_a_fault_is_of_a_zone_or_of_what_only_reads(world: World) -> None:
    world.control.add_fault("status", status=503, zone_id=SHOP, times=None)
    world.control.add_fault("status", status=500, errors=[{"code": 1, "message": "no"}], reads=True)
    world.purge({"tags": ["a"]})
    assert world.ask("", method="GET", path="/zones").status == 500
    assert world.ask("", method="GET", path="/zones").status == 200


# ---- The process ----


def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    config = written(tmp_path, certificates.issue(tmp_path), "https://127.0.0.1:1")
    parent = (
        "import subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'tests.simulation.cloudflare', sys.argv[1]]\n"
        "child = subprocess.Popen(command, stdin=subprocess.PIPE)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", parent, str(config)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["api"]
    process.kill()
    # Its output ends only when the child, which shares it, has ended too.
    assert process.communicate(timeout=10)[0] == ""


def test_the_value_of_a_token_is_nowhere_to_be_read(world: World, started: World) -> None:
    world.ask({"tags": ["a"]}, headers={"Authorization": f"bearer {GOOD}"})
    with pytest.raises(Exception, match="name of its own") as caught:
        world.control.add_token("secret-value", [FREE], name="good")
    log = (Path(started.ca_file).parent / "cloudflare.log").read_text()
    said = log + str(caught.value) + str(world.control.requests()) + str(world.control.state())
    assert '"purge_cache"' in said
    assert not any(secret in said for secret in ("secret-value", KEY, *(token["value"] for token in TOKENS.values())))
