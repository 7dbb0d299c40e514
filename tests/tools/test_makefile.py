"""`make`, as it is typed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools.project import Project, executable
from tools import check
from tools.problems import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z0-9_-]+):", MAKEFILE, re.MULTILINE)
PHONY = next(re.finditer(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE))[1].split()


@pytest.fixture
def env(machine: dict[str, str]) -> dict[str, str]:
    """This machine's environment without what a make around these tests put there."""
    return {name: value for name, value in machine.items() if not name.startswith(("MAKE", "MFLAGS"))}


def test_bare_make_shows_every_target_with_a_line_each(project: Project, env: dict[str, str]) -> None:
    done = project.run("make", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [re.fullmatch(r"  make (\S+) {2,}(\S.*)", line) for line in done.stdout.splitlines()]
    shown = {line[1]: line[2] for line in lines if line}
    assert len(shown) == len(lines)
    assert list(shown) == PHONY
    assert len(set(shown.values())) == len(PHONY)
    assert sorted(os.listdir(project.root)) == sorted(
        [".ci", "Makefile", "examples", "requirements", "tools", "versions.tf"]
    )


@pytest.mark.parametrize("target", TARGETS)
def test_a_file_named_as_a_target_does_not_keep_it_from_running(
    project: Project, env: dict[str, str], target: str
) -> None:
    """So every target that makes no file of its name is phony."""
    if not (project.root / target).exists():
        project.write(target, "")
    done = project.run("make", "--dry-run", target, env=env)
    assert done.returncode == 0, done.stderr
    assert "up to date" not in done.stdout
    assert "Nothing to be done" not in done.stdout
    assert done.stdout.strip()


def test_every_target_is_phony_and_every_phony_name_is_a_target() -> None:
    assert sorted(TARGETS) == sorted(PHONY)


def test_every_stage_of_the_checks_has_a_target_and_the_whole_is_make_test() -> None:
    called = re.findall(r"^(\S+): setup ##.*\n\t@\$\(VENV\) -m tools\.check ?(\S*)$", MAKEFILE, re.MULTILINE)
    assert dict(called) == {"test": "", **{name: name for name in check.STAGES}}


def test_every_script_and_module_that_a_target_runs_is_there() -> None:
    scripts = re.findall(r"\$\(PYTHON\) (\S+\.py)", MAKEFILE)
    modules = re.findall(r"-m ((?:tools|tests)\S*)", MAKEFILE)
    assert scripts
    assert modules
    missing = [name for name in scripts if not (ROOT / name).is_file()]
    files = {name: (f"{name.replace('.', '/')}.py", f"{name.replace('.', '/')}/__main__.py") for name in modules}
    missing += [name for name in modules if not any((ROOT / file).is_file() for file in files[name])]
    assert missing == []


def test_without_the_set_up_no_check_is_tried(project: Project, env: dict[str, str], tmp_path: Path) -> None:
    python = executable(tmp_path / "python", "echo no >&2; exit 1")
    executable(project.root / ".venv" / "bin" / "python", "echo checked")
    done = project.run("make", "unit", f"PYTHON={python}", env=env)
    assert done.returncode != 0
    assert "checked" not in done.stdout
    executable(tmp_path / "python", 'test "$1" = tools/setup.py')
    assert project.run("make", "unit", f"PYTHON={python}", env=env).stdout == "checked\n"


def test_clean_removes_what_was_made_and_nothing_else(project: Project, env: dict[str, str]) -> None:
    kept = ["examples/local/main.tf", "examples/basic/terraform.tfvars", "lambda/cf_purge/__init__.py"]
    made = [
        ".venv/bin/python",
        ".cache/provider.json",
        ".logs/e2e.out",
        ".terraform/modules.json",
        ".terraform.lock.hcl",
    ]
    made += ["examples/basic/.terraform/providers/x", "examples/basic/.terraform.lock.hcl"]
    made += [".pytest_cache/x", ".mypy_cache/x", ".ruff_cache/x", ".hypothesis/x", ".coverage"]
    for name in kept + made:
        project.write(name, "")
    assert project.run("make", "clean", env=env).returncode == 0
    assert [name for name in kept + made if (project.root / name).exists()] == kept
    assert not (project.root / "examples" / "basic" / ".terraform").exists()


@pytest.mark.parametrize("status", [0, 2])
def test_the_ci_runs_make_test_in_the_checkout_wherever_it_is_called_from(
    project: Project, env: dict[str, str], tmp_path: Path, status: int
) -> None:
    executable(tmp_path / "bin" / "make", f'echo "$PWD: $*"; exit {status}')
    done = subprocess.run(
        [project.root / ".ci" / "run"],
        cwd=tmp_path,
        env={**env, "PATH": f"{tmp_path / 'bin'}:{env['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (status, f"{project.root}: test\n", "")


def test_the_makefile_needs_no_more_than_a_plain_machine_has() -> None:
    commands = set(re.findall(r"(?:@|\| |; )([a-z]+) ", MAKEFILE))
    assert commands
    assert commands <= {"grep", "sed", "expand", "rm", "find"}
    assert shutil.which("make")
