"""Changes → purges: what does Cloudflare hold of this key? Pure."""

from __future__ import annotations

import re
from urllib.parse import quote

from cf_purge.config import HOST, Config, Target
from cf_purge.errors import Rejected
from cf_purge.purge import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge

# Clients disagree on what to encode in a path and Cloudflare keeps a copy per spelling, so every distinct one
# is purged. `quote` leaves letters, digits and _.-~ alone; "%", "?" and "#" are in none of these, so always encoded.
_SPELLINGS = (
    "/!$&'()*+,;=:@",  # RFC 3986 section 3.3 path literals: browsers, curl
    "/",  # everything encoded: S3's own SDKs
    "/!*'()",  # ECMAScript's encodeURIComponent
)
_PLAIN = re.compile(r"[A-Za-z0-9_.\-~/]*")
_DOT_SEGMENTS = frozenset((".", ".."))
_PLACEHOLDER = re.compile(r"\{(bucket|key|dir|name|ext)\}")
# A tag is printable ASCII without spaces, and a comma ends it in the header that sets it.
_IN_TAGS = "!\"#$&'()*+-./:;<=>?@[\\]^_`{|}~"
MAX_SLASHES = 31  # in a prefix


def purges_for(key: str, bucket: str | None, config: Config) -> list[Purge]:
    """Return the purges of one decoded key; none when it is filtered out or below no target.

    Raises:
        Rejected: the object lies in a bucket that is not configured.
    """
    bucket = checked_bucket(bucket, config)
    if not config.keys.takes(key):
        return []
    purges: list[Purge] = []
    for target in config.targets:
        purges += purges_at(target, key, bucket)
    return purges


def purges_at(target: Target, key: str, bucket: str) -> list[Purge]:
    """Return the purges of one decoded key in one target, each once; none when it is not below the target."""
    path = path_of(key, target)
    if path is None:
        return []
    purges = _purges_of(target, path, key, bucket)
    return purges if len(purges) < 2 else list(dict.fromkeys(purges))


def within(config: Config, zone_id: str | None) -> Config:
    """Return the configuration with the targets of one zone only; None is all of them.

    Raises:
        Rejected: no target has that zone.
    """
    if zone_id is None:
        return config
    targets = tuple(target for target in config.targets if target.zone.id == zone_id.lower())
    if not targets:
        raise Rejected(f"{zone_id[:64]!r} is the zone of no target: add it to targets[*].zone_id.", "ForeignZone")
    return config._replace(targets=targets)


def checked_bucket(bucket: str | None, config: Config) -> str:
    """Return the name of the bucket that an event is about.

    Raises:
        Rejected: it is not the configured one, none at all, or not said where any would do.
    """
    own = config.bucket
    if own is not None:
        if bucket is not None and bucket != own:
            raise Rejected(f"The event is about bucket {bucket[:64]}, this function serves {own}.", "ForeignBucket")
        return own
    if not bucket:
        raise Rejected('Say which bucket it is about: add "bucket" to the event.', "UnknownEvent")
    if not HOST.fullmatch(bucket.lower()):
        raise Rejected(f"{bucket[:256]!r} is no bucket's name.", "ForeignBucket")
    return bucket


def _purges_of(target: Target, path: str, key: str, bucket: str) -> list[Purge]:
    hosts, pages = hosts_of(target, bucket), pages_of(path, target)
    if target.purge_by == "url":
        return _urls(target, hosts, [path, *pages])
    zone = target.zone
    if target.purge_by == "everything":
        return [Purge(zone, EVERYTHING, "")]
    if target.purge_by == "host":
        return [Purge(zone, HOSTS, host) for host in hosts]
    if target.purge_by == "tag":
        tags = (tag_of(template, key, bucket) for template in target.tags)
        return [Purge(zone, TAGS, tag) for tag in tags if tag]
    # As a prefix "/a/" would take all of the folder, and "/b" whatever begins like it.
    if not path or path.endswith("/"):
        return _urls(target, hosts, [path, *pages])
    prefixes = [Purge(zone, PREFIXES, _prefix(host, spelling)) for host in hosts for spelling in spellings(path)]
    return prefixes + _urls(target, hosts, pages)


def _urls(target: Target, hosts: tuple[str, ...], paths: list[str]) -> list[Purge]:
    zone, variants = target.zone, ((), *target.header_variants)
    return [
        Purge(zone, FILES, f"{scheme}://{host}/{spelling}", headers)
        for path in paths
        for spelling in spellings(path)
        for host in hosts
        for scheme in target.schemes
        for headers in variants
    ]


def hosts_of(target: Target, bucket: str | None) -> tuple[str, ...]:
    """Return the hosts of a target; the bucket's name when it has none of its own."""
    return target.hosts or ((bucket.lower(),) if bucket else ())


def path_of(key: str, target: Target) -> str | None:
    """Return the decoded path, without the leading slash, under which a target serves a decoded key; None: it does not.

    Folder markers ("a/") are no pages unless "" is an index document. Keys with a dot segment are reachable by
    no client: browsers and Cloudflare resolve it away (RFC 3986 section 5.2.4).
    """
    if not key.startswith(target.key_prefix):
        return None
    path = target.path_prefix + key[len(target.key_prefix) :]
    is_marker = path.endswith("/") or not path
    if (is_marker and "" not in target.index_documents) or _has_dot_segment(path):
        return None
    return path


def _has_dot_segment(path: str) -> bool:
    return not _DOT_SEGMENTS.isdisjoint(path.split("/"))


def pages_of(path: str, target: Target) -> list[str]:
    """Return the other paths under which a target serves the same object: its folder, its clean URLs."""
    folder, slash, name = path.rpartition("/")
    if name in target.index_documents:
        pages = [f"{folder}{slash}"] if name else []
        pages += [folder] if target.clean_urls and folder else []
    elif target.clean_urls and name.endswith(".html") and name != ".html":
        pages = [path.removesuffix(".html")]
    else:
        return []
    # The folder that is the target's own root has its clean URL outside of the target.
    return [page for page in pages if page.startswith(target.path_prefix) and not _has_dot_segment(page)]


def spellings(path: str) -> list[str]:
    """Return the distinct percent-encodings of a decoded path that clients send (UTF-8, upper-case hex)."""
    if _PLAIN.fullmatch(path):
        return [path]
    return list(dict.fromkeys(quote(path, safe=safe) for safe in _SPELLINGS))


def tag_of(template: str, key: str, bucket: str) -> str:
    """Fill a tag template from a decoded key; what a tag cannot hold is percent-encoded.

    `a/b.css` has the `{dir}` a, the `{name}` b.css and the `{ext}` css.
    """
    folder, _, name = key.rpartition("/")
    stem, _, extension = name.rpartition(".")
    values = {"bucket": bucket, "key": key, "dir": folder, "name": name, "ext": extension if stem else ""}
    return _PLACEHOLDER.sub(lambda match: quote(values[match[1]], safe=_IN_TAGS), template)


def _prefix(host: str, spelling: str) -> str:
    """`host/path`; of a path deeper than Cloudflare takes, the deepest folder it does."""
    parts = f"{host}/{spelling}".split("/")
    return "/".join(parts if len(parts) <= MAX_SLASHES + 1 else [*parts[:MAX_SLASHES], ""])
