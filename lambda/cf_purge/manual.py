"""Manual events → changes and items → purges, inside the configured targets only. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote, unquote

from cf_purge.config import HOST, MAX_SLASHES, Config, Target
from cf_purge.errors import Rejected, UnknownEvent
from cf_purge.events import DIRECT, LISTS, MAX_ITEMS, SWITCHES, Change, Event, Item, checked_key, is_text
from cf_purge.targets import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge, has_dots, nothing_at

_FIELDS = {*LISTS, *SWITCHES, "bucket", "zone_id", "dry_run"}
# By field, with the groups scheme, host, and what follows. No credentials, and no port: omit it. No client sends a
# fragment.
_HOST, _STEP = r"([^/?#@:\s]+)", r"(?:/[^/?#\x00-\x1f\x7f\ud800-\udfff]*)"
_ADDRESSES = {
    "urls": rf"(https?://){_HOST}({_STEP}*(?:\?[^#\x00-\x1f\x7f\ud800-\udfff]*)?)(?:#.*)?",
    "prefixes": rf"(){_HOST}({_STEP}{{1,{MAX_SLASHES}}})",
    "hosts": rf"(){_HOST}()",
}
_KEPT = "%/:=&;@!$'()*+,~[]?"  # what else a URL may contain is percent-encoded
# https://developers.cloudflare.com/support/troubleshooting/http-status-codes/4xx-client-error/error-414/
_MAX_URL = 32_768  # characters
_PREFIX = "a prefix such as www.example.com/blog/: a host and a path, no scheme, port or query"
# By field of the event: the kind of purge, the code of a refusal, and what each of its items must be.
_FORMS = {
    "urls": (FILES, "MalformedUrl", "a URL such as https://www.example.com/a.css, without a port, of at most 32 KB"),
    "prefixes": (PREFIXES, "MalformedPrefix", f"{_PREFIX}, at most {MAX_SLASHES} slashes and 32 KB"),
    "tags": (TAGS, "MalformedTag", "a tag: 1 to 1024 printable ASCII characters without spaces"),
    "hosts": (HOSTS, "MalformedHost", "a host such as www.example.com"),
    "everything": (EVERYTHING, "", ""),
}


def parts_of(document: dict[str, Any]) -> Iterator[Event]:
    """Yield each item of a manual event as an event. Keys are checked here, other items when they are planned.

    Raises:
        UnknownEvent: anything else is wrong with the event.
    """
    if direct := [name for name in DIRECT if name in document]:
        raise UnknownEvent(f'"{direct[0]}" works by direct invocation only: invoke the function with the event itself.')
    if unknown := sorted(document.keys() - _FIELDS):
        raise UnknownEvent(f"A manual event has no field {unknown[0][:64]!r}.")
    bucket, zone_id = document.get("bucket"), document.get("zone_id")
    for name in ("bucket", "zone_id"):
        if not is_text(document.get(name)):
            raise UnknownEvent(f'"{name}" must be a non-empty string.')
    if "everything" in document and zone_id is None:
        raise UnknownEvent('"everything" needs the "zone_id" of the zone to purge.')
    texts = ((name, text) for name in (*LISTS, *SWITCHES) if name in document for text in _texts(name, document[name]))
    for name, text in list(islice(texts, MAX_ITEMS + 1)):  # one wrong field refuses the whole event
        try:
            if name == "keys":
                yield Event((Change(manual_key(text), bucket, zone_id=zone_id),))
            else:
                yield Event((Item(name, text, bucket, zone_id),))
        except Rejected as error:
            yield Event((error.with_traceback(None),))


def purges_for_item(item: Item, config: Config) -> list[Purge]:
    """Return the purges of one item, one for each zone that serves it, spelled as given where a URL may be.

    Raises:
        Rejected: malformed, or outside of every target.
    """
    if item.kind == "check":
        return _purges_for_check(item, config)
    # With the flat variables no bucket is configured, and a manual event need not name one.
    bucket = config.checked_bucket(item.bucket) if item.bucket else config.bucket
    targets: Sequence[Target] = config.within(item.zone_id)
    kind, text = _FORMS[item.kind][0], item.text
    if item.kind == "tags" and not re.fullmatch("[!-~]{1,1024}", text):
        raise _malformed(item.kind, text)
    if item.kind in _ADDRESSES:
        text, host, path = address_of(item.kind, text)
        targets = _serving(targets, bucket, host, path)
    return list(dict.fromkeys(Purge(target.zone, kind, text) for target in targets))


def _purges_for_check(item: Item, config: Config) -> list[Purge]:
    """Return purges that show that token, zones and hosts fit together, and that drop no copy.

    Each has its target's kind, since an environment may accept one kind and not another. If that kind would drop
    copies, it is a prefix instead.
    """
    bucket, kinds = config.checked_bucket(item.bucket), {"url": FILES, "tag": TAGS}
    pairs = ((target, kinds.get(target.purge_by, PREFIXES)) for target in config.within(item.zone_id))
    return [nothing_at(target, host, kind) for target, kind in pairs for host in target.hosts_of(bucket)]


def address_of(field: str, text: str) -> tuple[str, str, str]:
    """Return a URL, prefix or host as it is purged, percent-encoded; then its host and its path, without a query.

    Raises:
        Rejected: a purge of that kind cannot have it.
    """
    match = re.fullmatch(_ADDRESSES[field], text.strip(), re.IGNORECASE | re.DOTALL | re.ASCII)
    scheme, host, rest = match.groups() if match else ("", "", "")
    if scheme and not rest.startswith("/"):
        rest = f"/{rest}"
    rest = quote(rest, safe=_KEPT)
    if not HOST.fullmatch(host.lower()) or len(rest) > _MAX_URL:
        raise _malformed(field, text)
    return f"{scheme}{host}".lower() + rest, host.lower(), rest.partition("?")[0]


def _malformed(field: str, text: str) -> Rejected:
    _, code, form = _FORMS[field]
    return Rejected(f"{text[:256]!r} is not {form}.", code)


def _serving(targets: Sequence[Target], bucket: str | None, host: str, path: str) -> list[Target]:
    """Return the targets that serve a host and have an encoded path below their `path_prefix`.

    Without hosts and a bucket's name there is nothing to compare the host with.
    """
    serving = [target for target in targets if host in (target.hosts_of(bucket) or [host])]
    if not serving:
        remedy = "correct it or the zone_id, or add it to targets[*].hosts"
        raise Rejected(f"{host} is not a host of any target in the requested zone: {remedy}.", "ForeignHost")
    # An encoded slash separates no folders, but some clients resolve dot segments behind it.
    folder = unquote(re.sub("(?i)%2f", "%252F", path))
    is_safe = not has_dots(unquote(path))
    inside = [each for each in serving if not each.path_prefix or (is_safe and folder[1:].startswith(each.path_prefix))]
    if not inside:
        fault = f"is outside of the targets: purge what is below {host}/{serving[0].path_prefix}"
        raise Rejected(f"{(host + path)[:256]!r} {fault}.", "OutsideTargets")
    return inside


def _texts(name: str, value: Any) -> list[str]:
    """Return the items of one field of a manual event; a switch has an empty one."""
    if name in SWITCHES:
        if value is not True:
            raise UnknownEvent(f'"{name}" must be true; omit it to disable it.')
        return [""]
    if not isinstance(value, list) or not value or not all(isinstance(text, str) and text for text in value):
        raise UnknownEvent(f'"{name}" must be a list of at least one non-empty string.')
    return value


def manual_key(key: str) -> str:
    """Return a key of a manual event.

    Raises:
        Rejected: it looks like a path or a URL, and would purge something else without an error.
    """
    if match := re.match(r"/+|(?:https?|s3)://+(?=.)[^/]*/*", key, re.IGNORECASE):
        right = f", such as {key[match.end() :][:256]!r}" if match.end() < len(key) else ""
        fault = 'begins with a slash or is a URL: put URLs in "urls", and write keys as in S3'
        raise Rejected(f"{key[:256]!r} {fault}{right}.", "MalformedKey")
    return checked_key(key)
