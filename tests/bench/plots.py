"""The queue, its age and the requests of one scenario over time, as a chart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tests.bench.books import Sample
from tests.bench.chart import Chart, Line, Panel
from tests.bench.report import span
from tests.bench.scenarios import Scenario

_STRETCHES = 240  # over which requests are averaged


def chart_of(scenario: Scenario, samples: Sequence[Sample]) -> Chart:
    """Return depth, age and request rate over time."""
    end = samples[-1].at if samples else 1.0
    size, unit = (3600.0, "hours") if end > 7_200 else (60.0, "minutes") if end > 300 else (1.0, "seconds")
    aged, age_unit = (3600.0, "hours") if max((s.oldest for s in samples), default=0) > 7_200 else (60.0, "minutes")
    budget = scenario.budget
    outage = scenario.outage
    title = f"{scenario.objects:,} objects, plan {scenario.plan_name}"
    rates = rates_of(samples)
    return Chart(
        title=title + (f", Cloudflare down for {span(outage.seconds)} ({outage.words})" if outage else ""),
        time_unit=unit,
        panels=[
            Panel(
                "messages",
                [
                    Line("waiting", [(s.at / size, s.visible) for s in samples]),
                    Line("received or given back", [(s.at / size, s.in_flight) for s in samples]),
                ],
            ),
            Panel(
                f"age of the oldest message, {age_unit}", [Line("", [(s.at / size, s.oldest / aged) for s in samples])]
            ),
            Panel(
                "requests to Cloudflare a second",
                [
                    Line("sent", [(at / size, rate) for at, rate in rates]),
                    Line(f"budget ({budget:g}/s)", [(0.0, budget), (end / size, budget)], is_limit=True),
                ],
            ),
        ],
        shaded=[(outage.begins / size, outage.ends / size)] if outage else [],
        shade="outage",
    )


def rates_of(samples: Sequence[Sample]) -> list[tuple[float, float]]:
    """Return requests a second, averaged over equal stretches of time."""
    if len(samples) < 2:
        return []
    length = max(5.0, samples[-1].at / _STRETCHES)
    points: list[tuple[float, float]] = []
    begin, requests = samples[0].at, 0
    for _, sample in pairwise(samples):
        requests += sample.requests
        if sample.at - begin >= length:
            points.append(((begin + sample.at) / 2, requests / (sample.at - begin)))
            begin, requests = sample.at, 0
    return points
