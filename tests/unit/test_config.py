"""Both forms of the configuration are read, and a wrong one is refused in a sentence that names the field."""

import base64
import gzip
import json
import socket
from typing import Any

import pytest

from cf_purge.config import Config, Target, Verify, load
from cf_purge.errors import Misconfigured, Transient
from cf_purge.http_client import HttpClient
from tests.support.factories import document, environment, flat_environment, target
from tests.support.names import PARAMETER, TOKEN, ZONE

MISSING = object()


def present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not MISSING}


def read(**changes: Any) -> Config:
    return load({"CF_PURGE_CONFIG": json.dumps(present(document(**changes)))})


def refusal_of(environ: dict[str, str]) -> str:
    with pytest.raises(Misconfigured) as caught:
        load(environ)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert TOKEN not in sentence
    return sentence


# ---- The document ----


def test_a_null_field_has_the_default() -> None:
    nulls = dict.fromkeys({*Config._fields, "cloudflare"} - {"name", "bucket", "api_token_parameter", "targets"})
    config = read(**nulls, targets=[target(**dict.fromkeys({*Target._fields, "environment_id"} - {"hosts"}))])
    assert config == read(
        queue_arn=MISSING, dead_letter_queue_arn=MISSING, cloudflare={"plan": None, "operation": None}
    )
    assert (config.api_url, config.requests_per_second) == ("https://api.cloudflare.com/client/v4", 4)
    for verify in ({}, {"after_seconds": None}):
        assert read(verify=verify).verify == Verify(5, 3, 20)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": MISSING}),
        ("bucket", {"bucket": MISSING}),
        ("targets", {"targets": MISSING}),
        ("hosts", {"targets": [present(target(hosts=MISSING))]}),
        ("zone_id", {"targets": [present(target(zone_id=MISSING))]}),
        ("later", {"later": 1}),
        ("purgeby", {"targets": [target(purgeby="url")]}),
        ("gold", {"cloudflare": {"plan": "gold"}}),
        ("samples", {"verify": {"samples": 20}}),
    ],
)
def test_the_document_of_another_version_is_refused_in_a_sentence_that_names_the_field(
    field: str, changes: dict[str, Any]
) -> None:
    sentence = refusal_of({"CF_PURGE_CONFIG": json.dumps(present(document(**changes)))})
    assert sentence.startswith("CF_PURGE_CONFIG ")
    assert field in sentence


PACKED = base64.b64encode(gzip.compress(b"no JSON", mtime=0)).decode()


@pytest.mark.parametrize("text", ["{", "[]", "null", " ", "7", '"x"', "[" * 100_000, "nonsense", "H4sI", PACKED])
def test_a_variable_that_is_not_a_json_object_is_named(text: str) -> None:
    assert refusal_of({"CF_PURGE_CONFIG": text}).startswith("CF_PURGE_CONFIG")


ARN = "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/token"


@pytest.mark.parametrize(("given", "asked_for"), [("token", "token"), ("prod/token", "/prod/token"), (ARN, ARN)])
def test_a_parameter_in_a_folder_is_read_with_the_slash_that_ssm_wants(given: str, asked_for: str) -> None:
    assert read(api_token_parameter=given).api_token_parameter == asked_for
    assert load(flat_environment(CLOUDFLARE_API_KEY_SSMPATH=given)).api_token_parameter == asked_for


# ---- The flat variables ----


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("CLOUDFLARE_ZONE_ID", value) for value in ("", "example.com", TOKEN)),
        *(("CLOUDFLARE_API_EMAIL", value) for value in ("nobody", "ops@example.com\n")),
        *(("INCLUDED_EXTS", value) for value in ("css,img/*", "css,[z-a]")),
        ("EXCLUDED_EXTS", "draft/"),
    ],
)
def test_a_wrong_flat_variable_is_named(name: str, value: str) -> None:
    assert name in refusal_of(flat_environment(**{name: value}))


def test_without_any_configuration_both_forms_are_named() -> None:
    assert all(name in refusal_of({}) for name in ("CF_PURGE_CONFIG", "CLOUDFLARE_ZONE_ID"))


def test_the_document_wins_over_the_flat_variables_unless_it_is_empty() -> None:
    flat = flat_environment(CLOUDFLARE_ZONE_ID="c" * 32)
    assert load({**flat, **environment()}) == load(environment())
    assert load({**flat, "CF_PURGE_CONFIG": ""}) == load(flat)


@pytest.mark.parametrize(
    ("text", "globs"),
    [("", ()), (" * ", ("*",)), (" css , .JS,*.tar.gz ,,", ("*.css", "*.JS", "*.tar.gz")), ("css,*", ("*.css", "*"))],
)
def test_extensions_are_globs_of_the_end_of_a_key(text: str, globs: tuple[str, ...]) -> None:
    config = load(flat_environment(INCLUDED_EXTS=text, EXCLUDED_EXTS=text))
    assert config.include == config.exclude == globs


@pytest.mark.parametrize(
    ("flat", "changes"),
    [
        ({}, {}),
        ({"INCLUDED_EXTS": "css", "EXCLUDED_EXTS": "min.css"}, {"include": ["*.css"], "exclude": ["*.min.css"]}),
        ({"CLOUDFLARE_API_EMAIL": "ops@example.com"}, {"cloudflare": {"email": "ops@example.com"}}),
        ({"CLOUDFLARE_API_URL": "http://127.0.0.1:9/v4/"}, {"cloudflare": {"api_url": "http://127.0.0.1:9/v4"}}),
        ({"CLOUDFLARE_ZONE_ID": ZONE.upper(), "AWS_LAMBDA_FUNCTION_NAME": "purge"}, {"name": "purge"}),
    ],
)
def test_flat_variables_are_a_document_without_bucket_and_hosts(flat: dict[str, str], changes: dict[str, Any]) -> None:
    config = read(**{"name": "cf_purge", "queue_arn": None, "dead_letter_queue_arn": None, **changes})
    assert load(
        flat_environment(CLOUDFLARE_API_KEY_SSMPATH=PARAMETER, CLOUDFLARE_API_KEY="", **flat)
    ) == config._replace(bucket=None, targets=(config.targets[0]._replace(hosts=()),))


# ---- Where the token may be sent ----

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
        with pytest.raises(Misconfigured, match=r"API_URL must be an https URL"):
            load(environ)


@pytest.mark.parametrize(
    "url", ["HTTP://LOCALHOST", "HTTPS://API.EXAMPLE", "http://localhost/@a.b", "http://[::1]:80", "https://a.b/../.."]
)
def test_the_token_leaves_unencrypted_only_to_loopback(
    url: str, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One parser checks the configuration, and another one connects."""
    asked: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> object:
        asked.append(host)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    api_url = load(environment(document(cloudflare={"api_url": url}))).api_url
    with pytest.raises(Transient):
        http.request(f"{api_url}/zones/x/purge_cache", {}, b"", 1.0, 1)
    assert asked
    assert url.lower().startswith("https") or set(asked) <= {"localhost", "127.0.0.1", "::1"}
