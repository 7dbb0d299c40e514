"""The calculator is right about what is charged, and its document says what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench import cost, invoices
from tests.bench.bill import Setting, changed, default, dollars, seconds_of, standing, together
from tests.bench.effort import Effort
from tests.bench.prices import (
    ALARMS,
    ALL,
    DASHBOARDS,
    EVENTBRIDGE,
    KMS,
    LAMBDA_REQUESTS,
    LAMBDA_TIME,
    LOGS,
    METRICS,
    SQS,
    TRANSFER,
)
from tests.bench.spent import ALONE, BURST, STREAM, TENS, metrics, spent

ARM = LAMBDA_TIME["arm64"]
DIRECT = Setting(has_queue=False)


def test_the_document_has_the_tables_that_the_calculator_prints() -> None:
    text = cost.DOCUMENT.read_text(encoding="utf-8")
    assert cost.rendered(text) == text, "run `.venv/bin/python -m tests.bench.cost --docs`"


def test_a_document_without_a_place_for_a_table_is_an_error() -> None:
    text = cost.DOCUMENT.read_text(encoding="utf-8").replace("<!-- end of months -->", "")
    with pytest.raises(SystemExit, match="no place for the table months"):
        cost.rendered(text)


def test_the_tables_are_written_where_they_belong(tmp_path: Path) -> None:
    document = tmp_path / "cost.md"
    text = cost.DOCUMENT.read_text(encoding="utf-8")
    document.write_text(text.replace("| queue ", "| stale "))
    assert cost.main(["--docs"], document) == 0
    assert document.read_text() == text


# ---- What an invocation uses ----


def test_what_is_used_is_what_the_function_does() -> None:
    alone, tens, burst = spent(ALONE), spent(TENS), spent(BURST)
    assert (alone.requests, alone.calls, alone.decryptions, alone.waiting) == (1, 0, 1.0, 0.26)
    # A full batch looks once for more.
    assert (tens.requests, tens.calls, tens.waiting) == (1, 1, 0.26)
    assert tens.decryptions == pytest.approx(0.1, abs=0.01)
    # 990 of the 1,000 are received and deleted by the function, ten at a time.
    assert (burst.requests, burst.calls) == (10, 198)
    # Ten requests at two a second, which is half of the budget.
    assert burst.waiting == pytest.approx(5.0, abs=0.5)
    assert (spent(BURST, "enterprise").requests, spent(BURST, "enterprise").waiting < 1.5) == (2, True)


def test_bytes_are_those_of_the_log_and_of_the_requests() -> None:
    alone, burst = spent(ALONE), spent(BURST)
    assert 1_200 < alone.log_bytes < 2_500
    # Each URL is logged and sent, about sixty characters of it, and little else.
    assert 50_000 < burst.log_bytes < 80_000
    assert 50_000 < burst.sent_bytes < 80_000
    assert 1_500 < alone.sent_bytes < 2_500


def test_without_a_queue_each_change_is_an_invocation_and_a_request() -> None:
    each = spent(STREAM, has_queue=False)
    assert (each.changes, each.requests, each.calls) == (1, 1, 0)
    assert spent(STREAM, has_queue=False, has_rule=True).requests == 1


def test_a_purge_sends_nine_metrics() -> None:
    assert metrics() == 9


# ---- What it costs ----


def test_a_million_changes_use_what_a_hand_can_count() -> None:
    million = changed(1_000_000, BURST, Setting(memory=512))
    assert million[LAMBDA_REQUESTS] == 1_000
    # Sent one by one; received and deleted by tens, the mapping's first ten too.
    assert million[SQS] == 1_000_000 + 1_000 * 200
    assert million[EVENTBRIDGE] == 0
    assert million[ARM] == pytest.approx(1_000 * 0.5 * seconds_of(spent(BURST), Setting(memory=512)))
    alone = changed(1_000_000, ALONE, Setting(seconds=1.0, memory=1024))
    assert (alone[LAMBDA_REQUESTS], alone[ARM], alone[SQS], alone[KMS]) == (1e6, 1e6, 3e6, 1e6)


def test_a_queue_is_cheaper_than_none_as_soon_as_changes_come_together() -> None:
    assert dollars(changed(1_000_000, BURST, default())) < dollars(changed(1_000_000, STREAM, DIRECT)) / 3
    assert dollars(changed(1_000_000, ALONE, default())) > dollars(changed(1_000_000, ALONE, DIRECT))


def test_eventbridge_costs_a_dollar_a_million_more() -> None:
    for setting, shape in ((default(), TENS), (DIRECT, STREAM)):
        by_rule = changed(1_000_000, shape, replace(setting, has_rule=True))
        assert by_rule[EVENTBRIDGE] == 1_000_000
        assert dollars(by_rule) - dollars(changed(1_000_000, shape, setting)) == pytest.approx(1.0, abs=0.01)


def test_computing_takes_longer_with_a_smaller_share_and_waiting_does_not() -> None:
    used = spent(BURST)
    whole = seconds_of(used, Setting(memory=1_769))
    assert whole > used.waiting
    assert seconds_of(used, Setting(memory=3_008)) == whole
    half = seconds_of(used, Setting(memory=1_769 // 2))
    assert half - used.waiting == pytest.approx(2 * (whole - used.waiting), rel=0.01)
    # The initialisation has a whole processor.
    cold = [seconds_of(spent(ALONE), Setting(memory=memory)) - spent(ALONE).waiting for memory in (128, 1_769)]
    assert 0.2 < cold[1] < cold[0] < 0.6
    assert seconds_of(used, Setting(seconds=0.4)) == 0.4


def test_an_idle_month_is_polls_and_alarms() -> None:
    idle = standing(0, Setting())
    # Five polls of 20 seconds: three a minute each, 730 hours long.
    assert (idle[SQS], idle[ALARMS], idle[METRICS]) == (5 * 3 * 60 * 730, 6, 0)
    assert standing(0, DIRECT)[ALARMS] == 7
    assert dollars(idle) == pytest.approx(0.60 + 0.2628)
    assert METRICS.of(standing(730, Setting())[METRICS]) == pytest.approx(9 * 0.30)


def test_the_free_tier_is_deducted_once_from_all_there_is() -> None:
    amounts = together({SQS: 900_000.0}, {SQS: 600_000.0, KMS: 1.0})
    assert dollars(amounts) == pytest.approx(0.60, abs=0.001)
    assert dollars(amounts, is_free_deducted=True) == pytest.approx(0.20)


def test_defaults_are_the_module_s() -> None:
    assert default() == Setting(memory=default().memory, architecture="arm64")
    assert default().memory in (128, 256, 512, 1024, 1769)


def test_every_price_is_used_and_has_its_page() -> None:
    used = {LAMBDA_REQUESTS, *LAMBDA_TIME.values(), SQS, EVENTBRIDGE, KMS, LOGS, METRICS, ALARMS, DASHBOARDS, TRANSFER}
    assert set(ALL) == used
    for price in ALL:
        assert f"https://aws.amazon.com/{price.page}/" in invoices.prices()


# ---- The command ----


def test_plans_that_cost_the_same_share_a_line() -> None:
    lines = [line for line in invoices.per_million().splitlines() if line.startswith("| queue ")]
    assert [line.split("|")[3].strip() for line in lines] == ["any", "any", "free, pro, business", "enterprise"]


def test_a_bill_of_ones_own_is_added_up(capsys: pytest.CaptureFixture[str]) -> None:
    own = ["--changes", "1000000", "--ms", "1000", "--memory", "1024", "--architecture", "x86_64"]
    assert cost.main([*own, "--delivery", "eventbridge-direct", "--batch", "10", "--hours", "730", "--dashboard"]) == 0
    said = capsys.readouterr().out
    assert "1,000,000 changes by EventBridge, direct, 1 to an invocation of 1.00 s" in said
    cells = [[cell.strip() for cell in line.split("|")] for line in said.splitlines() if line.startswith("| ")]
    costs = {row[1]: float(row[3]) for row in cells[1:] if row[3] != "-"}
    assert costs["Lambda time, x86_64"] == 16.67
    assert costs["CloudWatch alarms"] == 0.70
    assert costs["CloudWatch dashboards"] == 3.00
    assert costs["total"] == pytest.approx(sum(costs.values()) - costs["total"], abs=0.03)


@pytest.mark.parametrize("batch", ["0", "1001"])
def test_a_batch_that_no_invocation_takes_is_refused(batch: str) -> None:
    with pytest.raises(SystemExit):
        cost.main(["--changes", "1", "--batch", batch])


def test_the_part_has_a_figure_for_each_line_and_month() -> None:
    part = cost.measure(Effort())
    assert len(part.figures) == 10 + len(invoices.SITES)
    assert all(figure.value > 0 and figure.unit == "dollars" for figure in part.figures)
