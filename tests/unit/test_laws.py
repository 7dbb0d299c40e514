"""What holds whatever the configuration, the keys and the envelopes: held against an inverse written here."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cf_purge.errors import Rejected, UnknownEvent
from cf_purge.purge import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS
from tests.unit.factories import (
    BUCKET,
    HOST,
    OTHER_ZONE,
    ZONE,
    document,
    eventbridge_event,
    failed_invocation,
    s3_event,
    sns_body,
    sns_event,
    sqs_event,
    target,
)
from tests.unit.fakes import World

Place = dict[str, Any]
Copy = tuple[str, str, str, tuple[tuple[str, str], ...]]  # zone, kind, item, headers

CDN = "cdn.example.org"
ORIGIN = {"Origin": f"https://{HOST}"}
FOLDERS = st.sampled_from(["", "a", "a/b", "ü b", "(1)+"])
TEMPLATES = ["{key}", "{dir}", "{bucket}-{name}", "x.{ext}", "all"]


@st.composite
def places(draw: st.DrawFn, kinds: tuple[str, ...] = ("url", "url", "prefix", "tag", "host", "everything")) -> Place:
    purge_by = draw(st.sampled_from(kinds))
    some_templates = st.lists(st.sampled_from(TEMPLATES), min_size=1, max_size=3)
    return target(
        zone_id=draw(st.sampled_from([ZONE, OTHER_ZONE])),
        hosts=draw(st.sampled_from([[HOST], [CDN], [HOST, CDN]])),
        purge_by=purge_by,
        key_prefix=draw(FOLDERS),
        path_prefix=draw(FOLDERS),
        schemes=draw(st.sampled_from([["https"], ["https", "http"]])),
        index_documents=draw(st.sampled_from([[], ["index.html"], ["", "home page"], ["index.html", "b"]])),
        clean_urls=draw(st.booleans()),
        header_variants=draw(st.sampled_from([[], [ORIGIN], [ORIGIN, {**ORIGIN, "CF-Device-Type": "mobile"}]])),
        tags=draw(some_templates) if purge_by == "tag" else [],
        environment_id=draw(st.sampled_from([None, None, "staging"])),
    )


SEGMENTS = st.sampled_from(
    ["a", "b", "ü b", "(1)+", "index.html", "home page", "c.html", "d.map", "", ".", "..", "...html", "..\n"]
)
KEYS = st.lists(SEGMENTS | st.text(max_size=6), min_size=1, max_size=5).map("/".join).filter(bool)
DEEP = st.integers(28, 34).map(lambda depth: "a/" * depth + "c.html")
BATCH = st.lists(KEYS | DEEP, min_size=1, max_size=6)
PLACES = st.lists(places(), min_size=1, max_size=4)
FILTERS = st.sampled_from([([], []), ([], ["*.map"]), (["*.html", "b"], ["*.map"])])


def world_of(some: list[Place], filters: tuple[list[str], list[str]] = ([], []), **changes: Any) -> World:
    changes.setdefault("cloudflare", {"requests_per_second": 1000})
    return World(document(targets=some, include=filters[0], exclude=filters[1], **changes))


def purged(world: World) -> set[Copy]:
    assert not world.cloudflare.malformed
    found = [
        (zone, kind, (item, ()) if isinstance(item, str) else item) for zone, kind, item in world.cloudflare.accepted
    ]
    return {(zone, kind, item, headers) for zone, kind, (item, headers) in found}


def zone_of(place: Place) -> str:
    environment = place["environment_id"]
    return f"{place['zone_id']}/environments/{environment}" if environment else str(place["zone_id"])


def folder(prefix: str) -> str:
    return f"{prefix}/" if prefix else ""


def is_taken(key: str, filters: tuple[list[str], list[str]]) -> bool:
    def fits(glob: str) -> bool:
        name = key.rpartition("/")[2]
        return name.endswith(glob[1:]) if glob.startswith("*") else name == glob

    include, exclude = filters
    return not any(map(fits, exclude)) and (not include or any(map(fits, include)))


def path_at(place: Place, key: str) -> str | None:
    """The path under which a place serves a key, None when it does not."""
    if not key.startswith(folder(place["key_prefix"])):
        return None
    path = folder(place["path_prefix"]) + key[len(folder(place["key_prefix"])) :]
    segments = path.split("/")
    if {".", ".."} & set(segments) or (segments[-1] == "" and "" not in place["index_documents"]):
        return None
    return path


def keys_behind(place: Place, path: str) -> set[str]:
    """The keys whose change changes what visitors see under a path."""
    if not path.startswith(folder(place["path_prefix"])):
        return set()
    rest = path[len(folder(place["path_prefix"])) :]
    names = {rest}
    if rest == "" or rest.endswith("/"):
        names |= {rest + index for index in place["index_documents"]}
    if place["clean_urls"]:
        names |= {f"{rest}.html", *(f"{rest}/{index}" for index in place["index_documents"])}
    return {folder(place["key_prefix"]) + name for name in names}


def tags_of(place: Place, key: str) -> set[str]:
    """The tags of a key before what they cannot hold is encoded."""
    folder_of, _, name = key.rpartition("/")
    extension = re.fullmatch(r"(?s).+\.([^.]*)", name)
    values = {
        "{bucket}": BUCKET, "{key}": key, "{dir}": folder_of, "{name}": name, "{ext}": extension[1] if extension else ""
    }  # fmt: skip
    return {re.sub(r"\{\w+\}", lambda match: values[match[0]], template) for template in place["tags"]} - {""}


def is_explained(copy: Copy, place: Place, keys: Iterable[str], *, collapses: bool = False) -> bool:
    """Is it a copy of what changed, at this place and no wider?"""
    zone, kind, item, headers = copy
    served = {key: path for key in keys if (path := path_at(place, key)) is not None}
    if zone != zone_of(place) or not served:
        return False
    by, own = place["purge_by"], folder(place["path_prefix"])
    if kind == FILES:
        match = re.fullmatch(r"(https?)://([a-z.]+)/([!-~]*)", item)
        assert match
        assert not set(item) & set('?#"<>\\^`{|}')
        path = unquote(match[3], errors="strict")
        assert not {".", ".."} & set(path.split("/")), "clients would resolve it to another"
        fits = match[1] in place["schemes"] and match[2] in place["hosts"] and path.startswith(own)
        fits = fits and dict(headers) in [{}, *place["header_variants"]]
        is_page = by == "url" or path not in served.values() or path in ("", own) or path.endswith("/")
        return by in ("url", "prefix") and fits and is_page and bool(keys_behind(place, path) & served.keys())
    if kind == PREFIXES:
        host, _, rest = item.partition("/")
        path = unquote(rest, errors="strict")
        assert item.count("/") <= 31
        if host not in place["hosts"] or not path.startswith(own):
            return False
        if collapses and path == own and by in ("url", "prefix"):
            return True
        is_cut = item.count("/") == 31 and item.endswith("/")
        return by == "prefix" and any(path == one or (is_cut and one.startswith(path)) for one in served.values())
    if kind == TAGS:
        assert re.fullmatch(r"[!-+\--~]+", item)
        return by == "tag" and any(unquote(item, errors="strict") in tags_of(place, key) for key in served)
    if kind == HOSTS:
        return by == "host" and item in place["hosts"]
    return kind == EVERYTHING and by == "everything" and item == ""


@settings(max_examples=200)
@given(PLACES, BATCH, FILTERS, st.sampled_from([None, None, 1, 5]))
def test_every_purge_is_explained_by_a_change_and_lies_within_a_target(
    some: list[Place], keys: list[str], filters: tuple[list[str], list[str]], above: int | None
) -> None:
    world = world_of(some, filters, collapse_above=above)
    assert world.returned(sqs_event(*(s3_event(key) for key in keys))) == []
    taken = [key for key in keys if is_taken(key, filters)]
    for copy in purged(world):
        assert any(is_explained(copy, place, taken, collapses=above is not None) for place in some), copy


def missing(found: set[Copy], place: Place, key: str) -> list[object]:
    """What visitors of a place would still see of a key's old version."""
    path = path_at(place, key)
    if path is None:
        return []
    zone, by, own = zone_of(place), place["purge_by"], folder(place["path_prefix"])
    mine = [(kind, item, headers) for at, kind, item, headers in found if at == zone]
    prefixes = [unquote(item) for kind, item, _ in mine if kind == PREFIXES]
    if by == "everything":
        return [] if (EVERYTHING, "", ()) in mine else [zone]
    if by == "host":
        return [host for host in place["hosts"] if (HOSTS, host, ()) not in mine]
    if by == "tag":
        return [tag for tag in tags_of(place, key) if tag not in {unquote(item) for _, item, _ in mine}]
    pages = {path}
    name = key[len(folder(place["key_prefix"])) :].rpartition("/")[2]
    parent = path[: len(path) - len(name)]
    if name in place["index_documents"]:
        pages |= {parent}
        # The root is nobody's clean URL.
        pages |= {parent.removesuffix("/")} - {own} if place["clean_urls"] else set()
    elif place["clean_urls"] and len(name) > 5 and name.endswith(".html"):
        pages |= {path[:-5]}
    urls = {(unquote(item), tuple(headers)) for kind, item, headers in mine if kind == FILES}
    return [
        (scheme, host, page, variant)
        for host in place["hosts"]
        for page in pages
        if page.startswith(own) and not {".", ".."} & set(page.split("/"))
        if not any(f"{host}/{page}".startswith(prefix) for prefix in prefixes)
        for scheme in place["schemes"]
        for variant in [{}, *place["header_variants"]]
        if (f"{scheme}://{host}/{page}", tuple(variant.items())) not in urls
    ]


@settings(max_examples=200)
@given(PLACES, BATCH, FILTERS, st.sampled_from([None, None, 1, 5]))
def test_no_purge_is_lost(
    some: list[Place], keys: list[str], filters: tuple[list[str], list[str]], above: int | None
) -> None:
    world = world_of(some, filters, collapse_above=above)
    assert world.returned(sqs_event(*(s3_event(key) for key in keys))) == []
    found = purged(world)
    for key in keys:
        assert not is_taken(key, filters) or [left for place in some for left in missing(found, place, key)] == []


@given(PLACES, BATCH, st.sampled_from([None, 1, 5]))
def test_a_dry_run_names_what_the_real_one_purges_and_sends_nothing(
    some: list[Place], keys: list[str], above: int | None
) -> None:
    dry, real = (world_of(some, collapse_above=above) for _ in range(2))
    said, done = dry.invoke({"keys": keys, "dry_run": True}), real.invoke({"keys": keys})
    assert dry.cloudflare.requests == []
    assert (said["invalidations"], said["skipped"]) == (done["invalidations"], done["skipped"])


@given(PLACES, BATCH, st.sampled_from([None, 2]), st.data())
def test_order_and_repetition_change_nothing(
    some: list[Place], keys: list[str], above: int | None, data: st.DataObject
) -> None:
    again = data.draw(st.permutations(keys + data.draw(st.lists(st.sampled_from(keys), max_size=6))))
    once, often = (world_of(some, collapse_above=above) for _ in range(2))
    assert once.returned(sqs_event(*(s3_event(key) for key in keys))) == []
    assert often.returned(sqs_event(*(s3_event(key) for key in again))) == []
    assert purged(often) == purged(once)
    if above is None:
        assert often.returned(sqs_event(s3_event(*again))) == []
        assert purged(often) == purged(once)


WAYS: dict[str, Callable[[list[str]], list[object]]] = {
    "one message a key": lambda keys: [sqs_event(*(s3_event(key) for key in keys))],
    "SNS in SQS": lambda keys: [sqs_event(sns_body(s3_event(*keys)))],
    "SNS with records in SQS": lambda keys: [sqs_event(sns_event(s3_event(*keys)))],
    "EventBridge in SQS": lambda keys: [sqs_event(*(eventbridge_event(key) for key in keys))],
    "EventBridge in SNS in SQS": lambda keys: [sqs_event(*(sns_body(eventbridge_event(key)) for key in keys))],
    "by hand in SQS": lambda keys: [sqs_event({"keys": keys})],
    "dead letter in SQS": lambda keys: [sqs_event(failed_invocation(s3_event(*keys)))],
    "direct": lambda keys: [s3_event(*keys)],
    "SNS direct": lambda keys: [sns_event(s3_event(*keys))],
    "EventBridge direct": lambda keys: [eventbridge_event(key) for key in keys],
    "by hand": lambda keys: [{"keys": keys, "bucket": BUCKET}],
}


@given(PLACES, BATCH)
def test_whatever_way_a_change_comes_the_same_is_purged(some: list[Place], keys: list[str]) -> None:
    plain = world_of(some)
    plain.returned(sqs_event(s3_event(*keys)))
    for name, events in WAYS.items():
        world = world_of(some)
        for event in events(keys):
            assert world.invoke(event).get("batchItemFailures", []) == []
        assert purged(world) == purged(plain), name


@settings(max_examples=25)
@given(
    st.lists(places(), min_size=1, max_size=3),
    st.integers(1, 420),
    st.sampled_from(["free", "pro", "business", "enterprise"]),
)
@example([target(environment_id=None)], 1201, "enterprise")
@example([target(purge_by="prefix", hosts=[HOST, CDN])], 420, "free")
def test_no_request_is_above_the_limits_nor_repeats_anything(some: list[Place], count: int, plan: str) -> None:
    some = [{**place, "key_prefix": ""} for place in some]
    world = world_of(some, cloudflare={"plan": plan, "requests_per_second": 1000})
    keys = [f"{number}(1)/index.html" for number in range(count)]
    returned = world.returned(sqs_event(*(s3_event(*keys[start : start + 100]) for start in range(0, count, 100))))
    assert not world.cloudflare.malformed
    # Nothing comes again, unless prefixes, tags and hosts have used up the ten requests a free plan has at once.
    scarce = [sent for sent in world.cloudflare.requests if sent.kind != FILES]
    assert not returned or (plan == "free" and len(scarce) >= 10)
    for sent in world.cloudflare.requests:
        assert len(sent.body) == 1
        most = {FILES: 500 if plan == "enterprise" else 100, EVERYTHING: 1}.get(sent.kind, 100)
        assert 1 <= len(sent.items) <= most
    assert len(world.cloudflare.accepted) == len(set(world.cloudflare.accepted))
    groups = {(zone, kind) for zone, kind, _ in world.cloudflare.accepted}
    for group in groups:
        sizes = [len(sent.items) for sent in world.cloudflare.requests if (sent.zone, sent.kind) == group]
        assert len(set(sizes[:-1])) <= 1, "only the last request of a zone and kind is not full"


HARMLESS = st.lists(places(kinds=("url", "prefix", "tag", "host")), min_size=1, max_size=3)
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.just("a"), max_size=2)
MANUAL = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["keys", "urls", "prefixes", "tags", "hosts", "everything", "check", "hop", "Records"], VALUES),
        "zone_id": st.sampled_from([ZONE, "f" * 32, None]),
        "purge_everything": VALUES,
        "dry_run": st.booleans(),
    },
)


@settings(max_examples=150)
@given(HARMLESS, MANUAL, BATCH)
def test_nothing_but_the_explicit_wish_for_everything_purges_everything(
    some: list[Place], event: dict[str, Any], keys: list[str]
) -> None:
    asked_for = event.get("everything") is True and event.get("zone_id") == ZONE and "Records" not in event
    world = world_of(some)
    world.invoke(sqs_event(event, s3_event(*keys), {"everything": []}, {"everything": True}, {}))
    with contextlib.suppress(Rejected):
        world.invoke(event)
    emptied = {zone for zone, kind, _ in world.cloudflare.accepted if kind == EVERYTHING}
    assert not emptied or asked_for
    assert {zone[:32] for zone in emptied} <= {ZONE}


@pytest.mark.parametrize("wish", [1, "true", "yes", [True], {"everything": True}, False, 0, "", [], {}])
def test_only_true_is_the_wish_for_everything(wish: object) -> None:
    world = world_of([target()])
    with pytest.raises(UnknownEvent, match='"everything" must be true'):
        world.invoke({"everything": wish, "zone_id": ZONE})
    assert world.returned(sqs_event({"everything": wish, "zone_id": ZONE})) == []
    assert world.cloudflare.requests == []


HOSTILE = st.sampled_from(
    [HOST, CDN, "evil.example", f"{HOST}.evil.example", f"evil.example/{HOST}", f"{HOST}@evil.example", f"{HOST}:8443",
     f"evil.example\\@{HOST}", f"{HOST}\\.evil.example", f"{HOST}%2eevil.example", "wwẃ.example.com", f" {HOST}", "",
     f"{HOST}\n.evil.example", f"{HOST}?.evil.example", f"{HOST}#.evil.example", f"{HOST}.", HOST.upper(), "[::1]"]
)  # fmt: skip


@settings(max_examples=200)
@given(places(), HOSTILE, st.sampled_from(["", "/", "/a b", "//evil.example/", "/ü?q=1#f", "\\evil.example"]))
def test_no_host_outside_of_the_configuration_is_ever_named_to_cloudflare(place: Place, host: str, rest: str) -> None:
    world = world_of([place])
    world.returned(
        sqs_event(
            *({"urls": [f"{scheme}{host}{rest}"]} for scheme in ("https://", "HTTP://", "//", "")),
            {"prefixes": [f"{host}{rest}"]},
            {"hosts": [host]},
            s3_event(f"{host}{rest}"),
        )
    )
    for _, kind, item, _ in purged(world):
        if kind not in (TAGS, EVERYTHING):
            named = re.match(r"(?:https?://)?([^/?#]*)", item) if kind == FILES else re.match(r"([^/]*)", item)
            assert named
            assert named[1] in place["hosts"]
