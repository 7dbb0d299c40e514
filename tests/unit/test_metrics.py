from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.metrics import Metrics
from tests.unit.factories import AT

COUNTS = ["Changes", "Purged", "Skipped", "Parked", "Retried", "Requests", "RateLimited", "Misconfigured"]


def metrics(*lags: float) -> Metrics:
    """Each count another."""
    full = Metrics()
    full.changes, full.purged, full.skipped, full.parked = 1, 2, 3, 4
    full.retried, full.requests, full.rate_limited, full.misconfigured = 5, 6, 7, 8
    full.lags = list(lags)
    return full


def document(told: Metrics) -> dict[str, Any]:
    return dict(json.loads(json.dumps(told.document("site", AT + 0.25))))


def test_the_line_is_in_embedded_metric_format() -> None:
    assert document(metrics(1.5)) == {
        "_aws": {
            "Timestamp": 1795413600250,
            "CloudWatchMetrics": [
                {
                    "Namespace": "CfPurge",
                    "Dimensions": [["Name"]],
                    "Metrics": [
                        *({"Name": name, "Unit": "Count"} for name in COUNTS),
                        {"Name": "Lag", "Unit": "Milliseconds"},
                    ],
                }
            ],
        },
        "Name": "site",
        **dict(zip(COUNTS, range(1, 9), strict=True)),
        "Lag": [1500],
    }


def test_every_count_is_there_when_nothing_happened_and_lag_is_not() -> None:
    line = document(Metrics())
    assert {name: line[name] for name in COUNTS} == dict.fromkeys(COUNTS, 0)
    assert "Lag" not in line
    assert [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == COUNTS


@pytest.mark.parametrize("count", [1, 99, 100, 101, 199, 1000])
def test_a_line_holds_at_most_a_hundred_lags_and_always_the_longest(count: int) -> None:
    lags = document(metrics(*(float(n) for n in reversed(range(count)))))["Lag"]
    assert len(lags) == min(100, count)
    assert lags == sorted(lags)
    assert lags[0] == 0
    assert lags[-1] == (count - 1) * 1000


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=400))
def test_the_lags_of_a_line_are_lags_that_were(lags: list[float]) -> None:
    found = document(metrics(*lags))["Lag"]
    assert set(found) <= {round(lag * 1000) for lag in lags}
    assert max(found) == round(max(lags) * 1000)


def test_a_metric_of_nothing_shares_no_list_with_another() -> None:
    one, other = Metrics(), Metrics()
    one.lags.append(1.0)
    assert other.lags == []
