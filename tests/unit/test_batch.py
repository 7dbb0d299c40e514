from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.batch import Request, requests_for
from cf_purge.targets import Purge

PURGES = st.lists(st.builds(Purge, st.sampled_from("abc"), st.integers(0, 40).map(lambda n: f"https://h/{n}")))


def purges(zone_id: str, *numbers: int) -> tuple[Purge, ...]:
    return tuple(Purge(zone_id, f"https://h/{number}") for number in numbers)


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (99, [99]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
)
def test_purges_are_cut_at_the_limit(count: int, sizes: list[int]) -> None:
    assert [len(request.purges) for request in requests_for(purges("a", *range(count)), 100)] == sizes


def test_a_request_holds_purges_of_one_zone_in_the_order_of_first_appearance() -> None:
    mixed = [*purges("b", 1), *purges("a", 9, 1), *purges("b", 0), *purges("a", 9)]
    assert list(requests_for(mixed, 100)) == [Request("b", purges("b", 1, 0)), Request("a", purges("a", 9, 1))]


@given(PURGES, st.integers(1, 12))
def test_no_purge_is_lost_doubled_mixed_or_above_the_limit(asked: list[Purge], limit: int) -> None:
    requests = list(requests_for(asked, limit))
    sent = [purge for request in requests for purge in request.purges]
    assert set(sent) == set(asked)
    assert len(sent) == len(set(sent))
    assert all(1 <= len(request.purges) <= limit for request in requests)
    assert all(purge.zone_id == request.zone_id for request in requests for purge in request.purges)


@given(PURGES, st.integers(1, 12))
def test_no_more_requests_are_made_than_the_limit_asks_for(asked: list[Purge], limit: int) -> None:
    per_zone = [len({p for p in asked if p.zone_id == zone}) for zone in {p.zone_id for p in asked}]
    assert len(list(requests_for(asked, limit))) == sum(-(-count // limit) for count in per_zone)


@given(PURGES, st.randoms(), st.integers(1, 12))
def test_order_and_duplicates_change_nothing_in_what_is_sent(asked: list[Purge], random: object, limit: int) -> None:
    shuffled = asked * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    once = {purge for request in requests_for(asked, limit) for purge in request.purges}
    assert {purge for request in requests_for(shuffled, limit) for purge in request.purges} == once


@pytest.mark.parametrize("count", [2, 3, 100, 101])
def test_the_halves_of_a_request_are_the_request(count: int) -> None:
    first, second = Request("a", purges("a", *range(count))).halves()
    assert first.purges + second.purges == purges("a", *range(count))
    assert abs(len(first.purges) - len(second.purges)) <= 1
    assert (first.zone_id, second.zone_id) == ("a", "a")
