from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.config import PLANS, Config, Target
from cf_purge.environment import load
from cf_purge.errors import Misconfigured
from cf_purge.purge import Zone
from tests.unit.factories import (
    BUCKET,
    DLQ_ARN,
    HOST,
    PARAMETER,
    QUEUE_ARN,
    ZONE,
    document,
    target,
)

MISSING = object()
OPTIONS = ["collapse_above", "repurge_after_seconds", "queue_arn"]
NESTED = ["zone_id", "hosts", "plan", "email", "operation", "purge_by", "tags", "y"]


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
                "purge_by": "tag",
                "clean_urls": True,
                "header_variants": [{"Origin": "https://a.example", "X-Device": "phone"}, {"Origin": "null"}],
                "tags": ["{bucket}:{key}", "{dir}", "{name}-{ext}"],
                "environment_id": "5_f-A",
            }
        ],
        cloudflare={
            "plan": "enterprise",
            "email": "a@b.c",
            "requests_per_second": 10,
            "api_url": "http://[::1]:1/v4/",
            "operation": "invalidate",
        },
        collapse_above=30,
        repurge_after_seconds=900,
        queue_arn=QUEUE_ARN,
        max_concurrency=4,
        batch_size=100,
        drain=2000,
        log_level="DEBUG",
        include=["*.css"],
    )
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
    assert config.endpoint == "invalidate_cache"
    assert (config.collapse_above, config.repurge_after_seconds, config.queue_arn) == (30, 900, QUEUE_ARN)
    assert (config.name, config.bucket, config.api_token_parameter) == ("site", BUCKET, PARAMETER)
    assert (config.email, config.api_url) == ("a@b.c", "http://[::1]:1/v4")
    assert (config.plan, config.requests_per_second, config.max_concurrency) == (PLANS["enterprise"], 10, 4)
    assert (config.batch_size, config.drain) == (100, 2000)
    assert (config.dead_letter_queue_arn, config.log_level, config.api_token) == (DLQ_ARN, "DEBUG", None)
    assert (config.keys.takes("a.css"), config.keys.takes("a.js")) == (True, False)


def test_what_a_document_leaves_out_has_the_documented_default() -> None:
    config = read(dead_letter_queue_arn=MISSING)
    assert config.targets == (Target(Zone(ZONE), (HOST,), "", "", ("https",), ("index.html",), "url", False, (), ()),)
    assert config.targets[0].zone == Zone(ZONE, None)
    assert (config.endpoint, config.collapse_above) == ("purge_cache", None)
    assert (config.repurge_after_seconds, config.queue_arn) == (0, None)
    assert config.api_url == "https://api.cloudflare.com/client/v4"
    assert (config.plan, config.requests_per_second, config.max_concurrency) == (PLANS["free"], 4, 1)
    assert (config.batch_size, config.drain) == (10, 0)
    assert (config.email, config.dead_letter_queue_arn, config.log_level) == (None, None, "INFO")
    assert config.keys.takes("anything/at all")


def test_null_is_the_default_as_terraform_means_it() -> None:
    names = ("include", "exclude", "log_level", "max_concurrency", "cloudflare", "dead_letter_queue_arn")
    nulls = dict.fromkeys((*names, "collapse_above", "repurge_after_seconds", "queue_arn", "batch_size", "drain"))
    options = ("key_prefix", "path_prefix", "schemes", "index_documents", "purge_by", "clean_urls", "header_variants")
    defaults = target(**dict.fromkeys((*options, "tags", "environment_id")))
    assert read(**nulls, targets=[defaults]) == read(dead_letter_queue_arn=MISSING)
    cloudflare = dict.fromkeys(("plan", "email", "requests_per_second", "api_url", "operation"))
    assert read(cloudflare=cloudflare) == read()


@pytest.mark.parametrize(("plan", "limit"), [("free", 100), ("pro", 100), ("business", 100), ("enterprise", 500)])
def test_the_plan_sets_how_many_urls_a_request_holds(plan: str, limit: int) -> None:
    assert read(cloudflare={"plan": plan}).plan.urls_per_request == limit


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
        ({"targets": [target(purge_by="urls")]}, "targets[0].purge_by"),
        ({"targets": [target(purge_by="URL")]}, "targets[0].purge_by"),
        ({"targets": [target(purge_by="")]}, "targets[0].purge_by"),
        ({"targets": [target(purge_by=["url"])]}, "targets[0].purge_by"),
        ({"targets": [target(), target(purge_by="none")]}, "targets[1].purge_by"),
        ({"targets": [target(clean_urls="true")]}, "targets[0].clean_urls"),
        ({"targets": [target(clean_urls=1)]}, "targets[0].clean_urls"),
        ({"targets": [target(clean_urls=[])]}, "targets[0].clean_urls"),
        ({"targets": [target(header_variants={"Origin": "x"})]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants="Origin")]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=["Origin: x"])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[{}])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[None])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[[["Origin", "x"]]])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[{"Origin": None}])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[{"Origin": 7}])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[{"Origin": ["x"]}])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[{"Origin": ""}])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[{"Origin": " x"}])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[{"Origin": "x\r\nX-Evil: 1"}])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[{"Origin": "ü"}])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[{"": "x"}])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[{"Or igin": "x"}])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[{"Origin:": "x"}])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[{"Ürsprung": "x"}])]}, "targets[0].header_variants"),
        ({"targets": [target(header_variants=[{"Origin": "x"}, {"Or\nigin": "x"}])]}, "targets[0].header_variants"),
        ({"targets": [target(tags=["{dir}"])]}, "targets[0].tags"),
        ({"targets": [target(tags=["{dir}"], purge_by="host")]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag")]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=[])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags="{dir}")]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=[7])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=[""])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=["a", ""])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=["a b"])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=["a,b"])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=["a\n"])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=["ü"])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=["{path}"])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=["{Key}"])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=["{}"])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=["{key"])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=["key}"])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=["{{key}}"])]}, "targets[0].tags"),
        ({"targets": [target(purge_by="tag", tags=["a" * 1025])]}, "targets[0].tags"),
        ({"targets": [target(environment_id="")]}, "targets[0].environment_id"),
        ({"targets": [target(environment_id=7)]}, "targets[0].environment_id"),
        ({"targets": [target(environment_id="a/../b")]}, "targets[0].environment_id"),
        ({"targets": [target(environment_id="a b")]}, "targets[0].environment_id"),
        ({"targets": [target(environment_id="staging\n")]}, "targets[0].environment_id"),
        ({"targets": [target(environment_id="ü")]}, "targets[0].environment_id"),
        ({"targets": [target(environment_id="a" * 65)]}, "targets[0].environment_id"),
        ({"targets": [target(path_prefix="a/" * 31)]}, "targets[0].path_prefix"),
        ({"targets": [target(path_prefix="/" + "a/" * 30 + "b")]}, "targets[0].path_prefix"),
        ({"targets": [target(path_prefix="..")]}, "targets[0].path_prefix"),
        ({"targets": [target(path_prefix="a/./b")]}, "targets[0].path_prefix"),
        ({"targets": [target(path_prefix="/a/../")]}, "targets[0].path_prefix"),
        ({"cloudflare": {"operation": "delete"}}, "cloudflare.operation"),
        ({"cloudflare": {"operation": "purge_cache"}}, "cloudflare.operation"),
        ({"cloudflare": {"operation": ""}}, "cloudflare.operation"),
        ({"cloudflare": {"operation": ["purge"]}}, "cloudflare.operation"),
        ({"collapse_above": 0}, "collapse_above"),
        ({"collapse_above": -1}, "collapse_above"),
        ({"collapse_above": 1_000_001}, "collapse_above"),
        ({"collapse_above": True}, "collapse_above"),
        ({"collapse_above": 1.5}, "collapse_above"),
        ({"collapse_above": "30"}, "collapse_above"),
        ({"repurge_after_seconds": -1, "queue_arn": QUEUE_ARN}, "repurge_after_seconds"),
        ({"repurge_after_seconds": 901, "queue_arn": QUEUE_ARN}, "repurge_after_seconds"),
        ({"repurge_after_seconds": 1.5, "queue_arn": QUEUE_ARN}, "repurge_after_seconds"),
        ({"repurge_after_seconds": True, "queue_arn": QUEUE_ARN}, "repurge_after_seconds"),
        ({"repurge_after_seconds": "60", "queue_arn": QUEUE_ARN}, "repurge_after_seconds"),
        ({"repurge_after_seconds": 60}, "queue_arn"),
        ({"repurge_after_seconds": 60, "queue_arn": None}, "queue_arn"),
        ({"queue_arn": ""}, "queue_arn"),
        ({"queue_arn": 7}, "queue_arn"),
        ({"queue_arn": "https://sqs.eu-west-1.amazonaws.com/1/q"}, "queue_arn"),
        ({"queue_arn": QUEUE_ARN + "\n"}, "queue_arn"),
        ({"queue_arn": "arn:aws:sns:eu-west-1:123456789012:t"}, "queue_arn"),
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
    ("changes", "rule"),
    [
        (
            {"targets": [target(purge_by="x")]},
            "targets[0].purge_by must be one of url, prefix, tag, host, everything.",
        ),
        ({"targets": [target(clean_urls=7)]}, "targets[0].clean_urls must be true or false."),
        (
            {"targets": [target(purge_by="tag")]},
            'targets[0].tags must be templates such as "{dir}", without spaces and commas,'
            ' with purge_by "tag" and only then.',
        ),
        (
            {"targets": [target(header_variants=7)]},
            "targets[0].header_variants must be a list of objects from header names to values.",
        ),
        (
            {"targets": [target(header_variants=[{"Origin": 7}])]},
            "targets[0].header_variants must have names and values that a header can have.",
        ),
        (
            {"targets": [target(environment_id="/")]},
            "targets[0].environment_id must be the id of a zone environment.",
        ),
        ({"targets": [target(path_prefix="a/" * 31)]}, "targets[0].path_prefix must be at most 30 folders deep."),
        ({"cloudflare": {"operation": "x"}}, "cloudflare.operation must be one of purge, invalidate."),
        ({"collapse_above": 0}, "collapse_above must be a whole number from 1 to 1000000."),
        ({"repurge_after_seconds": 901}, "repurge_after_seconds must be a whole number from 0 to 900."),
        ({"repurge_after_seconds": 1}, "queue_arn is missing: repurge_after_seconds and drain need it."),
        ({"drain": 1}, "queue_arn is missing: repurge_after_seconds and drain need it."),
        ({"drain": -1}, "drain must be a whole number from 0 to 10000."),
        ({"batch_size": 0}, "batch_size must be a whole number from 1 to 10000."),
        ({"queue_arn": "x"}, "queue_arn must be the ARN of a queue."),
    ],
)
def test_the_rule_that_a_document_breaks_is_said_whole(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(**changes)
    assert str(caught.value) == f"CF_PURGE_CONFIG: {rule}"


@pytest.mark.parametrize("purge_by", ["url", "prefix", "host", "everything"])
def test_every_kind_of_purge_but_by_tag_goes_without_tags(purge_by: str) -> None:
    for tags in (MISSING, None, []):
        each = {name: value for name, value in target(purge_by=purge_by, tags=tags).items() if value is not MISSING}
        assert read(targets=[each]).targets[0].purge_by == purge_by


@pytest.mark.parametrize(
    "template", ["a", "{bucket}", "{key}", "{dir}", "{name}", "{ext}", "site-{dir}/{name}.{ext}", "!~|", "a" * 1024]
)
def test_a_tag_is_a_template_of_printable_ascii(template: str) -> None:
    assert read(targets=[target(purge_by="tag", tags=["x", template])]).targets[0].tags == ("x", template)


@pytest.mark.parametrize(
    ("variants", "pairs"),
    [
        ([], ()),
        ([{"Origin": "https://www.example.com"}], ((("Origin", "https://www.example.com"),),)),
        ([{"a": "b c", "d!#$%&'*+-.^_`|~": "~"}], ((("a", "b c"), ("d!#$%&'*+-.^_`|~", "~")),)),
    ],
)
def test_header_variants_are_kept_as_they_are_written(variants: list[Any], pairs: Any) -> None:
    assert read(targets=[target(header_variants=variants)]).targets[0].header_variants == pairs


@pytest.mark.parametrize(("prefix", "slashes"), [("a/" * 30, 30), ("/" + "a/" * 29 + "b", 30), ("a//b", 3), ("/", 0)])
def test_the_folder_of_a_target_fits_into_a_prefix(prefix: str, slashes: int) -> None:
    [each] = read(targets=[target(path_prefix=prefix)]).targets
    assert each.path_prefix.count("/") == slashes
    assert f"{HOST}/{each.path_prefix}".count("/") <= 31


@pytest.mark.parametrize("seconds", [0, 1, 900])
def test_a_second_purge_comes_at_most_as_late_as_the_queue_can_wait(seconds: int) -> None:
    config = read(repurge_after_seconds=seconds, queue_arn=QUEUE_ARN)
    assert (config.repurge_after_seconds, config.queue_arn) == (seconds, QUEUE_ARN)


def test_without_a_second_purge_the_queue_need_not_be_named() -> None:
    assert read(repurge_after_seconds=0).queue_arn is None
    assert read(queue_arn=QUEUE_ARN).repurge_after_seconds == 0


@pytest.mark.parametrize("above", [1, 1_000_000])
def test_urls_may_be_collapsed_above_any_number(above: int) -> None:
    assert read(collapse_above=above).collapse_above == above


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


@given(
    st.dictionaries(
        st.sampled_from([*document(), "cloudflare", "include", "log_level", *OPTIONS, "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NESTED), inner, max_size=3),
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


FIELDS: dict[str, list[Any]] = {
    "purge_by": ["url", "prefix", "tag", "host", "everything", "x", None, 7],
    "clean_urls": [True, False, None, "true"],
    "header_variants": [[], [{"Origin": "x"}], [{}], {}, None],
    "tags": [[], ["{key}"], ["{x}"], None, "a"],
    "environment_id": ["staging", "", "a/b", None],
    "path_prefix": ["", "a/b", "a/" * 31, "..", None],
}


@given(st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in FIELDS.items()}))
def test_any_target_is_one_or_a_sentence_that_names_its_field(fields: dict[str, Any]) -> None:
    try:
        [each] = read(targets=[target(**fields)]).targets
    except Misconfigured as error:
        assert str(error).split()[1].startswith(tuple(f"targets[0].{name}" for name in (*fields, "tags")))  # noqa: PT017
    else:
        assert (each.purge_by == "tag") == bool(each.tags)
        assert each.zone.environment_id == fields.get("environment_id")
        for name in ("purge_by", "clean_urls"):
            if fields.get(name) is not None:
                assert getattr(each, name) == fields[name]
