"""What is published is what was measured: page and pictures follow from the figures alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from tests.bench import __main__ as command
from tests.bench import machine, pictures, published, summary
from tests.bench.bars import Bar, Panel, drawn
from tests.bench.effort import QUICK, Effort
from tests.bench.measured import Figure, Part, counted, median_of, ratio_of
from tests.bench.published import Record
from tests.bench.table import rounded, table

TURNS = [100.0, 101.0, 102.0, 103.0, 104.0]
HALF = Part(
    "Cold path",
    "python -m tests.bench.cold",
    [ratio_of("ours / naive", TURNS, [200.0] * 5, 0.6), ratio_of("ours / limit", TURNS, [50.0] * 5, 1.6)],
    {"ours, ms": TURNS, "naive, ms": [200.0] * 5, "ours, requests": [1.0]},
    ["A note."],
)
STAGED = Part(
    "Fresh", "x", [], {"warm, in all, ms": [9.0, 11.0], "warm, queue, ms": [4.0, 6.0], "warm, API, ms": [5.0]}
)


def record(part: Part, commit: str = "abc") -> Record:
    return Record(part, "2026-11-23", commit, "a machine", {"Python": "3.13.0"})


def shapes(svg: str, kind: str) -> list[ElementTree.Element]:
    return [
        each
        for each in ElementTree.fromstring(svg).iter(f"{{http://www.w3.org/2000/svg}}{kind}")  # noqa: S314
        if each.get("class") != "paper"
    ]


def texts(svg: str) -> list[str | None]:
    return [each.text for each in shapes(svg, "text")]


# ---- What is committed ----


def test_the_committed_page_and_pictures_are_those_of_the_committed_figures() -> None:
    text = (published.FOLDER / "results.json").read_text(encoding="utf-8")
    wanted = {"results.json": text, **published.pages(published.read(text))}
    assert {path.name: path.read_text(encoding="utf-8") for path in published.FOLDER.iterdir()} == wanted, (
        "run `.venv/bin/python -m tests.bench --redraw`"
    )


def test_the_readme_has_the_committed_figures() -> None:
    text = summary.README.read_text(encoding="utf-8")
    assert "cold start" in text
    assert text == summary.written(text, published.published()), "run `python -m tests.bench --redraw`"


def test_committed_timings_are_of_fifteen_or_more_and_none_was_made_quickly() -> None:
    for name, each in published.published().items():
        assert name in command.PARTS
        for figure in each.part.figures:
            assert figure.unit != "times" or figure.samples >= Effort().repeats, figure


@pytest.mark.parametrize("part", command.PARTS)
def test_every_figure_has_a_command_that_finds_what_it_needs(part: str) -> None:
    program = published.published()[part].part.command
    assert program == f"python -m tests.bench.{part}"
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", f"import tests.bench.{part}"],
        cwd=command._ROOT,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


# ---- Figures as JSON and back ----


def test_what_is_written_is_read_again() -> None:
    records = {"cold": record(HALF)}
    again = published.read(published.document(records))
    assert published.document(again) == published.document(records)
    assert again["cold"].part.figures[0] == HALF.figures[0]
    assert again["cold"].part.samples == HALF.samples
    assert (again["cold"].commit, again["cold"].versions) == ("abc", {"Python": "3.13.0"})


def test_samples_have_six_digits() -> None:
    part = replace(HALF, samples={"ours, ms": [1234.567891]})
    assert json.loads(published.document({"cold": record(part)}))["cold"]["part"]["samples"] == {"ours, ms": [1234.57]}


def test_the_circumstances_of_now_are_told() -> None:
    found = published.record_of(HALF)
    assert "cores" in found.machine
    assert "GB" in found.machine
    assert found.versions["Python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"urllib3", "botocore"} <= set(found.versions)
    assert len(found.date) == len("2026-11-23")


def test_a_changed_checkout_is_told_but_what_is_published_on_the_way_is_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    assert machine.commit() == "unknown"
    page, summarised, code = (tmp_path / name for name in ("docs/benchmarks/README.md", "README.md", "main.tf"))
    page.parent.mkdir(parents=True)
    for file in (page, summarised, code):
        file.write_text("old")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True)
    page.write_text("new")
    summarised.write_text("new")
    assert re.fullmatch(r"[0-9a-f]{12}", machine.commit())
    code.write_text("new")
    assert re.fullmatch(r"[0-9a-f]{12} with changes", machine.commit())


# ---- The page ----


def test_goals_are_met_or_missed_in_plain_sight() -> None:
    page = published.pages({"cold": record(HALF)})["README.md"]
    assert "| ours / naive | 0.51×  | 0.505 … 0.515 | 5       | ≤ 0.6× | met        |" in page
    assert "| ours / limit | 2.04×  | 2.02 … 2.06   | 5       | ≤ 1.6× | **missed** |" in page
    assert "![Cold path](cold.svg)" in page
    assert "\nA note.\n" in page
    assert "- `cold`: 2026-11-23, commit abc, on a machine; Python 3.13.0." in page


def test_parts_that_were_measured_alike_share_a_line_and_others_have_their_own() -> None:
    page = published.pages({name: record(HALF) for name in ("cold", "warm")})["README.md"]
    assert "- `cold`, `warm`: 2026-11-23" in page
    page = published.pages({"cold": record(HALF), "warm": record(HALF, commit="def")})["README.md"]
    assert "- `cold`: 2026-11-23, commit abc" in page
    assert "- `warm`: 2026-11-23, commit def" in page


def test_a_part_without_samples_has_no_picture() -> None:
    files = published.pages({"cost": record(replace(HALF, samples={}))})
    assert list(files) == ["README.md"]
    assert ".svg" not in files["README.md"].partition("## Cold path")[2]


def test_pictures_of_nothing_are_removed_and_other_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "old.svg").write_text("")
    (tmp_path / "notes.txt").write_text("")
    published.publish({"cold": record(HALF)}, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", "cold.svg", "results.json", "notes.txt"}
    assert published.published(tmp_path)["cold"].part.title == "Cold path"
    assert published.published(tmp_path / "nowhere") == {}


def test_what_is_counted_has_no_quartiles() -> None:
    text = table([counted("requests", "requests", 1234.0), median_of("took", "ms", [1.0, 2.0, 3.0], 1.5)])
    assert "| requests | 1,234 requests | counted   | -       | -     |            |" in text
    assert "| took     | 2 ms           | 1.5 … 2.5 | 3       | ≤ 1.5 | **missed** |" in text
    assert [rounded(value) for value in (0.4567, 12.34, 123.4, 5.0, 0.0)] == ["0.457", "12.3", "123", "5", "0"]


# ---- Pictures ----


def test_a_bar_is_as_long_as_its_median_and_its_whiskers_are_the_quartiles() -> None:
    svg = drawn("t", [Panel("ms", [Bar("a", [("", 50.0)], (25.0, 75.0)), Bar("b", [("", 100.0)])], goal=80.0)])
    assert [(each.get("x"), each.get("width")) for each in shapes(svg, "rect")] == [
        ("250.0", "260.0"),
        ("250.0", "520.0"),
    ]
    lines = {each.get("class"): each for each in shapes(svg, "line") if each.get("y1") == each.get("y2")}
    assert (lines["spread"].get("x1"), lines["spread"].get("x2")) == ("380.0", "640.0")
    assert [each.get("x1") for each in shapes(svg, "line") if each.get("class") == "goal"] == ["666.0"]
    assert {"t", "ms", "a", "b", "50", "100", "goal"} <= set(texts(svg))
    assert "prefers-color-scheme: dark" in svg


def test_a_logarithmic_axis_gives_each_power_of_ten_the_same_room() -> None:
    svg = drawn("t", [Panel("requests", [Bar(f"{n}", [("", n)]) for n in (1.0, 10.0, 100.0)], None, True)])
    widths = [float(each.get("width") or 0) for each in shapes(svg, "rect")]
    assert widths[2] == 520.0
    assert widths[1] - widths[0] == pytest.approx(widths[2] - widths[1], abs=0.2)


def test_there_is_a_panel_for_each_unit_and_a_colour_for_what_stands_first() -> None:
    part = replace(
        HALF, samples={"1,000, ms": [1.0], "1,000, direct, ms": [1.0], "1,500, ms": [2.0], "1,000, MB": [9.0]}
    )
    svg = pictures.of(part)
    assert [text for text in texts(svg) if text in ("ms", "MB")] == ["ms", "MB"]
    assert [each.get("class") for each in shapes(svg, "rect")] == ["b0", "b0", "b1", "b0"]
    assert "1,000, direct" in texts(svg)
    assert "goal" not in texts(svg)


def test_the_only_goal_of_a_unit_is_drawn_and_a_wide_range_is_logarithmic() -> None:
    part = Part("m", "x", [counted("peak", "MB", 80.0, 96.0)], {"few, MB": [40.0], "many, MB": [80.0]})
    assert "goal" in texts(pictures.of(part))
    assert "0" in texts(pictures.of(part))
    two = replace(part, figures=[*part.figures, counted("few", "MB", 40.0, 48.0)])
    assert "goal" not in texts(pictures.of(two))
    wide = pictures.of(Part("m", "x", [], {"few, requests": [1.0], "many, requests": [118.0]}))
    assert {"1", "10", "100", "1 k"} <= set(texts(wide))
    assert "0" not in texts(wide)


def test_stages_are_stacked_and_named_and_the_whole_is_not_one_of_them() -> None:
    svg = pictures.of(STAGED)
    assert {"queue", "API", "warm", "10"} <= set(texts(svg))
    assert "in all" not in texts(svg)
    bars = [each for each in shapes(svg, "rect") if each.get("height") == "20"]
    assert [(each.get("x"), each.get("width")) for each in bars] == [("250.0", "260.0"), ("510.0", "260.0")]


# ---- The command ----


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[Effort]:
    """Two parts of which one misses a goal, and one that fails; the efforts they were asked for."""
    efforts: list[Effort] = []

    def module(name: str, part: Part | None) -> None:
        def measure(effort: Effort) -> Part:
            efforts.append(effort)
            if part is None:
                raise RuntimeError("no local AWS")
            return part

        found = ModuleType(name)
        found.measure = measure  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, f"tests.bench.{name}", found)

    module("one", HALF)
    module("two", STAGED)
    module("bad", None)
    monkeypatch.setattr(command, "PARTS", ("one", "two", "bad"))
    monkeypatch.setattr(published, "record_of", record)
    return efforts


def test_a_missed_goal_is_said_and_is_an_error_only_when_asked(
    parts: list[Effort], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert command.main(["one", "two"], tmp_path) == 0
    assert "2 figures, 1 goals missed; ours / limit" in capsys.readouterr().out
    assert command.main(["one", "--strict"], tmp_path) == 1
    assert command.main(["two", "--strict"], tmp_path) == 0
    assert not list(tmp_path.iterdir())


def test_a_part_that_fails_takes_nothing_from_the_others(
    parts: list[Effort], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "figures.json"
    assert command.main(["bad", "one", "--json", str(file)], tmp_path) == 1
    said = capsys.readouterr()
    assert "not measured: bad" in said.err
    assert "RuntimeError: no local AWS" in said.err
    assert list(published.read(file.read_text())) == ["one"]


def test_parts_that_were_not_measured_stay_published_as_they_were(parts: list[Effort], tmp_path: Path) -> None:
    published.publish({"two": record(STAGED, commit="older")}, tmp_path)
    assert command.main(["one", "--docs"], tmp_path) == 0
    assert [(name, each.commit) for name, each in published.published(tmp_path).items()] == [
        ("one", "abc"),
        ("two", "older"),
    ]
    assert (tmp_path / "one.svg").exists()


def test_pictures_are_drawn_again_without_measuring(parts: list[Effort], tmp_path: Path) -> None:
    published.publish({"one": record(HALF)}, tmp_path)
    before = (tmp_path / "one.svg").read_text()
    (tmp_path / "one.svg").unlink()
    assert command.main(["--redraw"], tmp_path) == 0
    assert (tmp_path / "one.svg").read_text() == before
    assert parts == []


def test_the_effort_is_the_one_asked_for(parts: list[Effort], tmp_path: Path) -> None:
    for arguments in (["one"], ["one", "--quick"], ["one", "--repeats", "40"], ["one", "--quick", "--repeats", "5"]):
        command.main(arguments, tmp_path)
    assert parts == [Effort(), QUICK, replace(Effort(), repeats=40), replace(QUICK, repeats=5)]


@pytest.mark.parametrize("arguments", [["--quick", "--docs"], ["--repeats", "14", "--docs"], ["three"]])
def test_what_cannot_be_published_or_measured_is_refused_before_anything_runs(
    parts: list[Effort], arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments, tmp_path)
    assert stopped.value.code == 2
    assert parts == []
    assert ("leave out --quick" in capsys.readouterr().err) == ("--docs" in arguments)


def test_a_goal_is_met_up_to_its_value() -> None:
    assert Figure("a", 1.0, "times", 1.0, 1.0, 15, 1.0).is_met
    assert not Figure("a", 1.01, "times", 1.0, 1.0, 15, 1.0).is_met
