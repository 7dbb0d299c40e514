"""A JSON object whose fields are taken one by one, so that what is wrong can be named."""

from __future__ import annotations

import re
from typing import Any

from cf_purge.errors import Misconfigured

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 section 5.6.2
_HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")


class Fields:
    """`path` says where the object stands: the variable, or a field within it."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise Misconfigured(f"{path} must be a JSON object.")
        self._rest: dict[str, Any] = {name: item for name, item in value.items() if item is not None}
        self._path = path

    def path(self, name: str) -> str:
        # `CF_PURGE_CONFIG: targets[0].hosts`: a colon after the variable, dots after that.
        return f"{self._path}{'.' if ':' in self._path else ': '}{name}"

    def wrong(self, name: str, rule: str) -> Misconfigured:
        return Misconfigured(f"{self.path(name)} {rule}.")

    def text(self, name: str, default: str | None = None) -> str:
        value = self._rest.pop(name, default)
        if not isinstance(value, str) or (default is None and not value):
            raise self.wrong(name, "must be a string" if default is not None else "must be a non-empty string")
        return value

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if name in self._rest else None

    def texts(self, name: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        value = self._rest.pop(name, default)
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise self.wrong(name, "must be a list of strings")
        return tuple(value)

    def flag(self, name: str) -> bool:
        value = self._rest.pop(name, False)
        if not isinstance(value, bool):
            raise self.wrong(name, "must be true or false")
        return value

    def whole(self, name: str, least: int, most: int) -> int | None:
        value = self._rest.pop(name, None)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most):
            raise self.wrong(name, f"must be a whole number from {least} to {most}")
        return value

    def headers(self, name: str) -> tuple[tuple[tuple[str, str], ...], ...]:
        """Take a list of objects from header name to value."""
        value = self._rest.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) and item for item in value):
            raise self.wrong(name, "must be a list of objects from header names to values")
        pairs = [pair for item in value for pair in item.items()]
        if not all(
            isinstance(text, str) and _HEADER_NAME.fullmatch(header) and _HEADER_VALUE.fullmatch(text)
            for header, text in pairs
        ):
            raise self.wrong(name, "must have names and values that a header can have")
        return tuple(tuple(item.items()) for item in value)

    def positive(self, name: str, default: float) -> float:
        value = self._rest.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
            raise self.wrong(name, "must be a number above 0")
        return value

    def object(self, name: str) -> Fields:
        return Fields(self._rest.pop(name, {}), self.path(name))

    def objects(self, name: str) -> list[Fields]:
        value = self._rest.pop(name, None)
        if not isinstance(value, list) or not value:
            raise self.wrong(name, "must be a list of at least one target")
        return [Fields(item, self.path(f"{name}[{index}]")) for index, item in enumerate(value)]

    def refuse_unknown(self) -> None:
        for name in self._rest:
            raise self.wrong(name, "is not a field of this version")
