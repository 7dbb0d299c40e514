"""Both forms of the configuration are read, and a wrong one is refused in a sentence that names the field."""

import base64
import gzip
import json
from typing import Any

import pytest

from cf_purge.config import Config, Target, Verify, load
from cf_purge.errors import Misconfigured
from tests.support.factories import document, environment, flat_environment, target
from tests.support.names import HOST, PARAMETER, QUEUE_ARN, TOKEN, ZONE

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
    assert config == read(dead_letter_queue_arn=MISSING, cloudflare={"plan": None, "operation": None})
    assert (config.api_url, config.requests_per_second) == ("https://api.cloudflare.com/client/v4", 4)
    for verify in ({}, {"after_seconds": None}):
        assert read(verify=verify, queue_arn=QUEUE_ARN).verify == Verify(5, 3, 20)


BAD_HOSTS = [f"https://{HOST}", f"{HOST}/a", f"{HOST}:443", "*.example.com", f"{HOST}.", f"{HOST}\n", "bücher.example"]
BAD_HOSTS += [f"{'a' * 64}.com", ".".join(["a" * 60] * 5), "-a.com", HOST.upper()]
BAD_TARGETS: dict[str, list[Any]] = {
    "zone_id": [MISSING, "example.com", ZONE + "\n"],
    "hosts": [MISSING, [], HOST, [HOST, 7], *([host] for host in BAD_HOSTS)],
    "schemes": [["ftp"], "https"],
    "key_prefix": [7],
    "path_prefix": [["a"], "..", "a/./b"],
    "index_documents": ["index.html", [None]],
    "purge_by": ["urls", ["url"]],
    "clean_urls": ["true", 1],
    "header_variants": [[["Origin"]], *([{"Origin": value}] for value in (7, "", " x", "x\r\nX-Evil: 1", "ü"))]
    + [[{name: "x"}] for name in ("", "Or igin", "Origin:", "Ürsprung")],
    "tags": ["{dir}", *([tag] for tag in (7, "", "a b", "a,b", "a\n", "ü"))],
    "keys": ["*.html", [""], ["/a"], ["[z-a]"]],
    "related": ["/", [7]],
    "delay_seconds": [-1, 1.5, True, "60"],
    "environment_id": ["", 7, "a/../b", "staging\n", "ü"],
    "purgeby": ["url"],
}
BAD_FIELDS: dict[str, list[Any]] = {
    "name": [MISSING, "", 7],
    "api_token_parameter": [MISSING],
    "targets": [MISSING, [], {}, ["x"]],
    "include": ["*.css", [7], ["[z-a]"]],
    "max_concurrency": [0, "2"],
    "log_level": ["info", 7],
    "dead_letter_queue_arn": ["", 7, "https://sqs.eu-west-1.amazonaws.com/1/q"],
    "queue_arn": [QUEUE_ARN + "\n", "arn:aws:sns:eu-west-1:123456789012:t"],
    "event_bus_arn": ["default", QUEUE_ARN],
    "verify": [True, []],
    "api_token": [TOKEN],
}
BAD_CLOUDFLARE: dict[str, list[Any]] = {
    "plan": ["gold", 7],
    "email": ["", "a@b.c\n", "ü@例え.jp"],
    "operation": ["delete", ["purge"]],
    "requests_per_second": [0, True, "4", float("nan"), float("inf")],
    "edge_url": ["https://www.example.com", "http://127.0.0.1.example.com", "http://[::2]", "https://localhost:65536"],
}
BAD_VERIFY: dict[str, list[Any]] = {"after_seconds": [-1], "samples": [20]}
WRONG = [
    *((name, {"targets": [present(target(**{name: value}))]}) for name, bad in BAD_TARGETS.items() for value in bad),
    *((name, {name: value}) for name, bad in BAD_FIELDS.items() for value in bad),
    *((name, {"cloudflare": {name: value}}) for name, bad in BAD_CLOUDFLARE.items() for value in bad),
    *((name, {"verify": {name: value}, "queue_arn": QUEUE_ARN}) for name, bad in BAD_VERIFY.items() for value in bad),
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


@pytest.mark.parametrize(("given", "asked_for"), [("token", "token"), ("prod/token", "/prod/token"), (ARN, ARN)])
def test_a_parameter_in_a_folder_is_read_with_the_slash_that_ssm_wants(given: str, asked_for: str) -> None:
    assert read(api_token_parameter=given).api_token_parameter == asked_for
    assert load(flat_environment(CLOUDFLARE_API_KEY_SSMPATH=given)).api_token_parameter == asked_for


# ---- The flat variables ----


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("CLOUDFLARE_ZONE_ID", value) for value in ("", "example.com", TOKEN)),
        ("CLOUDFLARE_API_KEY", ""),
        ("CLOUDFLARE_API_EMAIL", "nobody"),
        *(("INCLUDED_EXTS", value) for value in ("css,img/*", "css,[z-a]")),
        ("EXCLUDED_EXTS", "draft/"),
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
        ({"CLOUDFLARE_ZONE_ID": ZONE.upper()}, {}),
    ],
)
def test_flat_variables_are_a_document_without_bucket_and_hosts(flat: dict[str, str], changes: dict[str, Any]) -> None:
    config = read(name="cf_purge", dead_letter_queue_arn=None, **changes)
    assert load(flat_environment(CLOUDFLARE_API_KEY_SSMPATH=PARAMETER, **flat)) == config._replace(
        bucket=None, targets=(config.targets[0]._replace(hosts=()),)
    )
