"""Module and examples use only what every supported AWS provider has, and nothing that one of them deprecates."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.compatibility import bindings, faulty
from tests.compatibility.faulty import Fault
from tests.compatibility.provider import Schemas, faults
from tests.compatibility.use import Use, uses
from tools.problems import ROOT


@pytest.mark.parametrize("version", ["5.80", "5", "6"])
def test_every_type_block_argument_and_attribute_is_there_and_none_is_deprecated(
    used: dict[Path, set[Use]], schemas: dict[str, Schemas], version: str
) -> None:
    found = [f"{root}: {fault}" for root, some in used.items() for fault in faults(some, schemas[version])]
    assert not found, "\n".join(found)


def test_the_versions_are_the_oldest_allowed_and_the_majors_that_are(schemas: dict[str, Schemas]) -> None:
    (allowed,) = re.findall(r' version = "(.+)"', (ROOT / "versions.tf").read_text())
    assert allowed == ">= 5.80, < 7"
    assert bindings.provider_version(bindings.OLDEST) == "5.80.0"
    assert bindings.provider_version(bindings.NEWEST).startswith("6.")
    assert ("resource", "aws_worklink_fleet") in schemas["5"]  # gone in 6


def test_all_that_is_written_is_seen(used: dict[Path, set[Use]]) -> None:
    """As many resources and data sources as lines that begin one, and what is in a dynamic block too."""
    for root, some in used.items():
        lines = "".join(file.read_text() for file in (ROOT / root).glob("*.tf"))
        written = set(re.findall(r'^(resource|data) "(\w+)"', lines, re.MULTILINE))
        seen = {(use.kind, use.type) for use in some if not use.path and not use.read}
        assert seen - {("provider", "aws")} == written
    module = used[Path()]
    assert Use("resource", "aws_lambda_function", ("vpc_config",), "subnet_ids") in module
    nested = ("destination_config", "on_failure")
    assert Use("resource", "aws_lambda_function_event_invoke_config", nested, "destination") in module
    assert Use("resource", "aws_sqs_queue", argument="arn", read=True) in module


@pytest.mark.parametrize("fault", faulty.FAULTS, ids=lambda fault: f"{fault.version}, {fault.said}")
def test_what_is_not_there_or_deprecated_is_refused(schemas: dict[str, Schemas], fault: Fault) -> None:
    found = list(faults(uses(fault.text), schemas[fault.version]))
    assert len(found) == 1, found
    assert fault.said in found[0]
