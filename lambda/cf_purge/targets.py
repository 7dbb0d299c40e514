"""Changes → purges: under which URLs does Cloudflare hold this key? Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from cf_purge.config import HOST, Config, Target
from cf_purge.errors import Rejected

# Clients disagree on what to encode in a path and Cloudflare keeps a copy per spelling, so every distinct one
# is purged. `quote` leaves letters, digits and _.-~ alone; "%", "?" and "#" are in none of these, so always encoded.
_SPELLINGS = (
    "/!$&'()*+,;=:@",  # RFC 3986 section 3.3 path literals: browsers, curl
    "/",  # everything encoded: S3's own SDKs
    "/!*'()",  # ECMAScript's encodeURIComponent
)
_PLAIN = re.compile(r"[A-Za-z0-9_.\-~/]*")
# Scheme, host, path and query; no client sends the fragment. No credentials, and no port: leave it out.
_URL = re.compile(r"(https?)://([^/?#@:\s]+)((?:[/?][^#\x00-\x1f\x7f]*)?)(?:#.*)?", re.IGNORECASE | re.DOTALL)
_DOT_SEGMENT = re.compile(r"(?:^|/)\.\.?(?:/|$)")


@dataclass(frozen=True, slots=True)
class Purge:
    """One cached copy to drop."""

    zone_id: str
    url: str  # absolute, percent-encoded


def purges_for(key: str, bucket: str | None, config: Config) -> list[Purge]:
    """Return the purges of one decoded key; none when it is filtered out or below no target.

    Raises:
        Rejected: the object lies in a bucket that is not configured.
    """
    if config.bucket is not None and bucket not in (None, config.bucket):
        raise Rejected(f"The event is about bucket {bucket}, this function serves {config.bucket}.", "ForeignBucket")
    bucket = bucket or config.bucket
    if bucket is None:
        raise Rejected('Say which bucket the keys are in: add "bucket" to the event.', "UnknownEvent")
    if not HOST.fullmatch(bucket.lower()):
        raise Rejected(f"{bucket[:256]!r} is no bucket's name.", "ForeignBucket")
    if not config.keys.takes(key):
        return []
    purges = (
        Purge(target.zone_id, f"{scheme}://{host}{path}")
        for target in config.targets
        for path in paths_of(key, target)
        for host in target.hosts or (bucket.lower(),)
        for scheme in target.schemes
    )
    return list(dict.fromkeys(purges))


def purges_for_url(url: str, config: Config) -> list[Purge]:
    """Return the purge of a URL named by hand, spelt as given but for characters no URL may hold.

    Raises:
        Rejected: not an absolute http(s) URL, or on a host of no target.
    """
    match = _URL.fullmatch(url.strip())
    try:
        rest = quote(match[3], safe="%/:?=&;@!$'()*+,~[]") if match else ""
    except UnicodeEncodeError:  # a lone surrogate
        match = None
    if not match or not HOST.fullmatch(match[2].lower()):
        raise Rejected(
            f"{url[:256]!r} is not a URL such as https://www.example.com/a.css, without a port.", "MalformedUrl"
        )
    host = match[2].lower()
    zones = [t.zone_id for t in config.targets if not t.hosts or host in t.hosts]
    if not zones:
        raise Rejected(f"{host} is the host of no target: add it to targets[*].hosts.", "ForeignHost")
    url = f"{match[1].lower()}://{host}{rest if rest.startswith('/') else f'/{rest}'}"
    return [Purge(zone_id, url) for zone_id in dict.fromkeys(zones)]


def paths_of(key: str, target: Target) -> list[str]:
    """Return every spelling of every path under which `target` serves a decoded key.

    Folder markers ("a/") are no pages unless "" is an index document. Keys with a dot segment are reachable by
    no client: browsers and Cloudflare resolve it away (RFC 3986 section 5.2.4).
    """
    if not key.startswith(target.key_prefix):
        return []
    path = target.path_prefix + key[len(target.key_prefix) :]
    name = path.rpartition("/")[2]
    is_index = name in target.index_documents
    if (not name and not is_index) or _DOT_SEGMENT.search(path):
        return []
    paths = [path]
    if is_index and name:
        paths.append(path[: -len(name)])
    return [f"/{spelling}" for path in paths for spelling in spellings(path)]


def spellings(path: str) -> list[str]:
    """Return the distinct percent-encodings of a decoded path that clients send (UTF-8, upper-case hex)."""
    if _PLAIN.fullmatch(path):
        return [path]
    return list(dict.fromkeys(quote(path, safe=safe) for safe in _SPELLINGS))
