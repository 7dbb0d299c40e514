"""What the module tells the function, read by the function."""

from __future__ import annotations

import json

import pytest

from cf_purge.config import Config, Target
from cf_purge.document import read_document
from cf_purge.purge import Zone
from tests.plans.planning import Plan, label
from tests.plans.told import COLLAPSING, EVERY_KIND, KINDS, SECOND_PURGES, SMALLEST, ZONE_ID

HOST = "www.example.com"
# The ARNs are known after apply: their names are what can be held against the function here.
QUEUES = {
    "queue_arn": "arn:aws:sqs:eu-west-1:123456789012:site",
    "dead_letter_queue_arn": "arn:aws:sqs:eu-west-1:123456789012:site-dlq",
}


def evaluated(plan: Plan, case: str, name: str) -> str:
    document: str = plan.outputs["told"]["value"][label(case)][name]
    return document


def told(plan: Plan, case: str) -> Config:
    return read_document(json.dumps({**json.loads(evaluated(plan, case, "function_config")), **QUEUES}))


def test_what_is_left_out_because_it_is_the_default_is_the_functions_default(plan: Plan) -> None:
    target = Target(Zone(ZONE_ID))
    for name, default in json.loads(evaluated(plan, SMALLEST, "target_defaults")).items():
        own = getattr(target, name)
        assert own == (tuple(default) if isinstance(default, list) else default), name


def test_the_smallest_target_is_its_zone_and_its_host(plan: Plan) -> None:
    assert told(plan, SMALLEST).targets == (Target(Zone(ZONE_ID), (HOST,)),)


def test_every_kind_of_target_arrives(plan: Plan) -> None:
    config = told(plan, EVERY_KIND)
    assert config.targets == (
        Target(
            Zone(ZONE_ID),
            (HOST,),
            clean_urls=True,
            header_variants=((("Origin", "https://www.example.com"),), (("Accept", 'a, "b"'),)),
        ),
        Target(Zone(ZONE_ID, "staging"), (HOST,), purge_by="prefix", index_documents=("index.html", "")),
        Target(Zone(ZONE_ID), (HOST,), purge_by="tag", tags=tuple(KINDS[2]["tags"])),
        Target(Zone(ZONE_ID), ("example.com", HOST), purge_by="host", schemes=("https", "http")),
        Target(Zone(ZONE_ID), (HOST,), purge_by="everything", key_prefix="a/", path_prefix="b/"),
        Target(Zone(ZONE_ID), (HOST,), path_prefix="x/" * 30),
    )


@pytest.mark.parametrize("number", COLLAPSING)
def test_the_function_takes_as_much_collapsing_as_the_module(plan: Plan, number: int) -> None:
    assert told(plan, COLLAPSING[number]).collapse_above == number


def test_the_function_is_told_of_its_queues_and_how_to_use_them(plan: Plan) -> None:
    config = told(plan, SECOND_PURGES)
    assert (config.queue_arn, config.dead_letter_queue_arn) == tuple(QUEUES.values())
    assert (config.repurge_after_seconds, config.batch_size, config.drain) == (900, 10, 1000)
    assert config.max_concurrency == 2
