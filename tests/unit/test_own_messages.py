"""The function reads its own messages as it wrote them, and refuses all others."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.errors import UnknownEvent
from cf_purge.events import Change, Event, Look, bodies_of, parse
from tests.support.names import AT, BUCKET, OTHER_ZONE, ZONE

_texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
_changes = st.builds(
    Change,
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=250),
    bucket=st.sampled_from([None, BUCKET]),
    at=st.none() | st.floats(0, 1e10),
    zone_id=st.sampled_from([None, ZONE, OTHER_ZONE]),
    etag=_texts,
    sequencer=_texts,
    principal=_texts,
    kind=st.sampled_from(["put", "delete", None]),
)


@given(st.lists(_changes, max_size=40), st.integers(1, 50), st.booleans())
def test_a_written_message_is_read_as_the_same_changes(changes: list[Change], most: int, is_look: bool) -> None:
    head = {"hop": 2, "purged": AT} if is_look else {}
    read: list[Change] = []
    for body, part in bodies_of(changes, most, head):
        assert parse(body) == Event(tuple(part), look=Look(2, AT) if is_look else None, is_own=True)
        assert len(part) <= most
        read += part
    assert sorted(map(repr, read)) == sorted(map(repr, changes))


@pytest.mark.parametrize("letter", ["a", "文", "\x00"])
def test_a_message_fits_into_the_queue(letter: str) -> None:
    key = letter * (1000 // len(letter.encode()))
    changes = [Change(f"{number}{key}", BUCKET, AT, None, "e" * 32, "5" * 18, "p" * 60, "put") for number in range(900)]
    bodies = [body for body, _ in bodies_of(changes)]
    assert max(len(body.encode()) for body in bodies) < 256 * 1024
    assert [change for body in bodies for change in parse(body).changes] == changes


def own(**changes: Any) -> dict[str, Any]:
    return {"changes": [{"key": "a", "bucket": BUCKET, "at": AT, "kind": "put"}], **changes}


WRONG_CHANGES: list[Any] = [[], {}, "a", None, [7], [{}], [None], *([{"key": key}] for key in ("", 7, None))]


@pytest.mark.parametrize(
    "document",
    [
        *(own(changes=changes) for changes in WRONG_CHANGES),
        *(own(changes=[{"key": "a", name: 7}]) for name in ("etag", "sequencer", "principal", "kind")),
        *(own(changes=[{"key": "a", "at": at}]) for at in ("now", float("nan"), True, 10**400)),
        own(changes=[{"key": "a", "unknown": 1}]),
        own(changes=[{"key": "k" * 1025}]),
        *(own(changes=[{"key": "a", name: value}]) for name in ("bucket", "zone_id") for value in (7, "")),
        *(own(hop=1, purged=purged) for purged in (None, "now")),
        *(own(hop=1, purged=AT, **{name: [1]}) for name in ("sample", "left")),
        own(hop=1, purged=AT, left={"0": ["files"]}),
        own(hop=1),
        *(own(hop=hop, purged=AT) for hop in (None, "1", 1.0)),
        own(purged=AT),
        own(dry_run=True),
        own(unknown=1),
    ],
    ids=str,
)
def test_a_message_that_the_function_did_not_write_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(UnknownEvent) as caught:
        parse(json.dumps(document))
    assert str(caught.value).endswith(".")
