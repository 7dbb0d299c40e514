"""What Cloudflare can be asked to drop."""

from __future__ import annotations

from typing import NamedTuple

# The kinds are the fields of the request's body: https://developers.cloudflare.com/api/resources/cache/methods/purge/
FILES, PREFIXES, TAGS, HOSTS, EVERYTHING = "files", "prefixes", "tags", "hosts", "purge_everything"


class Zone(NamedTuple):
    """A zone, or one environment of it (zone versioning)."""

    id: str
    environment_id: str | None = None

    def __str__(self) -> str:
        return self.id if self.environment_id is None else f"{self.id} (environment {self.environment_id})"


class Purge(NamedTuple):
    """One item of a request.

    `item` is, by kind: an absolute percent-encoded URL; `host/path` without a scheme; a tag; a host; "".
    """

    zone: Zone
    kind: str
    item: str
    headers: tuple[tuple[str, str], ...] = ()  # of a URL: the copy made for requests with these

    @property
    def host(self) -> str:
        """Return the host it is about; "" for a tag and for everything."""
        if self.kind == FILES:
            return self.item.partition("://")[2].partition("/")[0]
        return self.item.partition("/")[0] if self.kind in (PREFIXES, HOSTS) else ""

    @property
    def shown(self) -> object:
        """Return it as Cloudflare is sent it; everything, as the manual event says it."""
        if self.kind == EVERYTHING:
            environment = {"environment_id": self.zone.environment_id} if self.zone.environment_id else {}
            return {"everything": True, "zone_id": self.zone.id, **environment}
        return {"url": self.item, "headers": dict(self.headers)} if self.headers else self.item
