"""What an attacker may try against the function's connections, settings and log; SECURITY.md says who could."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cf_purge.batch import Request
from cf_purge.cloudflare import Cloudflare
from cf_purge.config import checked_api_url
from cf_purge.environment import load
from cf_purge.errors import Misconfigured, Transient
from cf_purge.purge import FILES, Purge, Zone
from cf_purge.transport import Transport
from tests.unit.factories import (
    TOKEN,
    ZONE,
    document,
    environment,
    eventbridge_event,
    flat_environment,
    s3_event,
    sqs_event,
    target,
)
from tests.unit.fakes import World, refusal
from tests.unit.servers import LocalServer, by_name, named, tls, trusted, write

Serve = Callable[..., LocalServer]
PURGE = Request(Zone(ZONE), FILES, (Purge(Zone(ZONE), FILES, "https://www.example.com/a"),))


def send(api_url: str) -> None:
    """Purge something with a transport made now, as at a cold start."""
    config = load(environment(document(cloudflare={"api_url": api_url})))
    transport = Transport()
    try:
        Cloudflare(config, transport).send(PURGE, TOKEN, 2.0)
    finally:
        transport.close()


# ---- TLS ----


@by_name
@pytest.mark.parametrize("name", ["localhost", "api.cloudflare.com"], ids=["unknown authority", "another host as well"])
@pytest.mark.parametrize(
    "environ",
    [
        {"PYTHONHTTPSVERIFY": "0"},
        {"REQUESTS_CA_BUNDLE": "{theirs}"},
        {"REQUESTS_CA_BUNDLE": ""},
        {"CURL_CA_BUNDLE": "{theirs}"},
        {"CURL_CA_BUNDLE": ""},
        {"AWS_CA_BUNDLE": "{theirs}"},
        {"AWS_CA_BUNDLE": ""},
        {"SSL_NO_VERIFY": "1", "NODE_TLS_REJECT_UNAUTHORIZED": "0", "GIT_SSL_NO_VERIFY": "true"},
        {"SSL_CERT_FILE": "{empty}"},
        {"SSL_CERT_FILE": "{missing}"},
        {"SSL_CERT_FILE": "{folder}"},
        {"SSL_CERT_FILE": "{missing}", "SSL_CERT_DIR": "{folder}"},
    ],
    ids=str,
)
def test_nothing_in_the_environment_turns_the_verification_off(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environ: dict[str, str], name: str
) -> None:
    server = serve(tls(trusted(tmp_path / "theirs.pem"), name))
    (tmp_path / "empty.pem").touch()
    places = {"theirs": "theirs.pem", "empty": "empty.pem", "missing": "missing.pem", "folder": "."}
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value.format(**{place: tmp_path / file for place, file in places.items()}))
    with pytest.raises(Transient, match="SSL"):
        send(named(server.url))
    assert server.received == []


@by_name
def test_the_right_certificate_of_another_name_is_refused_for_every_authority(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever sets SSL_CERT_FILE chooses the authorities, but not for whom a certificate speaks."""
    authority = trusted(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    wrong, right = serve(tls(authority, "localhost.example.com")), serve(tls(authority))
    with pytest.raises(Transient, match="SSL"):
        send(named(wrong.url))
    assert wrong.received == []
    send(named(right.url))
    assert len(right.received) == 1


@pytest.mark.parametrize("name", ["verify", "verify_ssl", "insecure", "ca_bundle", "proxy", "headers", "timeout"])
def test_no_setting_touches_the_connection(name: str) -> None:
    for where in ({"cloudflare": {name: False}}, {name: False}, {"targets": [target(**{name: False})]}):
        with pytest.raises(Misconfigured, match=f"{name} is not a field"):
            load(environment(document(**where)))
    assert load(flat_environment(**{f"CLOUDFLARE_{name.upper()}": "false"})) == load(flat_environment())


@by_name
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_proxy_of_the_environment_is_asked_for_a_tunnel(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scheme: str
) -> None:
    authority = trusted(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    proxy, server = serve(tls(authority) if scheme == "https" else None), serve(tls(authority))
    for variable in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, proxy.url)
        monkeypatch.setenv(variable.lower(), proxy.url)
    send(named(server.url))
    assert (len(server.received), proxy.accepted) == (1, 0)


# ---- Where the token goes ----


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["{url}/steal", "//{address}/steal", "{url}"])
def test_a_redirect_of_the_api_takes_the_token_nowhere(serve: Serve, status: int, location: str) -> None:
    elsewhere, server = serve(), serve()
    to = location.format(url=elsewhere.url, address=elsewhere.url.removeprefix("http://"))
    server.respond = lambda handler: write(handler, status, b"", {"Location": to, "Refresh": f"0; url={to}"})
    with pytest.raises(Transient, match=f"answered {status}"):
        send(server.url)
    assert (len(server.received), elsewhere.accepted) == (1, 0)


def test_an_answer_is_not_inflated(serve: Serve, transport: Transport) -> None:
    bomb = gzip.compress(b" " * (100 << 20), 1)
    server = serve()
    server.respond = lambda handler: write(handler, body=bomb, headers={"Content-Encoding": "gzip"})
    assert transport.get(server.url, {}, 2.0).body == bomb


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example",
        "http://localhost@evil.example",
        "http://localhost:80@evil.example",
        "http://127.0.0.1@evil.example",
        "http://evil@localhost",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://localhost.",
        "http://evil.example#localhost",
        "http://localhost#@evil.example",
        "http://localhost?@evil.example",
        "http://evil.example/localhost",
        "http://localhost\\@evil.example",
        "http://localhost\\.evil.example",
        "https://api.cloudflare.com\\@evil.example",
        "http://127.1",
        "http://2130706433",
        "http://0x7f.0.0.1",
        "http://0.0.0.0",
        "http://[::]",
        "http://[::ffff:192.0.2.1]",
        "http://[::1%25eth0]",
        "http://127\u30020\u30020\u30021",
        "http://127\uff0e0\uff0e0\uff0e1",
        "http://localhost\u3002evil.example",
        "http://\u24dbocalhost",
        "http://localhost%2eevil.example",
        "http://%6cocalhost",
        "http://localhost\x00.evil.example",
        "http://localhost .evil.example",
        "http://localhost\u2028.evil.example",
        "http://loc\talhost.evil.example",
        "http:localhost",
        "//localhost",
        "file:///etc/passwd",
        "javascript://localhost",
        "http+unix://localhost",
        "https://",
        "https:///path",
        "https:evil.example",
        "https://api.cloudflare.com:443:80",
        "https://api.cloudflare.com:-1",
        "https://api.cloudflare.com:99999",
        "http://localhost:\uff18\uff10",
        " https://api.example",
        "https://api.example\n",
        "ht\ntps://api.example",
        "http://local\nhost",
        "http://[::1].evil.example",
        "https://api.example;localhost",
    ],
)
def test_an_address_that_only_looks_like_loopback_or_https_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"CF_PURGE_CONFIG: cloudflare\.api_url must be an https URL"):
        load(environment(document(cloudflare={"api_url": url})))
    with pytest.raises(Misconfigured, match="CLOUDFLARE_API_URL must be an https URL"):
        load(flat_environment(CLOUDFLARE_API_URL=url))


@pytest.mark.parametrize(
    "url",
    [
        "HTTP://LOCALHOST",
        "HTTPS://API.EXAMPLE",
        "http://localhost/@evil.example",
        "http://[::1]:80",
        "http://127.0.0.1//evil.example",
        "https://api.example/../..",
    ],
)
def test_whatever_address_is_taken_the_token_leaves_in_the_clear_only_for_loopback(
    url: str, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration is checked in one place and connected to in another."""
    asked: list[str] = []

    def look_up(host: str, *_: object) -> list[object]:
        asked.append(host)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises((Misconfigured, Transient)):
        transport.post(f"{checked_api_url(url, 'x')}/zones/{ZONE}/purge_cache", {}, b"", 1.0)
    assert url.lower().startswith("https") or set(asked) <= {"localhost", "127.0.0.1", "::1"}


# ---- The log ----

FORGED = '{"level": "ERROR", "message": "forged", "_aws": {"CloudWatchMetrics": []}, "Purged": 1000000}'
KEYS = [
    f"a\n{FORGED}\n",
    f"a\r\n{FORGED}\r",
    f'a"}}\n{FORGED}',
    f"a\u2028{FORGED}\u2029",
    f"a\x85{FORGED}\x0b\x0c\x1c\x1d\x1e",
    f"\x1b[2K\x1b[1A\x1b]0;title\x07{FORGED}",
    f"a\x00{FORGED}",
    "\u202egpj.a",
    "%0a%0d",
]


def assert_nothing_is_forged(world: World, messages: list[str]) -> None:
    """Each line is an object and meant, wherever a reader of lines may break them."""
    lines = [json.loads(line) for line in world.output.splitlines()]
    assert world.output.isascii()
    assert set(world.output) <= {"\n", *map(chr, range(0x20, 0x7F))}
    assert [line["message"] for line in lines if "_aws" not in line] == messages
    assert [line["Purged"] for line in lines if "_aws" in line] == [messages.count("purged")]


@pytest.mark.parametrize("key", KEYS, ids=ascii)
@pytest.mark.parametrize(
    "event", [s3_event, eventbridge_event, lambda key: {"keys": [key]}], ids=["s3", "eventbridge", "by hand"]
)
def test_a_key_forges_no_line(key: str, event: Callable[[str], dict[str, Any]]) -> None:
    world = World(document(targets=[target(purge_by="host")]))
    assert world.returned(sqs_event(event(key))) == []
    assert_nothing_is_forged(world, ["purged"])
    world = World(document(exclude=["**"]))
    assert world.returned(sqs_event(event(key))) == []
    assert_nothing_is_forged(world, ["skipped"])
    assert world.logged("skipped")[0]["key"] == key


@pytest.mark.parametrize("key", [*KEYS, "\ud800\n" + FORGED], ids=ascii)
@pytest.mark.parametrize("kind", ["urls", "prefixes", "tags", "hosts", "bucket", "zone_id", "body", "s3", "field"])
def test_what_is_refused_forges_no_line_and_no_attribute(key: str, kind: str) -> None:
    body: Any = {
        "bucket": {"keys": ["a"], "bucket": key},
        "zone_id": {"keys": ["a"], "zone_id": key},
        "body": key,
        "s3": s3_event("a", bucket=key),
        "field": {"keys": ["a"], key: 1},
    }.get(kind, {kind: [key + " "]})
    world = World()
    world.returned(sqs_event(body))
    assert world.cloudflare.requests == []
    assert_nothing_is_forged(world, ["parked" if world.aws.parked else "not parked"])
    assert all(reason.isprintable() for _, reason in world.parked_reasons)


@pytest.mark.parametrize("words", KEYS, ids=ascii)
def test_what_cloudflare_answers_forges_no_line(words: str) -> None:
    world = World()
    world.cloudflare.bad, world.cloudflare.bad_reply = lambda _: True, refusal(400, 1016, message=words)
    assert world.returned(sqs_event(s3_event("a"))) == []
    assert_nothing_is_forged(world, ["not purged", "parked"])
