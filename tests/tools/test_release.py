"""What a tag must be before it is a release."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import pytest

from tests.tools.project import Project, one_sentence
from tools import release
from tools.problems import ROOT, Problem

HEAD = "# Changelog\n\nAfter Keep a Changelog.\n\n"
NEW = "## 1.2.0 - 2030-01-02\n\n### Added\n\n- A thing.\n\n"
OLD = "## 1.1.0 - 2029-01-02\n\n### Fixed\n\n- Another.\n"
ZIP = "lambda/cf_purge.zip"


@pytest.mark.parametrize(
    "changelog",
    [
        HEAD + NEW + OLD,
        HEAD + "## Unreleased\n\n" + NEW + OLD,
        HEAD + NEW,
        HEAD + NEW.replace("1.2.0", "[1.2.0]") + OLD,
        HEAD + NEW + OLD + "\n[1.2.0]: https://example.com/compare/v1.1.0...v1.2.0\n",
    ],
)
def test_the_notes_are_what_the_changelog_says_of_its_newest_version(changelog: str) -> None:
    assert release.notes("v1.2.0", changelog).startswith("### Added\n\n- A thing.")
    assert "Another" not in release.notes("v1.2.0", changelog)


@pytest.mark.parametrize(
    ("tag", "changelog", "said"),
    [
        ("v1.3.0", HEAD + NEW + OLD, "does not begin with what is new in 1.3.0"),
        ("v1.1.0", HEAD + NEW + OLD, "does not begin with what is new in 1.1.0"),
        ("v1.2.0", HEAD, "does not begin with what is new in 1.2.0"),
        ("v1.2.0", HEAD + "## 1.2.0\n\n" + OLD, "does not begin with what is new in 1.2.0"),
        ("v1.2.0", HEAD + "## Unreleased\n\n- More.\n\n" + NEW, "has changes that are not released"),
        ("1.2.0", HEAD + NEW, "is no version"),
        ("v1.2", HEAD + NEW, "is no version"),
        ("v1.2.0;rm", HEAD + NEW, "is no version"),
    ],
)
def test_a_tag_that_is_not_the_newest_version_is_told_so_in_a_sentence(tag: str, changelog: str, said: str) -> None:
    with pytest.raises(Problem, match=said) as caught:
        release.notes(tag, changelog)
    assert one_sentence(str(caught.value))


def test_the_checksums_are_those_of_sha256sum_and_of_terraform() -> None:
    assert release.checksums(b"") == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    )


@pytest.fixture
def tagged(project: Project) -> Project:
    """A checkout whose newest version is 1.2.0 and whose zip is current."""
    shutil.copytree(ROOT / "lambda", project.root / "lambda", ignore=shutil.ignore_patterns("__pycache__"))
    assert project.run(sys.executable, "lambda/package.py").returncode == 0
    project.write("CHANGELOG.md", HEAD + NEW + OLD)
    return project


def test_a_release_has_its_notes_and_the_checksums_of_its_zip(tagged: Project) -> None:
    files = ("--notes", "notes.md", "--checksums", "zip.sha256")
    done = tagged.run(sys.executable, "-m", "tools.release", "v1.2.0", *files)
    assert (done.returncode, done.stderr) == (0, "")
    digest = hashlib.sha256((tagged.root / ZIP).read_bytes()).hexdigest()
    assert (tagged.root / "zip.sha256").read_text() == f"{digest}  {Path(ZIP).name}\n"
    notes = (tagged.root / "notes.md").read_text()
    assert notes.startswith("### Added\n\n- A thing.\n\n|")
    assert notes.endswith(done.stdout)
    assert digest in done.stdout


@pytest.mark.parametrize("wrong", ["zip", "tag"])
def test_nothing_is_written_for_what_must_not_be_released(tagged: Project, wrong: str) -> None:
    if wrong == "zip":
        (tagged.root / ZIP).write_bytes(b"PK")
    tag = "v9.9.9" if wrong == "tag" else "v1.2.0"
    done = tagged.run(sys.executable, "-m", "tools.release", tag, "--notes", "notes.md")
    assert (done.returncode, done.stdout) == (1, "")
    assert ("make zip" if wrong == "zip" else "does not begin with") in done.stderr
    assert one_sentence(done.stderr) or wrong == "zip"
    assert not (tagged.root / "notes.md").exists()
