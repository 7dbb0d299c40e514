"""Terraform itself, and the environment it is run in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.tools.mirrors import mirror
from tests.tools.project import Project, executable, one_sentence
from tools import provider, terraform
from tools.problems import Problem


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time the registry was asked; it answers."""
    times: list[str] = []

    def answers() -> bool:
        times.append("asked")
        return True

    monkeypatch.setattr(provider, "_registry_answers", answers)
    return times


def answering(version: str) -> str:
    return f"""echo '{{"terraform_version": "{version}", "platform": "linux_amd64"}}'"""


# ---- require ----


@pytest.mark.parametrize("version", ["1.9.0", "1.9.8", "1.10.0", "1.15.3-dev", "2.0.0"])
def test_a_terraform_that_is_new_enough_is_taken(path: Path, version: str) -> None:
    executable(path / "terraform", answering(version))
    terraform.require()
    executable(path / "terraform", answering("1.8.5"))
    with pytest.raises(Problem):
        terraform.require()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "not on the PATH"),
        (answering("1.8.5"), "Terraform 1.8.5 is too old"),
        (answering("1.0.11"), "Terraform 1.0.11 is too old"),
        (answering("0.15.0"), "Terraform 0.15.0 is too old"),
        ("echo Terraform v1.11.4", "does not answer"),
        ("echo '[]'", "does not answer"),
        ("echo '{}'", "does not answer"),
        ("""echo '{"terraform_version": null}'""", "does not answer"),
        ("""echo '{"terraform_version": "one"}'""", "does not answer"),
        (r"printf '\377\376\000'", "does not answer"),
        ("exit 0", "does not answer"),
        ("echo 'no version is set' >&2; exit 126", "does not answer"),
    ],
)
def test_without_a_terraform_that_will_do_one_sentence_says_which_to_install(
    path: Path, script: str | None, said: str
) -> None:
    if script is not None:
        executable(path / "terraform", script)
    with pytest.raises(Problem) as caught:
        terraform.require()
    assert said in str(caught.value)
    assert str(caught.value).endswith("install Terraform 1.9 or newer.")
    assert "\n" not in str(caught.value)


def test_a_terraform_for_another_machine_is_one_sentence_too(path: Path) -> None:
    (path / "terraform").write_bytes(b"\x7fELF\0\0\0\0")
    (path / "terraform").chmod(0o755)
    with pytest.raises(Problem, match="does not answer"):
        terraform.require()


def test_a_configuration_file_that_is_not_there_does_not_keep_terraform_from_answering(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(path / "terraform", f'test -z "$TF_CLI_CONFIG_FILE" && {answering("1.9.0")}')
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "/nowhere/terraformrc")
    terraform.require()
    executable(path / "terraform", f'test -n "$TF_CLI_CONFIG_FILE" && {answering("1.9.0")}')
    with pytest.raises(Problem):
        terraform.require()


# ---- configured ----


def test_the_choice_is_said_once_and_remembered(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    terraform.configured()
    terraform.configured()
    assert capsys.readouterr().out == "AWS provider: from the Terraform registry.\n"
    assert len(asked) == 1


def test_a_new_variable_is_a_new_choice(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = mirror(tmp_path / "mirror")
    terraform.configured()
    monkeypatch.setenv(provider.VARIABLE, str(folder))
    terraform.configured()
    monkeypatch.delenv(provider.VARIABLE)
    terraform.configured()
    assert capsys.readouterr().out.splitlines() == [
        "AWS provider: from the Terraform registry.",
        f"AWS provider: from the mirror in {folder}.",
        "AWS provider: from the Terraform registry.",
    ]


def test_the_users_own_configuration_is_asked_before_the_registry(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.rc"
    own.write_text('provider_installation {\n  network_mirror {\n    url = "https://mirror.example.com/"\n  }\n}\n')
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(own))
    terraform.configured()
    assert asked == []
    assert str(own) in capsys.readouterr().out
    assert terraform.environment()["TF_CLI_CONFIG_FILE"] == str(own)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"asked": ""}'])
def test_a_spoilt_memory_of_the_choice_is_no_memory(asked: list[str], content: str) -> None:
    terraform._CHOICE.parent.mkdir(parents=True, exist_ok=True)
    terraform._CHOICE.write_text(content)
    terraform.configured()
    assert asked == ["asked"]


def test_a_mirror_that_is_gone_is_looked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "_registry_answers", lambda: False)
    monkeypatch.setattr(provider, "_FOLDERS", (str(tmp_path / "a"), str(tmp_path / "b")))
    mirror(tmp_path / "a")
    assert str(tmp_path / "a") in Path(terraform.environment()["TF_CLI_CONFIG_FILE"]).read_text()
    mirror(tmp_path / "b")
    (tmp_path / "a").rename(tmp_path / "c")
    assert str(tmp_path / "b") in Path(terraform.environment()["TF_CLI_CONFIG_FILE"]).read_text()


# ---- environment ----


@pytest.mark.parametrize(
    ("set_to", "exists", "from_mirror", "expected"),
    [
        (None, False, False, None),
        ("mine.rc", True, False, "mine.rc"),
        ("mine.rc", False, False, None),
        (None, False, True, "cache/terraform.rc"),
        ("mine.rc", True, True, "cache/terraform.rc"),
        ("mine.rc", False, True, "cache/terraform.rc"),
    ],
)
def test_the_configuration_file_is_the_users_unless_it_is_missing_or_a_mirror_is_needed(
    tmp_path: Path,
    asked: list[str],
    monkeypatch: pytest.MonkeyPatch,
    set_to: str | None,
    exists: bool,
    from_mirror: bool,
    expected: str | None,
) -> None:
    if set_to:
        monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / set_to))
    if exists:
        (tmp_path / "mine.rc").touch()
    if from_mirror:
        monkeypatch.setenv(provider.VARIABLE, str(mirror(tmp_path / "mirror")))
    chosen = terraform.environment().get("TF_CLI_CONFIG_FILE")
    assert chosen == (str(tmp_path / expected) if expected else None)


def test_the_rest_of_the_environment_is_passed_on_and_left_as_it_was(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_VAR_name", "kept")
    for name in ("CHECKPOINT_DISABLE", "TF_IN_AUTOMATION"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    given = terraform.environment()
    assert given.items() >= before.items()
    assert {"CHECKPOINT_DISABLE", "TF_IN_AUTOMATION"} == given.keys() - before.keys()
    assert dict(os.environ) == before


# ---- Running it ----


@pytest.mark.parametrize("status", [0, 2])
def test_the_command_passes_arguments_and_status_on(project: Project, tmp_path: Path, status: int) -> None:
    script = f'if [ "$1" = version ]; then {answering("1.9.0")}; else echo "$@"; exit {status}; fi'
    executable(tmp_path / "bin" / "terraform", script)
    env = {"PATH": f"{tmp_path / 'bin'}:{os.defpath}", provider.VARIABLE: str(mirror(tmp_path / "mirror"))}
    done = project.run(sys.executable, "-m", "tools.terraform", "plan", "-detailed-exitcode", env=env)
    assert done.returncode == status
    assert done.stdout.splitlines()[-1] == "plan -detailed-exitcode"


@pytest.mark.parametrize("variable", ["", "/nowhere"])
def test_the_command_says_a_problem_in_one_line(project: Project, tmp_path: Path, variable: str) -> None:
    if variable:
        executable(tmp_path / "bin" / "terraform", answering("1.9.0"))
    env = {"PATH": str(tmp_path / "bin"), provider.VARIABLE: variable}
    done = project.run(sys.executable, "-m", "tools.terraform", "plan", env=env)
    assert done.returncode == 1
    assert done.stderr.startswith("cf_purge: ")
    assert provider.VARIABLE in done.stderr if variable else "not on the PATH" in done.stderr
    assert one_sentence(done.stderr)


def test_a_root_that_cannot_be_initialised_is_named(
    asked: list[str], path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(terraform, "ROOT", tmp_path)
    executable(path / "terraform", "echo no such module >&2; exit 1")
    with pytest.raises(Problem, match="failed in examples/basic: no such module"):
        terraform.initialised(tmp_path / "examples" / "basic")
    executable(path / "terraform", 'test "$2" = init')
    terraform.initialised(tmp_path / "examples" / "basic")
