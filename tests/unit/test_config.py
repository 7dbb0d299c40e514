from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.config import Config, Target, load
from cf_purge.errors import Misconfigured
from tests.unit.factories import (
    BUCKET,
    DLQ_ARN,
    HOST,
    PARAMETER,
    TOKEN,
    ZONE,
    document,
    environment,
    flat_environment,
    s3_event,
    sqs_event,
    target,
)
from tests.unit.fakes import World

KEYS = ["a.css", "b.js", "c.CSS", "d.css.map", "e/f.css", "css", ".css", "index.html", "g h.css", "i.tar.gz"]
MISSING = object()


def read(**changes: Any) -> Config:
    return load({"CF_PURGE_CONFIG": json.dumps({k: v for k, v in document(**changes).items() if v is not MISSING})})


def test_a_document_says_all_there_is_to_know() -> None:
    config = read(
        targets=[
            {
                "zone_id": "AB" * 16,
                "hosts": ["WWW.example.com", "cdn_1.example.com"],
                "key_prefix": "/site",
                "path_prefix": "static/",
                "schemes": ["http", "https"],
                "index_documents": ["home.htm"],
            }
        ],
        cloudflare={"plan": "enterprise", "email": "a@b.c", "requests_per_second": 10, "api_url": "http://[::1]:1/v4/"},
        max_concurrency=4,
        log_level="DEBUG",
        include=["*.css"],
    )
    assert config.targets == (
        Target(
            "ab" * 16, ("www.example.com", "cdn_1.example.com"), "site/", "static/", ("http", "https"), ("home.htm",)
        ),
    )
    assert (config.name, config.bucket, config.api_token_parameter) == ("site", BUCKET, PARAMETER)
    assert (config.email, config.api_url) == ("a@b.c", "http://[::1]:1/v4")
    assert (config.files_per_request, config.requests_per_second) == (500, 2.5)
    assert (config.dead_letter_queue_arn, config.log_level, config.api_token) == (DLQ_ARN, "DEBUG", None)
    assert (config.keys.takes("a.css"), config.keys.takes("a.js")) == (True, False)


def test_what_a_document_leaves_out_has_the_documented_default() -> None:
    config = read(dead_letter_queue_arn=MISSING)
    assert config.targets == (Target(ZONE, (HOST,), "", "", ("https",), ("index.html",)),)
    assert config.api_url == "https://api.cloudflare.com/client/v4"
    assert (config.files_per_request, config.requests_per_second) == (100, 4)
    assert (config.email, config.dead_letter_queue_arn, config.log_level) == (None, None, "INFO")
    assert config.keys.takes("anything/at all")


def test_null_is_the_default_as_terraform_means_it() -> None:
    nulls = dict.fromkeys(("include", "exclude", "log_level", "max_concurrency", "cloudflare", "dead_letter_queue_arn"))
    defaults = target(key_prefix=None, path_prefix=None, schemes=None, index_documents=None)
    assert read(**nulls, targets=[defaults]) == read(dead_letter_queue_arn=MISSING)
    assert read(cloudflare={"plan": None, "email": None, "requests_per_second": None, "api_url": None}) == read()


@pytest.mark.parametrize(("plan", "limit"), [("free", 100), ("pro", 100), ("business", 100), ("enterprise", 500)])
def test_the_plan_sets_how_many_urls_a_request_holds(plan: str, limit: int) -> None:
    assert read(cloudflare={"plan": plan}).files_per_request == limit


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
    assert read(cloudflare={"api_url": url}).api_url == url
    assert load(flat_environment(CLOUDFLARE_API_URL=url + "/")).api_url == url


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": MISSING}, "name"),
        ({"name": ""}, "name"),
        ({"name": 7}, "name"),
        ({"bucket": MISSING}, "bucket"),
        ({"bucket": [BUCKET]}, "bucket"),
        ({"api_token_parameter": MISSING}, "api_token_parameter"),
        ({"api_token_parameter": ""}, "api_token_parameter"),
        ({"targets": MISSING}, "targets"),
        ({"targets": []}, "targets"),
        ({"targets": {}}, "targets"),
        ({"targets": ["x"]}, "targets[0]"),
        ({"targets": [target(), None]}, "targets[1]"),
        ({"targets": [target(zone_id=MISSING)]}, "targets[0].zone_id"),
        ({"targets": [target(zone_id="example.com")]}, "targets[0].zone_id"),
        ({"targets": [target(), target(zone_id=ZONE + "a")]}, "targets[1].zone_id"),
        ({"targets": [target(zone_id=ZONE + "\n")]}, "targets[0].zone_id"),
        ({"targets": [target(zone_id="g" * 32)]}, "targets[0].zone_id"),
        ({"targets": [target(hosts=MISSING)]}, "targets[0].hosts"),
        ({"targets": [target(hosts=[])]}, "targets[0].hosts"),
        ({"targets": [target(hosts=HOST)]}, "targets[0].hosts"),
        ({"targets": [target(hosts=[HOST, 7])]}, "targets[0].hosts"),
        ({"targets": [target(hosts=["https://www.example.com"])]}, "targets[0].hosts"),
        ({"targets": [target(hosts=["www.example.com/a"])]}, "targets[0].hosts"),
        ({"targets": [target(hosts=["www.example.com:443"])]}, "targets[0].hosts"),
        ({"targets": [target(hosts=["*.example.com"])]}, "targets[0].hosts"),
        ({"targets": [target(hosts=["www.example.com."])]}, "targets[0].hosts"),
        ({"targets": [target(hosts=["www.example.com\n"])]}, "targets[0].hosts"),
        ({"targets": [target(hosts=["bücher.example"])]}, "targets[0].hosts"),
        ({"targets": [target(hosts=[f"{'a' * 64}.example.com"])]}, "targets[0].hosts"),
        ({"targets": [target(hosts=[".".join(["a" * 60] * 5)])]}, "targets[0].hosts"),
        ({"targets": [target(hosts=["-a.example.com"])]}, "targets[0].hosts"),
        ({"targets": [target(hosts=[""])]}, "targets[0].hosts"),
        ({"targets": [target(schemes=[])]}, "targets[0].schemes"),
        ({"targets": [target(schemes=["ftp"])]}, "targets[0].schemes"),
        ({"targets": [target(schemes="https")]}, "targets[0].schemes"),
        ({"targets": [target(key_prefix=7)]}, "targets[0].key_prefix"),
        ({"targets": [target(path_prefix=["a"])]}, "targets[0].path_prefix"),
        ({"targets": [target(index_documents="index.html")]}, "targets[0].index_documents"),
        ({"targets": [target(index_documents=[None])]}, "targets[0].index_documents"),
        ({"targets": [target(purgeby="url")]}, "targets[0].purgeby"),
        ({"include": "*.css"}, "include"),
        ({"include": [7]}, "include"),
        ({"include": ["[z-a]"]}, "include"),
        ({"exclude": {"a": 1}}, "exclude"),
        ({"exclude": ["[]"]}, "exclude"),
        ({"cloudflare": []}, "cloudflare"),
        ({"cloudflare": {"plan": "gold"}}, "cloudflare.plan"),
        ({"cloudflare": {"plan": 7}}, "cloudflare.plan"),
        ({"cloudflare": {"email": ""}}, "cloudflare.email"),
        ({"cloudflare": {"email": 7}}, "cloudflare.email"),
        ({"cloudflare": {"email": "a@b.c\n"}}, "cloudflare.email"),
        ({"cloudflare": {"email": "ü@例え.jp"}}, "cloudflare.email"),
        ({"cloudflare": {"requests_per_second": 0}}, "cloudflare.requests_per_second"),
        ({"cloudflare": {"requests_per_second": -1}}, "cloudflare.requests_per_second"),
        ({"cloudflare": {"requests_per_second": True}}, "cloudflare.requests_per_second"),
        ({"cloudflare": {"requests_per_second": "4"}}, "cloudflare.requests_per_second"),
        ({"cloudflare": {"requests_per_second": float("nan")}}, "cloudflare.requests_per_second"),
        ({"cloudflare": {"requests_per_second": float("inf")}}, "cloudflare.requests_per_second"),
        ({"cloudflare": {"api_url": "http://api.cloudflare.com/client/v4"}}, "cloudflare.api_url"),
        ({"cloudflare": {"api_url": "ftp://localhost"}}, "cloudflare.api_url"),
        ({"cloudflare": {"api_url": "api.cloudflare.com"}}, "cloudflare.api_url"),
        ({"cloudflare": {"api_url": "https://"}}, "cloudflare.api_url"),
        ({"cloudflare": {"api_url": "https://[::1"}}, "cloudflare.api_url"),
        ({"cloudflare": {"api_url": "https://user:secret@api.cloudflare.com"}}, "cloudflare.api_url"),
        ({"cloudflare": {"api_url": "https://api.cloudflare.com/?a=b"}}, "cloudflare.api_url"),
        ({"cloudflare": {"api_url": "https://api.cloudflare.com/#a"}}, "cloudflare.api_url"),
        ({"cloudflare": {"api_url": "http://localhost@api.example.com/"}}, "cloudflare.api_url"),
        ({"cloudflare": {"api_url": "http://127.0.0.1.example.com/"}}, "cloudflare.api_url"),
        ({"cloudflare": {"api_url": "https://api.cloudflare.com:port/"}}, "cloudflare.api_url"),
        ({"cloudflare": {"api_url": 7}}, "cloudflare.api_url"),
        ({"cloudflare": {"apiurl": "https://api.cloudflare.com"}}, "cloudflare.apiurl"),
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"max_concurrency": "2"}, "max_concurrency"),
        ({"log_level": "info"}, "log_level"),
        ({"log_level": 7}, "log_level"),
        ({"dead_letter_queue_arn": ""}, "dead_letter_queue_arn"),
        ({"dead_letter_queue_arn": 7}, "dead_letter_queue_arn"),
        ({"dead_letter_queue_arn": "https://sqs.eu-west-1.amazonaws.com/1/q"}, "dead_letter_queue_arn"),
        ({"targetz": []}, "targetz"),
    ],
)
def test_a_wrong_document_is_one_sentence_that_names_the_field(changes: dict[str, Any], field: str) -> None:
    for each in changes.get("targets", []) if isinstance(changes.get("targets"), list) else []:
        for name in [n for n, value in each.items() if value is MISSING] if isinstance(each, dict) else []:
            del each[name]
    with pytest.raises(Misconfigured) as caught:
        read(**changes)
    sentence = str(caught.value)
    assert sentence.startswith("CF_PURGE_CONFIG: ")
    assert field in sentence.removeprefix("CF_PURGE_CONFIG: ").split()[0].split("/")
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "CF_PURGE_CONFIG is not JSON"),
        ("[]", "CF_PURGE_CONFIG must be a JSON object"),
        ("null", "CF_PURGE_CONFIG must be a JSON object"),
        (" ", "CF_PURGE_CONFIG is not JSON"),
    ],
)
def test_a_document_that_is_none_is_said_to_be(text: str, words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        load({"CF_PURGE_CONFIG": text})


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"CLOUDFLARE_ZONE_ID": ""}, "CLOUDFLARE_ZONE_ID"),
        ({"CLOUDFLARE_ZONE_ID": "example.com"}, "CLOUDFLARE_ZONE_ID"),
        ({"CLOUDFLARE_API_KEY": ""}, "CLOUDFLARE_API_KEY"),
        ({"CLOUDFLARE_API_KEY": "", "CLOUDFLARE_API_KEY_SSMPATH": ""}, "CLOUDFLARE_API_KEY_SSMPATH"),
        ({"CLOUDFLARE_API_URL": "http://api.cloudflare.com"}, "CLOUDFLARE_API_URL"),
        ({"CLOUDFLARE_API_URL": "nonsense"}, "CLOUDFLARE_API_URL"),
        ({"INCLUDED_EXTS": "css,[z-a]"}, "INCLUDED_EXTS"),
        ({"EXCLUDED_EXTS": "[]"}, "EXCLUDED_EXTS"),
    ],
)
def test_a_wrong_flat_variable_is_named(changes: dict[str, str], name: str) -> None:
    with pytest.raises(Misconfigured, match=rf"\b{name}\b"):
        load(flat_environment(**changes))


def test_without_any_configuration_both_ways_are_named() -> None:
    with pytest.raises(Misconfigured, match=r"CF_PURGE_CONFIG.*CLOUDFLARE_ZONE_ID"):
        load({})


def test_the_document_wins_over_the_flat_variables() -> None:
    both = {**flat_environment(CLOUDFLARE_ZONE_ID="c" * 32), **environment()}
    assert load(both) == load(environment())


def test_an_empty_document_is_none() -> None:
    assert load({**flat_environment(), "CF_PURGE_CONFIG": ""}) == load(flat_environment())


@pytest.mark.parametrize(
    ("included", "excluded", "taken"),
    [
        ("", "", set(KEYS)),
        ("*", "", set(KEYS)),
        (" * ", "", set(KEYS)),
        ("css,*", "", set(KEYS)),
        ("css", "", {"a.css", "e/f.css", ".css", "g h.css"}),
        (".css", "", {"a.css", "e/f.css", ".css", "g h.css"}),
        ("*.css", "", {"a.css", "e/f.css", ".css", "g h.css"}),
        (" css , js ", "", {"a.css", "b.js", "e/f.css", ".css", "g h.css"}),
        ("css,,js,", "", {"a.css", "b.js", "e/f.css", ".css", "g h.css"}),
        ("CSS", "", {"c.CSS"}),
        ("tar.gz", "", {"i.tar.gz"}),
        ("gz", "", {"i.tar.gz"}),
        ("map", "", {"d.css.map"}),
        ("", "*", set()),
        ("css", "*", set()),
        ("*", "css", {"b.js", "c.CSS", "d.css.map", "css", "index.html", "i.tar.gz"}),
        ("", ".js, .gz", set(KEYS) - {"b.js", "i.tar.gz"}),
        ("css,js", "css", {"b.js"}),
    ],
)
def test_extensions_are_taken_as_the_script_took_them(included: str, excluded: str, taken: set[str]) -> None:
    keys = load(flat_environment(INCLUDED_EXTS=included, EXCLUDED_EXTS=excluded)).keys
    assert {key for key in KEYS if keys.takes(key)} == taken


@pytest.mark.parametrize(
    ("flat", "changes"),
    [
        ({}, {}),
        ({"INCLUDED_EXTS": "css,html"}, {"include": ["*.css", "*.html"]}),
        ({"INCLUDED_EXTS": "*", "EXCLUDED_EXTS": ".map, js"}, {"include": ["*"], "exclude": ["*.map", "*.js"]}),
        ({"EXCLUDED_EXTS": "*"}, {"exclude": ["*"]}),
        ({"CLOUDFLARE_API_EMAIL": "a@b.c"}, {"cloudflare": {"email": "a@b.c"}}),
        (
            {"CLOUDFLARE_API_URL": "https://proxy.example.com/v4/"},
            {"cloudflare": {"api_url": "https://proxy.example.com/v4"}},
        ),
        ({"CLOUDFLARE_ZONE_ID": "C" * 32}, {"targets": [target(zone_id="c" * 32)]}),
        ({"CLOUDFLARE_API_KEY_SSMPATH": PARAMETER}, {}),
    ],
)
def test_flat_variables_do_what_a_document_does_that_says_the_same(
    flat: dict[str, str], changes: dict[str, Any]
) -> None:
    by_flat = World(environ=flat_environment(**flat))
    by_document = World(document(bucket=HOST, api_token_parameter=PARAMETER, **changes))
    event = s3_event(*KEYS, "(1)+ü.html", bucket=HOST)
    assert by_flat.invoke(event) == by_document.invoke(event)
    assert by_flat.cloudflare.requests == by_document.cloudflare.requests
    assert by_flat.returned(sqs_event(event)) == by_document.returned(sqs_event(event)) == []


def test_with_an_email_the_token_is_a_global_api_key() -> None:
    world = World(environ=flat_environment(CLOUDFLARE_API_EMAIL="ops@example.com"))
    world.invoke(s3_event("a"))
    [sent] = world.cloudflare.requests
    assert (sent.headers["X-Auth-Email"], sent.headers["X-Auth-Key"]) == ("ops@example.com", TOKEN)
    assert "Authorization" not in sent.headers


def test_the_path_in_ssm_wins_over_the_key() -> None:
    world = World(
        environ=flat_environment(CLOUDFLARE_API_KEY="stale-key", CLOUDFLARE_API_KEY_SSMPATH="cf/token-of-ours")
    )
    world.invoke(s3_event("a"))
    assert world.aws.calls == [("GetParameter", {"Name": "/cf/token-of-ours", "WithDecryption": True})]
    assert [sent.headers["Authorization"] for sent in world.cloudflare.requests] == [f"Bearer {TOKEN}"]


def test_a_key_in_the_environment_asks_ssm_for_nothing() -> None:
    world = World(environ=flat_environment())
    world.invoke(s3_event("a"))
    assert world.aws.calls == []
    assert [sent.headers["Authorization"] for sent in world.cloudflare.requests] == [f"Bearer {TOKEN}"]


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


@given(
    st.dictionaries(
        st.sampled_from([*document(), "cloudflare", "include", "log_level", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["zone_id", "hosts", "plan", "email", "y"]), inner, max_size=3)
            ),
            max_leaves=8,
        ),
    )
)
def test_any_document_is_a_configuration_or_a_sentence(changes: dict[str, Any]) -> None:
    try:
        config = load({"CF_PURGE_CONFIG": json.dumps(document(**changes))})
    except Misconfigured as error:
        assert str(error).startswith("CF_PURGE_CONFIG")  # noqa: PT017
    else:
        assert config.targets
        assert all(each.hosts for each in config.targets)


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
