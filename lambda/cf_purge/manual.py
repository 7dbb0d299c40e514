"""Manual events → keys and items → purges, inside the configured targets only. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from cf_purge.config import HOST, MAX_SLASHES, Config, Target
from cf_purge.errors import Rejected, UnknownEvent
from cf_purge.events import DIRECT, LISTS, SWITCHES, Change, Item, checked_key
from cf_purge.targets import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge, checked_bucket, has_dots, hosts_of, within

if TYPE_CHECKING:
    from cf_purge.events import Reader

_OPTIONS = ("bucket", "zone_id", "dry_run")
# Scheme, host, path and query; no client sends the fragment. No credentials, and no port: omit it.
_URL = re.compile(r"(https?)://([^/?#@:\s]+)((?:[/?][^#\x00-\x1f\x7f]*)?)(?:#.*)?", re.IGNORECASE | re.DOTALL)
_PREFIX = re.compile(r"([^/?#@:\s]+)(/[^?#\x00-\x1f\x7f]*)")
_TAG = re.compile(r"[!-~]{1,1024}")
_ENCODED_SLASH = re.compile(r"%2f", re.IGNORECASE)
# https://developers.cloudflare.com/support/troubleshooting/http-status-codes/4xx-client-error/error-414/
_MAX_URL = 32_768  # characters


def read_manual(document: dict[str, Any], reader: Reader) -> None:
    """Read a manual event; a key that is none is counted as an error of its own."""
    if direct := [name for name in DIRECT if name in document]:
        raise UnknownEvent(f'"{direct[0]}" works by direct invocation only: invoke the function with the event itself.')
    unknown = set(document) - {*LISTS, *SWITCHES, *_OPTIONS}
    if unknown:
        raise UnknownEvent(f"A manual event has no field {sorted(unknown)[0][:64]!r}.")
    for name in ("bucket", "zone_id"):
        if name in document and not (document[name] is None or (isinstance(document[name], str) and document[name])):
            raise UnknownEvent(f'"{name}" must be a non-empty string.')
    bucket, zone_id = document.get("bucket"), document.get("zone_id")
    if "everything" in document and zone_id is None:
        raise UnknownEvent('"everything" needs the "zone_id" of the zone to purge.')
    given = {name: document[name] for name in (*LISTS, *SWITCHES) if name in document}
    # The whole event is checked before any of it counts.
    for name, value in given.items():
        if name in SWITCHES:
            if value is not True:
                raise UnknownEvent(f'"{name}" must be true; omit it to disable it.')
        elif not isinstance(value, list) or not value or not all(isinstance(text, str) and text for text in value):
            raise UnknownEvent(f'"{name}" must be a list of at least one non-empty string.')
    for name, value in given.items():
        for text in [""] if name in SWITCHES else value:
            if name != "keys":
                reader.add(Item(name, text, bucket, zone_id))
                continue
            try:
                key = _manual_key(checked_key(text, encoded=False))
            except Rejected as error:
                reader.count(error)
            else:
                reader.add(Change(key, bucket, None, zone_id))


def purges_for_item(item: Item, config: Config) -> list[Purge]:
    """Return the purges of one item, one for each zone that serves it, spelled as given where a URL may be.

    Raises:
        Rejected: malformed, or outside of every target.
    """
    # With the flat variables no bucket is configured, and a manual event need not name one.
    bucket = config.bucket if item.bucket is None else checked_bucket(item.bucket, config)
    return _READERS[item.kind](item.text, bucket, within(config, item.zone_id))


def url_parts(text: str) -> tuple[str, str, str]:
    """Return scheme, host, and path with query of a URL, percent-encoded.

    Raises:
        Rejected: it is no URL that a purge can have.
    """
    match = _URL.fullmatch(text.strip())
    rest = _encoded(match[3], "?") if match else None
    if match is None or rest is None or not HOST.fullmatch(match[2].lower()):
        rule = "a URL such as https://www.example.com/a.css, without a port, of at most 32 KB"
        raise Rejected(f"{text[:256]!r} is not {rule}.", "MalformedUrl")
    return match[1].lower(), match[2].lower(), rest if rest.startswith("/") else f"/{rest}"


def _url(text: str, bucket: str | None, targets: Sequence[Target]) -> list[Purge]:
    scheme, host, rest = url_parts(text)
    serving = _inside(_serving(host, bucket, targets), host, rest.partition("?")[0], text, "https://")
    return _each_zone(serving, FILES, f"{scheme}://{host}{rest}")


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


def _manual_key(key: str) -> str:
    """Refuse what looks like a path or a URL: it would purge something else without an error."""
    scheme, _, rest = key.partition("://")
    if key.startswith("/"):
        fault, right = "begins with a slash: give the object key", key.lstrip("/")
    elif rest and scheme.lower() in ("http", "https"):
        fault, right = 'is a URL: give it in "urls", or the object key', rest.partition("/")[2]
    else:
        return key
    example = f", such as {right[:256]!r}" if right else ""
    raise Rejected(f"{key[:256]!r} {fault}{example}.", "MalformedKey")


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
        raise Rejected(f"{host} is not a host of any target: correct it, or add it to targets[*].hosts.", "ForeignHost")
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
