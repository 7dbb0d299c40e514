"""What GitHub runs and shows: held against the Makefile, the versions that are supported, and what a token may do."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import check, matrix
from tools.problems import ROOT

GITHUB = ROOT / ".github"
FILES = {path.stem: path for path in sorted((GITHUB / "workflows").iterdir())}
WORKFLOWS: dict[str, dict[Any, Any]] = {name: yaml.safe_load(path.read_text()) for name, path in FILES.items()}
JOBS = {(name, job): spec for name, workflow in WORKFLOWS.items() for job, spec in workflow["jobs"].items()}
MAKEFILE = (ROOT / "Makefile").read_text()
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml"))


def steps(job: dict[str, Any], action: str = "") -> list[dict[str, Any]]:
    """The steps of a job, or those of them that use an action."""
    return [step for step in job["steps"] if not action or step.get("uses", "").startswith(f"{action}@")]


def commands(job: dict[str, Any]) -> Iterator[list[str]]:
    for step in steps(job):
        for line in re.split(r"\n|&&|;", step.get("run", "").replace("\\\n", " ")):
            if line.strip():
                yield shlex.split(line, comments=True)


def made(job: dict[str, Any]) -> list[str]:
    """The targets of make that a job calls."""
    return [target for command in commands(job) if command[:1] == ["make"] for target in command[1:]]


# ---- What they run ----


def test_the_workflows_are_the_ones_that_are_needed() -> None:
    assert {name: sorted(workflow["jobs"]) for name, workflow in WORKFLOWS.items()} == {
        "nightly": ["links", "soak"],
        "release": ["check", "publish"],
        "test": ["all", "newcomer", "opentofu", "python", "terraform"],
    }


def test_every_target_module_and_script_that_a_workflow_calls_is_there() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
    called = {target for job in JOBS.values() for target in made(job)}
    assert called >= {"test", "unit", "plan", "soak"}
    assert called <= targets
    pythons = [command for job in JOBS.values() for command in commands(job) if command[0].startswith("python")]
    assert pythons
    for command in pythons:
        assert command[:2] == ["python3", "-m"]
        assert (ROOT / f"{command[2].replace('.', '/')}.py").is_file()


def test_every_python_that_is_supported_is_tested_and_no_other() -> None:
    job = JOBS["test", "python"]
    assert tuple(job["strategy"]["matrix"]["python"]) == matrix.VERSIONS
    (python,) = steps(job, "actions/setup-python")
    assert python["with"]["python-version"] == "${{ matrix.python }}"
    assert made(job) == ["unit"]
    for other in JOBS.values():
        for step in steps(other, "actions/setup-python"):
            assert step["with"]["python-version"] in {*matrix.VERSIONS, "${{ matrix.python }}"}


@pytest.mark.parametrize(("job", "key"), [("terraform", "terraform"), ("opentofu", "tofu")])
def test_the_oldest_terraform_that_is_supported_is_tested_and_so_is_the_newest(job: str, key: str) -> None:
    required = re.findall(r'required_version = ">= (\d+\.\d+)"', (ROOT / "versions.tf").read_text())
    versions = JOBS["test", job]["strategy"]["matrix"][key]
    assert [f"~{required[0]}.0", "latest"] == [versions[0], versions[-1]]
    for version in versions[:-1]:
        assert re.fullmatch(r"~\d+\.\d+\.0", version), "a minor version, whatever its patch"
    (installed,) = steps(
        JOBS["test", job], {"terraform": "hashicorp/setup-terraform"}.get(job, "opentofu/setup-opentofu")
    )
    assert installed["with"][f"{key}_version"] == f"${{{{ matrix.{key} }}}}"
    assert installed["with"][f"{key}_wrapper"] is False


@pytest.mark.parametrize("job", JOBS.values(), ids=["/".join(name) for name in JOBS])
def test_a_job_has_what_its_targets_need(job: dict[str, Any]) -> None:
    """`make` wants Terraform, without the wrapper that writes into its JSON."""
    assert job["runs-on"] == "ubuntu-24.04"
    wrapped = [step["with"].get("terraform_wrapper", True) for step in steps(job, "hashicorp/setup-terraform")]
    assert wrapped == ([False] if made(job) else [])


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, job in JOBS.items()
        if {"test", "newcomer", "plan", "soak"} & set(made(job)) or name[1] == "opentofu"
    ],
)
def test_where_many_roots_are_initialised_the_provider_is_downloaded_once(name: tuple[str, str]) -> None:
    """It unpacks to 700 MB, and a machine of GitHub's has room for twenty."""
    job = JOBS[name]
    env = WORKFLOWS[name[0]].get("env", {}) | job.get("env", {})
    assert env["TF_PLUGIN_CACHE_DIR"].startswith("${{ github.workspace }}/.cache/")
    assert env["TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE"] == "true"
    run = list(commands(job))
    filled = run.index(["mkdir", "-p", "$TF_PLUGIN_CACHE_DIR"])
    assert run[filled + 1][1:] == ["init", "-backend=false"]
    assert all("init" not in command and command[0] != "make" for command in run[:filled])


def test_opentofu_gets_the_mocks_that_terraform_reads_from_their_file(tmp_path: Path) -> None:
    (edit,) = [command for command in commands(JOBS["test", "opentofu"]) if command[0] == "sed"]
    shutil.copytree(ROOT / "tests" / "mocks", tmp_path / "tests" / "mocks")
    tests = [shutil.copy(path, tmp_path / "tests") for path in sorted((ROOT / "tests").glob("*.tftest.hcl"))]
    assert edit[-1] == "tests/*.tftest.hcl"
    subprocess.run([*edit[:-1], *tests], cwd=tmp_path, check=True)
    mocks = (tmp_path / "tests" / "mocks" / "aws.tfmock.hcl").read_text()
    assert tests
    for test in tests:
        text = Path(test).read_text()
        assert f'mock_provider "aws" {{\n{mocks}}}\n' in text
        assert "tests/mocks" not in text


# ---- What they may ----


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_action_is_pinned_to_a_commit_whose_version_is_said(name: str) -> None:
    used = re.findall(r"uses: *(.*)", FILES[name].read_text())
    assert used
    for line in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+(\.\d+\.\d+)?", line), line


def test_an_action_is_the_same_in_every_workflow() -> None:
    used = {use for path in FILES.values() for use in re.findall(r"uses: *(.*)", path.read_text())}
    assert len(used) == len({use.partition("@")[0] for use in used})


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_read_and_only_the_job_that_publishes_may_write(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    granted = {job: spec["permissions"] for job, spec in WORKFLOWS[name]["jobs"].items() if "permissions" in spec}
    write = {"publish": {"contents": "write", "id-token": "write", "attestations": "write"}}
    assert granted == (write if name == "release" else {})


def test_nobody_else_s_code_runs_with_the_token_of_the_repository() -> None:
    for workflow in WORKFLOWS.values():
        assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(workflow[True])  # YAML's "on"
    for job in JOBS.values():
        for step in steps(job, "actions/checkout"):
            assert step["with"]["persist-credentials"] is False
        for step in steps(job):
            assert "${{" not in step.get("run", ""), "an expression in a script is a script of whoever names the branch"
    assert not made(JOBS["release", "publish"])


def test_nothing_runs_for_ever_or_twice() -> None:
    for workflow in WORKFLOWS.values():
        assert workflow["concurrency"]["group"]
    assert {name: job.get("timeout-minutes", 360) <= 180 for name, job in JOBS.items()} == dict.fromkeys(JOBS, True)


# ---- The release ----


def test_a_release_is_checked_before_anything_is_published() -> None:
    assert WORKFLOWS["release"][True] == {"push": {"tags": ["v*"]}}
    job, publish = JOBS["release", "check"], JOBS["release", "publish"]
    assert made(job) == ["test"]
    assert ["python3", "-m", "tools.release", "$GITHUB_REF_NAME"] in list(commands(job))
    assert publish["needs"] == "check"
    assert not {"if", "continue-on-error"} & {
        key for each in (job, publish) for key in (each.keys() | set().union(*each["steps"]))
    }
    released = next(command for command in commands(publish) if command[:3] == ["gh", "release", "create"])
    assert "--verify-tag" in released
    checked = next(command for command in commands(publish) if command[2:3] == ["tools.release"])
    written = {checked[checked.index(option) + 1] for option in ("--notes", "--checksums")}
    assert written <= set(released)
    (attested,) = steps(publish, "actions/attest-build-provenance")
    assert attested["with"]["subject-path"] in released
    assert (ROOT / attested["with"]["subject-path"]).is_file()
    assert publish["steps"].index(attested) < len(publish["steps"]) - 1


# ---- What contributors and reporters get ----


def test_the_hooks_are_what_make_lint_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    linted: list[list[str]] = []
    monkeypatch.setattr(check, "run", lambda *command: linted.append([str(part) for part in command]))
    check.lint()
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}

    def bare(command: list[str]) -> tuple[str, ...]:
        # Files are given to those that take them.
        return tuple("python" if part.endswith(("/python", "/python3")) else part for part in command if part != ".")

    wanted = {bare(["/python" if part == check.sys.executable else part for part in command]) for command in linted}
    assert {bare(shlex.split(hook["entry"])) for hook in hooks} == wanted
    for hook in hooks:
        files = re.compile(hook.get("files", ""))
        assert any(files.search(name) for name in ("main.tf", "lambda/cf_purge/aws.py", "README.md"))


@pytest.mark.parametrize("path", FORMS, ids=[path.stem for path in FORMS])
def test_a_form_asks_for_what_its_readers_need(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= set(form)
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in asked}) == len(asked)
    assert all(field["attributes"]["label"] for field in asked)
    assert any(field.get("validations", {}).get("required") for field in asked)


def test_whoever_reports_a_bug_is_asked_what_tells_and_told_to_keep_the_token() -> None:
    bug = (GITHUB / "ISSUE_TEMPLATE" / "bug.yml").read_text()
    for word in ("ReasonCode", "/aws/lambda/NAME", "Versions", "Never paste the Cloudflare token", '{"check": true}'):
        assert word in bug


def test_the_way_to_contribute_names_only_what_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z0-9]+)", text, re.MULTILINE)) <= targets
    for name in re.findall(r"`([\w./-]+/)`", text) + re.findall(r"\]\(([^)]+)\)", text):
        assert (ROOT / name).exists(), name
    owners = (GITHUB / "CODEOWNERS").read_text().splitlines()
    assert [line.split() for line in owners if not line.startswith("#")] == [["*", "@cf-purge/maintainers"]]
    assert "CODEOWNERS" in text
