"""Reads the body of a purge request."""

import re
from collections.abc import Callable
from typing import Any

from tests.simulation.cloudflare import refusal
from tests.simulation.cloudflare.purge import Purge, key_of_url, normal_path
from tests.simulation.cloudflare.zone import Zone

_FIELDS = ("files", "tags", "hosts", "prefixes")
TAG = re.compile(r"[!-~]{1,1024}")
_MAX_SLASHES = 31


def purge_in(body: Any, zone: Zone) -> Purge:
    """Read a decoded JSON body.

    Raises:
        Refusal: HTTP 400 with the documented code; one bad item refuses the whole request.
    """
    if not isinstance(body, dict):
        raise refusal.NOTHING.refusal()
    given = [field for field in _FIELDS if field in body]
    everything = body.get("purge_everything", False)
    if not isinstance(everything, bool):
        raise refusal.NOT_TRUE.refusal()
    if "purge_everything" in body and given:
        raise refusal.MIXED.refusal()
    if everything:
        return Purge(everything=True)
    if len(given) != 1:
        raise refusal.NOTHING.refusal()
    [field] = given
    items = body[field]
    if not isinstance(items, list):
        raise refusal.NOT_A_LIST.refusal()
    if not items:
        raise refusal.NOTHING.refusal()
    if len(items) > zone.plan.items:
        raise refusal.TOO_MANY.refusal()
    return _READERS[field](items, zone)


def _files(items: list[Any], zone: Zone) -> Purge:
    keys = set()
    for item in items:
        parts = item if isinstance(item, dict) else {"url": item}
        url, headers = parts.get("url"), parts.get("headers", {})
        if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
            raise refusal.NOTHING.refusal()  # Cloudflare's answer to a malformed item
        # Other headers can be part of a cache key too; here only this one is.
        origin = next((value for name, value in headers.items() if name.lower() == "origin"), None)
        key = key_of_url(url, origin) if isinstance(url, str) else None
        if key is None:
            raise refusal.NOTHING.refusal()
        _require_owned(key.host.partition(":")[0], zone)
        keys.add(key)
    return Purge(files=frozenset(keys), urls=len(items))


def _tags(items: list[Any], zone: Zone) -> Purge:
    if not all(isinstance(tag, str) for tag in items):
        raise refusal.NOT_A_LIST.refusal()
    if not all(TAG.fullmatch(tag) for tag in items):
        raise refusal.BAD_TAG.refusal()
    return Purge(tags=frozenset(tag.lower() for tag in items))


def _hosts(items: list[Any], zone: Zone) -> Purge:
    if not all(isinstance(host, str) for host in items):
        raise refusal.NOT_A_LIST.refusal()
    for host in items:
        _require_owned(host.lower(), zone)
    return Purge(hosts=frozenset(host.lower() for host in items))


def _prefixes(items: list[Any], zone: Zone) -> Purge:
    if not all(isinstance(prefix, str) for prefix in items):
        raise refusal.NOT_A_LIST.refusal()
    prefixes = set()
    for prefix in items:
        if re.search(r"://|[?#\s]", prefix) or prefix.count("/") > _MAX_SLASHES:
            raise refusal.NOTHING.refusal()
        host, slash, path = prefix.partition("/")
        _require_owned(host.lower(), zone)
        prefixes.add((host.lower(), normal_path(slash + path)))
    return Purge(prefixes=frozenset(prefixes))


def _require_owned(host: str, zone: Zone) -> None:
    if not re.fullmatch(r"[a-z0-9_.-]+", host) or not zone.owns(host):
        raise refusal.FOREIGN.refusal(400, refusal.ONLY_THIS_ZONE)


_READERS: dict[str, Callable[[list[Any], Zone], Purge]] = {
    "files": _files,
    "tags": _tags,
    "hosts": _hosts,
    "prefixes": _prefixes,
}
