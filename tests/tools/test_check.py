"""`python -m tools.check`: stages, their summary, and end to end beside them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.tools.lifeline import Lifeline
from tests.tools.project import Project
from tools import check, environments, terraform
from tools.problems import Problem

# In the copy nothing is installed: the environments are there, and Terraform needs nothing.
STUBS = {
    "environments": "def ready(name):\n    pass\n",
    "terraform": "import os\n\n\ndef environment():\n    return dict(os.environ)\n",
    "matrix": "def run_all():\n    pass\n",
}
# `make test` with one stage of its own.
MAKE_TEST = "import sys; from tools import check; check.STAGES = {{'one': {stage}}}; sys.exit(check.main([]))"


def stage(error: Exception | None = None) -> Callable[[], None]:
    def run() -> None:
        if error:
            raise error

    return run


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> dict[str, check.Stage]:
    """The stages, all of which are well until a test says otherwise."""
    mine: dict[str, check.Stage] = {"first": stage(), "second": stage(), "third": stage()}
    monkeypatch.setattr(check, "STAGES", mine)
    return mine


@pytest.fixture
def stubbed(project: Project) -> Project:
    for name, text in STUBS.items():
        project.write(f"tools/{name}.py", text)
    return project


# ---- Named stages ----


def test_an_unknown_stage_is_status_2_and_nothing_runs(
    stages: dict[str, check.Stage], capsys: pytest.CaptureFixture[str]
) -> None:
    stages["first"] = lambda: pytest.fail("it ran")
    assert check.main(["first", "nonsense", "foolery"]) == 2
    said = capsys.readouterr()
    assert said == ("", "There is no stage foolery, nonsense; there are first, second, third.\n")


@pytest.mark.parametrize("error", [check.Failed("ruff ended with 1"), Problem("no Terraform: install it.")])
def test_a_failing_stage_is_status_1_and_keeps_none_of_the_others_from_running(
    stages: dict[str, check.Stage], capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    stages["second"] = stage(error)
    assert check.main(["first", "second", "third"]) == 1
    said = capsys.readouterr()
    summary = said.out[said.out.index("\n\n", said.out.index("== third")) :].split("\n")
    assert [line.split()[:2] for line in summary if line][:3] == [
        ["first", "ok"],
        ["second", "FAILED"],
        ["third", "ok"],
    ]
    assert summary[-2] == "2 passed, 1 failed"
    assert said.err == f"second: {error}\n"


def test_stages_that_are_well_are_status_0_and_only_the_named_run(
    stages: dict[str, check.Stage], capsys: pytest.CaptureFixture[str]
) -> None:
    stages["second"] = lambda: pytest.fail("it ran")
    assert check.main(["third", "first"]) == 0
    out = capsys.readouterr().out
    assert out.index("== third") < out.index("== first")
    assert out.endswith("2 passed, 0 failed\n")


def test_a_command_that_fails_says_which_and_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terraform, "environment", dict)
    check.run(sys.executable, "-c", "pass")
    with pytest.raises(check.Failed, match=r"-c import sys; sys.exit\(3\) ... ended with 3"):
        check.run(sys.executable, "-c", "import sys; sys.exit(3)")


def test_a_stage_of_its_own_makes_the_environment_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(environments, "ready", made.append)
    monkeypatch.setattr(check, "run", lambda *command: made.append("tests/e2e" if "tests/e2e" in command else ""))
    assert check.main(["e2e"]) == 0
    assert made == ["compliance", "tests/e2e"]


# ---- All of them, end to end beside the others ----


@pytest.mark.parametrize(("passes", "status"), [(True, 0), (False, 1)])
def test_end_to_end_runs_beside_the_others_and_its_output_and_verdict_come_last(
    stubbed: Project, passes: bool, status: int
) -> None:
    stubbed.write("tests/e2e/test_it.py", f"def test_it():\n    assert {passes}\n")
    done = stubbed.python(MAKE_TEST.format(stage="lambda: None"))
    assert done.returncode == status, done.stderr
    order = ["e2e: runs beside", "== one", "== e2e", "test_it", "\none ", "\ne2e ", "in all", " passed, "]
    places = [done.stdout.index(words, done.stdout.index("== e2e") if words.startswith("\n") else 0) for words in order]
    assert places[:3] == sorted(places[:3])
    assert done.stdout.splitlines()[-1] == f"{1 + passes} passed, {1 - passes} failed"
    assert (stubbed.root / ".logs" / "e2e.out").read_text() in done.stdout


def test_a_network_that_is_down_fails_end_to_end_alone(stubbed: Project) -> None:
    stubbed.write(
        "tools/environments.py",
        "from tools.problems import Problem\n\n\ndef ready(name):\n    raise Problem('check the network.')\n",
    )
    done = stubbed.python(MAKE_TEST.format(stage="lambda: None"))
    assert done.returncode == 1
    assert "e2e: check the network.\n" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 passed, 1 failed"
    assert "Traceback" not in done.stdout + done.stderr


@pytest.fixture
def under_way(stubbed: Project, lifeline: Lifeline) -> Iterator[subprocess.Popen[str]]:
    """`make test` in the middle of a stage, with a test end to end that has started a process."""
    test = lifeline.holder("test", beside=lifeline.holder("its process"))
    stubbed.write("tests/e2e/test_it.py", f"def test_it():\n    exec({test!r}, {{}})\n")
    process = subprocess.Popen(
        [sys.executable, "-c", MAKE_TEST.format(stage="lambda: __import__('time').sleep(60)")],
        cwd=stubbed.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert lifeline.heard("test lives")
        assert lifeline.heard("its process lives")
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_end_to_end_is_stopped_with_all_it_started_when_the_checks_are(
    under_way: subprocess.Popen[str], lifeline: Lifeline, number: signal.Signals
) -> None:
    under_way.send_signal(number)
    assert lifeline.silent(within=15)
    assert under_way.wait(10) not in (0, None)
