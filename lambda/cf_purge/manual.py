"""Manual items → purges, inside the configured targets only. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import quote, unquote

from cf_purge.config import HOST, MAX_SLASHES, Config, Target
from cf_purge.errors import Rejected
from cf_purge.events import Item
from cf_purge.targets import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge, checked_bucket, has_dots, hosts_of, within

# Scheme, host, path and query; no client sends the fragment. No credentials, and no port: omit it.
_URL = re.compile(r"(https?)://([^/?#@:\s]+)((?:[/?][^#\x00-\x1f\x7f]*)?)(?:#.*)?", re.IGNORECASE | re.DOTALL)
_PREFIX = re.compile(r"([^/?#@:\s]+)(/[^?#\x00-\x1f\x7f]*)")
_TAG = re.compile(r"[!-~]{1,1024}")
_ENCODED_SLASH = re.compile(r"%2f", re.IGNORECASE)
# https://developers.cloudflare.com/support/troubleshooting/http-status-codes/4xx-client-error/error-414/
_MAX_URL = 32_768  # characters


def purges_for_item(item: Item, config: Config) -> list[Purge]:
    """Return the purges of one item, one for each zone that serves it, spelled as given where a URL may be.

    Raises:
        Rejected: malformed, or outside of every target.
    """
    # With the flat variables no bucket is configured, and a manual event need not name one.
    bucket = config.bucket if item.bucket is None else checked_bucket(item.bucket, config)
    return _READERS[item.kind](item.text, bucket, within(config, item.zone_id))


def _url(text: str, bucket: str | None, targets: Sequence[Target]) -> list[Purge]:
    match = _URL.fullmatch(text.strip())
    rest = _encoded(match[3], "?") if match else None
    if match is None or rest is None or not HOST.fullmatch(match[2].lower()):
        rule = "a URL such as https://www.example.com/a.css, without a port, of at most 32 KB"
        raise Rejected(f"{text[:256]!r} is not {rule}.", "MalformedUrl")
    host, rest = match[2].lower(), rest if rest.startswith("/") else f"/{rest}"
    serving = _inside(_serving(host, bucket, targets), host, rest.partition("?")[0], text, "https://")
    return _each_zone(serving, FILES, f"{match[1].lower()}://{host}{rest}")


def _prefix(text: str, bucket: str | None, targets: Sequence[Target]) -> list[Purge]:
    match = _PREFIX.fullmatch(text.strip())
    path = _encoded(match[2], "") if match else None
    if match is None or path is None or not HOST.fullmatch(match[1].lower()) or path.count("/") > MAX_SLASHES:
        rule = "a prefix such as www.example.com/blog/: a host and a path, no scheme, port or query, at most"
        raise Rejected(f"{text[:256]!r} is not {rule} {MAX_SLASHES} slashes and 32 KB.", "MalformedPrefix")
    host = match[1].lower()
    serving = _inside(_serving(host, bucket, targets), host, path, text)
    return _each_zone(serving, PREFIXES, f"{host}{path}")


def _tag(text: str, _: str | None, targets: Sequence[Target]) -> list[Purge]:
    if not _TAG.fullmatch(text):
        rule = "1 to 1024 printable ASCII characters without spaces"
        raise Rejected(f"{text[:256]!r} is not a tag: {rule}.", "MalformedTag")
    return _each_zone(targets, TAGS, text)


def _host(text: str, bucket: str | None, targets: Sequence[Target]) -> list[Purge]:
    host = text.strip().lower()
    if not HOST.fullmatch(host):
        raise Rejected(f"{text[:256]!r} is not a host such as www.example.com.", "MalformedHost")
    serving = [target for target in _serving(host, bucket, targets) if not target.path_prefix]
    if not serving:
        reason = "is served below a path_prefix only, and a purge of the host would leave it"
        raise Rejected(f"{host} {reason}: purge by keys, urls or prefixes.", "OutsideTargets")
    return _each_zone(serving, HOSTS, host)


# By field of the event, how one of its items is read.
_READERS: dict[str, Callable[[str, str | None, Sequence[Target]], list[Purge]]] = {
    "urls": _url,
    "prefixes": _prefix,
    "tags": _tag,
    "hosts": _host,
    "everything": lambda _text, _bucket, targets: _each_zone(targets, EVERYTHING, ""),
}


def _each_zone(targets: Iterable[Target], kind: str, text: str) -> list[Purge]:
    return list(dict.fromkeys(Purge(target.zone, kind, text) for target in targets))


def _serving(host: str, bucket: str | None, targets: Sequence[Target]) -> list[Target]:
    """Return the targets that serve a host. Without hosts and a bucket's name there is nothing to compare it with."""
    served = [(target, hosts_of(target, bucket)) for target in targets]
    serving = [target for target, hosts in served if not hosts or host in hosts]
    if not serving:
        raise Rejected(f"{host} is not a host of any target: add it to targets[*].hosts.", "ForeignHost")
    return serving


def _inside(serving: Sequence[Target], host: str, path: str, text: str, form: str = "") -> list[Target]:
    """Return the targets below whose `path_prefix` an encoded path lies."""
    # An encoded slash separates no folders, but some clients resolve dot segments behind it.
    folder = unquote(_ENCODED_SLASH.sub("%252F", path))
    is_safe = not has_dots(unquote(path))

    def holds(target: Target) -> bool:
        return not target.path_prefix or (is_safe and folder.startswith(f"/{target.path_prefix}"))

    inside = list(filter(holds, serving))
    if not inside:
        right = f"{form}{host}/{serving[0].path_prefix}"
        raise Rejected(f"{text[:256]!r} is outside of the targets: use one below {right}.", "OutsideTargets")
    return inside


def _encoded(text: str, extra: str) -> str | None:
    """Percent-encode what a URL may not contain; None for what cannot be part of one."""
    try:
        encoded = quote(text, safe=f"%/:=&;@!$'()*+,~[]{extra}")
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return encoded if len(encoded) <= _MAX_URL else None
