"""`{"check": true}` says in words what is wrong, each time by the answers of Cloudflare and AWS."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.conftest import Site, url
from tests.simulation.world import FOREIGN_ZONE_ID, HOST, TOKEN_PARAMETER, ZONE_ID

Change = Callable[[dict[str, Any]], None]


@contextmanager
def configured(site: Site, change: Change) -> Iterator[None]:
    restore = site.reconfigure(change)
    try:
        yield
    finally:
        restore()


@contextmanager
def stored(site: Site, value: str, **options: str) -> Iterator[None]:
    site.world.store_token(value, **options)
    try:
        yield
    finally:
        site.world.client("ssm").delete_parameter(Name=TOKEN_PARAMETER)
        site.world.store_token(site.world.token)


@contextmanager
def token(site: Site, zones: list[str], permissions: list[str], status: str = "active") -> Iterator[None]:
    value = "another-" + site.world.token[::-1]
    site.world.control.add_token(value, zones, permissions, name="another", status=status)  # type: ignore[arg-type]
    try:
        with stored(site, value):
            yield
    finally:
        site.world.control.revoke_token("another")


def complaint(site: Site) -> str:
    answer, error = site.invoke({"check": True})
    assert error is not None, answer
    text: str = answer["errorMessage"]
    assert site.world.token not in text
    return text


def test_all_is_well(site: Site) -> None:
    site.put_and_purge("kept.html", "text")
    assert [site.reads("kept.html")[2] for _ in range(2)] == ["MISS", "HIT"]

    answer, error = site.invoke({"check": True})

    assert error is None
    assert answer["success"] is True
    assert answer["requests"] == 1
    assert answer["check"] == [f"The token may purge zone {ZONE_ID}, and {HOST} belongs to it."]
    assert site.reads("kept.html")[2] == "HIT", "a check must drop no copy"


def test_a_wrong_token(site: Site) -> None:
    with stored(site, "nobody-knows-" + site.world.token[::-1]):
        text = complaint(site)
    assert TOKEN_PARAMETER in text
    assert "wrong" in text
    assert "store it" in text


def test_an_expired_token(site: Site) -> None:
    with token(site, [ZONE_ID], ["cache_purge"], status="expired"):
        assert "is expired" in complaint(site)


def test_a_missing_permission(site: Site) -> None:
    with token(site, [ZONE_ID], ["dns_edit"]):
        text = complaint(site)
    assert "no permission" in text
    assert "Zone → Cache Purge → Purge" in text


def test_a_zones_name_instead_of_its_id(site: Site) -> None:
    with configured(site, lambda document: document["targets"][0].update(zone_id="example.test")):
        text = complaint(site)
    assert "targets[0].zone_id" in text
    assert "not its name" in text


def test_the_id_of_another_zone(site: Site) -> None:
    with configured(site, lambda document: document["targets"][0].update(zone_id="0" * 32)):
        text = complaint(site)
    assert ZONE_ID in text
    assert "correct targets[*].zone_id" in text


def test_a_foreign_zone(site: Site) -> None:
    def foreign(document: dict[str, Any]) -> None:
        document["targets"][0].update(zone_id=FOREIGN_ZONE_ID, hosts=["www.foreign.test"])

    with configured(site, foreign):
        text = complaint(site)
    assert FOREIGN_ZONE_ID in text
    assert "has no access to zone" in text
    assert "zone resources" in text


def test_a_host_outside_the_zone(site: Site) -> None:
    with configured(site, lambda document: document["targets"][0].update(hosts=[HOST, "www.example.org"])):
        text = complaint(site)
    assert "www.example.org is not a host of zone" in text
    assert HOST not in text


def test_a_missing_parameter(site: Site) -> None:
    site.world.client("ssm").delete_parameter(Name=TOKEN_PARAMETER)
    try:
        text = complaint(site)
    finally:
        site.world.store_token(site.world.token)
    assert "ParameterNotFound" in text
    assert "create it as a SecureString" in text


def test_a_denied_parameter(site: Site) -> None:
    site.world.store_token("not-for-you", "/local/other/secret")
    with configured(site, lambda document: document.update(api_token_parameter="/local/other/secret")):
        text = complaint(site)
    assert "AccessDeniedException" in text
    assert "ssm:GetParameter" in text
    assert "not-for-you" not in text


def test_a_parameter_under_a_key_that_the_role_may_not_use(site: Site) -> None:
    key = site.world.client("kms").create_key(Description="not for the function")["KeyMetadata"]["KeyId"]
    with stored(site, site.world.token, KeyId=key):
        text = complaint(site)
    assert "api_token_kms_key_arn" in text


def test_a_parameter_under_a_disabled_key(site: Site) -> None:
    kms = site.world.client("kms")
    key = kms.create_key(Description="disabled")["KeyMetadata"]
    role = site.world.client("iam")
    policy = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key["Arn"]}
    role.put_role_policy(
        RoleName=site.name,
        PolicyName="for-this-test",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [policy]}),
    )
    try:
        with stored(site, site.world.token, KeyId=key["KeyId"]):
            kms.disable_key(KeyId=key["KeyId"])
            text = complaint(site)
    finally:
        role.delete_role_policy(RoleName=site.name, PolicyName="for-this-test")
    assert "enable the KMS key" in text


def test_a_token_with_something_around_it(site: Site) -> None:
    with stored(site, f'"{site.world.token}"'):
        text = complaint(site)
    assert "a quote" in text


def test_several_faults_are_named_at_once(site: Site) -> None:
    def both(document: dict[str, Any]) -> None:
        document["targets"][0]["hosts"].append("www.example.org")
        document["targets"].append({"zone_id": FOREIGN_ZONE_ID, "hosts": ["www.foreign.test"]})

    with configured(site, both):
        text = complaint(site)
    assert "www.example.org is not a host" in text
    assert FOREIGN_ZONE_ID in text


def test_a_check_through_the_queue_says_it_in_the_log(site: Site) -> None:
    with configured(site, lambda document: document["targets"][0].update(hosts=["www.example.org"])):
        since = time.time()
        site.send('{"check": true}')
        line = site.log_line(since, "check")
        [parked] = site.dead_letters()
    assert "www.example.org is not a host of zone" in line["reason"]
    assert parked["MessageAttributes"]["ReasonCode"]["StringValue"] == "RejectedByCloudflare"


@pytest.mark.parametrize("asked", [{"dry_run": True}, {"zone_id": ZONE_ID}])
def test_a_check_takes_the_options_of_every_manual_event(site: Site, asked: dict[str, Any]) -> None:
    answer, error = site.invoke({"check": True, **asked})
    assert error is None
    assert answer["invalidations"] == [url(".cf-purge-check")]
    assert len(site.world.control.requests()) == (0 if "dry_run" in asked else 1)
