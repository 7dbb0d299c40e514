from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.environment import load
from cf_purge.errors import Misconfigured, PurgeError
from cf_purge.purge import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS
from tests.unit.factories import (
    HOST,
    PARAMETER,
    TOKEN,
    ZONE,
    document,
    environment,
    eventbridge_event,
    failed_invocation,
    flat_environment,
    s3_event,
    s3_test_event,
    sns_body,
    sns_event,
    sqs_event,
    target,
)
from tests.unit.fakes import World

KEYS = ["a.css", "b.js", "c.CSS", "d.css.map", "e/f.css", "css", ".css", "index.html", "g h.css", "i.tar.gz"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"CLOUDFLARE_ZONE_ID": ""}, "CLOUDFLARE_ZONE_ID"),
        ({"CLOUDFLARE_ZONE_ID": "example.com"}, "CLOUDFLARE_ZONE_ID"),
        ({"CLOUDFLARE_API_KEY": ""}, "CLOUDFLARE_API_KEY"),
        ({"CLOUDFLARE_API_KEY": "", "CLOUDFLARE_API_KEY_SSMPATH": ""}, "CLOUDFLARE_API_KEY_SSMPATH"),
        ({"CLOUDFLARE_API_URL": "http://api.cloudflare.com"}, "CLOUDFLARE_API_URL"),
        ({"CLOUDFLARE_API_URL": "nonsense"}, "CLOUDFLARE_API_URL"),
        ({"CLOUDFLARE_API_EMAIL": "nobody"}, "CLOUDFLARE_API_EMAIL"),
        ({"CLOUDFLARE_API_EMAIL": "a@b.c\n"}, "CLOUDFLARE_API_EMAIL"),
        ({"CLOUDFLARE_API_EMAIL": "ü@例え.jp"}, "CLOUDFLARE_API_EMAIL"),
        ({"INCLUDED_EXTS": "css,img/*"}, "INCLUDED_EXTS"),
        ({"INCLUDED_EXTS": "/css"}, "INCLUDED_EXTS"),
        ({"EXCLUDED_EXTS": "draft/"}, "EXCLUDED_EXTS"),
        ({"INCLUDED_EXTS": "css,[z-a]"}, "INCLUDED_EXTS"),
        ({"EXCLUDED_EXTS": "[]"}, "EXCLUDED_EXTS"),
    ],
)
def test_a_wrong_flat_variable_is_named(changes: dict[str, str], name: str) -> None:
    with pytest.raises(Misconfigured, match=rf"\b{name}\b"):
        load(flat_environment(**changes))


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


def test_a_wrong_variable_is_said_in_the_words_of_a_document_s_field() -> None:
    for flat, changes in (
        ({"CLOUDFLARE_ZONE_ID": "x"}, {"targets": [target(zone_id="x")]}),
        ({"CLOUDFLARE_API_EMAIL": "x"}, {"cloudflare": {"email": "x"}}),
        ({"CLOUDFLARE_API_URL": "x"}, {"cloudflare": {"api_url": "x"}}),
    ):
        with pytest.raises(Misconfigured) as by_flat:
            load(flat_environment(**flat))
        with pytest.raises(Misconfigured) as by_document:
            load(environment(document(**changes)))
        assert str(by_flat.value).partition(" ")[2] == str(by_document.value).partition(" ")[2].partition(" ")[2]


# ---- The same requests as by a document ----

PARITY_KEYS = [
    "a.css",
    "b.JS",
    "c/d.css.map",
    "e f/(1)+ü.html",
    "g/index.html",
    "index.html",
    "css",
    "h/",
    "i/../j.css",
]
EXTENSIONS: list[tuple[dict[str, str], dict[str, list[str]]]] = [
    ({}, {}),
    ({"INCLUDED_EXTS": "*", "EXCLUDED_EXTS": ""}, {"include": ["**"]}),
    ({"INCLUDED_EXTS": "css,html"}, {"include": ["*.css", "*.html"]}),
    ({"INCLUDED_EXTS": " .css , *.JS "}, {"include": ["*.css", "*.JS"]}),
    ({"EXCLUDED_EXTS": "map,css"}, {"exclude": ["*.map", "*.css"]}),
    (
        {"INCLUDED_EXTS": "css,map", "EXCLUDED_EXTS": "css.map"},
        {"include": ["*.css", "*.map"], "exclude": ["*.css.map"]},
    ),
    ({"INCLUDED_EXTS": "css", "EXCLUDED_EXTS": "*"}, {"include": ["*.css"], "exclude": ["*"]}),
]
IDENTITIES: list[tuple[dict[str, str], dict[str, str]]] = [
    ({}, {}),
    ({"CLOUDFLARE_API_EMAIL": "ops@example.com"}, {"email": "ops@example.com"}),
    ({"CLOUDFLARE_API_URL": "http://127.0.0.1:9/v4/"}, {"api_url": "http://127.0.0.1:9/v4"}),
]
S3 = s3_event(*PARITY_KEYS, bucket=HOST)
BY_HAND: dict[str, Any] = {
    "urls": [f"https://{HOST}/a b?c=d", f"http://{HOST.upper()}"],
    "prefixes": [f"{HOST}/blog/", f"{HOST}/ü"],
    "tags": ["t", "u,v"],
    "hosts": [HOST.upper()],
    "everything": True,
    "zone_id": ZONE,
    "bucket": HOST,
}
EVENTS: dict[str, dict[str, Any]] = {
    "S3": S3,
    "S3 delete": s3_event(*PARITY_KEYS, bucket=HOST, event="ObjectRemoved:Delete"),
    "S3 in SNS": sns_event(S3),
    "EventBridge": eventbridge_event("e f/(1)+ü.html", bucket=HOST),
    "taken back": failed_invocation(S3),
    "S3 in SQS": sqs_event(S3),
    "S3 in SQS, one by one": sqs_event(*(s3_event(key, bucket=HOST) for key in PARITY_KEYS)),
    "S3 in SNS in SQS": sqs_event(sns_body(S3)),
    "EventBridge in SQS, with poison": sqs_event(eventbridge_event("a.css", bucket=HOST), "poison", {"keys": []}),
    "all by hand in SQS": sqs_event({**BY_HAND, "keys": PARITY_KEYS}),
    "a test event": s3_test_event(),
    "keys": {"keys": PARITY_KEYS, "bucket": HOST},
    "keys, dry": {"keys": PARITY_KEYS, "bucket": HOST, "dry_run": True},
    **{kind: {kind: BY_HAND[kind], "bucket": HOST} for kind in ("urls", "prefixes", "tags", "hosts")},
    "a foreign URL": {"urls": [f"https://{HOST}/a", "https://evil.net/"], "bucket": HOST},
    "a foreign prefix": {"prefixes": ["evil.net/"], "hosts": [HOST], "bucket": HOST},
    "a foreign zone": {"tags": ["t"], "zone_id": "c" * 32, "bucket": HOST},
    "everything": {"everything": True, "zone_id": ZONE},
    "all by hand": BY_HAND,
    "check": {"check": True, "bucket": HOST},
    "check, dry": {"check": True, "bucket": HOST, "dry_run": True},
    "nonsense": {"nonsense": True},
}


def ended(world: World, event: object) -> object:
    """The result, or the error that came instead."""
    try:
        return world.invoke(event)
    except PurgeError as error:
        return type(error), str(error)


def requests_of(world: World) -> list[tuple[str, dict[str, str], Any]]:
    """URL, headers but for the token, and body of every request to Cloudflare."""
    return [
        (
            sent.url,
            {name: "" if value.removeprefix("Bearer ") == TOKEN else value for name, value in sent.headers.items()},
            sent.body,
        )
        for sent in [*world.cloudflare.requests, *world.cloudflare.reads]
    ]


@pytest.mark.parametrize("source", ["SSM", "environment"])
@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_flat_variables_make_the_requests_that_a_document_makes(event: dict[str, Any], source: str) -> None:
    token = {"CLOUDFLARE_API_KEY": "", "CLOUDFLARE_API_KEY_SSMPATH": PARAMETER} if source == "SSM" else {}
    for extensions, globs in EXTENSIONS:
        for identity, cloudflare in IDENTITIES:
            by_flat = World(environ=flat_environment(**extensions, **identity, **token))
            config = document(bucket=HOST, cloudflare=cloudflare, dead_letter_queue_arn=None, **globs)
            by_document = World(config)
            assert ended(by_flat, event) == ended(by_document, event)
            assert requests_of(by_flat) == requests_of(by_document)
            assert by_flat.cloudflare.accepted == by_document.cloudflare.accepted
            assert by_flat.cloudflare.malformed == []


def test_the_table_of_events_purges_something_of_every_kind_and_leaves_something_out() -> None:
    kinds = set()
    for event in EVENTS.values():
        world = World(environ=flat_environment())
        ended(world, event)
        kinds |= {kind for _, kind, _ in world.cloudflare.accepted}
    assert kinds == {FILES, PREFIXES, TAGS, HOSTS, EVERYTHING}
    taken = [len(requests_of(world)) for world in map(world_of, EXTENSIONS)]
    assert (min(taken), max(taken)) == (0, 1)


def world_of(extensions: tuple[dict[str, str], dict[str, list[str]]]) -> World:
    world = World(environ=flat_environment(**extensions[0]))
    world.invoke(S3)
    return world


@given(st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=5), st.sampled_from(EXTENSIONS))
def test_any_keys_are_purged_alike_by_variables_and_by_a_document(
    keys: list[str], extensions: tuple[dict[str, str], dict[str, list[str]]]
) -> None:
    flat, globs = extensions
    by_flat, by_document = World(environ=flat_environment(**flat)), World(document(bucket=HOST, **globs))
    event = s3_event(*keys, bucket=HOST)
    assert ended(by_flat, event) == ended(by_document, event)
    assert requests_of(by_flat) == requests_of(by_document)
