"""What the API was asked, for tests to look at; without headers, which have credentials."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class ApiRequest:
    """One request to the API. `status` is None until it is answered, and stays None if the connection was cut."""

    time: float  # seconds since the epoch, when it arrived
    method: str
    path: str
    query: str = ""
    zone: str | None = None  # as in the path
    kind: str | None = None  # purge_cache or invalidate_cache; None for anything else
    environment: str | None = None
    body: Any = None  # decoded; text if it is not JSON, None if there is none
    identity: str | None = None  # the name of the token or user, once known
    fault: str | None = None  # the kind of the fault it met
    status: int | None = None
    codes: Sequence[int] | None = None

    @property
    def urls(self) -> tuple[str, ...]:
        items = self.body.get("files") if isinstance(self.body, dict) else None
        urls = [item.get("url") if isinstance(item, dict) else item for item in items or ()]
        return tuple(url for url in urls if isinstance(url, str))
