"""What the report computes and draws, held against figures made by hand."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from tests.bench.books import Books, Sample
from tests.bench.chart import Chart, Line, Panel, thinned, ticks, worded
from tests.bench.plots import chart_of, rates_of
from tests.bench.report import span, table
from tests.bench.result import least_drain, result_of, share_of
from tests.bench.scenarios import SCENARIOS, Outage, Scenario, varied

FREE = Scenario("free", 100_000)


def sample(at: float, **changes: int) -> Sample:
    return replace(Sample(at, 50_000, 10, at, 40, 4_000, 0), **changes)


@pytest.mark.parametrize(
    ("scenario", "seconds"),
    [
        # 400 URLs a second; what 0.8 of a second's 800 holds goes at once.
        (FREE, (100_000 - 640) / 400),
        (replace(FREE, plan_name="enterprise"), (100_000 - 2_400) / 2_000),
        (replace(FREE, requests_per_second=10.0), (100_000 - 640) / 640),
        (replace(FREE, uploads_per_second=100.0), 1_000.0),
        # 20 requests of 100 prefixes at once, four a minute after that.
        (replace(FREE, purge_by="prefix", objects=20_000), 180 * 15.0),
        (replace(FREE, purge_by="prefix", objects=1_000), 1_000 / 3_500),
        (replace(FREE, outage=Outage(0.0, 3_600.0, 503)), (100_000 - 640) / 400),
        (replace(FREE, outage=Outage(100.0, 3_600.0, 503)), (100_000 - 640 - 40_000 - 640) / 400),
        (replace(FREE, collapse_above=500), 100_000 / 3_500),
        (replace(FREE, objects=10, outage=Outage(100.0, 3_600.0, 503)), 0.0),
    ],
)
def test_the_least_time_is_the_budget_spent_to_the_last_request(scenario: Scenario, seconds: float) -> None:
    assert least_drain(scenario) == pytest.approx(seconds)


def test_the_share_is_of_what_the_budget_allows_while_a_drain_of_messages_waits() -> None:
    full = [sample(10.0 * number) for number in range(21)]
    assert share_of(full, FREE) == pytest.approx(1.0)
    half = [replace(each, accepted=2_000) for each in full]
    assert share_of(half, FREE) == pytest.approx(0.5)
    assert share_of(half, replace(FREE, plan_name="enterprise")) == pytest.approx(0.1)
    idle = [sample(210.0 + 10 * number, visible=5, accepted=0) for number in range(10)]
    assert share_of([*full, *idle], FREE) == pytest.approx(1.0)
    assert share_of([*half, *idle], replace(FREE, outage=Outage(50.0, 100.0, 503))) == pytest.approx(0.5)
    assert share_of(full[:4], FREE) is None


def test_goals_are_met_or_missed_one_by_one() -> None:
    books = Books(replace(FREE, objects=4))
    books.requests = 2_000
    books.accept([0, 1, 1], 5.0)
    books.accept([3], 7.0)
    result = result_of(books, 0.0)
    assert (result.missing, result.fill, result.drain) == (1, 2.0, 7.0)
    assert result.missed == ["nothing missing"]
    books.dead_letters = 1
    assert result_of(books, 0.0).missed == ["no dead letters"]
    books.refused = 1
    assert result_of(books, 0.0).missed == ["no dead letters"]
    books.refused, books.neighbours_refused = 2, 1
    assert result_of(books, 0.0).missed == ["no dead letters", "429s below 0.1%", "neighbour never refused"]
    assert "MISSED: no dead letters, 429s" in table([result_of(books, 0.0)])


def test_a_sample_has_what_came_since_the_one_before() -> None:
    books = Books(replace(FREE, objects=4))
    books.requests = 3
    books.accept([0, 1], 1.0)
    books.sample(1.0, 2, 0, 1.0)
    books.accept([2], 2.0)
    books.sample(2.0, 1, 0, 2.0)
    assert [(each.requests, each.accepted) for each in books.samples] == [(3, 2), (0, 1)]


def test_rates_are_requests_over_the_time_they_took() -> None:
    points = rates_of([sample(10.0 * number, requests=40) for number in range(100)])
    assert len(points) == 99
    assert all(rate == pytest.approx(4.0) for _, rate in points)


def test_a_chart_is_xml_with_units_at_its_axes_and_no_more_points_than_needed() -> None:
    scenario = SCENARIOS["outage-4h-503-100k"]
    svg = chart_of(scenario, [sample(10.0 * number) for number in range(3_000)]).svg()
    root = ElementTree.fromstring(svg)  # noqa: S314
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "time since the first upload, hours" in texts
    assert {"messages", "age of the oldest message, hours", "requests to Cloudflare a second", "outage"} <= set(texts)
    assert "budget (4/s)" in texts
    assert "prefers-color-scheme: dark" in svg
    assert len(svg) < 60_000


def test_what_is_drawn_stands_where_its_value_is() -> None:
    svg = Chart("t", "s", [Panel("u", [Line("a", [(0.0, 0.0), (10.0, 10.0)])])], [(5.0, 10.0)]).svg()
    [points] = [line for line in svg.splitlines() if line.startswith("<polyline")]
    assert 'points="84.0,228.0 836.0,58.0"' in points
    assert '<rect class="outage" x="460.0" y="58" width="376.0" height="170"/>' in svg


def test_thinning_keeps_the_extremes() -> None:
    points = [(float(number), 0.0) for number in range(5_000)]
    points[2_345] = (2_345.0, 9.0)
    kept = thinned(points, 100)
    assert len(kept) <= 100
    assert (2_345.0, 9.0) in kept


def test_ticks_are_round_and_reach_the_highest() -> None:
    assert ticks(9_300_000, 4) == [0, 5_000_000, 10_000_000]
    assert ticks(4.2, 4) == [0, 2, 4, 6]
    assert ticks(0, 4) == [0, 1]
    assert [worded(value) for value in (0.0, 2.5, 5_000.0, 2_500_000.0)] == ["0", "2.5", "5 k", "2.5 M"]


def test_times_are_said_as_people_compare_them() -> None:
    assert [span(seconds) for seconds in (3.14, 250, 25_000)] == ["3.1 s", "4.2 min", "6.94 h"]


def test_a_setting_is_tried_with_each_of_its_values() -> None:
    few, many = varied(FREE, "max_concurrency=1,12")
    assert (few.name, few.max_concurrency, many.max_concurrency) == ("free max_concurrency=1", 1, 12)
    assert varied(FREE, "requests_per_second=2.5")[0].budget == 2.5
    with pytest.raises(ValueError, match="'plan=pro' is none of objects=VALUE"):
        varied(FREE, "plan=pro")
