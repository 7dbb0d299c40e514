"""`python tools/setup.py`: started by whatever Python there is."""

from __future__ import annotations

import ast
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.project import Project, executable, one_sentence
from tools import environments, terraform
from tools.problems import ROOT, Problem

SETUP = ROOT / "tools" / "setup.py"
TOO_OLD = [(2, 7, 18, "final", 0), (3, 6, 15, "final", 0), (3, 10, 13, "final", 0)]
# Nothing listens there.
NO_NETWORK = {
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "0",
}
NAMES = ["python2", "python2.7", *(f"python3.{minor}" for minor in range(4, 11))]


def old_interpreters() -> list[str]:
    """Return every Python of this machine that is too old, one for each version."""
    managed = Path(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")).glob("versions/*/bin/python")
    found: dict[str, str] = {}
    for candidate in [*map(str, managed), *(path for path in map(shutil.which, NAMES) if path)]:
        code = "import sys; sys.version_info < (3, 11) and sys.stdout.write('%d.%d' % sys.version_info[:2])"
        told = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False).stdout
        if told:
            found.setdefault(told, candidate)
    return list(found.values())


def main_of_setup() -> Callable[[list[str]], int]:
    main: Callable[[list[str]], int] = runpy.run_path(str(SETUP))["main"]
    return main


# ---- A Python that is too old ----


@pytest.mark.parametrize("version", TOO_OLD)
def test_a_python_that_is_too_old_is_told_so_before_anything_is_imported(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int, str, int]
) -> None:
    code = compile(SETUP.read_text(), str(SETUP), "exec")
    monkeypatch.setitem(sys.modules, "tools", None)  # importing it fails
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", version)
        with pytest.raises(SystemExit) as caught:
            exec(code, {"__name__": "__main__", "__file__": str(SETUP)})  # noqa: S102
    assert str(caught.value.code) == (
        f"Python {version[0]}.{version[1]} is too old: "
        "install Python 3.11 or newer and run `make PYTHON=/path/to/python3 ...`."
    )


def test_the_oldest_python_that_will_do_is_not_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    code = compile(SETUP.read_text(), str(SETUP), "exec")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", (3, 11, 0, "final", 0))
        namespace: dict[str, object] = {"__name__": "setup", "__file__": str(SETUP)}
        exec(code, namespace)  # noqa: S102
    assert callable(namespace["main"])


def test_the_real_old_interpreters_of_this_machine_say_it_and_no_more(machine: dict[str, str]) -> None:
    """On a machine that has none, the test above and the one below speak for them."""
    for interpreter in old_interpreters():
        done = subprocess.run([interpreter, SETUP], capture_output=True, text=True, check=False, env=machine)
        assert (done.returncode, done.stdout) == (1, ""), interpreter
        assert re.fullmatch(r"Python \d\.\d+ is too old: install Python 3\.11 or newer .*\n", done.stderr), done.stderr


def test_the_source_has_nothing_that_an_old_python_cannot_parse() -> None:
    source = SETUP.read_bytes().decode("ascii")
    new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.Match, ast.Nonlocal, ast.Starred)
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, new)
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
            assert not node.args.kwonlyargs
            assert all(argument.annotation is None for argument in node.args.args)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print"  # a statement, and not one with keywords
        if isinstance(node, ast.Raise):
            assert node.cause is None
        if isinstance(node, ast.ImportFrom):
            assert node.module != "__future__"


# ---- Problems ----


def test_all_is_made_ready_in_order_and_dev_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(terraform, "require", lambda: done.append("terraform"))
    monkeypatch.setattr(environments, "ready", done.append)
    monkeypatch.setattr(terraform, "configured", lambda: done.append("provider"))
    assert main_of_setup()([]) == 0
    assert main_of_setup()(["demo", "unit"]) == 0
    assert done == ["terraform", "dev", "provider", "terraform", "demo", "unit", "provider"]


@pytest.mark.parametrize("step", [(terraform, "require"), (environments, "ready"), (terraform, "configured")])
def test_a_problem_anywhere_is_its_sentence_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: tuple[object, str]
) -> None:
    def stops(*_: object) -> None:
        raise Problem("The moon is full: wait a day.")

    for module, name in ((terraform, "require"), (environments, "ready"), (terraform, "configured")):
        monkeypatch.setattr(module, name, stops if (module, name) == step else lambda *_: None)
    assert main_of_setup()([]) == 1
    assert capsys.readouterr() == ("", "cf_purge: The moon is full: wait a day.\n")


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("terraform", "terraform is not on the PATH"),
        ("newer terraform", "Terraform 1.8.5 is too old"),
        ("venv", "Python cannot make a virtual environment: install its venv module"),
        ("network", "pip cannot install requirements/dev.txt: check the network and pip's index, then run this again."),
        ("provider", "CF_PURGE_PROVIDER_MIRROR is /nowhere"),
        ("registry and mirror", "Terraform's registry cannot be reached and no provider mirror was found"),
    ],
)
def test_a_machine_that_lacks_something_gets_one_line_on_a_real_run(
    project: Project, tmp_path: Path, lacking: str, said: str
) -> None:
    env = {"PATH": str(tmp_path / "bin"), "CF_PURGE_PROVIDER_MIRROR": "/nowhere", **NO_NETWORK}
    if lacking != "terraform":
        version = "1.8.5" if lacking == "newer terraform" else "1.9.0"
        executable(tmp_path / "bin" / "terraform", f"""echo '{{"terraform_version": "{version}"}}'""")
    if lacking == "venv":
        project.write("without/venv.py", "import sys\nsys.exit(f'{sys.executable}: No module named venv')\n")
        env["PYTHONPATH"] = str(project.root / "without")
    if lacking == "network":
        project.write("requirements/dev.txt", "absent==1.0\n")
    if lacking in ("provider", "registry and mirror"):
        project.write("tools/environments.py", "def ready(name):\n    pass\n")
    if lacking == "registry and mirror":
        del env["CF_PURGE_PROVIDER_MIRROR"]
        searched = re.compile(r"^_FOLDERS = \(.*?^\)$", re.MULTILINE | re.DOTALL)
        source = (project.root / "tools" / "provider.py").read_text()
        assert searched.search(source)
        project.write("tools/provider.py", searched.sub("_FOLDERS = ()", source))
    done = project.run(sys.executable, "tools/setup.py", env=env)
    assert done.returncode == 1
    assert done.stderr.startswith(f"cf_purge: {said}")
    assert one_sentence(done.stderr)


@pytest.mark.parametrize(
    "words",
    [
        "The virtual environment was not created successfully because ensurepip is not\navailable.  On Debian/Ubuntu "
        "systems, you need to install the python3-venv\npackage using the following command.\n\n    apt install "
        "python3.11-venv\n\nYou may need to use sudo with that command.\n\nFailing command: /x/bin/python3\n",
        "Error: Command '['/x/bin/python3', '-m', 'ensurepip', '--upgrade', '--default-pip']' returned non-zero exit "
        "status 1.\n",
    ],
    ids=["Debian", "built without it"],
)
def test_a_python_without_ensurepip_is_told_what_to_install(tmp_path: Path, words: str) -> None:
    """In the words that Debian's Python, and one built `--without-ensurepip`, have for it."""
    (tmp_path / "words").write_text(words)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "unit.txt").touch()
    python = executable(tmp_path / "python3", f"cat '{tmp_path / 'words'}'; exit 1")
    with pytest.raises(Problem) as caught:
        environments.ready("unit", interpreter=str(python))
    assert str(caught.value).startswith(
        "Python cannot make a virtual environment: install its venv module (Debian: python3-venv). ("
    )
    assert "\n" not in str(caught.value)
