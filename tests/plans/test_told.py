"""What the module tells the function, read by the function."""

import base64
import gzip

import pytest

from cf_purge.__main__ import config_in
from cf_purge.config import PLANS, VARIABLE, Config, Target, Verify, Zone, load
from tests.plans.cases import BUS, EVERYTHING, KINDS, MANY, S3, ZONE_ID
from tests.plans.planning import Plan, label

HOST = "www.example.com"


def written(plan: Plan, case: str) -> str:
    (function,) = plan.planned(case, "aws_lambda_function")
    document: str = function["environment"][0]["variables"][VARIABLE]
    return document


def told(plan: Plan, case: str) -> Config:
    return load({VARIABLE: written(plan, case)})


def test_a_large_document_is_the_same_one_compressed(known: Plan) -> None:
    document = gzip.decompress(base64.b64decode(written(known, MANY))).decode()
    (target,) = load({VARIABLE: document}).targets
    assert target.hosts == tuple(f"host-{number}.customers.example.com" for number in range(150))
    assert told(known, MANY).targets == (target,)


@pytest.mark.parametrize("case", [S3, MANY])
def test_a_preview_finds_it_in_the_whole_plan(known: Plan, case: str) -> None:
    modules = [each for each in known.planned_values["child_modules"] if each["address"] == f"module.{label(case)}"]
    shown = {"planned_values": {"root_module": {"child_modules": modules}}}
    assert config_in(shown).targets == told(known, case).targets


def test_what_is_left_out_because_it_is_the_default_is_the_functions_default(known: Plan) -> None:
    assert told(known, S3).targets == (Target(Zone(ZONE_ID), (HOST,)),)


def test_every_kind_of_target_arrives(known: Plan) -> None:
    variants, related = ((("Origin", "https://www.example.com"),), (("Accept", 'a, "b"'),)), ("/b/{stem}*",)
    assert told(known, EVERYTHING).targets == (
        Target(Zone(ZONE_ID), (HOST,), clean_urls=True, header_variants=variants),
        Target(Zone(ZONE_ID, "staging"), (HOST,), purge_by="prefix", index_documents=("index.html", "")),
        Target(Zone(ZONE_ID), (HOST,), purge_by="tag", tags=tuple(KINDS[2]["tags"])),
        Target(Zone(ZONE_ID), ("example.com", HOST), purge_by="host", schemes=("https", "http"), delay_seconds=60),
        Target(Zone(ZONE_ID), (HOST,), "a/", "b/", purge_by="everything", keys=("*.html",), related=related),
        Target(Zone(ZONE_ID), (HOST,), path_prefix="x/" * 30),
    )


def test_the_function_is_told_of_its_queues_and_how_to_use_them(known: Plan) -> None:
    config = told(known, EVERYTHING)
    assert (config.queue_arn, config.dead_letter_queue_arn) == tuple(
        f"arn:aws:sqs:eu-west-1:123456789012:site-purge{ending}" for ending in ("", "-dlq")
    )
    assert (config.event_bus_arn, config.log_principals) == (BUS, False)
    assert (config.verify, config.batch_size, config.drain) == (Verify(5, 3, 0), 5, 1000)
    assert (config.max_concurrency, config.collapse_above, config.max_receive_count) == (2, 1_000_000, 30)
    assert (config.plan, config.endpoint, config.email) == (PLANS["enterprise"], "invalidate_cache", "me@example.com")
    assert [config.takes(key) for key in ("a.css", "a.js", "drafts/a.css")] == [True, False, False]
