"""The key of a copy, and which copies a purge removes."""

import re
from dataclasses import dataclass

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986 section 2.3
_URL = re.compile(r"(?i:(https?))://([^/?#@\s]+)((?:/[^?#]*)?)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Cloudflare's default cache key: https://developers.cloudflare.com/cache/how-to/cache-keys/."""

    scheme: str
    host: str
    path: str
    query: str
    origin: str | None  # the client's Origin header


@dataclass(frozen=True, slots=True)
class Purge:
    """A valid request; exactly one of its parts is not empty."""

    files: frozenset[CacheKey] = frozenset()
    tags: frozenset[str] = frozenset()  # lower case
    hosts: frozenset[str] = frozenset()
    prefixes: frozenset[tuple[str, str]] = frozenset()  # host, start of the path
    everything: bool = False
    urls: int = 0  # how many count towards the limit of single-file URLs; 0 for the other kinds

    def matches(self, key: CacheKey, tags: frozenset[str]) -> bool:
        """Tell whether the purge includes a copy with that key and those (lower-case) tags.

        Prefixes match in the middle of a word: `/bar` includes `/barbaz`. The documentation is ambiguous; this is the
        larger reading.
        """
        return (
            self.everything
            or key in self.files
            or key.host in self.hosts
            or not self.tags.isdisjoint(tags)
            or any(key.host == host and key.path.startswith(path) for host, path in self.prefixes)
        )


def key_of(scheme: str, host: str, target: str, origin: str | None) -> CacheKey:
    """Return the key of a request; `target` is the path and query exactly as sent."""
    path, _, query = target.partition("?")
    return CacheKey(scheme, host, normal_path(path), query, origin)


def key_of_url(url: str, origin: str | None) -> CacheKey | None:
    """Return the key of an absolute URL, or None if it is none. Its fragment is ignored, as by browsers."""
    parts = _URL.fullmatch(url)
    if not parts:
        return None
    scheme, path, query = parts[1].lower(), parts[3] or "/", parts[4] or ""
    host = parts[2].lower().removesuffix(_DEFAULT_PORTS[scheme])
    return CacheKey(scheme, host, normal_path(path), query, origin)


def normal_path(path: str) -> str:
    """Return the same path for all that RFC 3986 section 6.2.2 calls equivalent.

    `%7E` is `~` and `%c3` is `%C3`, but reserved characters stay as sent: `+` and `%2B` are two copies.
    """
    return _ESCAPE.sub(_normal_escape, path)


def _normal_escape(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0].upper()
