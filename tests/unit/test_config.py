from __future__ import annotations

import pytest

from cf_purge.environment import load
from cf_purge.errors import Misconfigured
from tests.unit.factories import (
    TOKEN,
    document,
    environment,
    flat_environment,
)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.cloudflare.com/client/v4",
        "https://proxy.example.com:8443/cf",
        "http://localhost:8080/client/v4",
        "http://127.0.0.1:9",
        "http://[::1]:9",
    ],
)
def test_the_api_is_reached_by_https_or_on_loopback(url: str) -> None:
    assert load(environment(document(cloudflare={"api_url": url}))).api_url == url
    assert load(flat_environment(CLOUDFLARE_API_URL=url + "/")).api_url == url


def test_without_any_configuration_both_ways_are_named() -> None:
    with pytest.raises(Misconfigured, match=r"CF_PURGE_CONFIG.*CLOUDFLARE_ZONE_ID"):
        load({})


def test_the_document_wins_over_the_flat_variables() -> None:
    both = {**flat_environment(CLOUDFLARE_ZONE_ID="c" * 32), **environment()}
    assert load(both) == load(environment())


def test_an_empty_document_is_none() -> None:
    assert load({**flat_environment(), "CF_PURGE_CONFIG": ""}) == load(flat_environment())


def test_the_token_is_in_no_text_of_the_configuration() -> None:
    config = load(flat_environment())
    assert config.api_token == TOKEN
    for text in (repr(config), str(config), f"{config}", f"{[config]}", "%s %r" % (config, config)):  # noqa: UP031
        assert TOKEN not in text
        assert "Config" in text


@pytest.mark.parametrize(
    "changes", [{"CLOUDFLARE_ZONE_ID": "no zone"}, {"CLOUDFLARE_API_URL": "http://x"}, {"CLOUDFLARE_ZONE_ID": TOKEN}]
)
def test_the_token_is_in_no_text_about_a_wrong_configuration(changes: dict[str, str]) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(flat_environment(**changes))
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "asked_for"),
    [
        ("token", "token"),
        ("/token", "/token"),
        ("prod/token", "/prod/token"),
        ("/prod/token", "/prod/token"),
        (*["arn:aws:ssm:eu-west-1:123456789012:parameter/prod/token"] * 2,),
    ],
)
def test_a_parameter_in_a_folder_is_asked_for_with_the_slash_that_ssm_wants(given: str, asked_for: str) -> None:
    assert load(environment(document(api_token_parameter=given))).api_token_parameter == asked_for
    flat = flat_environment(CLOUDFLARE_API_KEY_SSMPATH=given)
    assert load(flat).api_token_parameter == asked_for
