"""Why a visitor gets a version, and when he gets the new one: `explain`, `wait`, and the hosts that a check asks.

The role cannot read the bucket, so nothing is compared with the object itself. That a copy is the origin's version is
proven by the same path with a query that nobody has used before: Cloudflare has to fetch its answer from the origin.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, unquote_plus

from cf_purge.budget import Clock
from cf_purge.config import Config, Target, takes
from cf_purge.doctor import page_at
from cf_purge.errors import NotFresh, Rejected, TooLarge, UnknownEvent
from cf_purge.events import Change, epoch
from cf_purge.manual import url_parts
from cf_purge.plan import Job
from cf_purge.targets import FILES, PLACEHOLDER, Purge, hosts_of, pages_of, path_of
from cf_purge.verify import copies_of
from cf_purge.visitor import FRESH, RENEWED, STALE, UNVERIFIABLE, Question, Seen, Visitor, judge

_MAX_URLS = 100  # of one wait
_MARGIN = 10  # seconds of the function's time that no wait may take: to purge and to answer
_INTERVAL = 1.0  # seconds from look to look
_TIMEOUT = 5.0  # seconds of one look, all its questions together
_MAX_PATH = 2_000  # characters that are compared with a template
_GONE = (403, 404, 410)  # S3 answers 403 for a missing object to those who may not list the bucket
# CF-Cache-Status: https://developers.cloudflare.com/cache/concepts/cache-responses/
_FETCHED = ("MISS", "EXPIRED", "REVALIDATED")  # from the origin, for this visitor
_NOT_KEPT = ("DYNAMIC", "BYPASS", "NONE", "UNKNOWN", "NONE/UNKNOWN")


_SENTENCES = {
    "FRESH": "Cloudflare serves {version} ({status}): an older one comes from the browser, another cookie or edge.",
    "STALE": 'Cloudflare serves an old copy{age}: purge it, and if it stays old set purge_by = "prefix"{hint}.',
    "OTHER_COPY": "The copy {others} is another version: set header_variants for every Origin that visitors send, or"
    ' purge_by = "prefix" for all queries and Origins.',
    "BEHIND_ANOTHER_CACHE": "Another cache answers ({caches}), and Cloudflare's purges do not reach it: purge it too.",
    "REDIRECT": "It redirects ({status}) to {location}, and a purge drops the redirect only: explain that URL.",
    "CACHED_404": "Cloudflare keeps a {status}{age}: purge it, and if it comes back, no public object has this key.",
    "NOT_CACHED": "Cloudflare keeps no copy of it ({why}): an old version is the origin's or the browser's.",
    "CHALLENGE": "Cloudflare stops this visitor of {host} ({status}): exempt the User-Agent cf_purge.",
    "NO_CLOUDFLARE": "{host} does not answer from Cloudflare's cache: {missing}.",
    "NOT_COVERED": "No change in the bucket purges this URL: {line}.",
}


# ---- explain ----


def explain(event: Mapping[str, Any], config: Config, visitor: Visitor, now: float) -> dict[str, Any]:
    """Answer `{"explain": "https://..."}`; `now` in seconds since the epoch.

    Raises:
        Rejected: it is no URL, or its host is in no target.
    """
    if len(event) > 1 or not isinstance(event["explain"], str):
        raise UnknownEvent('"explain" must be a URL such as "https://www.example.com/a.css", and nothing beside it.')
    scheme, host, path = url_parts(event["explain"])
    bare, mark, query = f"{scheme}://{host}{path}".partition("?")
    targets = [target for target in config.targets if host in hosts_of(target, config.bucket)]
    if not targets:
        raise Rejected(f"{host} is not a host of any target: correct it, or add it to targets[*].hosts.", "ForeignHost")
    covered = list(covering(bare, config))
    variants = (header for target in targets for variant in target.header_variants for header in variant)
    origin = next((value for name, value in variants if name.lower() == "origin"), f"https://{host}")
    url = f"{bare}{mark}{query}"
    questions = {
        "plain": Question(url),
        "with_origin": Question(url, (("Origin", origin),)),
        "with_query": Question(f"{url}{'&' if mark else '?'}cf-purge-explain={now:.6f}"),
    }
    if mark and any(each["purge_by"] == "url" for each in covered):
        questions["without_query"] = Question(bare)
    seen = dict(zip(questions, visitor.ask(list(questions.values()), 2 * _TIMEOUT), strict=True))
    is_page = "." in path.rpartition("/")[2] or any(str(each["key"]).endswith(".html") for each in covered)
    hint = "" if is_page else ", or clean_urls = true if this is an .html object"
    code, conclusion = conclude(host, seen, "" if covered else _missing_line(bare, config), hint)
    evidence = {name: each.reported for name, each in seen.items()}
    return {"url": url, "conclusion": conclusion, "code": code, "evidence": evidence, "covered_by": covered}


def conclude(host: str, seen: Mapping[str, Seen], line: str = "", hint: str = "") -> tuple[str, str]:
    """Return the code and the sentence for the answers to one URL: the "plain" one, and those to compare it with. Pure.

    `line` is what would cover the URL where nothing does, `hint` what to add for a stale one.
    """
    plain, said = seen["plain"], seen["plain"].reported
    status, kept = plain.status, plain.cache_status
    is_cloudflare, is_fetched = "cf-ray" in said, kept in (*_FETCHED, *_NOT_KEPT)
    caches = [f"{name}: {said[name]}" for name in ("via", "x-cache") if name in said]
    caches += [f"age: {plain.age}"] if plain.age and is_fetched else []
    found = {name: compared(plain, other) for name, other in seen.items() if name != "plain"}
    others = [name for name, each in found.items() if each in ("newer", "older")]
    is_proven = kept in _FETCHED or any(found[name] == "same" and seen[name].cache_status in _FETCHED for name in found)
    rows = (
        ("REDIRECT", status in (301, 302, 303, 307, 308)),
        ("NOT_COVERED", line),
        ("NO_CLOUDFLARE", not status),
        ("CHALLENGE", plain.is_challenge or status in (401, 429) or (status == 403 and is_cloudflare and not kept)),
        ("NO_CLOUDFLARE", not kept),
        ("BEHIND_ANOTHER_CACHE", caches and (is_fetched or "hit" in str(said.get("x-cache")).lower())),
        ("CACHED_404", status in _GONE and not is_fetched),
        ("NOT_CACHED", kept in _NOT_KEPT or status >= 500),
        ("OTHER_COPY", found.get("without_query") == "newer"),
        ("STALE", kept in ("STALE", "UPDATING") or "newer" in found.values()),
        ("OTHER_COPY", others),
        ("BEHIND_ANOTHER_CACHE", caches),
        ("FRESH", True),
    )
    code = next(code for code, holds in rows if holds)
    proxied = "a Worker or a rule answers in its place" if is_cloudflare else "proxy its DNS record (orange cloud)"
    return code, _SENTENCES[code].format(
        host=host,
        status=status,
        age="" if plain.age is None else f" ({plain.age} s old)",
        caches=", ".join(caches),
        location=said.get("location_host") or "another path",
        others=" and ".join(others).replace("_", " "),
        version="the origin's version" if is_proven else "one version, though the origin may have a newer one",
        why=f"{status}, {kept}, Cache-Control: {said.get('cache-control', 'none')}",
        missing=str(said.get("error", proxied)).rstrip("."),
        line=line,
        hint=hint,
    )


def compared(plain: Seen, other: Seen) -> str:
    """Tell whether another answer is a "newer", an "older" or the "same" version; "": they cannot be compared. Pure."""
    if other.is_challenge or not other.cache_status or other.status not in (200, *_GONE):
        return ""
    gone = [each.status in _GONE for each in (plain, other)]
    pairs = [gone] if any(gone) else [(plain.etag, other.etag), (plain.last_modified, other.last_modified)]
    is_same = next((one == two for one, two in pairs if None not in (one, two)), None)
    is_fetched = [each.cache_status in _FETCHED for each in (plain, other)]
    if is_same or is_same is None or all(is_fetched):  # of two just fetched the origin has an answer for each
        return "same" if is_same else ""
    # What was just fetched is what the origin has, even if an older object was restored.
    is_newer = is_fetched[1] if any(is_fetched) else (other.last_modified or 0) > (plain.last_modified or 0)
    return "newer" if is_newer else "older"


def covering(url: str, config: Config) -> Iterator[dict[str, str | None]]:
    """Yield how changes purge a URL without query: the target, the key and the glob that lets the key pass. Pure."""
    scheme, _, address = url.partition("://")
    host, _, encoded = address.partition("/")
    paths = dict.fromkeys((unquote(encoded), unquote_plus(encoded)))  # S3 reads a plus as a space
    for place, target in enumerate(config.targets):
        where = {"target": f"targets[{place}]", "zone_id": target.zone.id, "purge_by": target.purge_by}
        if host not in hosts_of(target, config.bucket):
            continue
        for path in paths if scheme in target.schemes or target.purge_by != "url" else ():
            for key in dict.fromkeys(_keys_at(path, target)):
                served = path_of(key, target)
                if served is not None and path in (served, *pages_of(served, target)) and config.takes(key):
                    glob = next((glob for glob in (*target.keys, *config.include) if takes(key, [glob])), None)
                    yield {**where, "key": key, "filter": glob}
        for template in target.related:
            parts = map(re.escape, PLACEHOLDER.split(template.removesuffix("*"))[::2])
            pattern = ".+".join(parts) + (".*" if template.endswith("*") else "")
            if any(re.fullmatch(pattern, f"/{path}"[:_MAX_PATH], re.DOTALL) for path in paths):
                yield {**where, "key": None, "filter": None, "related": template}


def _keys_at(path: str, target: Target) -> Iterator[str]:
    """Yield the keys that a target may serve at a decoded path."""
    if path.startswith(target.path_prefix):
        rest = target.key_prefix + path[len(target.path_prefix) :]
        folder = rest if rest.endswith("/") or not rest else f"{rest}/"
        yield from (rest, *(folder + name for name in target.index_documents), f"{rest}.html")


def _missing_line(url: str, config: Config) -> str:
    """Return what to change so that a URL is covered."""
    trials: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
        ("remove from exclude the glob that matches {key}", {"exclude": ()}, {}),
        ("add {key} to include", {"include": (), "exclude": ()}, {}),
        ("add {key} to {target}.keys", {}, {"keys": ()}),
        ('set schemes = ["https", "http"] in {target}', {}, {"schemes": ("https", "http")}),
        ('set index_documents = ["index.html"] in {target}', {}, {"index_documents": ("index.html",)}),
        ("it is outside of the path_prefix of {target}, so add an entry to targets", {}, {"path_prefix": ""}),
    )
    for line, changes, of_target in trials:
        changed = config._replace(targets=tuple(each._replace(**of_target) for each in config.targets), **changes)
        for entry in covering(url, changed):
            return line.format(**entry)
    return "no key is served at it"


# ---- wait ----


def questions_for(jobs: Iterable[Job], config: Config) -> list[Question]:
    """Return what a visitor asks for to see what was purged: of a key, each page in one spelling. Pure.

    Raises:
        Rejected: nothing, or too much.
    """
    found: dict[Question, None] = {}
    for job in jobs:
        if job.change is None:
            found.update((Question(purge.item), None) for purge in job.purges)
        else:
            found.update((copy.question, None) for copy in copies_of(job.change, job, config))
    if not found:
        raise UnknownEvent('No target serves these keys, so there is nothing to "wait" for: omit it.')
    if len(found) > _MAX_URLS:
        raise TooLarge(f'"wait" looks at {_MAX_URLS} URLs at most, and these are {len(found):,}: split the event.')
    return list(found)


def wait_in(event: Mapping[str, Any], left: float) -> tuple[dict[str, Any], int, float | None]:
    """Return an event without `wait` and `since`, and these two; `left` is the function's time in seconds.

    Raises:
        UnknownEvent: they are invalid, or beside something that cannot be looked at.
    """
    rest = {name: value for name, value in event.items() if name not in ("wait", "since")}
    if not {"keys", "urls"} & set(rest) or not set(rest) <= {"keys", "urls", "bucket", "zone_id"}:
        raise UnknownEvent(
            '"wait" belongs to "keys" or "urls", and nothing but "since", "bucket" and "zone_id" with it.'
        )
    seconds, since, limit = event.get("wait"), event.get("since"), math.ceil(left) - _MARGIN
    if type(seconds) is not int or not 1 <= seconds <= limit:
        rule = f"seconds from 1 to {limit}, which is {_MARGIN} less than the function's time-out"
        raise UnknownEvent(f'"wait" must be a whole number of {rule}.')
    at = epoch(since)
    if since is not None and at is None:
        raise UnknownEvent('"since" must be a time such as "2026-11-28T23:00:00Z".')
    return rest, seconds, at


def wait(
    questions: Sequence[Question], until: float, since: float | None, visitor: Visitor, clock: Clock
) -> dict[str, Any]:
    """Look every second until all that was purged is fresh or renewed, and answer what is.

    `until` is a time of `Clock.now`, `since` in seconds since the epoch.

    Raises:
        NotFresh: something is still stale; the text is the answer as JSON.
    """
    purged, verdicts, pending = clock.wall(), dict[Question, str](), list(questions)
    while True:
        next_look = clock.now() + _INTERVAL
        for question, seen in zip(pending, visitor.ask(pending, _TIMEOUT), strict=True):
            verdicts[question] = verdict_on(seen, since, clock.wall(), purged)
        pending = [question for question in pending if verdicts[question] not in (FRESH, RENEWED)]
        if not pending or clock.now() >= until:
            break
        clock.sleep(max(0.0, min(next_look, until) - clock.now()))
    by_verdict: dict[str, list[object]] = {FRESH: [], RENEWED: [], UNVERIFIABLE: [], STALE: []}
    for question, verdict in verdicts.items():
        headers = dict(question.headers)
        by_verdict[verdict].append({"url": question.url, "headers": headers} if headers else question.url)
    stale = by_verdict.pop(STALE)
    answer = {**by_verdict, "verified": not stale and not by_verdict[UNVERIFIABLE]}
    if stale:
        raise NotFresh(json.dumps({**answer, "stale": stale}))
    return answer


def verdict_on(seen: Seen, since: float | None, now: float, purged: float) -> str:
    """Return whether a URL that was purged is fresh, renewed, stale or unverifiable. Pure."""
    verdict = judge(Change("", at=since), seen, now, purged)
    if verdict in (FRESH, STALE):
        return verdict
    if seen.is_challenge or not 200 <= seen.status < 500 or seen.status == 401:
        return UNVERIFIABLE
    if seen.cache_status in _FETCHED or (seen.age is not None and seen.age < now - purged):
        return RENEWED
    return STALE if seen.cache_status == "HIT" and seen.age is not None else UNVERIFIABLE


# ---- check ----


def hosts_seen(purges: Collection[Purge], config: Config, visitor: Visitor) -> list[str]:
    """Return what a visitor reaches on each host of the zones that were checked, a sentence each."""
    zones = {purge.zone for purge in purges}
    pages = [page_at(target, host, FILES) for target in config.targets if target.zone in zones for host in target.hosts]
    pages += [purge for purge in purges if purge.kind == FILES]  # of the bucket's name, where no host is configured
    questions = list({page.host: Question(page.item) for page in pages}.values())
    said = []
    for question, seen in zip(questions, visitor.ask(questions, 2 * _TIMEOUT), strict=True):
        # A redirect says as much as a page.
        page = seen._replace(status=200) if 300 <= seen.status < 400 else seen
        code, sentence = conclude(question.host, {"plain": page})
        is_reached = code not in ("CHALLENGE", "NO_CLOUDFLARE")
        said.append(f"Visitors of {question.host} reach Cloudflare." if is_reached else sentence)
    return said
