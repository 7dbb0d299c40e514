"""Cache Response Rules: the part of Cloudflare's Rules language that the module's rules use.

https://developers.cloudflare.com/ruleset-engine/rules-language/. An expression is rewritten as one of Python, in which
only the fields and functions below exist.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.simulation.cloudflare.purge import CacheKey

# The text of a string, what is in a set, a field or another word, or `[*]`.
_TOKEN = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"|\{(?P<set>[^}]*)\}|(?P<word>[a-z_][a-z0-9_.]*)|\[\*\]')


class _Each(list[str]):
    """An array with `[*]`, which compares each of its values."""

    def __eq__(self, other: object) -> Any:
        return [value == other for value in self]

    __hash__ = None


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "any": any,
    "concat": lambda *texts: "".join(texts),
    "lower": str.lower,
    "split": lambda text, separator, limit: text.split(separator, limit - 1),
    "starts_with": str.startswith,
    "substring": lambda text, start: text[start:],
}


def tags_added(
    rules: Sequence[Mapping[str, Any]], key: CacheKey, headers: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Yield the tags that a zone's rules add to a response; `headers` have names in lower case."""
    fields = {
        "http.host": key.host,
        "http.request.uri.path": key.path,
        "http.response.headers": headers,
        "http.response.headers.names": _Each(headers),
    }
    for rule in rules:
        parameters = rule["action_parameters"]
        assert (rule["action"], parameters["operation"]) == ("set_cache_tags", "add"), "no other rule is simulated"
        if _value(rule["expression"], fields):
            yield from parameters.get("values") or _value(parameters["expression"], fields)


def _value(expression: str, fields: Mapping[str, Any]) -> Any:
    names = {"__builtins__": {}, **_FUNCTIONS, "fields": fields}
    return eval(_TOKEN.sub(_in_python, expression), names)  # noqa: S307


def _in_python(token: re.Match[str]) -> str:
    if token["text"] is not None:
        return repr(re.sub(r"\\(.)", r"\1", token["text"]))
    if token["set"] is not None:
        return repr(re.findall(r'"([^"]*)"', token["set"]))
    if token["word"] is not None:
        return f"fields[{token['word']!r}]" if "." in token["word"] else token["word"]
    return ""
