"""Both forms of the configuration are read, and a wrong one is refused in a sentence that names the field."""

import base64
import gzip
import json
from typing import Any

import pytest

from cf_purge.config import PLANS, Config, Target, Verify, Zone, load
from cf_purge.errors import Misconfigured, PurgeError
from tests.support.factories import document, environment, flat_environment, s3_event, sns_body, sqs_event, target
from tests.support.fakes import World
from tests.support.names import BUCKET, DLQ_ARN, HOST, PARAMETER, QUEUE_ARN, TOKEN, ZONE

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


def test_a_document_sets_every_field() -> None:
    place: dict[str, Any] = {"zone_id": "AB" * 16, "hosts": ["www.example.com", "cdn_1.example.com"], "purge_by": "tag"}
    place |= {"schemes": ["http", "https"], "key_prefix": "/site", "path_prefix": "static/", "clean_urls": True}
    place |= {"header_variants": [{"Origin": "https://a.example", "X-Device": "phone"}, {"Origin": "null"}]}
    place |= {"tags": ["{bucket}:{key}", "{dir}", "{name}-{ext}"], "environment_id": "5_f-A"}
    cloudflare = {"plan": "enterprise", "email": "a@b.c", "requests_per_second": 10, "operation": "invalidate"}
    cloudflare |= {"api_url": "http://[::1]:1/v4/", "edge_url": "https://LOCALHOST:65535"}
    more: dict[str, Any] = {"collapse_above": 30, "verify": {"after_seconds": 900, "attempts": 5, "sample": 0}}
    more |= {"queue_arn": QUEUE_ARN, "max_concurrency": 4, "batch_size": 100, "drain": 1000, "max_receive_count": 30}
    more |= {"log_level": "DEBUG", "include": ["*.css"], "exclude": ["x.css"]}
    config = read(targets=[{**place, "index_documents": ["home.htm"]}], cloudflare=cloudflare, **more)
    assert config.targets == (
        Target(
            Zone("ab" * 16, "5_f-A"),
            ("www.example.com", "cdn_1.example.com"),
            "site/",
            "static/",
            ("http", "https"),
            ("home.htm",),
            "tag",
            True,
            ((("Origin", "https://a.example"), ("X-Device", "phone")), (("Origin", "null"),)),
            ("{bucket}:{key}", "{dir}", "{name}-{ext}"),
        ),
    )
    assert (config.name, config.bucket) == ("site", BUCKET)
    assert (config.api_token_parameter, config.api_token) == (PARAMETER, None)
    assert (config.email, config.api_url, config.endpoint) == ("a@b.c", "http://[::1]:1/v4", "invalidate_cache")
    assert config.edge_url == "https://LOCALHOST:65535"
    assert (config.plan, config.requests_per_second, config.max_concurrency) == (PLANS["enterprise"], 10, 4)
    assert (config.collapse_above, config.verify, config.queue_arn) == (30, Verify(900, 5, 0), QUEUE_ARN)
    assert (config.batch_size, config.drain, config.max_receive_count) == (100, 1000, 30)
    assert (config.dead_letter_queue_arn, config.log_level) == (DLQ_ARN, "DEBUG")
    assert [config.takes(key) for key in ("a.css", "a.js", "x.css")] == [True, False, False]


def test_an_omitted_or_null_field_has_the_documented_default() -> None:
    config = read(dead_letter_queue_arn=MISSING)
    assert config.targets == (Target(Zone(ZONE), (HOST,), "", "", ("https",), ("index.html",), "url", False, (), ()),)
    assert (config.endpoint, config.api_url) == ("purge_cache", "https://api.cloudflare.com/client/v4")
    assert (config.plan, config.requests_per_second, config.max_concurrency) == (PLANS["free"], 4, 1)
    assert (config.collapse_above, config.verify, config.queue_arn) == (None, None, None)
    assert (config.batch_size, config.drain, config.max_receive_count) == (10, 0, None)
    assert (config.email, config.dead_letter_queue_arn, config.log_level) == (None, None, "INFO")
    assert config.takes("anything/at all")
    names = ("include", "exclude", "log_level", "max_concurrency", "cloudflare", "dead_letter_queue_arn", "queue_arn")
    nulls = dict.fromkeys((*names, "collapse_above", "verify", "batch_size", "drain"))
    options = ("key_prefix", "path_prefix", "schemes", "index_documents", "purge_by", "clean_urls", "header_variants")
    assert read(**nulls, targets=[target(**dict.fromkeys((*options, "tags", "environment_id")))]) == config
    cloudflare = dict.fromkeys(("plan", "email", "requests_per_second", "api_url", "edge_url", "operation"))
    assert read(cloudflare=cloudflare) == read()
    for verify in ({}, {"after_seconds": None}):
        assert read(verify=verify, queue_arn=QUEUE_ARN).verify == Verify(5, 3, 20)


BAD_HOSTS = [f"https://{HOST}", f"{HOST}/a", f"{HOST}:443", "*.example.com", f"{HOST}.", f"{HOST}\n", "bücher.example"]
BAD_HOSTS += [f"{'a' * 64}.com", ".".join(["a" * 60] * 5), "-a.com", "", HOST.upper()]
BAD_API_URLS = ["http://api.cloudflare.com/client/v4", "https://user:secret@api.example", "https://api.example/?a=b"]
BAD_TARGETS: dict[str, list[Any]] = {
    "zone_id": [MISSING, "example.com", ZONE + "a", ZONE + "\n", "g" * 32],
    "hosts": [MISSING, [], HOST, [HOST, 7], *([host] for host in BAD_HOSTS)],
    "schemes": [["ftp"], "https"],
    "key_prefix": [7],
    "path_prefix": [["a"], "..", "a/./b", "/a/../"],
    "index_documents": ["index.html", [None]],
    "purge_by": ["urls", "URL", "", ["url"]],
    "clean_urls": ["true", 1, []],
    "header_variants": [[["Origin"]], *([{"Origin": value}] for value in (7, ["x"], "", " x", "x\r\nX-Evil: 1", "ü"))]
    + [[{name: "x"}] for name in ("", "Or igin", "Origin:", "Ürsprung")],
    "tags": ["{dir}", *([tag] for tag in (7, "", "a b", "a,b", "a\n", "ü", "a" * 1025))],
    "keys": ["*.html", [""], ["/a"], ["[z-a]"]],
    "related": ["/", [7]],
    "delay_seconds": [-1, 1.5, True, "60"],
    "environment_id": ["", 7, "a/../b", "a b", "staging\n", "ü", "a" * 65],
    "purgeby": ["url"],
}
BAD_FIELDS: dict[str, list[Any]] = {
    "name": [MISSING, "", 7],
    "bucket": [MISSING, [BUCKET]],
    "api_token_parameter": [MISSING, ""],
    "targets": [MISSING, [], {}, 7, ["x"]],
    "include": ["*.css", [7], ["[z-a]"]],
    "exclude": [{"a": 1}, ["[]"]],
    "max_concurrency": [0, "2"],
    "log_level": ["info", 7],
    "dead_letter_queue_arn": ["", 7, "https://sqs.eu-west-1.amazonaws.com/1/q"],
    "queue_arn": ["", 7, QUEUE_ARN + "\n", "arn:aws:sns:eu-west-1:123456789012:t"],
    "event_bus_arn": ["default", QUEUE_ARN],
    "collapse_above": [-1, True, 1.5, "30"],
    "verify": [True, "on", []],
    "api_token": [TOKEN],
    "targetz": [[]],
}
BAD_CLOUDFLARE: dict[str, list[Any]] = {
    "plan": ["gold", 7],
    "email": ["", 7, "a@b.c\n", "ü@例え.jp"],
    "operation": ["delete", "purge_cache", ["purge"]],
    "requests_per_second": [0, -1, True, "4", float("nan"), float("inf")],
    "api_url": [*BAD_API_URLS, 7],
    "edge_url": ["https://www.example.com", "http://127.0.0.1.example.com", "http://[::2]", "https://localhost:65536"],
    "apiurl": ["https://api.cloudflare.com"],
}
BAD_VERIFY: dict[str, list[Any]] = {"after_seconds": [-1, 1.5, True], "attempts": ["3"], "samples": [20]}
QUEUE_NEEDED: list[dict[str, Any]] = [{"verify": {}}, {"drain": 60}, {"targets": [target(delay_seconds=1)]}]
WRONG = [
    *((name, {"targets": [present(target(**{name: value}))]}) for name, bad in BAD_TARGETS.items() for value in bad),
    *((name, {name: value}) for name, bad in BAD_FIELDS.items() for value in bad),
    *((name, {"cloudflare": {name: value}}) for name, bad in BAD_CLOUDFLARE.items() for value in bad),
    *((name, {"verify": {name: value}, "queue_arn": QUEUE_ARN}) for name, bad in BAD_VERIFY.items() for value in bad),
    *(("queue_arn", each) for each in QUEUE_NEEDED),
]


@pytest.mark.parametrize(("field", "changes"), WRONG, ids=[f"{i}-{field}" for i, (field, _) in enumerate(WRONG)])
def test_a_wrong_document_is_refused_in_a_sentence_that_names_the_field(field: str, changes: dict[str, Any]) -> None:
    sentence = refusal_of({"CF_PURGE_CONFIG": json.dumps(present(document(**changes)))})
    assert sentence.startswith("CF_PURGE_CONFIG: ")
    assert field in sentence


PACKED = base64.b64encode(gzip.compress(b"no JSON", mtime=0)).decode()


@pytest.mark.parametrize("text", ["{", "[]", "null", " ", "7", '"x"', "[" * 100_000, "nonsense", "H4sI", PACKED])
def test_a_variable_that_is_not_a_json_object_is_named(text: str) -> None:
    assert refusal_of({"CF_PURGE_CONFIG": text}).startswith("CF_PURGE_CONFIG")


ARN = "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/token"


@pytest.mark.parametrize(
    ("given", "asked_for"),
    [("token", "token"), *((name, "/prod/token") for name in ("prod/token", "/prod/token")), (ARN, ARN)],
)
def test_a_parameter_in_a_folder_is_read_with_the_slash_that_ssm_wants(given: str, asked_for: str) -> None:
    assert read(api_token_parameter=given).api_token_parameter == asked_for
    assert load(flat_environment(CLOUDFLARE_API_KEY_SSMPATH=given)).api_token_parameter == asked_for


# ---- The flat variables ----

KEYS = ["a.css", "b.js", "c.CSS", "d.css.map", "e/f.css", "css", ".css", "index.html", "g h.css", "i.tar.gz", "h/"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("CLOUDFLARE_ZONE_ID", value) for value in ("", "example.com", TOKEN)),
        ("CLOUDFLARE_API_KEY", ""),
        *(("CLOUDFLARE_API_URL", value) for value in ("http://api.cloudflare.com", "nonsense")),
        *(("CLOUDFLARE_API_EMAIL", value) for value in ("nobody", "a@b.c\n", "ü@例え.jp")),
        *(("INCLUDED_EXTS", value) for value in ("css,img/*", "/css", "css,[z-a]")),
        *(("EXCLUDED_EXTS", value) for value in ("draft/", "[]")),
    ],
)
def test_a_wrong_flat_variable_is_named(name: str, value: str) -> None:
    assert name in refusal_of(flat_environment(**{name: value}))


def test_without_any_configuration_both_forms_are_named() -> None:
    assert all(name in refusal_of({}) for name in ("CF_PURGE_CONFIG", "CLOUDFLARE_ZONE_ID"))
    assert "CLOUDFLARE_API_KEY_SSMPATH" in refusal_of(flat_environment(CLOUDFLARE_API_KEY=""))


def test_the_document_wins_over_the_flat_variables_unless_it_is_empty() -> None:
    flat = flat_environment(CLOUDFLARE_ZONE_ID="c" * 32)
    assert load({**flat, **environment()}) == load(environment())
    assert load({**flat, "CF_PURGE_CONFIG": ""}) == load(flat)


def test_the_token_is_in_no_text_of_the_configuration() -> None:
    config = load(flat_environment())
    assert config.api_token == TOKEN
    assert all(TOKEN not in text for text in (repr(config), str(config), f"{config}", f"{[config]}"))


@pytest.mark.parametrize(
    ("included", "excluded", "taken"),
    [
        ("", "", set(KEYS)),
        (" * ", "", set(KEYS)),
        ("css,*", "", set(KEYS)),
        *((css, "", {"a.css", "e/f.css", ".css", "g h.css"}) for css in ("css", ".css", "*.css", " css ,,")),
        (" css , js ", "", {"a.css", "b.js", "e/f.css", ".css", "g h.css"}),
        ("CSS", "", {"c.CSS"}),
        ("tar.gz", "", {"i.tar.gz"}),
        ("gz,map", "", {"i.tar.gz", "d.css.map"}),
        ("css", "*", set()),
        ("*", "css", {"b.js", "c.CSS", "d.css.map", "css", "index.html", "i.tar.gz", "h/"}),
        ("css,js", "css", {"b.js"}),
    ],
)
def test_extensions_match_the_end_of_a_key(included: str, excluded: str, taken: set[str]) -> None:
    config = load(flat_environment(INCLUDED_EXTS=included, EXCLUDED_EXTS=excluded))
    assert {key for key in KEYS if config.takes(key)} == taken


def test_the_token_comes_from_ssm_if_its_path_is_set_and_an_email_makes_it_a_global_api_key() -> None:
    world = World(environ=flat_environment(CLOUDFLARE_API_KEY="stale", CLOUDFLARE_API_KEY_SSMPATH="cf/ours"))
    world.invoke(s3_event("a"))
    assert world.aws.calls == [("GetParameter", {"Name": "/cf/ours", "WithDecryption": True})]
    assert [sent.headers["Authorization"] for sent in world.cloudflare.requests] == [f"Bearer {TOKEN}"]
    world = World(environ=flat_environment(CLOUDFLARE_API_EMAIL="ops@example.com"))
    world.invoke(s3_event("a"))
    [sent] = world.cloudflare.requests
    assert (sent.headers["X-Auth-Email"], sent.headers["X-Auth-Key"]) == ("ops@example.com", TOKEN)
    assert ("Authorization" in sent.headers, world.aws.calls) == (False, [])


FLAT_AND_DOCUMENT: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({}, {}),
    ({"INCLUDED_EXTS": " .css , *.JS,*png "}, {"include": ["*.css", "*.JS", "*.png"]}),
    ({"EXCLUDED_EXTS": "min.css"}, {"exclude": ["*.min.css"]}),
    ({"INCLUDED_EXTS": "*", "EXCLUDED_EXTS": "*"}, {"include": ["**"], "exclude": ["*"]}),
    ({"CLOUDFLARE_API_EMAIL": "ops@example.com"}, {"cloudflare": {"email": "ops@example.com"}}),
    ({"CLOUDFLARE_API_URL": "http://127.0.0.1:9/v4/"}, {"cloudflare": {"api_url": "http://127.0.0.1:9/v4"}}),
    ({"CLOUDFLARE_ZONE_ID": ZONE.upper(), "CLOUDFLARE_API_KEY_SSMPATH": PARAMETER}, {}),
]
S3 = s3_event(*KEYS, "e f/(1)+ü.html", "g/index.html", "i/../j.css", "/k//l.css", bucket=HOST)
MANUAL: dict[str, Any] = {"tags": ["t", "u,v"], "hosts": [HOST.upper()], "everything": True, "zone_id": ZONE}
MANUAL |= {"urls": [f"https://{HOST}/a b?c=d", "https://evil.net/"], "bucket": HOST}
MANUAL |= {"prefixes": [f"{HOST}/blog/", f"{HOST}/ü", "evil.net/"]}
EVENTS: dict[str, dict[str, Any]] = {
    "S3 in SQS": sqs_event(S3, sns_body(S3), "poison", {"keys": []}),
    "keys": {"keys": [*KEYS, "/a"], "bucket": HOST},
    "manual": MANUAL,
    "a check": {"check": True, "bucket": HOST},
    "nonsense": {"nonsense": True},
}


def ending(world: World, event: object) -> object:
    try:
        return world.invoke(event)
    except PurgeError as error:
        return type(error), str(error)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_flat_variables_have_the_effect_of_an_equal_document(event: dict[str, Any]) -> None:
    for flat, changes in FLAT_AND_DOCUMENT:
        by_flat = World(environ=flat_environment(**flat))
        by_document = World(document(bucket=HOST, dead_letter_queue_arn=None, **changes))
        assert ending(by_flat, event) == ending(by_document, event)
        assert [(sent.url, sent.headers, sent.body) for sent in by_flat.cloudflare.requests] == [
            (sent.url, sent.headers, sent.body) for sent in by_document.cloudflare.requests
        ]
        assert by_flat.cloudflare.accepted == by_document.cloudflare.accepted


def test_a_compressed_document_is_read() -> None:
    text = json.dumps(document())
    packed = base64.b64encode(gzip.compress(text.encode())).decode()
    assert load({"CF_PURGE_CONFIG": packed}) == load({"CF_PURGE_CONFIG": text})
