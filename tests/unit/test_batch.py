from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.batch import Request, requests_for
from cf_purge.purge import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge, Zone
from tests.unit.factories import ZONE

KINDS = (FILES, PREFIXES, TAGS, HOSTS, EVERYTHING)
A, B, STAGING = Zone("a"), Zone("b"), Zone("a", "staging")
VARIANTS = ((), (("Origin", "https://a.example"),), (("Origin", "https://b.example"), ("X-Device", "phone")))
PURGES = st.lists(
    st.builds(
        Purge,
        st.sampled_from([A, B, STAGING]),
        st.sampled_from([FILES, FILES, PREFIXES, TAGS]),
        st.integers(0, 40).map(lambda n: f"https://h/{n}"),
        st.sampled_from(VARIANTS),
    )
)


def purges(zone: Zone, *numbers: int, kind: str = FILES) -> tuple[Purge, ...]:
    return tuple(Purge(zone, kind, f"https://h/{number}") for number in numbers)


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (99, [99]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
)
@pytest.mark.parametrize("kind", [FILES, PREFIXES, TAGS, HOSTS])
def test_purges_are_cut_at_the_limit(kind: str, count: int, sizes: list[int]) -> None:
    asked = purges(A, *range(count), kind=kind)
    assert [len(request.purges) for request in requests_for(asked, 100)] == sizes


@pytest.mark.parametrize(("kind", "sizes"), [(FILES, [500, 100]), (PREFIXES, [100] * 6), (TAGS, [100] * 6)])
def test_the_larger_limit_of_a_plan_is_for_urls_alone(kind: str, sizes: list[int]) -> None:
    asked = purges(A, *range(600), kind=kind)
    assert [len(request.purges) for request in requests_for(asked, 500)] == sizes


def test_a_request_holds_purges_of_one_zone_in_the_order_of_first_appearance() -> None:
    mixed = [*purges(B, 1), *purges(A, 9, 1), *purges(B, 0), *purges(A, 9)]
    assert list(requests_for(mixed, 100)) == [
        Request(B, FILES, purges(B, 1, 0)),
        Request(A, FILES, purges(A, 9, 1)),
    ]


def test_a_request_holds_purges_of_one_kind_and_one_environment() -> None:
    mixed = [*purges(A, 1), *purges(A, 1, kind=TAGS), *purges(STAGING, 1), *purges(A, 2), *purges(A, 2, kind=TAGS)]
    assert list(requests_for(mixed, 100)) == [
        Request(A, FILES, purges(A, 1, 2)),
        Request(A, TAGS, purges(A, 1, 2, kind=TAGS)),
        Request(STAGING, FILES, purges(STAGING, 1)),
    ]


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ([Purge(A, FILES, "https://h/a"), Purge(A, FILES, "https://h/b")], {"files": ["https://h/a", "https://h/b"]}),
        (
            [Purge(A, FILES, "https://h/a", headers) for headers in VARIANTS],
            {
                "files": [
                    "https://h/a",
                    {"url": "https://h/a", "headers": {"Origin": "https://a.example"}},
                    {"url": "https://h/a", "headers": {"Origin": "https://b.example", "X-Device": "phone"}},
                ]
            },
        ),
        ([Purge(A, PREFIXES, "h/A/"), Purge(A, PREFIXES, "h/b")], {"prefixes": ["h/A/", "h/b"]}),
        ([Purge(A, TAGS, "aB"), Purge(A, TAGS, "b,c")], {"tags": ["aB", "b,c"]}),
        ([Purge(A, HOSTS, "h")], {"hosts": ["h"]}),
        ([Purge(A, EVERYTHING, "")], {"purge_everything": True}),
    ],
)
def test_the_body_is_what_cloudflare_documents_for_its_kind(asked: list[Purge], body: dict[str, object]) -> None:
    [request] = requests_for(asked, 100)
    assert request.body == body


def test_everything_is_shown_as_the_manual_event_says_it() -> None:
    staging = {"everything": True, "zone_id": ZONE, "environment_id": "staging"}
    assert Purge(Zone(ZONE, "staging"), EVERYTHING, "").shown == staging


@pytest.mark.parametrize(("zone", "words"), [(A, "a"), (STAGING, "a (environment staging)")])
def test_a_zone_is_called_by_its_id_and_its_environment(zone: Zone, words: str) -> None:
    assert str(zone) == words


@given(PURGES, st.integers(1, 12))
def test_no_purge_is_lost_doubled_mixed_or_above_the_limit(asked: list[Purge], limit: int) -> None:
    requests = list(requests_for(asked, limit))
    sent = [purge for request in requests for purge in request.purges]
    assert set(sent) == set(asked)
    assert len(sent) == len(set(sent))
    assert all(1 <= len(request.purges) <= (limit if request.kind == FILES else 100) for request in requests)
    assert all(purge.zone == request.zone for request in requests for purge in request.purges)
    assert all(purge.kind == request.kind for request in requests for purge in request.purges)


@given(PURGES, st.integers(1, 12))
def test_no_more_requests_are_made_than_the_limit_asks_for(asked: list[Purge], limit: int) -> None:
    groups = {(p.zone, p.kind) for p in asked}
    sizes = [(kind, len({p for p in asked if (p.zone, p.kind) == (zone, kind)})) for zone, kind in groups]
    fewest = sum(-(-count // (limit if kind == FILES else 100)) for kind, count in sizes)
    assert len(list(requests_for(asked, limit))) == fewest


@given(PURGES, st.randoms(), st.integers(1, 12))
def test_order_and_duplicates_change_nothing_in_what_is_sent(asked: list[Purge], random: object, limit: int) -> None:
    shuffled = asked * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    once = {purge for request in requests_for(asked, limit) for purge in request.purges}
    assert {purge for request in requests_for(shuffled, limit) for purge in request.purges} == once


@pytest.mark.parametrize("kind", KINDS[:4])
@pytest.mark.parametrize("count", [2, 3, 100, 101])
def test_the_halves_of_a_request_are_the_request(count: int, kind: str) -> None:
    first, second = Request(STAGING, kind, purges(STAGING, *range(count), kind=kind)).halves()
    assert first.purges + second.purges == purges(STAGING, *range(count), kind=kind)
    assert abs(len(first.purges) - len(second.purges)) <= 1
    assert (first.zone, second.zone) == (STAGING, STAGING)
    assert (first.kind, second.kind) == (kind, kind)
