"""A JSON object whose fields are taken one by one, so that what is wrong can be named."""

from __future__ import annotations

from typing import Any

from cf_purge.errors import Misconfigured


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
