"""The bodies of messages: changes in every envelope, changes that Cloudflare rejects, and poison."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.factories import (
    BUCKET,
    HOST,
    ZONE,
    as_text,
    eventbridge_event,
    failed_invocation,
    s3_event,
    s3_record,
    s3_test_event,
    sns_body,
)

REFUSED = "refused"  # Cloudflare rejects items that contain this
PROVOKES = "provokes-"  # followed by the name of a fault in PROVOKED, weather.py, which a request with this item gets
DELETES = "ObjectRemoved:DeleteMarkerCreated"
_PROVOKED = ("page", "forbidden", "unknown", "broken", "hang", "garbage")


@dataclass(frozen=True)
class Event:
    """The body of a message, its keys and items, and whether it can only be parked."""

    body: str
    keys: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()  # kind and item of each manual item
    is_poison: bool = False


def _keys(number: int, count: int = 1) -> list[str]:
    names = [f"site/k{number + more}" for more in range(count)]
    return [f"{name}/index.html" if number % 3 == 0 else f"{name}.css" for name in names]


def _provoking(number: int) -> str:
    return f"site/{PROVOKES}{_PROVOKED[number % len(_PROVOKED)]}/{number}.css"


def _changes(*keys: str, wrap: Callable[[Any], object] = lambda event: event, **record: Any) -> Event:
    """Changes in one notification, and that in an envelope."""
    return Event(as_text(wrap(s3_event(*keys, **record))), keys)


def _manual(*keys: str) -> Event:
    return Event(json.dumps({"keys": keys}), keys)


def _half_bad(number: int) -> Event:
    [key] = _keys(number)
    records = [s3_record(key), s3_record("old.css", version="3.0"), "no record"]
    return Event(json.dumps({"Records": records}), (key,), is_poison=True)


_NAMED: list[tuple[dict[str, Any], str, str]] = [
    ({"urls": [f"https://{HOST}/by/hand.css"]}, "files", f"https://{HOST}/by/hand.css"),
    ({"prefixes": [f"{HOST}/by/"]}, "prefixes", f"{HOST}/by/"),
    ({"tags": ["by-hand"]}, "tags", "by-hand"),
    ({"hosts": [HOST]}, "hosts", HOST),
    ({"everything": True, "zone_id": ZONE}, "purge_everything", "True"),
]


def _named(number: int) -> Event:
    document, kind, item = _NAMED[number % len(_NAMED)]
    return Event(json.dumps(document), named=((kind, item),))


_NESTED: Any = s3_event("site/deep.css")
for _ in range(8):
    _NESTED = failed_invocation(_NESTED)

_POISON = [
    "not JSON", "null", "[]", "{}", '"text"', "[" * 3000, '{"Records": [{"s3": 1}]}', '{"Records": [null]}',
    json.dumps(s3_event("site/a.css", bucket="somebody-elses")), json.dumps(s3_event("", raw_key="%FF%FE")),
    json.dumps(s3_event("k" * 1100)), json.dumps({"keys": ["site/a.css"], "colour": "red"}),
    json.dumps({"keys": ["site/a.css"], "dry_run": "yes"}), json.dumps({"everything": True}),
    json.dumps({"everything": True, "zone_id": "f" * 32}), json.dumps({"keys": []}),
    json.dumps({"urls": ["https://elsewhere.example.org/a.css", "ftp://www.example.com/"]}),
    json.dumps({"prefixes": ["www.example.com/a?b"]}), json.dumps({"tags": ["two words"]}),
    json.dumps({"keys": ["\ud800"]}), json.dumps(_NESTED), json.dumps(sns_body("not JSON")),
]  # fmt: skip


EVENTS: dict[str, Callable[[int], Event]] = {
    "change": lambda number: _changes(*_keys(number)),
    "change of SNS": lambda number: _changes(*_keys(number), wrap=sns_body),
    "change taken back": lambda number: _changes(*_keys(number), wrap=failed_invocation),
    "change of EventBridge": lambda number: _changes(*_keys(number), wrap=lambda _: eventbridge_event(*_keys(number))),
    "deleted": lambda number: _changes(*_keys(number), event=DELETES),
    "several": lambda number: _changes(*_keys(number, 4)),
    "manual": lambda number: _manual(*_keys(number, 2)),
    "named": _named,
    "large": lambda number: _manual(*(f"site/many/{number}-{more}.css" for more in range(104))),
    "refused": lambda number: _changes(f"site/{REFUSED}{number}/a.css"),
    "provoker": lambda number: _changes(_provoking(number)),
    "half provoker": lambda number: _changes(*_keys(number), _provoking(number), *_keys(number, 3)[2:]),
    "half bad": _half_bad,
    "poison": lambda number: Event(_POISON[number % len(_POISON)], is_poison=True),
    "skipped": lambda number: Event(json.dumps([s3_test_event(), s3_event(f"secret/{number}.css")][number % 2])),
    "dry run": lambda number: Event(json.dumps({"keys": _keys(number), "bucket": BUCKET, "dry_run": True})),
}
