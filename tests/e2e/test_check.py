"""`{"check": true}` names the fault by the answers of Cloudflare, IAM and KMS; unit tests have all sentences."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from tests.simulation.site import Site
from tests.simulation.world import FOREIGN_ZONE_ID, HOST, TOKEN_PARAMETER, ZONE_ID

Fault = Callable[[Site], AbstractContextManager[None]]
OTHERS = "/local/other/secret"


def configured(change: Callable[[dict[str, Any]], object]) -> Fault:
    return lambda site: site.reconfigured(change)


@contextmanager
def stored(site: Site, value: str, **options: str) -> Iterator[None]:
    """Replace the token with another value, or store it under another key."""
    ssm = site.world.client("ssm")
    ssm.delete_parameter(Name=TOKEN_PARAMETER)
    site.world.store_token(value, **options)
    try:
        yield
    finally:
        ssm.delete_parameter(Name=TOKEN_PARAMETER)
        site.world.store_token(site.world.token)


def token(permission: str, **options: Any) -> Fault:
    @contextmanager
    def fault(site: Site) -> Iterator[None]:
        value = "another-" + site.world.token[::-1]
        site.world.control.add_token(name="another", value=value, zones=[ZONE_ID], permissions=[permission], **options)
        try:
            with stored(site, value):
                yield
        finally:
            site.world.control.revoke("another")

    return fault


def denied(site: Site) -> AbstractContextManager[None]:
    site.world.store_token("not-for-you", OTHERS)
    return site.reconfigured(lambda document: document.update(api_token_parameter=OTHERS))


def under_a_foreign_key(site: Site) -> AbstractContextManager[None]:
    return stored(site, site.world.token, KeyId=site.world.client("kms").create_key()["KeyMetadata"]["KeyId"])


def two_faults(document: dict[str, Any]) -> None:
    document["targets"][0]["hosts"].append("www.example.org")
    document["targets"].append({"zone_id": FOREIGN_ZONE_ID, "hosts": ["www.foreign.test"]})


FAULTS: dict[str, tuple[Fault, list[str]]] = {
    "an IP filter": (token("cache_purge", addresses=["192.0.2.1"]), [TOKEN_PARAMETER, "egress address"]),
    "an expired token": (token("cache_purge", status="expired"), ["is expired"]),
    "a missing permission": (token("dns_edit"), ["no permission", "Zone → Cache Purge → Purge"]),
    "the ID of another zone": (
        configured(lambda document: document["targets"][0].update(zone_id="0" * 32)),
        [ZONE_ID, "correct targets[*].zone_id"],
    ),
    "a foreign host and a foreign zone": (
        configured(two_faults),
        ["www.example.org/.cf-purge-check", "correct targets[*].hosts", f"no access to zone {FOREIGN_ZONE_ID}"],
    ),
    "a denied parameter": (denied, ["AccessDeniedException", "ssm:GetParameter"]),
    "a foreign key": (under_a_foreign_key, ["api_token_kms_key_arn"]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_check_names_the_fault(site: Site, name: str) -> None:
    fault, words = FAULTS[name]
    with fault(site):
        answer, error = site.invoke({"check": True})
    assert error is not None, answer
    text = answer["errorMessage"]
    assert [word for word in words if word not in text] == [], text
    assert site.world.token not in text
    assert "not-for-you" not in text


def test_all_is_well(site: Site) -> None:
    site.put_and_purge("kept.html", "text")
    assert [site.reads("kept.html")[2] for _ in range(2)] == ["MISS", "HIT"]

    answer, error = site.invoke({"check": True})

    assert error is None
    assert (answer["success"], answer["requests"]) == (True, 1)
    assert answer["check"] == [
        f"The token may purge zone {ZONE_ID}, and {HOST} belongs to it.",
        f"Visitors of {HOST} reach Cloudflare.",
    ]
    assert site.reads("kept.html")[2] == "HIT", "a check must drop no copy"
