"""What was asked of the API, for tests to look at. Credentials never get here: headers are not written down."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

_LOG = logging.getLogger("simulation.cloudflare")


@dataclass(slots=True)
class ApiRequest:
    """One request the API received. `status` is None until it is answered, and stays so when the connection was cut."""

    time: float  # seconds since the epoch, when it arrived
    method: str
    path: str
    query: str = ""
    zone: str | None = None  # as the path has it
    kind: str | None = None  # purge_cache or invalidate_cache; None for anything else, so for what only reads
    environment: str | None = None
    body: Any = None  # decoded; text when it is not JSON, None when there is none
    identity: str | None = None  # the name of the token or user, once known
    fault: str | None = None  # the kind of the fault it met
    status: int | None = None
    codes: Sequence[int] | None = None
    answered: float | None = None  # seconds since the epoch, when its answer was made; as `status` None until then

    @property
    def urls(self) -> tuple[str, ...]:
        """The URLs it asked to purge; none when it purged by something else, or only read."""
        items = self.body.get("files") if isinstance(self.body, dict) else None
        urls = [item.get("url") if isinstance(item, dict) else item for item in items or ()]
        return tuple(url for url in urls if isinstance(url, str))


def log_request(request: ApiRequest) -> None:
    _LOG.info("%s", json.dumps({"api": asdict(request)}))


def log_visit(method: str, url: str, status: int, cache_status: str | None) -> None:
    _LOG.info("%s", json.dumps({"edge": {"method": method, "url": url, "status": status, "cache": cache_status}}))
