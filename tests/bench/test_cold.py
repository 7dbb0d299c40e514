"""The cold path's times are those of the process, its import times are Python's own, and what fails is not timed."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import cold
from tests.bench.effort import Effort
from tests.bench.processes.ground import ZIP, Ground, ground
from tests.bench.processes.imports import by_asker, grouped, imported, imports
from tests.bench.processes.process import Command, Failed, Run, function, script

_SLOW = """
import time
time.sleep(0.3)
def lambda_handler(event, context):
    time.sleep(0.2)
    assert context.get_remaining_time_in_millis() > 50_000
    return event["told"]
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Ground]:
    with ground() as place:
        yield place


def own(place: Ground, code: str) -> Command:
    """A function of our own making in the place of a rival."""
    command = place.rival("naive")
    (command.folder / "naive.py").write_text(code)
    return command


def test_a_function_is_timed_from_its_spawn_to_its_answer_and_its_imports_by_themselves(place: Ground) -> None:
    run = function(own(place, _SLOW), place.api, [b'{"told": 7}'])
    assert list(run.answers) == [b"7"]
    assert 300 < run.asked < run.answered - 200
    assert 10 < run.cpu < run.answered - 400  # sleeping takes none


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import no_such_module", "no_such_module"),
        ("def lambda_handler(event, context): raise ValueError('mine')", "mine"),
        ("import os; print('gone', flush=True); os._exit(3)", "gone"),
    ],
)
def test_a_function_that_does_not_answer_is_not_timed(place: Ground, code: str, told: str) -> None:
    with pytest.raises(Failed, match=told):
        function(own(place, code), place.api, [b"{}"])


def test_every_event_is_answered_by_the_same_process(place: Ground) -> None:
    code = "import os\ndef lambda_handler(event, context): return os.getpid()"
    first, second = function(own(place, code), place.api, [b"{}", b"{}"]).answers
    assert first == second


def test_a_script_is_timed_until_it_says_something_and_must_end_well(place: Ground) -> None:
    limit = place.limit(cold.URL)
    (limit.folder / "limit.py").write_text("import os, time; os.write(1, b'200'); time.sleep(0.5)")
    began = time.perf_counter()
    assert script(limit).answered < (time.perf_counter() - began) * 1e3 - 450
    (limit.folder / "limit.py").write_text("import os; os.write(1, b'200'); os._exit(2)")
    with pytest.raises(Failed, match="ended with 2"):
        script(limit)
    (limit.folder / "limit.py").write_text("")
    with pytest.raises(Failed):
        script(limit)


def test_ours_is_the_committed_zip_and_leaves_no_bytecode_behind(place: Ground) -> None:
    command = place.ours()
    run = function(command, place.api, [cold.FROM_QUEUE])
    assert list(run.answers) == [b'{"batchItemFailures": []}']
    place.check([cold.URL])
    with zipfile.ZipFile(ZIP) as archive:
        files = {path.relative_to(command.folder) for path in command.folder.rglob("*.*")}
        assert files == {Path(name) for name in archive.namelist()}


def test_the_figures_are_of_all_rounds_but_the_first_and_taken_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def subjects_on(_: Ground) -> cold.Subjects:
        times = {cold.QUEUED: 40.0, cold.DIRECT: 30.0, "naive": 100.0, "sdk": 200.0, cold.COMPILED: 150.0}
        times |= {"limit": 20.0, "bare": 16.0}

        def taken(name: str) -> Run:
            order.append(name)
            # The first round is slow, as it reads files that are not in memory yet.
            answered = times[name] if len(order) > len(times) else 9_999.0
            return Run(answered, answered / 2, answered / 4, 0.0, [b""], "")

        return {name: lambda name=name: taken(name) for name in times}  # type: ignore[misc]

    monkeypatch.setattr(cold, "subjects_on", subjects_on)
    part = cold.measure(Effort(repeats=15))
    figures = {figure.name: figure for figure in part.figures}
    ratios = [figures[f"ours / {name}"] for name in ("naive", "sdk", "limit", "bare")]
    assert [(ratio.value, ratio.high, ratio.at_most) for ratio in ratios] == [
        (0.4, 0.4, 0.45),
        (0.2, 0.2, 0.25),
        (2.0, 2.0, 1.6),
        (2.5, 2.5, None),
    ]
    assert all(figure.samples == 15 for figure in part.figures)
    assert figures["ours, invoked by S3 / naive"].value == 0.3
    assert len(order) == 16 * 7
    rounds = [tuple(order[at : at + 7]) for at in range(0, len(order), 7)]
    assert all(len(set(each)) == 7 for each in rounds)
    assert len({each[0] for each in rounds}) > 3


_TOLD = """\
import time: self [us] | cumulative | imported package
import time:       900 |        900 |   encodings
import time:       100 |       1000 | site
import time:       500 |        500 |   awslambdaric.bootstrap
import time:       500 |       1000 | awslambdaric
a line of the function's
import time:      1000 |       1000 | cf_purge
import time:      2000 |       2000 |     ssl
import time:      3000 |       5000 |   urllib3
import time:      4000 |       9000 | cf_purge.handler
import time:       250 |        250 | queue
"""


def test_import_times_are_told_by_module_by_group_and_by_who_asked() -> None:
    assert imported(_TOLD)["urllib3"] == 3.0
    assert grouped(Run(20.0, 0.0, 0.0, 0.0, [], _TOLD)) == {
        "interpreter and site": 1.0,
        "the runtime loop": 1.0,
        "the function's own modules, compiled each time": 5.0,
        "ssl": 2.0,
        "urllib3": 3.0,
        "http, email, sockets": 0.25,
        "no import: the interpreter itself, the requests, the answer": 7.75,
    }
    assert list(by_asker(_TOLD).values()) == [1.0, 1.0, 10.25]
    of_one_module = _TOLD.replace("| cf_purge\n", "|   botocore\n").replace("cf_purge.handler", "naive")
    assert list(by_asker(of_one_module).values()) == [1.0, 1.0, 10.25]


def test_python_itself_tells_the_import_times_of_the_function(place: Ground) -> None:
    part = imports(place, place.ours(), [cold.FROM_QUEUE], 1)
    values = {figure.name: figure.value for figure in part.figures}
    for name in (
        "the function's own modules, compiled each time",
        "the runtime loop",
        "apart: to open one TLS context",
    ):
        assert values[name] > 1


def test_nothing_but_what_lambda_gives_is_in_the_environment(place: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    assert "PYTHONPATH" not in place.ours().environment
    assert place.ours().environment["PYTHONDONTWRITEBYTECODE"] == "1"
