"""Cloudflare's own SDK, which nobody here wrote, takes the simulation for Cloudflare."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import cloudflare
import httpx
import pytest
from cloudflare import Cloudflare

from tests.world.simulation import EMAIL, ENVIRONMENT, FREE, KEY, SHOP, TOKENS, World

A = "https://www.example.test/a.css"
GOOD = TOKENS["good"]["value"]


@pytest.fixture
def http_client(world: World) -> Iterator[httpx.Client]:
    with httpx.Client(verify=ssl.create_default_context(cafile=world.ca_file)) as client:
        yield client


def sdk(world: World, http_client: httpx.Client, **identity: Any) -> Cloudflare:
    identity = identity or {"api_token": GOOD}
    return Cloudflare(base_url=world.addresses.api, http_client=http_client, max_retries=0, **identity)


@pytest.mark.parametrize(
    "body",
    [
        {"files": [A]},
        {"files": [{"url": A, "headers": {}}]},
        {"tags": ["style"]},
        {"hosts": ["www.example.test"]},
        {"prefixes": ["www.example.test/a"]},
        {"purge_everything": True},
    ],
)
@pytest.mark.parametrize("by_environment", [False, True])
def test_every_kind_of_purge_succeeds_and_empties_the_cache(
    world: World, http_client: httpx.Client, body: dict[str, Any], by_environment: bool
) -> None:
    world.site.put("/bucket/a.css", "a", headers={"Cache-Tag": "style"})
    world.visit(A)
    cache = sdk(world, http_client).cache
    result: Any
    if by_environment:
        result = cache.purge_environment(zone_id=FREE, environment_id=ENVIRONMENT, **body)
    else:
        result = cache.purge(zone_id=FREE, **body)
    assert result is not None
    assert result.id == FREE
    assert world.status(A) == "MISS"


def test_an_invalidation_succeeds_and_the_copy_is_revalidated(world: World, http_client: httpx.Client) -> None:
    world.site.put("/bucket/a.css", "a")
    world.visit(A)
    result = sdk(world, http_client).cache.invalidate(zone_id=FREE, files=[A])
    assert result is not None
    assert world.status(A) == "REVALIDATED"


def test_a_global_api_key_succeeds(world: World, http_client: httpx.Client) -> None:
    result = sdk(world, http_client, api_email=EMAIL, api_key=KEY).cache.purge(zone_id=FREE, files=[A])
    assert result is not None
    assert world.control.requests()[0].identity == f"user {EMAIL}"


@pytest.mark.parametrize(
    ("identity", "zone", "body", "error", "code"),
    [
        ({"api_token": "unknown"}, FREE, {"files": [A]}, cloudflare.AuthenticationError, 10000),
        ({"api_token": TOKENS["reader"]["value"]}, FREE, {"files": [A]}, cloudflare.PermissionDeniedError, 10000),
        ({"api_token": TOKENS["narrow"]["value"]}, SHOP, {"tags": ["a"]}, cloudflare.PermissionDeniedError, 10000),
        ({"api_token": f"Bearer {GOOD}"}, FREE, {"files": [A]}, cloudflare.BadRequestError, 6003),
        ({"api_email": EMAIL, "api_key": GOOD}, FREE, {"files": [A]}, cloudflare.BadRequestError, 6003),
        ({}, "example.test", {"files": [A]}, cloudflare.BadRequestError, 7003),
        ({}, FREE, {"files": ["https://www.blog.test/a"]}, cloudflare.BadRequestError, 1016),
        ({}, FREE, {"files": []}, cloudflare.BadRequestError, 1012),
        ({}, FREE, {"files": [A] * 101}, cloudflare.BadRequestError, 1094),
        ({}, FREE, {"tags": ["a" * 1025]}, cloudflare.BadRequestError, 1100),
    ],
)
def test_each_refusal_raises_the_sdks_error_for_it(
    world: World,
    http_client: httpx.Client,
    identity: dict[str, str],
    zone: str,
    body: dict[str, Any],
    error: type[cloudflare.APIStatusError],
    code: int,
) -> None:
    with pytest.raises(error) as caught:
        sdk(world, http_client, **identity).cache.purge(zone_id=zone, **body)
    assert caught.value.errors[0].code == code


@pytest.mark.parametrize("status", ["active", "disabled", "expired"])
def test_a_token_is_verified(world: World, http_client: httpx.Client, status: str) -> None:
    name = "good" if status == "active" else status
    verified = sdk(world, http_client, api_token=TOKENS[name]["value"]).user.tokens.verify()
    assert verified is not None
    assert (len(verified.id), verified.status) == (32, status)


@pytest.mark.parametrize("value", ["unknown", TOKENS["account"]["value"]])
def test_a_token_that_is_no_users_is_not_verified(world: World, http_client: httpx.Client, value: str) -> None:
    with pytest.raises(cloudflare.AuthenticationError) as caught:
        sdk(world, http_client, api_token=value).user.tokens.verify()
    assert caught.value.errors[0].code == 1000


@pytest.mark.parametrize("name", ["good", "reader", "account"])
def test_a_zone_is_found_by_its_name(world: World, http_client: httpx.Client, name: str) -> None:
    client = sdk(world, http_client, api_token=TOKENS[name]["value"])
    assert [(zone.id, zone.name) for zone in client.zones.list(name="example.test")] == [(FREE, "example.test")]


def test_a_zone_out_of_the_tokens_reach_is_denied(world: World, http_client: httpx.Client) -> None:
    with pytest.raises(cloudflare.PermissionDeniedError, match=r"account\.zone\.list"):
        sdk(world, http_client).zones.list(name="foreign.test")


def test_a_global_api_key_lists_its_zones(world: World, http_client: httpx.Client) -> None:
    zones = sdk(world, http_client, api_email=EMAIL, api_key=KEY).zones
    assert [zone.id for zone in zones.list(name="example.test")] == [FREE]
    assert list(zones.list(name="foreign.test")) == []


def test_the_rate_limit_raises_the_sdks_rate_limit_error(world: World, http_client: httpx.Client) -> None:
    client = sdk(world, http_client)
    for _ in range(25):
        client.cache.purge(zone_id=FREE, tags=["a"])
    with pytest.raises(cloudflare.RateLimitError) as caught:
        client.cache.purge(zone_id=FREE, tags=["a"])
    assert caught.value.errors[0].code == 1134
    assert int(caught.value.response.headers["retry-after"]) > 0


def test_the_sdk_recovers_from_a_fault_by_its_own_retries(world: World, http_client: httpx.Client) -> None:
    world.control.add_fault("status", status=503, headers={"Retry-After": "0"})
    world.control.add_fault("reset")
    result = sdk(world, http_client).with_options(max_retries=2).cache.purge(zone_id=FREE, files=[A])
    assert result is not None
    assert [request.status for request in world.control.requests()] == [503, None, 200]


@pytest.mark.parametrize(
    ("order", "error"),
    [
        ({"kind": "status", "status": 500}, cloudflare.InternalServerError),
        ({"kind": "status", "status": 429, "raw": "slow down"}, cloudflare.RateLimitError),
        ({"kind": "reset"}, cloudflare.APIConnectionError),
        ({"kind": "delay", "seconds": 1}, cloudflare.APITimeoutError),
    ],
)
def test_each_fault_is_the_error_it_imitates(
    world: World, http_client: httpx.Client, order: dict[str, Any], error: type[Exception]
) -> None:
    world.control.add_fault(**order)
    with pytest.raises(error):
        sdk(world, http_client).with_options(timeout=0.2).cache.purge(zone_id=FREE, files=[A])
