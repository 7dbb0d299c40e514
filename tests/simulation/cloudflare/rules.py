"""Cache Response Rules: as much of Cloudflare's Rules language as the module's own rules use, and nothing else.

https://developers.cloudflare.com/ruleset-engine/rules-language/: an expression becomes one of Python, of literals and
the names below only; whatever else is in it is refused.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\["\\])*")|(?P<number>[0-9]+)|(?P<name>[a-z_][a-z0-9_.]*)|(?P<mark>==|[(){}\[\],*]))'
)
_KEYWORDS = {"and", "in"}
_FIELDS = {"http.host", "http.request.uri.path", "http.response.headers", "http.response.headers.names"}


class _Each(list[str]):
    """An array with `[*]`, which compares each of its values."""

    def __getitem__(self, index: Any) -> Any:
        return self if index == "*" else super().__getitem__(index)

    def __eq__(self, other: object) -> Any:
        return [value == other for value in self]

    __hash__ = None


def _split(text: str, separator: str, limit: int) -> list[str]:
    return text.split(separator, limit - 1)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "any": any,
    "concat": lambda *texts: "".join(texts),
    "lower": str.lower,
    "split": _split,
    "starts_with": str.startswith,
    "substring": lambda text, start: text[start:],
}


@dataclass(frozen=True, slots=True)
class Response:
    """What rules know of a response and the request it answers."""

    host: str
    path: str  # normalized
    headers: Mapping[str, Sequence[str]]  # names in lower case

    @property
    def fields(self) -> dict[str, Any]:
        names = {"http.response.headers": self.headers, "http.response.headers.names": _Each(self.headers)}
        return {"http.host": self.host, "http.request.uri.path": self.path, **names}


def evaluate(expression: str, response: Response) -> Any:
    """Return an expression's value.

    Raises:
        ValueError: it is nothing that the module's rules have.
    """
    python, position, before = "", 0, ""
    while position < len(expression.rstrip()):
        token = _TOKEN.match(expression, position)
        if token is None:
            raise ValueError(f"This is no expression from here on: {expression[position:]}")
        position, kind, text = token.end(), str(token.lastgroup), token[str(token.lastgroup)]
        if kind == "text":
            text = repr(re.sub(r"\\(.)", r"\1", text[1:-1]))
            text = f", {text}" if before == "text" else text  # of a set, {"a" "b"}
        elif kind == "name" and text in _FIELDS:
            text = f"fields[{text!r}]"
        elif kind == "name" and text not in _KEYWORDS | _FUNCTIONS.keys():
            raise ValueError(f"Neither a field nor a function: {text}")
        python += f" {text}" if text != "*" else " '*'"
        before = kind
    try:
        return eval(python, {"__builtins__": {}, **_FUNCTIONS}, {"fields": response.fields})  # noqa: S307
    except (SyntaxError, TypeError, LookupError) as error:
        raise ValueError(f"{error} in {expression}") from error


def tags_of(rules: Sequence[Mapping[str, Any]], response: Response, tags: frozenset[str]) -> frozenset[str]:
    """Return what a response's tags are after the zone's rules."""
    for rule in rules:
        parameters = rule["action_parameters"]
        if (rule["action"], parameters["operation"]) != ("set_cache_tags", "add"):
            raise ValueError("Rules that do something else than add tags are not simulated.")
        if evaluate(rule["expression"], response):
            told = parameters.get("values") or evaluate(parameters["expression"], response)
            tags |= {tag.lower() for tag in told}
    return tags
