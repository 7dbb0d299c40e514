from __future__ import annotations

import json
import time

import pytest
import urllib3

from tests.simulation.cloudflare.client import ControlError
from tests.world.simulation import BLOG, EMAIL, FREE, SHOP, TOKENS, World

A = "https://www.example.test/a.css"


def test_the_state_tells_zones_copies_and_names(world: World) -> None:
    world.visit(A)
    world.visit(f"{A}?v=1")
    world.visit("https://www.blog.test/")
    state = world.control.state()
    assert state.copies == 3
    assert [state.copies_of(zone) for zone in (FREE, BLOG, SHOP)] == [2, 1, 0]
    assert state.zones[0] == {
        "id": FREE,
        "name": "example.test",
        "hosts": ["img.example.test", "www.example.test"],
        "plan": "free",
        "copies": 2,
    }
    assert sorted(state.identities) == sorted([*TOKENS, f"user {EMAIL}"])


def test_the_journal_tells_what_was_asked_and_answered(world: World) -> None:
    before = time.time()
    world.purge({"files": [A]})
    world.ask("not JSON", endpoint="invalidate_cache", headers={"Authorization": "Bearer nobody"})
    first, second = world.control.requests()
    assert before - 1 <= first.time <= time.time() + 1
    assert first.answered is not None
    assert first.time <= first.answered <= time.time()
    assert (first.method, first.path) == ("POST", f"/client/v4/zones/{FREE}/purge_cache")
    assert (first.zone, first.kind, first.environment) == (FREE, "purge_cache", None)
    assert (first.body, first.identity, first.fault) == ({"files": [A]}, "good", None)
    assert (first.status, first.codes) == (200, [])
    assert (second.kind, second.body, second.identity) == ("invalidate_cache", "not JSON", None)
    assert (second.status, second.codes) == (401, [10000])
    world.control.forget_requests()
    assert world.control.requests() == []


@pytest.mark.parametrize(
    ("body", "urls"),
    [
        ({"files": [A, {"url": f"{A}?v=1", "headers": {"Origin": "https://a.test"}}]}, (A, f"{A}?v=1")),
        ({"tags": ["a"]}, ()),
        ({"prefixes": ["www.example.test/a"]}, ()),
        ({"purge_everything": True}, ()),
        ({"files": [{"headers": {}}, 5]}, ()),
        ({"files": None}, ()),
        ([A], ()),
        ("not JSON", ()),
    ],
)
def test_the_journal_tells_the_urls_of_any_body(world: World, body: object, urls: tuple[str, ...]) -> None:
    world.ask(body)
    assert world.control.requests()[0].urls == urls


def test_a_revoked_token_stops_working_at_once_and_the_others_go_on(world: World) -> None:
    world.purge({"files": [A]})
    world.control.revoke_token("good")
    assert world.ask({"files": [A]}).status == 401
    assert world.ask({"files": [A]}, headers={"Authorization": f"Bearer {TOKENS['narrow']['value']}"}).status == 200
    with pytest.raises(ControlError, match="good"):
        world.control.revoke_token("good")


def test_revoking_all_tokens_leaves_the_users(world: World) -> None:
    world.control.revoke_all_tokens()
    assert world.ask({"files": [A]}).status == 401
    assert world.control.state().identities == [f"user {EMAIL}"]


def test_an_added_token_works_for_its_zones(world: World) -> None:
    name = world.control.add_token("brand-new", [FREE])
    assert name in world.control.state().identities
    headers = {"Authorization": "Bearer brand-new"}
    assert world.ask({"files": [A]}, headers=headers).status == 200
    assert world.ask({"tags": ["a"]}, BLOG, headers=headers).status == 403
    with pytest.raises(ControlError, match=name):
        world.control.add_token("other", [FREE], name=name)


def test_the_value_of_a_token_is_nowhere_to_be_read(world: World) -> None:
    secret = "very-secret-value-0123456789"
    world.control.add_token(secret, [FREE])
    assert world.ask({"files": [A]}, headers={"Authorization": f"Bearer {secret}"}).status == 200
    world.ask({"files": [A]}, headers={"Authorization": f"bearer {secret}"})
    pool = urllib3.PoolManager()
    said = [pool.request("GET", world.addresses.control + path).data.decode() for path in ("/state", "/requests")]
    for order in (f'{{"value": "{secret}"', json.dumps({"value": secret, "zones": 5}), json.dumps([secret])):
        refused = pool.request("POST", f"{world.addresses.control}/tokens", body=order)
        assert refused.status == 400
        said.append(refused.data.decode())
    pool.clear()
    said.append(world.log.read_text())
    assert '"purge_cache"' in said[-1]
    assert secret not in "".join(said)
    assert not any(token["value"] in "".join(said) for token in TOKENS.values())


def test_the_log_tells_requests_and_visits(world: World) -> None:
    url = f"{A}?log={time.time()}"
    world.visit(url)
    world.purge({"files": [url]})
    lines = [line for line in world.log.read_text().splitlines() if url in line]
    visit, purge = (json.loads(line[line.index("{") :]) for line in lines)
    assert visit["edge"] == {"method": "GET", "url": url, "status": 404, "cache": "MISS"}
    assert (purge["api"]["body"], purge["api"]["identity"]) == ({"files": [url]}, "good")


def test_a_latency_delays_every_answer_until_it_is_changed(world: World) -> None:
    world.control.set_latency(200)
    assert world.control.state().latency_ms == 200
    started = time.monotonic()
    world.purge({"files": [A]})
    world.ask({})
    assert time.monotonic() - started >= 0.4


def test_the_cache_can_be_emptied_by_zone_or_whole(world: World) -> None:
    for url in (A, "https://www.blog.test/", "https://www.shop.test/"):
        world.visit(url)
    world.control.empty_cache(FREE)
    assert [world.control.state().copies_of(zone) for zone in (FREE, BLOG, SHOP)] == [0, 1, 1]
    world.control.empty_cache()
    assert world.control.state().copies == 0
    assert world.control.requests() == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/latency", "{}"),
        ("POST", "/latency", '{"latency_ms": "long"}'),
        ("POST", "/tokens", "{}"),
        ("POST", "/faults", "no JSON"),
    ],
)
def test_a_malformed_order_is_a_400_that_says_why(world: World, method: str, path: str, body: str) -> None:
    response = urllib3.request(method, world.addresses.control + path, body=body)
    assert response.status == 400
    assert response.json()["error"]
