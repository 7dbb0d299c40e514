"""What a provider knows of the names that are used of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.compatibility.use import Use


@dataclass(frozen=True, slots=True)
class Block:
    """The body of a resource, a data source, a provider or a block in one of them."""

    arguments: frozenset[str] = frozenset()
    blocks: Mapping[str, Block] = field(default_factory=dict)
    attributes: frozenset[str] = frozenset()  # what can be read, arguments and all
    deprecated: frozenset[str] = frozenset()  # of those; empty where the source does not say
    is_deprecated: bool = False  # as a whole


Schemas = Mapping[tuple[str, str], Block]  # by kind and type


def faults(uses: Iterable[Use], schemas: Schemas) -> Iterator[str]:
    """Say what the provider does not know, or no longer wants: one sentence for each, none for what is in it."""
    for use in sorted(uses):
        outer, block = None, schemas.get((use.kind, use.type))
        for name in use.path:
            outer, block = block, block.blocks.get(name) if block else None
        if use.read and block:
            known, deprecated, kind = use.argument in block.attributes, use.argument in block.deprecated, "attribute"
        elif use.argument:
            known = block is None or use.argument in block.arguments
            deprecated, kind = block is not None and use.argument in block.deprecated, "argument"
        elif use.path:
            known, kind = outer is None or block is not None, "block"
            deprecated = outer is not None and use.path[-1] in outer.deprecated
        else:
            known, deprecated, kind = block is not None, block is not None and block.is_deprecated, use.kind
        if not known:
            yield f"{use}: there is no such {kind}"
        elif deprecated:
            yield f"{use}: this {kind} is deprecated"


def installed(told: Mapping[str, Any]) -> dict[tuple[str, str], Block]:
    """Read what `terraform providers schema -json` says of the AWS provider."""
    schema = told["provider_schemas"]["registry.terraform.io/hashicorp/aws"]
    bodies = {
        **{("resource", name): body for name, body in schema["resource_schemas"].items()},
        **{("data", name): body for name, body in schema["data_source_schemas"].items()},
        ("provider", "aws"): schema["provider"],
    }
    return {key: _block(body["block"]) for key, body in bodies.items()}


def _block(body: Mapping[str, Any]) -> Block:
    attributes = body.get("attributes", {})
    blocks = {name: nested["block"] for name, nested in body.get("block_types", {}).items()}
    return Block(
        arguments=frozenset(name for name, one in attributes.items() if one.get("optional") or one.get("required")),
        blocks={name: _block(nested) for name, nested in blocks.items()},
        attributes=frozenset({*attributes, *blocks}),
        deprecated=frozenset(name for name, one in {**attributes, **blocks}.items() if one.get("deprecated")),
        is_deprecated=bool(body.get("deprecated")),
    )
