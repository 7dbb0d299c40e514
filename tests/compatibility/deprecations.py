"""What provider 6 no longer wants, out of Pulumi's bindings: of all packages made from its schema the one that says it.

Version 7 of pulumi-aws is made from version 6 of the provider. Its Python is read, not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path

from tests.compatibility.provider import Block

_MAJOR = 7
# The file of aws_SERVICE_NAME is SERVICE/NAME.py, but for these.
_ELSEWHERE = {
    "aws_instance": "ec2/instance",
    "aws_sqs_queue_redrive_allow_policy": "sqs/redrive_allow_policy",
}
_SERVICES = {"lambda": "lambda_"}
_MESSAGE = r'@_utilities\.deprecated\("""[^"]*"""\)\n\s*'
_PROPERTY = re.compile(rf"{_MESSAGE}def (\w+)\(self")
_WHOLE = re.compile(rf"^{_MESSAGE}(?:class|def get_)|^warnings\.warn\(", re.MULTILINE)
_CLASS = re.compile(r"^class (\w+)Args:\n(.*?)(?=^class |\Z)", re.MULTILINE | re.DOTALL)


def marked(blocks: dict[tuple[str, str], Block]) -> dict[tuple[str, str], Block]:
    """Return the same schemas with what is deprecated marked as such."""
    installed = metadata.version("pulumi-aws")
    assert installed.startswith(f"{_MAJOR}."), f"pulumi-aws {installed} is not made from version 6 of the provider"
    return {key: block if key[0] == "provider" else _resource(*key, block) for key, block in blocks.items()}


def _resource(kind: str, type_: str, block: Block) -> Block:
    service, _, rest = type_.removeprefix("aws_").partition("_")
    if kind == "data":
        file = f"{_SERVICES.get(service, service)}/get_{rest}" if rest else f"get_{service}"
        source = _source(file)
        return replace(
            block, deprecated=_named(_PROPERTY.findall(source), block), is_deprecated=bool(_WHOLE.search(source))
        )
    file = _ELSEWHERE.get(type_, f"{_SERVICES.get(service, service)}/{rest}")
    source = _source(file)
    named = re.search(r"^class (\w+)\(pulumi\.CustomResource\)", source, re.MULTILINE)
    assert named, f"{file}.py of pulumi-aws has no resource"
    nested = dict(_CLASS.findall(_source(f"{file.partition('/')[0]}/_inputs")))
    marked = _nested(block, named[1], nested)
    return replace(
        marked,
        deprecated=marked.deprecated | _named(_PROPERTY.findall(source), block),
        is_deprecated=bool(_WHOLE.search(source)),
    )


def _nested(block: Block, name: str, classes: dict[str, str]) -> Block:
    blocks = {}
    for label, inner in block.blocks.items():
        class_ = name + "".join(word.capitalize() for word in label.split("_"))
        deprecated = _named(_PROPERTY.findall(classes.get(class_, "")), inner)
        blocks[label] = replace(_nested(inner, class_, classes), deprecated=deprecated)
    return replace(block, blocks=blocks)


def _named(found: Iterable[str], block: Block) -> frozenset[str]:
    """Terraform's names of what is found: what may be there several times has a plural in Pulumi."""
    known = block.arguments | block.attributes
    names = {name for one in found for name in (one, one.removesuffix("s"), re.sub("ies$", "y", one))}
    return frozenset(names & known)


@cache
def _source(file: str) -> str:
    return Path(str(metadata.distribution("pulumi-aws").locate_file(f"pulumi_aws/{file}.py"))).read_text()
