"""Configured targets, and the purges that a key needs: a second implementation, independent of the function's."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.support.factories import HOST, OTHER_ZONE, ZONE, target

# Zone, kind and item as in the body of a request.
Item = tuple[str, str, str]
# Alternatives: one accepted purge is enough.
Want = frozenset[Item]

_ORIGIN = {"Origin": "https://app.example.com"}
_SECOND, _THIRD = "static.example.com", "www.example.net"

LAYOUTS: dict[str, list[dict[str, Any]]] = {
    "one host": [target()],
    "two hosts": [target(hosts=[HOST, _SECOND])],
    "two zones": [target(), target(zone_id=OTHER_ZONE, hosts=[_THIRD], key_prefix="site", path_prefix="v1")],
    "variants": [target(header_variants=[_ORIGIN], schemes=["https", "http"])],
    "by prefix": [target(purge_by="prefix")],
    "by tag": [target(purge_by="tag", tags=["d-{dir}", "x-{ext}"])],
    "by host": [target(purge_by="host"), target(zone_id=OTHER_ZONE, hosts=[_THIRD])],
    "everything": [target(purge_by="everything")],
    "rules": [
        target(keys=["*.css", "*.html"], related=["/feed.xml", "/tags/{stem}"]),
        target(keys=["index.html"], hosts=[_SECOND], purge_by="host", delay_seconds=45),
        target(zone_id=OTHER_ZONE, hosts=[_THIRD], delay_seconds=300),
    ],
}


@dataclass(frozen=True)
class Layout:
    """One of LAYOUTS; `collapses` is whether many URLs may become a prefix."""

    name: str
    collapses: bool

    def wants(self, key: str) -> dict[Want, int]:
        """Return what a change of a plain key must purge, with the delay of each in seconds."""
        places = LAYOUTS[self.name]
        return {want: place.get("delay_seconds", 0) for place in places for want in self._wants_at(place, key)}

    def urls(self, key: str) -> list[str]:
        places = [(place["hosts"], _paths(place, key)) for place in LAYOUTS[self.name]]
        return [f"https://{host}/{path}" for hosts, paths in places for host in hosts for path in paths]

    def wants_named(self, kind: str, item: str) -> list[Want]:
        """Return what a manual item must purge; except for tags, items are in the first zone."""
        places = LAYOUTS[self.name]
        zones = dict.fromkeys(place["zone_id"] for place in places) if kind == "tags" else [ZONE]
        return [frozenset({(zone, kind, item)}) for zone in zones]

    def _wants_at(self, place: dict[str, Any], key: str) -> Iterator[Want]:
        zone, by = place["zone_id"], place.get("purge_by", "url")
        top = f"{place['path_prefix']}/" if place.get("path_prefix") else ""
        path, *pages = _paths(place, key) or [""]
        if not path:
            return
        if by == "everything":
            yield frozenset({(zone, "purge_everything", "True")})
        elif by == "tag":
            for tag in (f"d-{key.rpartition('/')[0]}", f"x-{_name(key).rpartition('.')[2]}"):
                yield frozenset({(zone, "tags", tag)})
        else:
            for host in place["hosts"]:
                for template in place.get("related", []):
                    page = template.replace("{stem}", _name(key).rpartition(".")[0])
                    yield from self._urls(place, host, page.removeprefix("/"), "")
                if by == "host":
                    yield frozenset({(zone, "hosts", host)})
                    continue
                if by == "prefix":
                    yield frozenset({(zone, "prefixes", f"{host}/{path}")})
                for page in pages if by == "prefix" else [path, *pages]:
                    yield from self._urls(place, host, page, f"{host}/{top}")

    def _urls(self, place: dict[str, Any], host: str, page: str, whole: str) -> Iterator[Want]:
        zone = place["zone_id"]
        is_collapsed = self.collapses and not place.get("keys") and not place.get("delay_seconds")
        instead = {(zone, "prefixes", whole)} if is_collapsed else set()
        for scheme in place.get("schemes", ["https"]):
            url = f"{scheme}://{host}/{page}"
            yield frozenset({(zone, "files", url)}) | instead
            for headers in place.get("header_variants", []):
                yield frozenset({(zone, "files", text_of({"url": url, "headers": headers}))}) | instead


def _paths(place: dict[str, Any], key: str) -> list[str]:
    """Return the path of a key, then its folder's if it is an index document; none where it is not served."""
    folder = f"{place['key_prefix']}/" if place.get("key_prefix") else ""
    if not key.startswith(folder) or not any(fnmatchcase(_name(key), glob) for glob in place.get("keys", ["*"])):
        return []
    path = (f"{place['path_prefix']}/" if place.get("path_prefix") else "") + key.removeprefix(folder)
    pages = [path.removesuffix("index.html")] if path.endswith("/index.html") else []
    return [path, *pages]


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def text_of(item: Any) -> str:
    """Return an item of a request's body as text."""
    return f"{item['url']} {sorted(item['headers'].items())}" if isinstance(item, dict) else str(item)
