"""Where the token may be sent, and that no setting weakens the connection."""

import socket

import pytest

from cf_purge.config import load
from cf_purge.errors import Misconfigured, Transient
from cf_purge.http_client import HttpClient
from tests.support.factories import document, environment, flat_environment

# Addresses that only look like loopback or https.
ADDRESSES = """
    http://evil.example http://localhost@evil.example http://localhost:80@evil.example http://127.0.0.1@evil.example
    http://evil@localhost http://127.0.0.1.evil.example http://localhost.evil.example http://localhost.
    http://evil.example#localhost http://localhost#@evil.example http://localhost?@evil.example
    http://evil.example/localhost http://127.1 http://2130706433 http://0x7f.0.0.1 http://0.0.0.0 http://[::]
    http://[::ffff:192.0.2.1] http://[::1%25eth0] http://localhost%2eevil.example http://%6cocalhost http:localhost
    //localhost file:///etc/passwd javascript://localhost http+unix://localhost https:// https:///path
    https:evil.example https://api.cloudflare.com:443:80 https://api.cloudflare.com:-1
    https://api.cloudflare.com:99999 http://[::1].evil.example https://api.example;localhost https://api.example/?a=b
"""
ODD_ADDRESSES = [
    *(f"http://localhost{odd}evil.example" for odd in ("\\@", "\\.", "\u3002", "\x00.", " .", "\u2028.")),
    *("https://api.cloudflare.com\\@evil.example", "http://127\u30020\u30020\u30021", "http://\u24dbocalhost"),
    *("http://127\uff0e0\uff0e0\uff0e1", "http://loc\talhost.evil.example", "http://localhost:\uff18\uff10"),
    *(" https://api.example", "https://api.example\n", "ht\ntps://api.example", "http://local\nhost"),
]


@pytest.mark.parametrize("url", [*ADDRESSES.split(), *ODD_ADDRESSES])
def test_an_address_that_only_looks_like_loopback_or_https_is_refused(url: str) -> None:
    for environ in (environment(document(cloudflare={"api_url": url})), flat_environment(CLOUDFLARE_API_URL=url)):
        with pytest.raises(Misconfigured, match=r"API_URL\) must be an https URL"):
            load(environ)


@pytest.mark.parametrize(
    "url", ["HTTP://LOCALHOST", "HTTPS://API.EXAMPLE", "http://localhost/@a.b", "http://[::1]:80", "https://a.b/../.."]
)
def test_the_token_leaves_unencrypted_only_to_loopback(
    url: str, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One parser checks the configuration, and another one connects."""
    asked: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    api_url = load(environment(document(cloudflare={"api_url": url}))).api_url
    with pytest.raises(Transient):
        http.request("POST", f"{api_url}/zones/x/purge_cache", {}, b"", 1.0, 1)
    assert asked
    assert url.lower().startswith("https") or set(asked) <= {"localhost", "127.0.0.1", "::1"}
