"""What Cloudflare is asked with GET, after a refusal: is the token one, and whose is the zone."""

from __future__ import annotations

from typing import Any

import pytest

from cf_purge.cloudflare import Cloudflare
from cf_purge.config import Config, Target
from cf_purge.errors import Transient
from cf_purge.purge import Zone
from tests.unit.factories import OTHER_ZONE, TOKEN, ZONE
from tests.unit.fakes import FakeAws, FakeCloudflare, FakeTransport, Reply, Sent, answer, outage, refusal, result


def asked(fake: FakeCloudflare, **config: Any) -> Cloudflare:
    transport: Any = FakeTransport(fake, FakeAws())
    return Cloudflare(Config("site", (Target(Zone(ZONE)),), **config), transport)


def test_a_token_is_verified_as_cloudflare_documents() -> None:
    fake = FakeCloudflare()
    assert asked(fake).token_status(TOKEN, 2.5) == "active"
    url = "https://api.cloudflare.com/client/v4/user/tokens/verify"
    assert fake.reads == [Sent(url, {"Authorization": f"Bearer {TOKEN}"}, None, 2.5, "GET")]
    assert fake.requests == []


def test_a_zone_is_looked_for_by_its_name() -> None:
    fake = FakeCloudflare(names={"example.com": [ZONE, OTHER_ZONE]})
    assert asked(fake).zone_ids("example.com", TOKEN, 2.5) == [ZONE, OTHER_ZONE]
    assert asked(fake).zone_ids("example.net", TOKEN, 2.5) == []
    base = "https://api.cloudflare.com/client/v4/zones?name="
    assert [sent.url for sent in fake.reads] == [f"{base}example.com", f"{base}example.net"]
    assert {sent.method for sent in fake.reads} == {"GET"}


def test_another_api_url_is_asked_instead() -> None:
    fake = FakeCloudflare()
    cloudflare = asked(fake, api_url="http://127.0.0.1:1/v4")
    cloudflare.token_status(TOKEN, 1.0)
    cloudflare.zone_ids("a b&c=d", TOKEN, 1.0)
    assert [sent.url for sent in fake.reads] == [
        "http://127.0.0.1:1/v4/user/tokens/verify",
        "http://127.0.0.1:1/v4/zones?name=a%20b%26c%3Dd",
    ]


def test_a_global_api_key_identifies_itself_here_as_it_does_there() -> None:
    fake = FakeCloudflare(names={"example.com": [ZONE]})
    assert asked(fake, email="ops@example.com").zone_ids("example.com", TOKEN, 1.0) == [ZONE]
    assert [sent.headers for sent in fake.reads] == [{"X-Auth-Email": "ops@example.com", "X-Auth-Key": TOKEN}]


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (result({"id": "x", "status": "active"}), "active"),
        (result({"id": "x", "status": "disabled"}), "disabled"),
        (result({"id": "x", "status": "expired"}), "expired"),
        (refusal(401, 1000, message="Invalid API Token"), "unknown"),
        (refusal(403, 1000), "unknown"),
        # It may be about anything: whoever asks is then told what the purge was answered.
        (refusal(403, 9109), None),
        (refusal(403, 10000), None),
        (answer(401, b"<html>"), "unknown"),
        (answer(200, b"<html>"), None),
        (answer(200, {}), None),
        (answer(200, {"result": None}), None),
        (answer(200, {"result": []}), None),
        (answer(200, b"[" * 100_000), None),
        (answer(200, b"[]"), None),
        (refusal(400, 6003), None),
        (refusal(404, 7003), None),
        (refusal(429, 1134), None),
        (answer(500, b""), None),
        (answer(503, {"result": {"status": "active"}}), None),
    ],
)
def test_the_status_of_a_token_is_what_a_readable_answer_says(reply: Reply, status: str | None) -> None:
    assert asked(FakeCloudflare(status=reply)).token_status(TOKEN, 1.0) == status


@pytest.mark.parametrize(
    "reply",
    [
        result([]),
        result(None),
        result({}),
        result("text"),
        result([None, "text", 7, []]),
        answer(200, {}),
        answer(200, b"<html>"),
        answer(200, b"[]"),
        refusal(403, 9109),
        refusal(400, 6003),
        refusal(429, 1134),
        answer(500, b""),
    ],
)
def test_what_lists_no_zones_has_none_of_that_name(reply: Reply) -> None:
    assert asked(FakeCloudflare(names={"example.com": reply})).zone_ids("example.com", TOKEN, 1.0) == []


def test_without_an_answer_nothing_is_known() -> None:
    fake = FakeCloudflare(status=outage(), names={"example.com": outage()})
    with pytest.raises(Transient):
        asked(fake).token_status(TOKEN, 1.0)
    with pytest.raises(Transient):
        asked(fake).zone_ids("example.com", TOKEN, 1.0)
