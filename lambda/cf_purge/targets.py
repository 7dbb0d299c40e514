"""Changes and manual items → purges: which copies Cloudflare can hold, inside the configured targets only. Pure."""

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple
from urllib.parse import quote, unquote

from cf_purge.config import MAX_SLASHES, Config, Target, Zone, takes
from cf_purge.errors import Rejected
from cf_purge.events import Item

# The kinds are the fields of the request's body: https://developers.cloudflare.com/api/resources/cache/methods/purge/
FILES, PREFIXES, TAGS, HOSTS, EVERYTHING = "files", "prefixes", "tags", "hosts", "purge_everything"
MAX_TAG = 1024  # characters
_NOTHING = ".cf-purge-check"  # no page and no tag has this name

_PLAIN = re.compile(r"([A-Za-z0-9_.\-~]+(/[A-Za-z0-9_.\-~]+)*/?)?")  # a path with one spelling
# How clients write a path in a URL, since Cloudflare keeps one copy for each spelling: the characters that stay raw
# beside letters, digits and -._~/, and a space, which is %20 or +: S3 reads a + in a path as a space.
_ENCODERS = (
    (":[]@!$&'()*+,;=", "%20"),  # links and pasted addresses in every browser; wget, OkHttp, fetch
    (":@!$&'()*+,;=", "%20"),  # JavaScript's encodeURI, Markdown tools, requests, Java's toASCIIString
    ("", "%20"),  # urllib.parse.quote, rawurlencode, every AWS SDK
    ("!'()*", "%20"),  # JavaScript's encodeURIComponent for each segment, Django
    (":[]@!$&*+,;=", "%20"),  # Go's html/template, Hugo
    (":@$&+,;=", "%20"),  # Go's url.URL
    ("*", "%20"),  # Java's URLEncoder with + replaced
    ("", "+"),  # quote_plus, PHP's urlencode, the object URL of S3's console
    ("*", "+"),  # Java's URLEncoder, Ruby's encode_www_form_component
)
PLACEHOLDER = re.compile(r"\{(key|dir|name|stem|ext)\}")
# A tag is printable ASCII without spaces, and a comma ends it in the header that sets it.
_IN_TAGS = "!\"#$&'()*+-./:;<=>?@[\\]^_`{|}~"


class Purge(NamedTuple):
    """One item of a request.

    `item` is, by kind: an absolute percent-encoded URL; `host/path` without a scheme; a tag; a host; "".
    """

    zone: Zone
    kind: str
    item: str
    host: str = ""  # that it is about; "" for a tag and for everything
    headers: tuple[tuple[str, str], ...] = ()  # of a URL: the copy for requests with these

    @property
    def shown(self) -> object:
        """As Cloudflare is sent it; everything, as the manual event has it."""
        if self.kind == EVERYTHING:
            return {"everything": True, "zone_id": str(self.zone)}
        return {"url": self.item, "headers": dict(self.headers)} if self.headers else self.item


def purges_at(target: Target, key: str) -> Iterator[Purge]:
    """Yield the purges of one decoded key in one target, then those of its related pages; none if it is not served.

    Raises:
        Rejected: a tag is longer than Cloudflare accepts.
    """
    paths = paths_of(key, target) if key.startswith(target.key_prefix) and takes(key, target.keys) else []
    if not paths:
        return
    if target.purge_by == "everything":
        yield Purge(target.zone, EVERYTHING, "")
    elif target.purge_by == "host":
        yield from (Purge(target.zone, HOSTS, host, host) for host in target.hosts)
    elif target.purge_by == "tag":
        yield from _tags(target, key, paths)
    else:
        # Only the object itself by prefix: "/a/" would take the whole folder, and "/b" every path that begins with it.
        if target.purge_by == "prefix" and paths[0][-1:] not in ("", "/"):
            yield from prefixes_of(target, paths.pop(0))
        yield from urls_of(target, paths)
    if target.related:
        yield from _related(target, _values_of(key.removeprefix(target.key_prefix)))


def _related(target: Target, values: dict[str, str]) -> Iterator[Purge]:
    """Yield the purges of related pages; `values` are those of the placeholders.

    A template is left out for a key that leaves a placeholder empty, makes a dot segment or leads out of the target.
    """
    for template in target.related:
        # URL normalization leaves nothing of slashes alone: "/tags/{dir}/*" of "//a" would be all of /tags/.
        is_filled = all(values[name].strip("/") for name in PLACEHOLDER.findall(template))
        path = template.removesuffix("*").format_map(values)[1:]  # a star in a key is a character like any other
        if is_filled and path.startswith(target.path_prefix) and not has_dots(path):
            yield from prefixes_of(target, path) if template.endswith("*") else urls_of(target, [path])


def nothing_at(target: Target, host: str, kind: str) -> Purge:
    """Return the purge of a page or tag that does not exist, on a host of a target."""
    address = f"{host}/{spellings_of(f'{target.path_prefix}{_NOTHING}')[0]}"
    items = {FILES: f"{target.schemes[0]}://{address}", PREFIXES: address, TAGS: _NOTHING}
    return Purge(target.zone, kind, items[kind], "" if kind == TAGS else host)


def spellings_of(path: str) -> list[str]:
    """Return the distinct ways in which clients write a decoded path that has no leading slash (UTF-8, upper-case hex).

    Of a path with a double slash those with single slashes are included: Cloudflare's URL normalization merges them
    (https://developers.cloudflare.com/rules/normalization/how-it-works/).
    """
    if _PLAIN.fullmatch(path):
        return [path]
    paths = dict.fromkeys((path, re.sub("/{2,}", "/", f"/{path}")[1:]))
    # Encoders that differ only in characters that the path does not have are one.
    used = ((filter(path.__contains__, raw), space if " " in path else "") for raw, space in _ENCODERS)
    encoders = dict.fromkeys(("".join(raw), space) for raw, space in used)
    spelled = (quote(each, safe=f"/{raw}").replace("%20", space) for each in paths for raw, space in encoders)
    return list(dict.fromkeys(spelled))


def paths_of(key: str, target: Target) -> list[str]:
    """Return the decoded paths, without the leading slash, at which a target serves a decoded key of its `key_prefix`.

    The first is the object's own, the others are its folder and its clean URLs. Folder markers ("a/") are not pages
    unless "" is an index document. Keys with a dot segment cannot be requested: browsers and Cloudflare remove it (RFC
    3986 section 5.2.4).
    """
    path = target.path_prefix + key[len(target.key_prefix) :]
    folder, slash, name = path.rpartition("/")
    pages = [path] if name or "" in target.index_documents else []
    if name in target.index_documents:
        # The home page is not a page of "/index.html".
        pages += [folder + slash, folder] if target.clean_urls and folder else [folder + slash]
    elif target.clean_urls and name not in ("", ".html"):
        pages += [path.removesuffix(".html")]
    # The clean URL of the target's own root lies outside of the target.
    return [page for page in dict.fromkeys(pages) if page.startswith(target.path_prefix) and not has_dots(page)]


def is_object(path: str, key: str, target: Target) -> bool:
    """Tell whether a decoded path of a key is its object's own and no folder, so that a prefix takes no neighbours."""
    return path[-1:] not in ("", "/") and paths_of(key, target)[:1] == [path]


def has_dots(path: str) -> bool:
    return not {".", ".."}.isdisjoint(path.split("/"))


def urls_of(target: Target, paths: Sequence[str]) -> Iterator[Purge]:
    """Yield the purges of decoded paths by URL: each spelling, scheme and header variant."""
    spelled = [spelling for path in paths for spelling in spellings_of(path)]
    for path, host, scheme, headers in product(spelled, target.hosts, target.schemes, ((), *target.header_variants)):
        yield Purge(target.zone, FILES, f"{scheme}://{host}/{path}", host, headers)


def prefixes_of(target: Target, path: str) -> Iterator[Purge]:
    """Yield the prefixes of a decoded path; of a path deeper than Cloudflare accepts, those of the deepest folder."""
    for spelling, host in product(spellings_of(path), target.hosts):
        parts = f"{host}/{spelling}".split("/")
        kept = parts if len(parts) <= MAX_SLASHES + 1 else [*parts[:MAX_SLASHES], ""]
        # With its slashes merged such a folder could be the whole host. Another spelling has single slashes.
        if kept == parts or "" not in kept[:-1]:
            yield Purge(target.zone, PREFIXES, "/".join(kept), host)


def tags_from_path(target: Target) -> bool:
    """Tell whether the tags of a copy are made of its path, not of its object's metadata."""
    used = {name for template in target.tags for name in PLACEHOLDER.findall(template)}
    return used <= {"key"} and all(map(_PLAIN.fullmatch, (target.key_prefix, target.path_prefix)))


def _tags(target: Target, key: str, paths: list[str]) -> Iterator[Purge]:
    """Fill the tag templates as the module's output `cache_response_rules` does, which has the same condition.

    If the templates need no more than the path, each of its spellings has a tag. Otherwise the tag is made of the
    decoded key, as the object's metadata has it: characters that a tag cannot have are percent-encoded there.
    """
    from_key = [(paths, {name: quote(value, safe=_IN_TAGS) for name, value in _values_of(key).items()})]
    spelled = ((path, each) for path in paths for each in spellings_of(path))
    from_path = (([path], {"key": target.key_prefix + each.removeprefix(target.path_prefix)}) for path, each in spelled)
    for pages, values in from_path if tags_from_path(target) else from_key:
        tags = {tag: template for template in target.tags if (tag := template.format_map(values))}
        for tag, template in tags.items():
            if len(tag) > MAX_TAG:
                fault = f"has {len(tag)} characters, Cloudflare accepts {MAX_TAG}: use a shorter template"
                raise Rejected(f"The tag {template[:256]!r} of {key[:256]!r} {fault}, such as {{dir}}.", "MalformedTag")
            yield Purge(target.zone, TAGS, tag)
        if not tags:  # such as the root page, of which "{key}" makes no tag
            yield from urls_of(target, pages)


def _values_of(key: str) -> dict[str, str]:
    """Return the values of the placeholders: of `a/b.css` the dir is a, the name b.css, the stem b and the ext css."""
    folder, _, name = key.rpartition("/")
    stem, _, extension = name.rpartition(".") if "." in name[1:] else (name, "", "")
    return {"key": key, "dir": folder, "name": name, "stem": stem, "ext": extension}


# ---- Manual items ----


def purges_for_item(item: Item, config: Config) -> list[Purge]:
    """Return the purges of one item, one for each zone that serves it; of a check, what drops no copy on each host.

    Raises:
        Rejected: it is outside of every target.
    """
    # With the flat variables no bucket is configured, and an item other than a check need not name one.
    targets = config.targets_for(item.bucket, item.zone_id, needs_hosts=item.kind == "check")
    if item.kind == "check":
        # Of each target's own kind, since an environment of a zone may accept one kind and not another. By host or of
        # everything it would drop copies, so for these it is a prefix.
        kinds = {"url": FILES, "tag": TAGS}
        return [nothing_at(each, host, kinds.get(each.purge_by, PREFIXES)) for each in targets for host in each.hosts]
    # With the flat variables a target has no hosts to compare with.
    serving = [target for target in targets if not item.host or item.host in (target.hosts or [item.host])]
    if not serving:
        remedy = "correct it or the zone_id, or add it to targets[*].hosts"
        raise Rejected(f"{item.host} is not a host of any target in the requested zone: {remedy}.", "ForeignHost")
    # An encoded slash separates no folders, so it stays encoded. Some clients resolve dot segments behind it all the
    # same, so a path with dot segments lies in no folder.
    path = "" if has_dots(unquote(item.path)) else unquote(re.sub("(?i)%2f", "%252F", item.path))
    inside = [target for target in serving if not item.host or path[1:].startswith(target.path_prefix)]
    if not inside:
        fault = f"is outside of the targets: purge what is below {item.host}/{serving[0].path_prefix}"
        raise Rejected(f"{(item.host + item.path)[:256]!r} {fault}.", "OutsideTargets")
    kind = {"urls": FILES, "everything": EVERYTHING}.get(item.kind, item.kind)
    return list(dict.fromkeys(Purge(target.zone, kind, item.text, item.host) for target in inside))
