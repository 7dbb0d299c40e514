"""`make newcomer`, as far as it takes no world: it types what the documents say, all of it, and as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.examples import EXAMPLES
from tests.newcomer import guides, newcomer, shell
from tests.newcomer.guides import Commands
from tests.newcomer.shell import Shell, Stumbled
from tests.tools.project import executable
from tools import environments, markdown
from tools.problems import ROOT

WORLD = dict.fromkeys(("account", "api", "authority", "key", "token", "zone"), "value")
DOCUMENTS = [path.relative_to(ROOT).as_posix() for pattern in guides.DOCUMENTS for path in sorted(ROOT.glob(pattern))]
LEFT_TO_THE_READER = re.compile(r"\.\.\.|\b(?:KEY|NAME|TOKEN=|YOUR)\b")


# ---- What is typed ----


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_of_commands_is_one_that_the_newcomer_types(document: str) -> None:
    told = [block.text for block in guides.shell_blocks((ROOT / document).read_text())]
    known = [commands for commands in guides.KNOWN if commands.document == document]
    unknown = [text for text in told if not any(commands.has in text for commands in known)]
    assert unknown == [], f"{document} has commands that tests/newcomer/guides.py does not know"


@pytest.mark.parametrize("commands", guides.KNOWN, ids=lambda commands: f"{commands.document}: {commands.has}")
def test_what_the_newcomer_types_stands_in_the_document_and_nothing_is_left_open(commands: Commands) -> None:
    text = guides.text_of(commands, ROOT, WORLD)
    assert not LEFT_TO_THE_READER.search(text)
    re.compile(commands.shows)


def test_every_example_has_a_guide_and_the_local_one_is_the_demo() -> None:
    roots = {path.parent.name for path in EXAMPLES.glob("*/main.tf")}
    assert {guide.name for guide in guides.EXAMPLES} | {"local"} == roots
    for guide in guides.EXAMPLES:
        assert {commands.document for commands in guide.commands} == {f"{guide.folder}/README.md"}
        assert f'region = "{guides.REGION}"' in _hcl(guide.folder) or f'"{guides.REGION}"' in _hcl(guide.folder)
        assert guide.bucket in _hcl(guide.folder)


def test_an_example_can_be_pasted_into_a_shell_that_takes_no_comments() -> None:
    """An interactive zsh hands what stands behind a `#` to the command."""
    for document in DOCUMENTS:
        if document != guides.USAGE:
            for block in guides.shell_blocks((ROOT / document).read_text()):
                assert not re.search(r"(?m)(?:^|\s)#", block.text), document


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# Nothing\n", "it.md has 0 blocks of commands with 'apply'"),
        ("```sh\napply 1\n```\n\n```sh\napply 2\n```\n", "it.md has 2 blocks of commands with 'apply'"),
        ("```sh\nterraform apply\n```\n", "it.md has no 'KEY' to replace in: terraform apply"),
    ],
)
def test_a_document_without_the_commands_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "it.md").write_text(text)
    with pytest.raises(LookupError, match=re.escape(complaint)):
        guides.text_of(Commands("it.md", "apply", "", {"KEY": "{key}"}), tmp_path, WORLD)


def test_what_the_reader_is_to_replace_is_the_worlds(tmp_path: Path) -> None:
    (tmp_path / "it.md").write_text("- so:\n\n  ```sh\n  put KEY\n    apply\n  ```\n")
    assert guides.text_of(Commands("it.md", "apply", "", {"KEY": "<{key}>"}), tmp_path, {"key": "a key"}) == (
        "put <a key>\n  apply\n"
    )


# ---- What is written ----


def test_the_documents_hcl_is_formatted_hcl(tmp_path: Path) -> None:
    usage = guides.usage(ROOT)
    assert usage.startswith('module "cf_purge" {')
    assert len(usage.splitlines()) <= 10
    blocks = [
        block.text
        for path in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *EXAMPLES.glob("*/README.md")]
        for block in markdown.blocks(path.read_text())
        if block.language in ("hcl", "terraform", "tf")
    ]
    assert usage in blocks
    for number, text in enumerate(blocks):
        (tmp_path / f"{number}.tf").write_text(text)
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", "-no-color", tmp_path], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_the_emulator_needs_is_what_examples_local_has() -> None:
    text = newcomer.emulator(ROOT)
    assert text.startswith("# The emulator authorizes")
    assert text.endswith("}\n")
    assert text in (ROOT / "examples" / "local" / "main.tf").read_text()
    assert text.count("resource ") == 1


# ---- The shell ----


@pytest.fixture
def typing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("AWS_PROFILE", "of whoever runs this")
    monkeypatch.setenv("MAKEFLAGS", "--keep-going")
    return Shell(tmp_path / "log", {"TOKEN": "a token"})


def test_commands_are_run_up_to_the_first_that_fails(typing: Shell, tmp_path: Path) -> None:
    with pytest.raises(Stumbled, match=r"(?s)^This ended with 3:\necho one.*----\none\n$"):
        typing.type("echo one\n(exit 3)\ntouch two\n", tmp_path)
    assert not (tmp_path / "two").exists()
    assert "ended with 3\none\n" in (tmp_path / "log").read_text()


def test_what_is_not_shown_is_missed(typing: Shell, tmp_path: Path) -> None:
    assert typing.type("echo Resources: 7 added >&2", tmp_path, r"\d+ added") == "7 added"
    assert typing.type("echo 1 of 2\necho 3 of 4\n", tmp_path, r"(?s)(\d) of 2.*(\d) of 4") == "3"
    with pytest.raises(Stumbled, match=r"This was to show '8 added':\necho"):
        typing.type("echo Resources: 7 added\n", tmp_path, "8 added")


def test_who_asks_is_told_yes_and_finds_the_newcomers_own_variables(typing: Shell, tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    text = 'read answer; echo "$answer, $TOKEN, $MORE, ${AWS_PROFILE-none}, ${MAKEFLAGS-none}, $(ls here)"'
    assert typing.type(text, tmp_path, ".*", MORE="more") == "yes, a token, more, none, none, here"


def test_what_does_not_end_is_said_to(typing: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "_PATIENCE", 0.1)
    with pytest.raises(Stumbled, match="did not end in 0 s:\nexec sleep 60"):
        typing.type("exec sleep 60", tmp_path)


# ---- The AWS CLI ----


def test_aws_cli_2_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "bin" / "aws", "echo aws-cli/2.31.0 Python/3.13.7")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(environments, "ready", lambda _: pytest.fail("another one is installed"))
    assert shell.cli(tmp_path / "made") == (os.environ["PATH"], "AWS CLI: aws-cli/2.31.0, as installed")


@pytest.mark.parametrize("installed", [None, "aws-cli/1.45.0"])
def test_without_aws_cli_2_it_is_the_one_that_the_runbook_is_tested_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: str | None
) -> None:
    if installed:
        executable(tmp_path / "bin" / "aws", f"echo {installed}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    python = executable(tmp_path / "python", '[ "$2" = --version ] && echo aws-cli/1.46.0\nprintf "<%s>" "$@"')
    monkeypatch.setattr(environments, "ready", {"operations": python}.__getitem__)
    path, which = shell.cli(tmp_path / "made")
    assert path == f"{tmp_path / 'made'}{os.pathsep}{tmp_path / 'bin'}"
    assert which == "AWS CLI: aws-cli/1.46.0 from PyPI, in the place of 2"
    done = subprocess.run([tmp_path / "made" / "aws", "lambda", "a b", ""], capture_output=True, text=True, check=True)
    cli = ROOT / "tests" / "e2e" / "aws_cli.py"
    assert done.stdout == f"<{cli}><lambda><a b><>"
    assert cli.is_file()
    assert (ROOT / "requirements" / "operations.txt").is_file()


def _hcl(folder: str) -> str:
    return "".join(path.read_text() for path in sorted((ROOT / folder).glob("*.tf")))
