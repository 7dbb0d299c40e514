"""What the module tells the function, read by the function."""

import base64
import gzip

import pytest

from cf_purge.__main__ import configs_in
from cf_purge.config import PLANS, VARIABLE, Config, Target, Verify, Zone, load
from tests.plans import shared_plans
from tests.plans.cases import BUS, EVERYTHING, KINDS, MANY, S3, ZONE_ID
from tests.plans.planning import label

ZONE, HOST = Zone(ZONE_ID), "www.example.com"
DEFAULTS = Config(
    name="site-purge",
    targets=(Target(ZONE, (HOST,)),),
    bucket=HOST,
    api_token_parameter="/prod/cloudflare/api-token",
    max_concurrency=2,
    drain=1000,
    max_receive_count=30,
    queue_arn="arn:aws:sqs:eu-west-1:123456789012:site-purge",
    dead_letter_queue_arn="arn:aws:sqs:eu-west-1:123456789012:site-purge-dlq",
)


def written(case: str) -> str:
    (function,) = shared_plans.known().planned(case, "aws_lambda_function")
    document: str = function["environment"][0]["variables"][VARIABLE]
    return document


def told(case: str) -> Config:
    return load({VARIABLE: written(case)})


def test_a_large_document_is_the_same_one_compressed() -> None:
    document = gzip.decompress(base64.b64decode(written(MANY))).decode()
    (target,) = load({VARIABLE: document}).targets
    assert target.hosts == tuple(f"host-{number}.customers.example.com" for number in range(150))
    assert told(MANY).targets == (target,)


@pytest.mark.parametrize("case", [S3, MANY])
def test_a_preview_finds_it_in_the_whole_plan(case: str) -> None:
    modules = [
        each
        for each in shared_plans.known().planned_values["child_modules"]
        if each["address"] == f"module.{label(case)}"
    ]
    shown = {"planned_values": {"root_module": {"child_modules": modules}}}
    [found] = configs_in(shown).values()
    assert found.targets == told(case).targets


def test_what_is_left_out_because_it_is_the_default_is_the_functions_default() -> None:
    assert told(S3)._asdict() == DEFAULTS._asdict()


def test_every_option_and_every_kind_of_target_arrives() -> None:
    variants, related = ((("Origin", "https://www.example.com"),), (("Accept", 'a, "b"'),)), ("/b/{stem}*",)
    targets = (
        Target(ZONE, (HOST,), clean_urls=True, header_variants=variants),
        Target(Zone(ZONE_ID, "staging"), (HOST,), purge_by="prefix", index_documents=("index.html", "")),
        Target(ZONE, (HOST,), purge_by="tag", tags=(f"{HOST}/{{key}}", *KINDS[2]["tags"][1:])),
        Target(ZONE, ("example.com", HOST), purge_by="host", schemes=("https", "http"), delay_seconds=60),
        Target(ZONE, (HOST,), "a/", "b/", purge_by="everything", keys=("*.html",), related=related),
        Target(ZONE, (HOST,), path_prefix="x/" * 30),
    )
    expected = DEFAULTS._replace(
        targets=targets,
        include=("*.css",),
        exclude=("drafts/**",),
        plan=PLANS["enterprise"],
        operation="invalidate",
        email="me@example.com",
        api_url="http://127.0.0.1:8787/client/v4",
        edge_url="http://127.0.0.1:8788",
        requests_per_second=8,
        batch_size=5,
        collapse_above=1_000_000,
        verify=Verify(5, 3, 0),
        event_bus_arn=BUS,
        log_level="WARN",
        log_principals=False,
    )
    assert told(EVERYTHING)._asdict() == expected._asdict()
