"""The module and its examples name only what the oldest provider that is allowed has, and a late 6.x.

Neither is installed: cdktf and its successor cdktn generate JavaScript from a provider's schema, with Terraform's own
names in it, and carry it in their Python packages. What is deprecated they do not say.
"""

import re
import tarfile
from collections.abc import Container, Iterator

import pytest

from tests.plans import shared_plans
from tools.problems import ENVIRONMENTS, ROOT

FIELD = re.compile(r"^ +(\w+): \{\n +value: |\bget\w*Attribute\('(\w+)'\)", re.MULTILINE)
# lib/SERVICE/aws-sqs-queue.js in the one, lib/sqs-queue/index.js in the other.
FILE = re.compile(r"package/lib/(?:[\w-]+/aws-([a-z0-9-]+)|([a-z0-9-]+)/index)\.js")
FILES = [*ROOT.glob("*.tf"), *ROOT.glob("examples/*/*.tf")]


def used() -> dict[str, set[str]]:
    """The attributes that have a value in some plan, and those that an expression reads, by type."""
    found: dict[str, set[str]] = {}

    def collect(type_: str, value: object) -> None:
        for block in value if isinstance(value, list) else [value]:
            if isinstance(block, dict):
                for name, inner in block.items():
                    if inner not in (None, [], {}) and re.fullmatch("[a-z_]+", name):
                        found.setdefault(type_, set()).add(name)
                        collect(type_, inner)

    uses = [
        change
        for use in ("complete", "eventbridge", "external-notification")
        for change in shared_plans.fresh().changes(f"example {use}")
    ]
    for change in (*uses, *shared_plans.known().resource_changes):
        after = change["change"]["after"]
        collect(change["type"], {name: value for name, value in after.items() if not name.startswith("tags")})
    for file in FILES:
        for type_, name in re.findall(r"\b(aws_[a-z0-9_]+)\.\w+(?:\[[^]]*\])?\.([a-z_]+)", file.read_text()):
            found.setdefault(type_, set()).add(name)
    return found


def known(package: str, types: Container[str]) -> Iterator[tuple[str, set[str]]]:
    """The names of each of these types, those of its blocks among them, in a package of bindings."""
    (archive,) = ENVIRONMENTS.glob(f"compatibility/lib/*/site-packages/{package}/_jsii/*.jsii.tgz")
    with tarfile.open(archive, "r|gz") as members:
        for member in members:
            named = FILE.fullmatch(member.name)
            type_ = f"aws_{(named[1] or named[2]).replace('-', '_')}" if named else ""
            if type_ in types:
                file = members.extractfile(member)
                assert file is not None
                yield type_, {name for found in FIELD.findall(file.read().decode()) for name in found if name}


@pytest.mark.parametrize("package", ["cdktf_cdktf_provider_aws", "cdktn_provider_aws"])
def test_every_name_is_in_the_provider(package: str) -> None:
    types = used()
    assert {"max_message_size", "kms_master_key_id"} <= types["aws_sqs_queue"]
    assert "on_failure" in types["aws_lambda_function_event_invoke_config"]
    missing = {type_: types[type_] - names for type_, names in known(package, types)}
    assert missing.keys() == types.keys()
    assert {type_: names for type_, names in missing.items() if names} == {}
