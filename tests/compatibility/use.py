"""What Terraform files use of a provider: types, data sources, blocks, arguments, and the attributes they read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2  # type: ignore[import-not-found]

# Terraform's own, in every resource.
_META = {"count", "for_each", "provider", "depends_on", "lifecycle", "connection", "provisioner", "alias"}
_READ = re.compile(r"\b(data\.)?(aws_[a-z0-9_]+)\.[a-zA-Z_][\w-]*(?:\[[^\]]*\])?\.([a-z_]\w*)")
_COMMENT = re.compile(r"^\s*(?:#|//).*$", re.MULTILINE)


@dataclass(frozen=True, order=True, slots=True)
class Use:
    """A name that must be in the provider's schema."""

    kind: str  # resource, data or provider
    type: str  # aws_sqs_queue; of a provider its name
    path: tuple[str, ...] = ()  # blocks, from the outermost
    argument: str = ""  # empty: the type, or the last block, as such
    read: bool = False  # an attribute that an expression reads

    def __str__(self) -> str:
        words = "reads of" if self.read else "uses"
        return f"{words} {self.kind} {'.'.join((self.type, *self.path, self.argument)).rstrip('.')}"


def uses_in(folder: Path) -> set[Use]:
    """Everything that the .tf files of one folder use."""
    return {use for file in sorted(folder.glob("*.tf")) for use in uses(file.read_text())}


def uses(text: str) -> set[Use]:
    """Everything that one file uses. What `for` and splat read of its names is not seen."""
    return set(_written(text)) | {
        Use("data" if data else "resource", type_, argument=name, read=True)
        for data, type_, name in _READ.findall(_COMMENT.sub("", text))
    }


def _written(text: str) -> Iterator[Use]:
    document = hcl2.loads(text)
    for kind in ("resource", "data"):
        for block in document.get(kind, []):
            for type_, named in block.items():
                for body in named.values():
                    yield from _body(Use(kind, _bare(type_)), body)
    for block in document.get("provider", []):
        for name, body in block.items():
            yield from _body(Use("provider", _bare(name)), body)


def _body(use: Use, body: dict[str, Any]) -> Iterator[Use]:
    yield use
    for name, value in body.items():
        if name.startswith("__") or (not use.path and name in _META):
            continue
        if name == "dynamic":
            for block in value:
                for label, dynamic in block.items():
                    for content in dynamic["content"]:
                        yield from _body(Use(use.kind, use.type, (*use.path, _bare(label))), content)
        elif _are_blocks(value):
            for block in value:
                yield from _body(Use(use.kind, use.type, (*use.path, name)), block)
        else:
            yield Use(use.kind, use.type, use.path, name)


def _are_blocks(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(one, dict) and "__is_block__" in one for one in value)


def _bare(label: str) -> str:
    return label.strip('"')
