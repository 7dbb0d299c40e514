"""The simulation tells good from bad: its figures are right, and what is broken is reported."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cf_purge.pace import Pace
from tests.bench import simulate
from tests.bench.run import run
from tests.bench.scenarios import SCENARIOS, Neighbour, Outage, Scenario, quick, varied
from tests.virtual.mapping import Environment
from tests.virtual.world import World

FEW = replace(SCENARIOS["free-1k"], name="few", objects=200)


def instead(invoke: Callable[[Any, dict[str, Any], Any], Any]) -> Callable[[World, Environment], Any]:
    """Build functions that call `invoke` with the real one, the event and the context."""

    class Instead:
        def __init__(self, world: World, environment: Environment) -> None:
            self.real = world.build(environment)

        def invoke(self, event: dict[str, Any], context: Any) -> Any:
            return invoke(self.real, event, context)

    return Instead


@pytest.mark.parametrize("scenario", quick(), ids=lambda scenario: scenario.name)
def test_every_goal_of_a_quick_scenario_is_met(scenario: Scenario) -> None:
    result, books = run(scenario)
    assert result.missed == []
    assert books.purged == scenario.objects
    assert result.neighbours_requests


def test_the_figures_of_a_small_run_are_what_was_done() -> None:
    result, books = run(replace(FEW, neighbour=None, drain=0, requests_per_second=2.0, uploads_per_second=math.inf))
    # Without draining each batch of ten is a request; ten of them may go at once, the others one in half a second.
    assert (result.requests, result.invocations, result.fill) == (20, 20, 10.0)
    assert (books.purged, result.refused, result.missing, result.dead_letters, result.most_receives) == (
        200,
        0,
        0,
        0,
        1,
    )
    assert 4.0 < result.drain < 7.0
    assert result.oldest <= result.drain + 1
    assert sum(sample.requests for sample in books.samples) == 20
    assert (books.samples[0].visible, books.samples[0].in_flight) == (180, 20)
    assert (books.samples[-1].visible, books.samples[-1].in_flight) == (0, 0)


def test_a_function_without_a_pace_is_reported_and_so_is_what_it_does_to_the_neighbour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Pace, "wait", lambda *_: 0.0)
    result, _ = run(replace(FEW, objects=6_000, max_concurrency=8))
    assert result.refused > 0
    assert result.neighbours_refused > 0
    assert {"429s below 0.1%", "neighbour never refused"} <= set(result.missed)


def test_a_function_that_loses_messages_is_reported() -> None:
    def lossy(real: Any, event: dict[str, Any], context: Any) -> Any:
        return real.invoke({"Records": event["Records"][1:]}, context) if event["Records"][1:] else {}

    result, books = run(replace(FEW, drain=0), instead(lossy))
    assert result.missing == 200 - books.purged > 0
    assert "nothing missing" in result.missed


def test_messages_that_nobody_can_purge_are_counted_as_dead() -> None:
    def fails(*_: Any) -> Any:
        raise RuntimeError

    result, _ = run(replace(FEW, objects=20, outage=Outage(0.0, 14_400.0, 503)), instead(fails))
    assert (result.dead_letters, result.missing, result.most_receives) == (20, 0, 30)
    assert result.missed[0] == "no dead letters"


def test_a_function_that_is_slow_does_not_use_its_budget() -> None:
    def slow(real: Any, event: dict[str, Any], context: Any) -> Any:
        real._clock.sleep(20.0)
        return real.invoke(event, context)

    result, _ = run(replace(FEW, objects=10_000, neighbour=None), instead(slow))
    assert result.share is not None
    assert result.share < 0.5
    assert result.missed == ["budget used to 95%"]
    assert result.drain > 2 * result.limit


def test_a_neighbour_with_the_same_token_is_refused_when_the_function_takes_all_of_it() -> None:
    # Ten URLs in a request, so that the limit of requests is reached with few objects.
    few = replace(SCENARIOS["shared-token"], objects=13_000, drain=0)
    [all_of_it, a_part] = varied(few, "requests_per_second=4,3")
    result, _ = run(all_of_it)
    assert result.neighbours_refused > 0
    result, _ = run(a_part)
    assert result.neighbours_refused == 0
    assert result.requests >= 1_300


@pytest.mark.parametrize("status", [503, None])
def test_an_outage_keeps_every_message_from_being_purged_and_then_ends(status: int | None) -> None:
    outage = Outage(0.0, 600.0, status)
    result, books = run(replace(FEW, objects=50, neighbour=None, outage=outage))
    assert books.last_accepted_at > 600.0
    assert result.drain == pytest.approx(books.last_accepted_at - 600.0)
    assert not any(sample.accepted for sample in books.samples if sample.at <= 600.0)
    assert result.most_receives > 1
    assert result.missed == []


def test_environments_are_taken_anew_after_their_time() -> None:
    result, _ = run(replace(FEW, objects=3_000, neighbour=None, drain=0, recycled_after=5.0))
    assert result.environments > 4


def test_the_neighbour_keeps_its_rate() -> None:
    steady = Neighbour("its own token", url_requests=2.0, urls=50, prefix_requests=0.1)
    result, books = run(replace(FEW, objects=12_000, neighbour=steady))
    assert result.neighbours_requests == pytest.approx(2.1 * books.samples[-1].at, abs=4)


def test_the_command_prints_and_writes_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, plots = tmp_path / "figures.json", tmp_path / "plots"
    arguments = ["--scenario", "free-1k", "--processes", "1", "--json", str(file), "--plots", str(plots)]
    assert simulate.main(arguments) == 0
    [figures] = json.loads(file.read_text())
    assert (figures["name"], figures["objects"], figures["missed"]) == ("free-1k", 1_000, [])
    assert "| free-1k" in capsys.readouterr().out
    assert (plots / "free-1k.svg").read_text().startswith("<svg")
    assert simulate.main(["--scenario", "free-1k", "--processes", "1", "--set", "max_concurrency=1,3"]) == 0
    out = capsys.readouterr().out
    assert "free-1k max_concurrency=1 " in out
    assert "free-1k max_concurrency=3 " in out
    assert simulate.main(["--list"]) == 0
    assert "outage-4h-503-10m" in capsys.readouterr().out


def test_the_command_fails_when_a_goal_is_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Pace, "wait", lambda *_: 0.0)
    monkeypatch.setitem(SCENARIOS, "free-1k", replace(FEW, objects=6_000, max_concurrency=8))
    assert simulate.main(["--scenario", "free-1k", "--processes", "1"]) == 1
    assert "MISSED" in capsys.readouterr().out
