"""What the module tells the function, read by the function."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cf_purge.config import Config, Target
from cf_purge.document import read_document
from tools.problems import ROOT
from tools.terraform import environment, initialised

ZONE_ID = "0123456789abcdef0123456789abcdef"
HOST = "www.example.com"
DLQ = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
KINDS: list[dict[str, Any]] = [
    {"clean_urls": True, "header_variants": [{"Origin": "https://www.example.com"}, {"Accept": 'a, "b"'}]},
    {"purge_by": "prefix", "environment_id": "staging", "index_documents": ["index.html", ""]},
    {"purge_by": "tag", "tags": ["{bucket}/{key}", "{dir}{name}:{ext}", "site!$%&()*+-./;<=>?@[]^_`|~"]},
    {"purge_by": "host", "hosts": ["example.com", "www.example.com"], "schemes": ["https", "http"]},
    {"purge_by": "everything", "key_prefix": "a/", "path_prefix": "b"},
    {"path_prefix": "/".join("x" * 30)},
]


@pytest.fixture(scope="module", autouse=True)
def _initialised() -> None:
    initialised(ROOT)


def evaluated(expression: str, folder: Path, **variables: object) -> Any:
    given = {"name": "site", "bucket": HOST, "api_token_parameter": "/prod/token", "targets": [{"zone_id": ZONE_ID}]}
    file = folder / "given.tfvars.json"
    file.write_text(json.dumps({**given, **variables}))
    done = subprocess.run(
        ["terraform", f"-chdir={ROOT}", "console", f"-var-file={file}", f"-state={folder / 'none.tfstate'}"],
        input=f"jsonencode({expression})\n",
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(json.loads(done.stdout))


def told(folder: Path, **variables: object) -> Config:
    return read_document(json.dumps(evaluated("local.function_config", folder, **variables)))


def test_what_is_left_out_because_it_is_the_default_is_the_functions_default(tmp_path: Path) -> None:
    target = Target(ZONE_ID)
    for name, default in evaluated("local.target_defaults", tmp_path).items():
        own = getattr(target, name)
        assert own == (tuple(default) if isinstance(default, list) else default), name


def test_the_smallest_target_is_its_zone_and_its_host(tmp_path: Path) -> None:
    assert told(tmp_path).targets == (Target(ZONE_ID, (HOST,)),)


def test_every_kind_of_target_arrives(tmp_path: Path) -> None:
    config = told(tmp_path, targets=[{"zone_id": ZONE_ID, **kind} for kind in KINDS])
    assert config.targets == (
        Target(
            ZONE_ID,
            (HOST,),
            clean_urls=True,
            header_variants=((("Origin", "https://www.example.com"),), (("Accept", 'a, "b"'),)),
        ),
        Target(ZONE_ID, (HOST,), purge_by="prefix", environment_id="staging", index_documents=("index.html", "")),
        Target(ZONE_ID, (HOST,), purge_by="tag", tags=tuple(KINDS[2]["tags"])),
        Target(ZONE_ID, ("example.com", HOST), purge_by="host", schemes=("https", "http")),
        Target(ZONE_ID, (HOST,), purge_by="everything", key_prefix="a/", path_prefix="b/"),
        Target(ZONE_ID, (HOST,), path_prefix="x/" * 30),
    )


@pytest.mark.parametrize("number", [1, 1_000_000])
def test_the_function_takes_as_much_collapsing_as_the_module(tmp_path: Path, number: int) -> None:
    assert told(tmp_path, collapse_above=number).collapse_above == number


def test_the_function_is_told_of_its_queue_with_second_purges_and_knows_both_names(tmp_path: Path) -> None:
    # The ARNs are known after apply: the names are what can be held against the function here.
    document = evaluated("local.function_config", tmp_path, repurge_after_seconds=900)
    queues = {"queue_arn": DLQ.removesuffix("-dlq"), "dead_letter_queue_arn": DLQ}
    config = read_document(json.dumps({**document, **queues}))
    assert (config.repurge_after_seconds, config.queue_arn, config.dead_letter_queue_arn) == (900, *queues.values())
