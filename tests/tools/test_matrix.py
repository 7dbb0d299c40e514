"""Which Pythons the unit tests run on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.tools.project import executable
from tools import environments, matrix
from tools.problems import Problem


class Machine:
    """A machine with the Pythons that a test gives it."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "bin"
        self.pyenv = root / "pyenv"

    def on_path(self, version: str, script: str | None = None) -> str:
        return str(executable(self.bin / f"python{version}", script or f"echo Python {version}.1"))

    def managed(self, full: str, script: str | None = None) -> str:
        version = ".".join(full.split(".")[:2])
        home = self.pyenv / "versions" / full / "bin"
        return str(executable(home / f"python{version}", script or f"echo Python {full}"))


@pytest.fixture
def pythons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine that has none but the one that runs, which is too new."""
    machine = Machine(tmp_path)
    monkeypatch.setenv("PATH", f"{machine.bin}:/usr/bin/nowhere")
    monkeypatch.setenv("PYENV_ROOT", str(machine.pyenv))
    monkeypatch.setattr(sys, "executable", str(executable(tmp_path / "python", "echo Python 3.99.0")))
    return machine


def test_a_machine_with_none_has_none(pythons: Machine) -> None:
    assert matrix.interpreters() == {}


def test_pythons_are_found_on_the_path_and_with_the_version_manager_and_the_one_that_runs(
    pythons: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = str(executable(pythons.bin / "running", "echo Python 3.14.0rc1"))
    monkeypatch.setattr(sys, "executable", running)
    assert matrix.interpreters() | {"3.12": pythons.on_path("3.12"), "3.13": pythons.managed("3.13.0")} == {
        **matrix.interpreters(),
        "3.14": running,
    }
    assert list(matrix.interpreters()) == ["3.12", "3.13", "3.14"]


def test_the_version_managers_python_goes_before_the_paths_which_may_be_its_shim(pythons: Machine) -> None:
    pythons.on_path("3.12")
    managed = pythons.managed("3.12.1")
    assert matrix.interpreters() == {"3.12": managed}


def test_versions_that_are_not_supported_are_left_alone(pythons: Machine) -> None:
    for version in ("3.8", "3.10", "3.15"):
        pythons.on_path(version)
        pythons.managed(f"{version}.1")
    assert matrix.interpreters() == {}


def test_the_version_manager_is_found_in_its_default_place(
    pythons: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    pythons.pyenv = tmp_path / ".pyenv"
    managed = pythons.managed("3.11.4")
    for value in (None, ""):
        monkeypatch.delenv("PYENV_ROOT") if value is None else monkeypatch.setenv("PYENV_ROOT", value)
        assert matrix.interpreters() == {"3.11": managed}


BROKEN = {
    "shim without a version": "echo 'python3.13: command not found' >&2; exit 127",
    "another version": "echo Python 3.12.9",
    "a namesake": "echo Python 3.130.1",
    "garbage": "echo Monty Python 3.13.1",
    "no text": r"printf '\377\376'",
    "silence": "exit 0",
    "killed": "kill -9 $$",
    "hanging": "exec sleep 30",
}


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_python_is_passed_over_for_one_that_works(
    pythons: Machine, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    run = subprocess.run

    def impatient(command: list[str], **options: Any) -> Any:
        assert options["timeout"] <= 30
        return run(command, **{**options, "timeout": 0.5})

    monkeypatch.setattr(subprocess, "run", impatient)
    pythons.managed("3.13.9", script)
    assert matrix.interpreters() == {}
    works = pythons.managed("3.13.1")
    assert matrix.interpreters() == {"3.13": works}


@pytest.mark.parametrize("kind", ["not executable", "not for this machine", "folder", "dangling link", "no python"])
def test_what_cannot_be_run_at_all_is_passed_over(pythons: Machine, kind: str) -> None:
    bad = Path(pythons.managed("3.13.9"))
    if kind == "not executable":
        bad.chmod(0o644)
    else:
        bad.unlink()
    if kind == "not for this machine":
        bad.write_bytes(b"\x7fELF\0\0\0\0")
        bad.chmod(0o755)
    elif kind == "folder":
        bad.mkdir()
    elif kind == "dangling link":
        bad.symlink_to(bad.parent / "gone")
    assert matrix.interpreters() == {}
    works = pythons.on_path("3.13")
    assert matrix.interpreters() == {"3.13": works}


# ---- Running them ----

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
OTHERS = [version for version in ("3.12", "3.13") if version != OWN][:2]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Pythons the tests were run on, of a machine that has these; none is really run."""
    versions: list[str] = []

    def noted(version: str) -> bool:
        versions.append(version)
        return True

    monkeypatch.setattr(matrix, "interpreters", lambda: {version: f"/{version}" for version in [OWN, *OTHERS]})
    monkeypatch.setattr(environments, "ready", lambda name, **_: Path(name))
    monkeypatch.setattr(matrix, "_run", noted)
    return versions


def test_every_python_but_this_one_is_tested_and_those_missing_are_named(
    runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    matrix.run_all()
    assert sorted(runs) == OTHERS
    missing = [version for version in matrix.VERSIONS if version not in (OWN, *OTHERS)]
    assert capsys.readouterr().out == f"not on this machine, so not tested: Python {', '.join(missing)}\n"


def test_one_python_that_fails_fails_all_after_all_have_run(runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    noted = matrix._run
    monkeypatch.setattr(matrix, "_run", lambda version: noted(version) and version != OTHERS[0])
    with pytest.raises(Problem):
        matrix.run_all()
    assert sorted(runs) == OTHERS


@pytest.mark.parametrize(("status", "is_well"), [(0, True), (1, False)])
def test_the_tests_are_run_by_that_python_and_their_verdict_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int, is_well: bool
) -> None:
    answers = executable(tmp_path / "python", f'echo "$@"; exit {status}')
    monkeypatch.setattr(environments, "python", lambda name: answers if name == "unit-3.12" else None)
    assert matrix._run("3.12") == is_well
    assert "Python 3.12: -m pytest tests/unit" in capsys.readouterr().out
