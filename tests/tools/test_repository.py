"""What is committed: nothing of anybody's machine, nothing large, nothing that an editor left."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import matrix
from tools.problems import ROOT

# A folder of somebody's machine, unless it is the end of a longer path or of a URL.
PERSONAL = re.compile(
    rb"(?<![\w.*})/-])(?:/(?:work|root)/|/(?:home|Users)/[A-Za-z0-9_.-]+/|/opt/[t]f|/tmp/\w)|[A-Z]:\\+Users\\"
)
LARGEST = 1_000_000  # bytes


def committed() -> list[Path]:
    """Return the files of the checkout that are committed, or staged to be."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    )
    assert listed.returncode == 0, f"these tests need a git checkout: {listed.stderr.decode()}"
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Every committed file, by its path."""
    contents = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in committed()}
    assert {"Makefile", "README.md", "main.tf", "tools/setup.py"} <= contents.keys()
    return contents


@pytest.fixture(scope="module")
def texts(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if b"\0" not in content}


@pytest.mark.parametrize(
    ("text", "personal"),
    [
        ("see {}work/main", True),
        ('"{}root/.pyenv"', True),
        ("path={}home/alice/x", True),
        ("{}Users/alice/x", True),
        ("C:{back}Users{back}alice", True),
        ("{}opt/tf-plugins", True),
        ("https://example.test{}root/a", False),
        ("bucket{}work/a", False),
        ("{}opt and {}home", False),
        ("${{path}}{}work/a", False),
    ],
)
def test_the_folders_of_a_machine_are_told_from_other_paths(text: str, personal: bool) -> None:
    assert bool(PERSONAL.search(text.format("/", "/", back="\\").encode())) is personal


def test_no_file_names_a_folder_of_somebodys_machine(files: dict[str, bytes]) -> None:
    contents = dict(files)
    for name, content in files.items():
        if name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                contents |= {f"{name}/{member}": archive.read(member) for member in archive.namelist()}
    found = {name: match[0] for name, content in contents.items() if (match := PERSONAL.search(content))}
    assert found == {}


def test_no_file_is_large(files: dict[str, bytes]) -> None:
    assert [name for name, content in files.items() if len(content) > LARGEST] == []


def test_nothing_that_is_made_is_committed(files: dict[str, bytes]) -> None:
    ignored = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--ignored", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    assert ignored == b""
    made = re.compile(r"(^|/)(\.terraform|\.venv|__pycache__|\.cache|node_modules)(/|$)|\.(pyc|tfstate|tfplan|log)$")
    assert [name for name in files if made.search(name)] == []


def test_every_python_file_parses_in_the_oldest_python_that_will_do(files: dict[str, bytes]) -> None:
    """In that Python itself, if the machine has it: a newer one lets some of its own syntax pass."""
    oldest = matrix.interpreters().get("3.11", sys.executable)
    names = [name for name in files if name.endswith(".py")]
    code = (
        "import ast, sys\n"
        "for name in sys.argv[1:]:\n"
        "    with open(name, encoding='utf-8') as file:\n"
        "        ast.parse(file.read(), name, feature_version=(3, 11))\n"
    )
    done = subprocess.run([oldest, "-c", code, *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_text_ends_in_one_newline(texts: dict[str, bytes]) -> None:
    wrong = [name for name, content in texts.items() if content and (content[-1:] != b"\n" or content[-2:] == b"\n\n")]
    assert wrong == []


def test_lines_end_in_a_newline_alone_and_are_utf_8(texts: dict[str, bytes]) -> None:
    assert [name for name, content in texts.items() if b"\r" in content] == []
    damaged = {name for name, content in texts.items() if content.decode("utf-8", "ignore").encode() != content}
    assert damaged == set()


def test_scripts_can_be_run(files: dict[str, bytes]) -> None:
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--stage"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    modes = {line.split("\t")[1]: line.split()[0] for line in listed.splitlines()}
    scripts = {name for name, content in files.items() if content.startswith(b"#!")}
    assert ".ci/run" in scripts
    assert {name: modes[name] for name in scripts if modes[name] != "100755"} == {}
