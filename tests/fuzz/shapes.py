"""Inputs as AWS and Terraform write them, then damaged."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

from tests.support.factories import (
    document,
    eventbridge_event,
    failed_invocation,
    s3_event,
    s3_record,
    s3_test_event,
    sns_body,
    sns_event,
    sqs_event,
    target,
)
from tests.support.names import BUCKET, HOST, OTHER_ZONE, QUEUE_ARN, ZONE

OTHER_HOST = "assets.example.net"
KEYS = ["index.html", "a.css", "img/(1)+ü.png", "blog/a/index.html", "blog/b.html", "blog/", "k" * 1024, "a b&c=d?#"]
KEYS += ["blog//[x]/y z.html", "/blog/a.css", "https://www.example.com/a"]

# ---- Values ----

_characters = st.characters(exclude_categories=()) | st.sampled_from(
    '\x00\x1b\r\n\u2028\ud800\ufffd\uffff"\\%+/?#@:*{}'
)
_odd = [
    *("", " ", "k" * 1025, "ü" * 513, "k" * 5000, "..", "a/../../b", "/", "//", "**", "%", "%FF", "%00", "+", "NaN"),
    *("https://evil.example/", f"https://{HOST}@evil.example/", f"http://{HOST}", HOST, OTHER_HOST, ZONE, OTHER_ZONE),
    *("c" * 32, BUCKET, "other-bucket", "2.9", "3.0", "s3:TestEvent", "aws:sqs", "aws.s3", "Notification"),
    *("1900-01-01", "2026-11-23T06:00:00", "9" * 400, QUEUE_ARN, "null", "[]", "{}"),
]
_texts = st.text(_characters, max_size=20) | st.sampled_from(_odd)
_numbers = st.integers() | st.floats() | st.sampled_from([0, -1, 1, 2**31, 2**63, 10**400, 1e308, 5e-324, float("nan")])
_leaves = st.none() | st.booleans() | _numbers | _texts
_nested = st.sampled_from([10, 60]).map(lambda depth: json.loads("[" * depth + "]" * depth))
values = (
    st.recursive(
        _leaves, lambda each: st.lists(each, max_size=3) | st.dictionaries(_texts, each, max_size=3), max_leaves=6
    )
    | _nested
)

# ---- Documents ----


def _places(value: Any) -> list[tuple[Any, ...]]:
    places: list[tuple[Any, ...]] = [()]
    pending: list[tuple[tuple[Any, ...], Any]] = [((), value)]
    while pending and len(places) < 200:
        path, each = pending.pop()
        items = each.items() if isinstance(each, dict) else enumerate(each) if isinstance(each, list) else ()
        inner = [((*path, name), item) for name, item in items]
        places += [place for place, _ in inner]
        pending += inner
    return places


@st.composite
def mutated(draw: st.DrawFn, documents: st.SearchStrategy[Any], most: int = 3) -> Any:
    """A document with up to `most` of its fields replaced, removed, doubled, renamed or added."""
    value: Any = {"": copy.deepcopy(draw(documents))}
    for _ in range(draw(st.integers(0, most))):
        places = _places(value[""])
        place: tuple[Any, ...] = ("", *places[draw(st.integers(0, len(places) - 1))])
        *path, name = place
        holder = value
        for step in path:
            holder = holder[step]
        match draw(st.sampled_from(["replace", "replace", "remove", "double", "wrap", "rename", "add"])):
            case "remove" if path:
                del holder[name]
            case "double" if isinstance(holder, list):
                holder.insert(name, copy.deepcopy(holder[name]))
            case "wrap":
                holder[name] = [holder[name]]
            case "rename" if path and isinstance(holder, dict):
                holder[draw(_texts)] = holder.pop(name)
            case "add" if isinstance(holder[name], dict):
                holder[name][draw(_texts | st.sampled_from(_FIELDS))] = draw(values)
            case _:
                holder[name] = draw(values)
    return value[""]


_FIELDS = [
    *("keys", "urls", "prefixes", "tags", "hosts", "everything", "check", "bucket", "zone_id", "dry_run"),
    *("hop", "changes"),
    *("Records", "Sns", "Type", "Message", "requestPayload", "source", "detail", "Event", "s3", "eventSource"),
]
_keys = st.sampled_from(KEYS) | _texts
_hosts = st.sampled_from([HOST, HOST.upper(), OTHER_HOST, "evil.example"]) | _texts
_paths = st.sampled_from(
    ["", "deep/er/", "deep/er", "Deep/er/", "deep/er/../", "deep%2Fer/", "deep/er/%2e%2e/", "/deep/er/"]
)
_urls = st.builds("https://{}/{}{}".format, _hosts, _paths, _texts)


_zones = st.sampled_from([ZONE, ZONE, OTHER_ZONE, ZONE.upper(), "c" * 32])
_switches = st.sampled_from([True, True, True, False, 1, "true", [True]])


@st.composite
def _manual(draw: st.DrawFn) -> dict[str, Any]:
    lists = {"keys": _keys, "urls": _urls, "prefixes": _urls.map(lambda url: url[8:]), "tags": _texts, "hosts": _hosts}
    fields: dict[str, st.SearchStrategy[Any]] = {name: st.lists(each, max_size=3) for name, each in lists.items()}
    fields |= {"everything": _switches, "check": _switches, "bucket": st.just(BUCKET), "zone_id": _zones}
    fields |= {"dry_run": st.booleans(), "hop": st.integers(0, 2), "purged": st.just(1.0)}
    fields |= {"changes": st.lists(st.fixed_dictionaries({"key": _keys}), max_size=3)}
    chosen = draw(st.lists(st.sampled_from(sorted(fields)), min_size=1, max_size=3, unique=True))
    return {name: draw(fields[name]) for name in chosen}


_plain = st.one_of(
    st.builds(s3_event, _keys.filter(lambda key: key.isprintable())),
    st.builds(lambda keys: s3_event(*keys), st.lists(st.sampled_from(KEYS), min_size=1, max_size=3)),
    st.builds(eventbridge_event, _keys),
    st.builds(lambda key, bucket: s3_event(key, bucket=bucket), st.sampled_from(KEYS), _texts),
    st.builds(lambda key: {"Records": [s3_record(raw_key=key)]}, values),
    _manual(),
    st.builds(s3_test_event),
)
named = st.one_of(
    st.fixed_dictionaries({"urls": st.lists(_urls, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"hosts": st.lists(_hosts, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"prefixes": st.lists(_urls.map(lambda url: url[8:]), min_size=1, max_size=3)}),
)
too_many = st.builds(
    lambda key, count: {"keys": [key] * count}, st.sampled_from(KEYS[:4]), st.sampled_from([1001, 9999])
)
to_empty = st.builds(lambda switch, zone: {"everything": switch, "zone_id": zone}, _switches, _zones)
_wrappers = st.sampled_from([sns_body, sns_event, failed_invocation, lambda event: {"Records": [event]}])
events = mutated(
    _plain
    | _manual()
    | named
    | too_many
    | to_empty
    | st.builds(lambda wrap, event: wrap(event), _wrappers, mutated(_plain, 1))
    | st.builds(lambda outer, inner, event: outer(inner(event)), _wrappers, _wrappers, _plain)
    | st.builds(lambda one, other: {"Records": [*one.get("Records", []), *other.get("Records", [])]}, _plain, _plain)
)
batches = mutated(st.builds(lambda bodies: sqs_event(*bodies), st.lists(events, min_size=1, max_size=3)), 2)

# ---- Messages ----


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """The body of a message: an event's JSON, possibly damaged."""
    text: str = json.dumps(draw(events), ensure_ascii=draw(st.booleans()))
    match draw(
        st.sampled_from(["", "", "", "", "", "cut", "junk", "mark", "twice", "large", "digits", "bytes", "deep"])
    ):
        case "cut":
            return text[: draw(st.integers(0, len(text)))] or "-"
        case "junk":
            return draw(st.text(_characters, min_size=1, max_size=50))
        case "mark":
            return f"\ufeff{text}"
        case "twice":
            return text.replace('"Records": ', '"Records": null, "Records": ').replace(
                '"keys": ', '"keys": 1, "keys": '
            )
        case "large":
            return text + draw(st.sampled_from([" ", "x", "[", '{"a":', "\ud800"])) * 60_000
        case "digits":
            return text.replace("1024", "9" * 5000)
        case "deep":
            depth = draw(st.sampled_from([900, 100_000]))
            old = draw(st.sampled_from(['"2.6"', f'"{BUCKET}"', "true", '"1.0"', "[]"]))
            return text.replace(old, "[" * depth + "]" * depth)
        case "bytes":
            return text.encode(errors="surrogatepass").decode("latin-1").encode().decode(errors="replace")
    return text


good_bodies = st.builds(
    lambda keys: json.dumps(s3_event(*keys)), st.lists(st.sampled_from(KEYS), min_size=1, max_size=3)
)

# ---- Configurations ----


def _served(fields: dict[str, Any]) -> dict[str, Any]:
    """Give a target the hosts of its zone, and tags if it needs some."""
    hosts = [HOST] if fields["zone_id"] == ZONE else [OTHER_HOST, "www.example.net"]
    tags = ["{dir}", "{key}"] if fields["purge_by"] == "tag" else []
    return target(**{**fields, "hosts": hosts, "tags": tags})


_targets = st.fixed_dictionaries(
    {
        "purge_by": st.sampled_from(["url", "url", "prefix", "tag", "host", "everything"]),
        "zone_id": st.sampled_from([ZONE, OTHER_ZONE]),
        "key_prefix": st.sampled_from(["", "blog/"]),
        "path_prefix": st.sampled_from(["", "deep/er/"]),
        "clean_urls": st.booleans(),
        "environment_id": st.sampled_from([None, "staging"]),
    },
    optional={
        "keys": st.sampled_from([["*.html"], ["blog/**"]]),
        "related": st.sampled_from([["/deep/er/feed", "/deep/er/{dir}/*"], ["/{key}", "/{dir}*", "/{stem}/{ext}"]]),
        "delay_seconds": st.sampled_from([1, 60]),
    },
).map(_served)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    return document(
        targets=draw(st.lists(_targets, min_size=1, max_size=3)),
        exclude=draw(st.sampled_from([[], ["*.png"]])),
        cloudflare={"plan": draw(st.sampled_from(["free", "enterprise"])), "requests_per_second": 50},
        batch_size=draw(st.sampled_from([1, 3, 10])),
        drain=draw(st.sampled_from([0, 100])),
        verify=draw(st.sampled_from([None, None, {}, {"sample": 0}])),
        collapse_above=draw(st.sampled_from([None, None, 2])),
        log_level=draw(st.sampled_from(["INFO", "DEBUG"])),
    )
