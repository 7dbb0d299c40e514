"""The arithmetic of what is measured on the local world; the world itself is not started."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bench import bursts
from tests.bench.local import journey, naive
from tests.bench.local.stages import STAGES, Way, percentile, shares
from tests.simulation.cloudflare.client import ApiRequest

IN_TURN = Way(uploaded=100.0, sent=100.1, handed=100.3, ready=100.5, asked=100.6, answered=101.0, seen=101.5)


def rounded(way: Way) -> list[float]:
    return [round(way.stages[stage]) for stage in STAGES]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, [100, 200, 300, 400, 500], id="one after the other"),
        pytest.param({"sent": 99.9}, [0, 400, 300, 400, 500], id="in the queue before the PUT is answered"),
        pytest.param({"sent": 99.8, "handed": 99.9}, [0, 100, 700, 400, 500], id="handed over before that"),
        pytest.param({"answered": 101.7}, [100, 200, 300, 900, 0], id="read before the purge is answered"),
        pytest.param({"handed": 100.05}, [100, 0, 500, 400, 500], id="handed over before it is told to be sent"),
    ],
)
def test_the_stages_of_a_way_are_never_negative_and_together_are_all_of_it(
    changes: dict[str, float], expected: list[float]
) -> None:
    way = replace(IN_TURN, **changes)
    assert rounded(way) == expected
    assert sum(way.stages.values()) == pytest.approx(way.total)
    assert way.total == pytest.approx(sum(expected))


def test_the_start_of_a_process_is_part_of_the_functions_stage() -> None:
    assert IN_TURN.start == pytest.approx(200)
    assert replace(IN_TURN, ready=None).start == 0


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([5.0], 99, 5.0),
        ([3.0, 1.0, 2.0], 50, 2.0),
        ([*map(float, range(1, 101))], 99, 99.0),
        ([*map(float, range(1, 101))], 100, 100.0),
        ([*map(float, range(1, 31))], 99, 30.0),
        ([1.0, 2.0], 0, 1.0),
    ],
)
def test_a_percentile_is_one_of_the_values(values: list[float], percent: int, expected: float) -> None:
    assert percentile(values, percent) == expected


def test_a_share_is_of_its_own_way_and_the_median_of_all() -> None:
    slow = replace(IN_TURN, answered=109.0, seen=110.0)  # 10 s, of which the API took 8.4
    assert shares([IN_TURN, slow, slow])["API"] == pytest.approx(84)
    assert shares([IN_TURN, IN_TURN, slow])["API"] == pytest.approx(100 * 0.4 / 1.5)
    assert sum(shares([IN_TURN]).values()) == pytest.approx(100)


def test_the_log_is_read_from_where_it_was_and_of_one_function_alone(tmp_path: Path) -> None:
    def line(at: float, function: str = "site") -> str:
        told = {"moment": "handed", "function": function, "at": at, "sent": []}
        return f"2026-01-01 INFO [world] {json.dumps(told)}\n"

    log = tmp_path / "aws.log"
    log.write_text(line(1.0) + "ü\n")
    size = log.stat().st_size
    with open(log, "a", encoding="utf-8") as file:
        file.write(line(2.0) + "something else\n" + line(3.0, "other") + line(4.0))
    assert [moment["at"] for moment in journey.moments(log, size, "site")] == [2.0, 4.0]
    assert [moment["at"] for moment in journey.moments(log, 0, "site")] == [1.0, 2.0, 4.0]


def request(status: int | None, *urls: str, answered: float | None = 12.0) -> ApiRequest:
    more: dict[str, Any] = dict.fromkeys(("zone", "kind", "environment", "identity", "fault", "codes"))
    return ApiRequest(
        time=11.0, method="POST", path="", query="", body={"files": urls}, status=status, answered=answered, **more
    )


def test_every_try_counts_as_a_request_and_only_what_was_accepted_as_purged() -> None:
    requests = [request(200, "a", "b"), request(429, "c"), request(200, "b", answered=13.0), request(None, "d")]
    assert naive.purged(requests) == {"a", "b"}
    counted = bursts.counted_in(requests, since=10.0)
    assert counted == bursts.Burst(requests=4, refused=1, purged=2, seconds=3.0)


def test_a_burst_of_which_nothing_was_purged_took_no_time() -> None:
    assert bursts.counted_in([request(429, "c")], since=10.0) == bursts.Burst(1, 1, 0, 0.0)
