"""Items named by hand → purges, on configured zones and hosts only. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from cf_purge.config import HOST, Config
from cf_purge.errors import Rejected
from cf_purge.events import Named
from cf_purge.purge import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge, Zone
from cf_purge.targets import MAX_SLASHES, checked_bucket, hosts_of, within

# Scheme, host, path and query; no client sends the fragment. No credentials, and no port: leave it out.
_URL = re.compile(r"(https?)://([^/?#@:\s]+)((?:[/?][^#\x00-\x1f\x7f]*)?)(?:#.*)?", re.IGNORECASE | re.DOTALL)
_PREFIX = re.compile(r"([^/?#@:\s]+)(/[^?#\x00-\x1f\x7f]*)")
_TAG = re.compile(r"[!-~]{1,1024}")
# https://developers.cloudflare.com/support/troubleshooting/http-status-codes/4xx-client-error/error-414/
_LONGEST = 32_768  # characters of a URL


def purges_named(named: Named, config: Config) -> list[Purge]:
    """Return the purges of one item, one per zone it is served in, spelt as given but for what no URL may hold.

    Raises:
        Rejected: malformed, or of no configured zone, host or bucket.
    """
    # The flat variables know no bucket, and what is named by hand need not name one.
    bucket = config.bucket if named.bucket is None else checked_bucket(named.bucket, config)
    return _READERS[named.kind](named.item, bucket, within(config, named.zone_id))


def _url(item: str, bucket: str | None, config: Config) -> list[Purge]:
    match = _URL.fullmatch(item.strip())
    rest = _encoded(match[3], "?") if match else None
    if match is None or rest is None or not HOST.fullmatch(match[2].lower()):
        raise Rejected(
            f"{item[:256]!r} is not a URL such as https://www.example.com/a.css, without a port, of at most 32 KB.",
            "MalformedUrl",
        )
    host = match[2].lower()
    url = f"{match[1].lower()}://{host}{rest if rest.startswith('/') else f'/{rest}'}"
    return [Purge(zone, FILES, url) for zone in _zones_of(host, bucket, config)]


def _prefix(item: str, bucket: str | None, config: Config) -> list[Purge]:
    match = _PREFIX.fullmatch(item.strip())
    path = _encoded(match[2], "") if match else None
    if match is None or path is None or not HOST.fullmatch(match[1].lower()) or path.count("/") > MAX_SLASHES:
        raise Rejected(
            f"{item[:256]!r} is not a prefix such as www.example.com/blog/: a host and a path, no scheme, port or"
            f" query, at most {MAX_SLASHES} slashes and 32 KB.",
            "MalformedPrefix",
        )
    host = match[1].lower()
    return [Purge(zone, PREFIXES, f"{host}{path}") for zone in _zones_of(host, bucket, config)]


def _tag(item: str, _: str | None, config: Config) -> list[Purge]:
    if not _TAG.fullmatch(item):
        raise Rejected(
            f"{item[:256]!r} is not a tag: 1 to 1024 printable ASCII characters without spaces.", "MalformedTag"
        )
    return [Purge(zone, TAGS, item) for zone in zones_in(config)]


def _host(item: str, bucket: str | None, config: Config) -> list[Purge]:
    host = item.strip().lower()
    if not HOST.fullmatch(host):
        raise Rejected(f"{item[:256]!r} is not a host such as www.example.com.", "MalformedHost")
    return [Purge(zone, HOSTS, host) for zone in _zones_of(host, bucket, config)]


def _everything(_: str, __: str | None, config: Config) -> list[Purge]:
    return [Purge(zone, EVERYTHING, "") for zone in zones_in(config)]


_READERS: dict[str, Callable[[str, str | None, Config], list[Purge]]] = {
    "urls": _url,
    "prefixes": _prefix,
    "tags": _tag,
    "hosts": _host,
    "everything": _everything,
}


def zones_in(config: Config) -> list[Zone]:
    """Return the zones of all targets, each once."""
    return list(dict.fromkeys(target.zone for target in config.targets))


def _zones_of(host: str, bucket: str | None, config: Config) -> list[Zone]:
    """The zones that serve a host. With neither hosts nor a bucket's name there is nothing to hold it against."""
    served = [(target.zone, hosts_of(target, bucket)) for target in config.targets]
    zones = [zone for zone, hosts in served if not hosts or host in hosts]
    if not zones:
        raise Rejected(f"{host} is the host of no target: add it to targets[*].hosts.", "ForeignHost")
    return list(dict.fromkeys(zones))


def _encoded(text: str, extra: str) -> str | None:
    """Percent-encode what no URL may hold; None for what cannot be a part of one."""
    try:
        encoded = quote(text, safe=f"%/:=&;@!$'()*+,~[]{extra}")
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return encoded if len(encoded) <= _LONGEST else None
