"""As much of CloudWatch Logs Insights as the saved queries use: nothing runs it on this machine.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html. What is not understood is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"\\]*") | (?P<word>\b(?:and|or|not|in)\b) | (?P<like>\blike\b) | (?P<present>\bispresent\b)
    | (?P<symbol>!=|=|[(),[\]]) | `(?P<quoted>\w+)` | (?P<plain>@?[A-Za-z][A-Za-z0-9.]*))""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Query:
    """A query, taken apart."""

    fields: tuple[str, ...]  # shown
    filters: tuple[str, ...]  # as expressions of Python
    used: frozenset[str]  # all fields it names
    limit: int

    def rows(self, lines: Sequence[str]) -> list[dict[str, Any]]:
        """Return the lines it finds, parsed."""
        return [json.loads(line) for line in lines if all(_holds(each, line) for each in self.filters)]


def read(text: str) -> Query:
    """Take a query apart: comments, then `fields`, any number of `filter`, `sort @timestamp desc` and `limit`."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(line.startswith("| ") for line in lines[1:]), lines
    first, *middle, sort, limit = [line.removeprefix("| ") for line in lines]
    assert sort == "sort @timestamp desc"
    assert first.startswith("fields ")
    assert all(line.startswith("filter ") for line in middle), middle
    fields = tuple(_names(first.removeprefix("fields ")))
    filters = [_translated(line.removeprefix("filter ")) for line in middle]
    used = {*fields, *(name for _, names in filters for name in names)}
    return Query(fields, tuple(code for code, _ in filters), frozenset(used), int(limit.removeprefix("limit ")))


def flattened(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields that are discovered in a JSON line: `a.b`, and `a.0` of a list."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flattened(inner, f"{path}.{name}".removeprefix("."))
    else:
        yield path, value


def _names(text: str) -> Iterator[str]:
    for name in text.split(", "):
        token = _TOKEN.fullmatch(name)
        assert token, name  # among others a name with an underscore and no backticks
        yield token["quoted"] or token["plain"]


def _translated(condition: str) -> tuple[str, list[str]]:
    """Return a condition as an expression of Python, and the fields it names."""
    code, names, position = "", list[str](), 0
    while position < len(condition):
        token = _TOKEN.match(condition, position)
        assert token, condition[position:]
        position = token.end()
        name = token["quoted"] or token["plain"]
        if name:
            names.append(name)
        code += {"=": " == ", "!=": " != "}.get(token["symbol"] or "", "") or (
            f" field({name!r})" if name else " %" if token["like"] else f" {token[0].strip()}"
        )
    return code.strip(), names


class _Field:
    """A field of a line; None when the line has none of that name."""

    def __init__(self, value: Any) -> None:
        self.value = value

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return bool(self.value == other)

    def __ne__(self, other: object) -> bool:
        return self.value is not None and self.value != other

    def __mod__(self, part: str) -> bool:  # like
        return part in str(self.value)


def _holds(expression: str, line: str) -> bool:
    found = {**dict(flattened(json.loads(line))), "@message": line}
    names = {"field": lambda name: _Field(found.get(name)), "ispresent": lambda field: field.value is not None}
    return bool(eval(expression, {"__builtins__": {}}, names))  # noqa: S307  # of a query in this checkout
