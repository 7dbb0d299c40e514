"""What is wrong: `check`, a harmless purge for every zone and host; `explain`, why a visitor gets a version.

The role cannot read the bucket, so nothing is compared with the object itself. That a copy is the origin's version is
proven by the same path with a query that nobody has used before: Cloudflare has to fetch its answer from the origin.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, unquote_plus, unquote_to_bytes

from cf_purge import observe
from cf_purge.config import Config, Target, takes
from cf_purge.errors import Rejected, Unauthorized, UnknownEvent
from cf_purge.events import address_of
from cf_purge.plan import Task, may_collapse
from cf_purge.purger import Outcomes, Purger
from cf_purge.targets import FILES, PLACEHOLDER, Purge, is_object, nothing_at, paths_of, spellings_of, tags_from_path
from cf_purge.visitor import Seen, Visitor

_PERMISSION = "Zone → Cache Purge → Purge"
_VISIT = 10.0  # seconds of all requests to the edge together
_MAX_NAMES = 20  # looked up to find out which zone is meant
_WIDER = 'purge_by = "prefix" ("tag" or "host" for a folder or a clean URL)'
# How a URL is purged: an entry of `covered_by`, and what to correct so that this works; "" if it works.
_Way = tuple[dict[str, str | None], str]
_GONE = (403, 404, 410)  # S3 answers 403 for a missing object to those who may not list the bucket
_FAULTS = {  # by the status of a token
    "disabled": "is disabled: enable it, or store a new one.",
    "expired": "is expired: create a new one and store it.",
    "filtered": "is not accepted from here: allow the function's egress address in the token's client IP filter.",
    "unknown": f"is wrong, Cloudflare does not know it: create one with the permission {_PERMISSION} and store it.",
    "active": "has no access to zone {zone}: add it to the token's zone resources, or correct targets[*].zone_id.",
}


# ---- check ----


def summary_of(purges: Collection[Purge], visitor: Visitor, deadline: float) -> list[str]:
    """Return what a check has shown: what was accepted, the rules of its targets, and what a visitor reaches.

    `deadline` is a time of `Clock.now`.
    """
    belongs = {purge: f", and {purge.host} belongs to it" if purge.host else "" for purge in purges}
    said = [f"The token may purge zone {purge.zone}{text}." for purge, text in belongs.items()]
    targets = [target for target in visitor.config.targets if target.zone in {purge.zone for purge in purges}]
    said += filter(None, (_rules_of(target, visitor.config) for target in targets))
    asked = [purge.host for purge in purges if purge.host]
    pages = {host: nothing_at(target, host, FILES) for target in targets for host in target.hosts or asked}
    said += [_reached(page.host, seen)[1] for page, seen in visitor.ask(pages.values(), _VISIT, deadline).items()]
    return list(dict.fromkeys(said))


def _rules_of(target: Target, config: Config) -> str:
    """Return a sentence about the settings of a target that limit, add or delay purges; "" if it has none of them."""
    rules = target._asdict()
    said = [f"{name} = {json.dumps(rules[name])}" for name in ("keys", "related", "delay_seconds") if rules[name]]
    if any(path.endswith("*") for path in target.related):
        said.append(f"{60 * config.plan.requests_per_second:g} requests by prefix a minute, up to 100 prefixes in each")
    has_urls = target.purge_by in ("url", "prefix") or target.related
    if config.collapse_above and has_urls and may_collapse(target, config):
        folder = f"all of /{target.path_prefix}" if target.path_prefix else "the whole host"
        said.append(f"more than {config.collapse_above:,} URLs at once purge {folder}")
    return f"On {', '.join(target.hosts)}, by {target.purge_by}: {'; '.join(said)}." if said else ""


def diagnosed(checks: Iterable[Task], outcomes: Outcomes, purger: Purger, deadline: float) -> Outcomes:
    """Return the outcomes with one text in all failures of checks: every fault that was found, with its cause.

    Causes are looked for until `deadline`, a time of `Clock.now`.
    """
    failures = outcomes.failures
    errors = {purge: failures[purge].error for task in checks for purge in task.purges if purge in failures}
    refused = {str(error): purge for purge, error in errors.items() if isinstance(error, Unauthorized)}
    causes = purger.cloudflare.http.together(lambda each: _cause(each, purger, deadline), refused.values())
    # Where no cause is found, Cloudflare's own answer is reported.
    found = [cause if isinstance(cause, str) else text for text, cause in zip(refused, causes, strict=True)]
    found += [f"{str(each.shown)[:256]}: {error}" for each, error in errors.items() if isinstance(error, Rejected)]
    found += [str(error) for error in errors.values() if not isinstance(error, (Unauthorized, Rejected))]
    said = " ".join(dict.fromkeys(found))
    if said:
        observe.error("check", reason=said)
    # Its class stays: what was rejected is parked.
    told = {purge: type(error)(said, error.code, error.retry_after) for purge, error in errors.items()}
    return outcomes._replace(failures=failures | {each: failures[each]._replace(error=told[each]) for each in told})


def _cause(purge: Purge, purger: Purger, deadline: float) -> str | None:
    """Return why a purge was refused, or None if nothing more can be said.

    Cloudflare gives the same answer to a wrong token, a wrong zone ID, a zone that is not the token's, and a missing
    permission.

    Raises:
        PurgeError: a request for it failed.
    """
    zone, place, config = purge.zone, purger.token.place, purger.cloudflare.config
    if config.email is not None:
        return f"{place} has no Global API key of {config.email} with access to zone {zone}: correct one of the three."
    it, token = f"The API token in {place}", purger.token.get(deadline)
    # The zone can have the name of a host, or of a domain above it.
    hosts = [host for each in config.targets if each.zone.id == zone.id for host in each.hosts or [purge.host]]
    domains = {host.split(".", labels)[-1] for host in hosts for labels in range(host.count("."))}
    names = sorted(domains, key=lambda name: (len(name), name))[:_MAX_NAMES]
    timeout = min(5.0, (deadline - purger.clock.now()) / (len(names) + 1))  # seconds of one request
    # A token finds a zone by name when it has any permission in it.
    zones = {each: name for name in names for each in purger.cloudflare.zone_ids(name, token, timeout)}
    if zone.id in zones:
        return f"{it} has no permission to purge zone {zone} ({zones[zone.id]}): add {_PERMISSION} to it."
    if zones:
        other, name = next(iter(zones.items()))
        return f"{name} is zone {other}, not {zone}: correct targets[*].zone_id, or the token's zone resources."
    status = purger.cloudflare.token_status(token, timeout)
    # This endpoint knows users' tokens only. Before 2026 those of an account looked the same.
    if status not in _FAULTS or (status == "unknown" and not token.startswith("cfut_")):
        return None
    return f"{it} {_FAULTS[status].format(zone=zone)}"


# ---- explain ----


def explain(event: Mapping[str, Any], visitor: Visitor) -> dict[str, Any]:
    """Answer `{"explain": "https://..."}`.

    Raises:
        Rejected: it is not a URL, or no target has its host.
    """
    if len(event) > 1 or not isinstance(event["explain"], str):
        raise UnknownEvent('"explain" must be a URL such as "https://www.example.com/a.css", and nothing beside it.')
    url, host, _ = address_of("urls", event["explain"])
    bare, mark, _ = url.partition("?")
    targets = [target for target in visitor.config.targets if host in target.hosts]
    if not targets:
        raise Rejected(f"{host} is not a host of any target: correct it, or add it to targets[*].hosts.", "ForeignHost")
    ways = [way for target in targets for way in ways_to(bare, target, visitor.config)]
    covered = [entry for entry, missing in ways if not missing]
    remedies = [missing for _, missing in ways] or ["correct path_prefix, index_documents or clean_urls"]
    headers = (header for target in targets for variant in target.header_variants for header in variant)
    origin = next((value for name, value in headers if name.lower() == "origin"), f"https://{host}")
    plain = Purge(targets[0].zone, FILES, url, host)
    pages = {"plain": plain, "with_origin": plain._replace(headers=(("Origin", origin),))}
    pages["with_query"] = plain._replace(item=f"{url}{'&' if mark else '?'}cf-purge-explain={visitor.clock.wall():.6f}")
    if mark and any(each["purge_by"] == "url" for each in covered):
        pages["without_query"] = plain._replace(item=bare)
    answers = visitor.ask(pages.values(), _VISIT)
    seen = {name: answers[page] for name, page in pages.items()}
    code, conclusion = conclude(host, seen, min(remedies, key=len))
    evidence = {name: each.reported for name, each in seen.items()}
    return {"url": url, "conclusion": conclusion, "code": code, "evidence": evidence, "covered_by": covered}


def conclude(host: str, seen: Mapping[str, Seen], missing: str = "") -> tuple[str, str]:
    """Return the code and the conclusion for the answers to one URL: the "plain" one, and those it is compared with.

    Pure. The first rule that applies wins. `missing` is what to correct if nothing covers the URL, else "".
    """
    plain, said = seen["plain"], seen["plain"].reported
    status, age = plain.status, "" if plain.age is None else f" ({plain.age} s old)"
    if "location_host" in said and 300 <= status < 400:
        return "REDIRECT", f"It redirects ({status}) to {said['location_host'] or 'another path'}: explain that URL."
    if missing:
        return "NOT_COVERED", f"No change in the bucket purges this URL: {missing}."
    if (obstacle := _reached(host, plain))[0]:
        return obstacle

    caches = [f"{name}: {said[name]}" for name in ("via", "x-cache") if name in said]
    caches += [f"age: {plain.age}"] if plain.age and not plain.is_copy else []
    in_front = f"Another cache answers ({', '.join(caches)}), and Cloudflare's purges do not reach it: purge it too."
    if caches and (not plain.is_copy or "hit" in str(said.get("x-cache")).lower()):
        return "BEHIND_ANOTHER_CACHE", in_front
    if status in _GONE and plain.is_copy:
        return "CACHED_404", f"Cloudflare has a {status}{age}: purge it; if it stays, the object is missing or private."
    if status >= 500 or not (plain.is_copy or plain.is_fetched):
        why = f"{status}, {plain.cache_status}, Cache-Control: {said.get('cache-control', 'none')}"
        return "NOT_CACHED", f"Cloudflare keeps no copy of it ({why}): an old version is the origin's or the browser's."

    others = {name.replace("_", " "): each for name, each in seen.items() if _is_same(plain, each) is False}
    # What was just fetched is what the origin has, even if an older object was restored.
    date = plain.last_modified or 0
    is_old = plain.is_copy and any(not each.is_copy or (each.last_modified or 0) > date for each in others.values())
    if is_old and "without query" in others:
        return "OTHER_COPY", f"Cloudflare serves an old copy{age} for this query only: set {_WIDER}."
    if is_old or plain.cache_status in ("STALE", "UPDATING"):
        remedy = f"set {_WIDER}, or clean_urls = true if the URL omits the end of the key, such as .html"
        return "STALE", f"Cloudflare serves an old copy{age}: purge it, and if it stays old {remedy}."
    if others:
        remedy = f"header_variants, or {_WIDER}; if visitors send no Origin, an earlier explain left it"
        what = f"The copy {' and '.join(others)} is another version"
        return "OTHER_COPY", f"{what}: purge its key, and if it stays, set {remedy}."
    if caches:
        return "BEHIND_ANOTHER_CACHE", in_front
    is_proven = plain.is_fetched or any(each.is_fetched and _is_same(plain, each) for each in seen.values())
    version = "the origin's version" if is_proven else "one version, though the origin may have a newer one"
    return "FRESH", f"Cloudflare serves {version} ({status}): an older one is the browser's, or at another edge."


def _reached(host: str, seen: Seen) -> tuple[str, str]:
    """Return code and sentence of what keeps a visitor from Cloudflare's cache, or "" and that nothing does. Pure."""
    status, said = seen.status, seen.reported
    if seen.is_challenge or (status == 403 and "cf-ray" in said and not seen.cache_status):
        remedy = "exempt the User-Agent cf_purge in Cloudflare's rules, or in the site's login"
        return "CHALLENGE", f"{host} stops this visitor ({status}): {remedy}."
    if not seen.cache_status:
        why = said.get("error", "proxy its DNS record (orange cloud), unless a Worker or a rule answers in its place.")
        if "cf-ray" in said and status >= 500:
            why = f"its origin fails ({status}); correct that first."
        return "NO_CLOUDFLARE", f"{host} does not answer from Cloudflare's cache: {why}"
    return "", f"Visitors of {host} reach Cloudflare."


def _is_same(plain: Seen, other: Seen) -> bool | None:
    """Tell whether two answers of Cloudflare's have the same version; None if they cannot be compared. Pure."""
    both = {plain.status, other.status}
    # Both were just fetched, so a difference is the origin's own; or the other one is not from Cloudflare's cache; or
    # one of them is no version, such as a redirect.
    if (plain.is_fetched and other.is_fetched) or other.is_challenge or not other.cache_status or both - {200, *_GONE}:
        return None
    if both != {200}:
        return 200 not in both
    validators = ((plain.etag, other.etag), (plain.last_modified, other.last_modified))
    return next((first == second for first, second in validators if first and second), None)


def ways_to(url: str, target: Target, config: Config) -> Iterator[_Way]:
    """Yield how a target can purge a URL without query on one of its hosts. Pure.

    A way is a key, with the glob that lets it pass; any key, if each purges the whole host; or the template of a
    related page.
    """
    scheme, _, _, encoded = url.split("/", 3)
    name = f"targets[{config.targets.index(target)}]"
    # As Cloudflare keeps it: https://developers.cloudflare.com/rules/normalization/how-it-works/
    spelling = re.sub("%[0-9A-Fa-f]{2}", lambda found: quote(unquote_to_bytes(found[0]), safe=""), encoded)
    # The paths that the URL can stand for, since S3 reads a plus as a space; and whether it is a spelling of them.
    paths = {path: spelling in spellings_of(path) for path in (unquote(encoded), unquote_plus(encoded))}
    takes_all = target.purge_by in ("host", "everything")
    has_any_spelling = takes_all or (target.purge_by == "tag" and not tags_from_path(target))

    def way(place: str, purge_by: str, is_spelled: bool, filters: Mapping[str, bool] = {}, **more: str | None) -> _Way:
        entry = {"target": name, "zone_id": target.zone.id, "purge_by": purge_by, "key": None, "filter": None, **more}
        is_of_scheme = purge_by != "url" or scheme.removesuffix(":") in target.schemes
        fields = {**filters, f"{name}.schemes": is_of_scheme, "the spelling of the link": is_spelled}
        missing = " and ".join(field for field, passes in fields.items() if not passes)
        return entry, missing and f"for its {place} correct {missing}"

    globs = (*target.keys, *config.include)
    for path, key in [(each, key) for each in paths for key in _keys_of(each, target)]:
        by_url = target.purge_by == "prefix" and not is_object(path, key, target)
        purge_by = "url" if by_url else target.purge_by
        filters = {"exclude": not (config.exclude and takes(key, config.exclude))}
        filters |= {"include": takes(key, config.include), f"{name}.keys": takes(key, target.keys)}
        glob = next((glob for glob in globs if takes(key, [glob])), None)
        yield way(f"key {key}", purge_by, paths[path] or has_any_spelling, filters, key=key, filter=glob)
    if takes_all:
        yield way("host", target.purge_by, True, filter=next(iter(globs), None))
    for template in target.related:
        # The template as a glob, which no path slows down. A placeholder is at least one character; only those of key
        # and dir match slashes.
        purge_by, end = ("prefix", "**") if template.endswith("*") else ("url", "")
        text = re.sub(r"[*?\[]", r"[\g<0>]", template.removesuffix("*")) + end
        glob = PLACEHOLDER.sub(lambda found: "**?" if found[1] in ("key", "dir") else "*?", f".{text}")
        inside = [path for path in paths if path.startswith(target.path_prefix) and takes(f"./{path}", [glob])]
        if inside:
            is_spelled = purge_by == "prefix" or any(paths[path] for path in inside)
            yield way(f"related page {template}", purge_by, is_spelled, related=template)


def _keys_of(path: str, target: Target) -> Iterator[str]:
    """Yield the keys that a target would serve at a decoded path if its `keys` had them."""
    rest = target.key_prefix + path.removeprefix(target.path_prefix)
    folder = rest if rest.endswith("/") or not rest else f"{rest}/"
    for key in dict.fromkeys((rest, *(folder + name for name in target.index_documents), f"{rest}.html")):
        if key and path in paths_of(key, target):
            yield key
