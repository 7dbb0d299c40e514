"""Virtual environments: made once, made anew when they must be, never half."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.tools.project import Project, executable, one_sentence
from tools import environments
from tools.problems import Problem

# Stands in for Python: `-m venv DIR` puts a copy of it there, and every call is noted.
FAKE = """
echo "$*" >> '{calls}'
if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; {venv}; fi
if [ "$2" = pip ]; then {pip}; fi
"""


class Machine:
    """A root with a list of requirements, and an interpreter that notes what it is asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.list = root / "requirements" / "unit.txt"
        self.list.parent.mkdir()
        self.list.write_text("boto3==1\n")
        self.home = root / "cache" / "environments" / "unit"
        self.interpreter = self.python("python3")

    def python(self, name: str, *, venv: str = "exit 0", pip: str = "exit 0") -> str:
        script = FAKE.format(calls=self.root / "calls", venv=venv, pip=pip)
        return str(executable(self.root / "bin" / name, script))

    def ready(self, interpreter: str | None = None) -> Path:
        return environments.ready("unit", interpreter=interpreter or self.interpreter)

    def calls(self) -> list[str]:
        """Return what was called since this was last asked."""
        log = self.root / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def made(tmp_path: Path) -> Machine:
    """A machine whose environment is ready."""
    machine = Machine(tmp_path)
    machine.ready()
    machine.calls()
    return machine


def test_an_environment_is_made_from_its_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine(tmp_path)
    assert machine.ready() == machine.home / "bin" / "python"
    venv, pip = machine.calls()
    assert venv == f"-m venv {machine.home}"
    assert pip.startswith("-m pip install")
    assert pip.endswith(f"-r {machine.list}")
    assert capsys.readouterr().out == "Setting up cache/environments/unit from requirements/unit.txt ...\n"


def test_an_environment_that_is_ready_costs_nothing(made: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert made.ready() == made.home / "bin" / "python"
    assert made.calls() == []
    assert capsys.readouterr().out == ""


def test_the_name_of_the_list_may_differ(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    python = environments.ready("unit-3.99", requirements="unit", interpreter=machine.interpreter)
    assert python == tmp_path / "cache" / "environments" / "unit-3.99" / "bin" / "python"
    assert machine.calls()[1].endswith(f"-r {machine.list}")


@pytest.mark.parametrize("change", ["list", "interpreter", "python gone", "mark gone", "folder gone"])
def test_an_environment_is_made_anew_with_nothing_of_the_old(made: Machine, change: str) -> None:
    (made.home / "left-over").touch()
    interpreter = made.interpreter
    if change == "list":
        made.list.write_text("boto3==2\n")
    elif change == "interpreter":
        interpreter = made.python("python4")
    elif change == "python gone":
        (made.home / "bin" / "python").unlink()
    elif change == "mark gone":
        (made.home / "made-from").unlink()
    else:
        made.home.rename(made.root / "moved")
    made.ready(interpreter)
    assert len(made.calls()) == 2
    assert not (made.home / "left-over").exists()
    made.ready(interpreter)
    assert made.calls() == []


@pytest.mark.parametrize(
    ("venv", "pip", "remedy", "reason"),
    [
        ("echo ensurepip is not available; exit 1", "exit 0", "python3-venv", "(ensurepip is not available)"),
        ("echo No module named venv >&2; exit 1", "exit 0", "python3-venv", "(No module named venv)"),
        ("exit 0", "printf 'a\\nb\\nc\\nd\\n' >&2; exit 1", "check the network and pip's index", "(b c d)"),
        ("exit 0", "exit 1", "check the network and pip's index", ""),
        ("exit 0", "kill -9 $$", "check the network and pip's index", ""),
    ],
)
def test_a_failure_is_one_sentence_with_the_remedy_and_the_next_run_begins_anew(
    tmp_path: Path, venv: str, pip: str, remedy: str, reason: str
) -> None:
    machine = Machine(tmp_path)
    machine.python("python3", venv=venv, pip=pip)
    for _ in range(2):
        with pytest.raises(Problem) as caught:
            machine.ready()
        assert remedy in str(caught.value)
        assert str(caught.value).endswith(reason)
        assert one_sentence(str(caught.value))
        assert machine.calls()[0] == f"-m venv {machine.home}"
    machine.python("python3")
    machine.ready()
    assert len(machine.calls()) == 2


def test_a_failure_while_it_is_made_anew_does_not_bring_the_old_one_back(made: Machine) -> None:
    before = made.list.read_text()
    made.list.write_text("boto3==2\n")
    made.python("python3", pip="exit 1")
    with pytest.raises(Problem):
        made.ready()
    made.list.write_text(before)
    made.python("python3")
    made.calls()
    made.ready()
    assert len(made.calls()) == 2


def test_an_environment_whose_making_was_interrupted_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path)
    run = subprocess.run

    def interrupted(command: list[str], **options: Any) -> Any:
        done = run(command, **options)
        if "pip" in command:
            raise KeyboardInterrupt
        return done

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            machine.ready()
    machine.calls()
    machine.ready()
    assert len(machine.calls()) == 2


def test_pip_asks_nobody_anything(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.python("python3", venv="read answer && exit 1; exit 0", pip="read answer && exit 1; exit 0")
    terminal, typed, before = *os.pipe(), os.dup(0)
    os.write(typed, b"yes\nyes\n")
    os.dup2(terminal, 0)
    try:
        machine.ready()
    finally:
        os.dup2(before, 0)
        for opened in (terminal, typed, before):
            os.close(opened)
    assert len(machine.calls()) == 2


# ---- With a real Python and a real pip ----


def wheel(folder: Path) -> str:
    """Make a wheel of one module and return the line that requires it."""
    path = folder / "tiny-1.0-py3-none-any.whl"
    info = "tiny-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return f"./{path.name}\n"


def test_an_environment_can_be_made_anew_from_inside_itself(project: Project) -> None:
    project.write("requirements/dev.txt", wheel(project.root))
    assert project.run(sys.executable, "-m", "venv", "--without-pip", ".venv").returncode == 0
    inside = project.root / ".venv" / "bin" / "python"
    make = "from tools import environments; environments.ready('dev'); import json, decimal, sqlite3"
    done = project.run(inside, "-c", make)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Setting up .venv from requirements/dev.txt ...\n"
    told = project.run(inside, "-c", "import sys, tiny; print(tiny.__file__.startswith(sys.prefix), sys.base_prefix)")
    assert told.stdout == f"True {sys.base_prefix}\n"
    assert project.run(inside, "-c", make).stdout == ""
