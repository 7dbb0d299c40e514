"""Cloudflare's own SDK works with the simulation."""

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import cloudflare
import httpx
import pytest
from cloudflare import Cloudflare

from tests.world.conftest import EMAIL, ENVIRONMENT, FREE, KEY, SHOP, TOKENS, World

A = "https://www.example.test/a.css"
GOOD = TOKENS["good"]["value"]
USER = {"api_email": EMAIL, "api_key": KEY}
Client = Callable[..., Cloudflare]


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    """Make a client, as the good token unless another identity is given."""
    with httpx.Client(verify=ssl.create_default_context(cafile=world.ca_file)) as http:
        yield lambda **identity: Cloudflare(
            base_url=world.control.api_url, http_client=http, max_retries=0, **(identity or {"api_token": GOOD})
        )


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
def test_every_kind_of_purge_succeeds_and_empties_the_cache(world: World, client: Client, body: dict[str, Any]) -> None:
    world.site.put("/a.css", "a", headers={"Cache-Tag": "style"})
    there = {"X-Environment": ENVIRONMENT}
    world.fill(A)
    world.fill(A, **there)
    assert client().cache.purge_environment(zone_id=FREE, environment_id=ENVIRONMENT, **body) is not None
    assert world.statuses(A) + world.statuses(A, **there) == ["HIT", "MISS"]
    result = client().cache.purge(zone_id=FREE, **body)
    assert result is not None
    assert result.id == FREE
    assert world.statuses(A) == ["MISS"]


def test_an_invalidation_succeeds_and_the_copy_is_revalidated(world: World, client: Client) -> None:
    world.site.put("/a.css", "a")
    world.visit(A)
    assert client(**USER).cache.invalidate(zone_id=FREE, files=[A]) is not None
    assert world.statuses(A) == ["REVALIDATED"]
    assert world.control.requests()[0].identity == f"user {EMAIL}"


@pytest.mark.parametrize(
    ("identity", "zone", "body", "error", "code"),
    [
        ({"api_token": "u" * 40}, FREE, {"files": [A]}, cloudflare.AuthenticationError, 10000),
        ({"api_token": TOKENS["reader"]["value"]}, FREE, {"files": [A]}, cloudflare.PermissionDeniedError, 10000),
        ({"api_token": TOKENS["elsewhere"]["value"]}, FREE, {"files": [A]}, cloudflare.PermissionDeniedError, 9109),
        ({"api_token": TOKENS["narrow"]["value"]}, SHOP, {"tags": ["a"]}, cloudflare.PermissionDeniedError, 10000),
        ({"api_token": f"Bearer {GOOD}"}, FREE, {"files": [A]}, cloudflare.BadRequestError, 6003),
        ({"api_email": EMAIL, "api_key": GOOD}, FREE, {"files": [A]}, cloudflare.BadRequestError, 6003),
        ({}, "example.test", {"files": [A]}, cloudflare.BadRequestError, 7003),
        ({}, FREE, {"files": ["https://www.shop.test/a"]}, cloudflare.BadRequestError, 1016),
        ({}, FREE, {"files": []}, cloudflare.BadRequestError, 1012),
        ({}, FREE, {"tags": ["a" * 1025]}, cloudflare.BadRequestError, 1100),
    ],
)
def test_each_refusal_raises_the_sdks_error_for_it(
    client: Client,
    identity: dict[str, str],
    zone: str,
    body: dict[str, Any],
    error: type[cloudflare.APIStatusError],
    code: int,
) -> None:
    with pytest.raises(error) as caught:
        client(**identity).cache.purge(zone_id=zone, **body)
    assert caught.value.errors[0].code == code


@pytest.mark.parametrize("name", ["good", "disabled", "expired"])
def test_a_token_is_verified(client: Client, name: str) -> None:
    verified = client(api_token=TOKENS[name]["value"]).user.tokens.verify()
    assert verified is not None
    assert (len(verified.id), verified.status) == (32, "active" if name == "good" else name)


@pytest.mark.parametrize("value", ["u" * 40, TOKENS["account"]["value"]])
def test_a_token_that_is_not_a_users_is_not_verified(client: Client, value: str) -> None:
    with pytest.raises(cloudflare.BadRequestError) as caught:
        client(api_token=value).user.tokens.verify()
    assert caught.value.errors[0].code == 1000


def test_a_token_finds_a_zone_by_name_if_it_has_any_permission_there(client: Client) -> None:
    for identity in (USER, *({"api_token": TOKENS[name]["value"]} for name in ("good", "reader", "account"))):
        assert [zone.id for zone in client(**identity).zones.list(name="example.test")] == [FREE]
    assert list(client(**USER).zones.list(name="foreign.test")) == []
    with pytest.raises(cloudflare.PermissionDeniedError, match=r"account\.zone\.list"):
        client().zones.list(name="foreign.test")


def test_the_rate_limit_raises_the_sdks_rate_limit_error(client: Client) -> None:
    cache = client().cache
    for _ in range(25):
        cache.purge(zone_id=FREE, tags=["a"])
    with pytest.raises(cloudflare.RateLimitError) as caught:
        cache.purge(zone_id=FREE, tags=["a"])
    assert caught.value.errors[0].code == 1134
    assert int(caught.value.response.headers["retry-after"]) > 0
