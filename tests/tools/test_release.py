"""Releases: the notes, the checksums, the SBOM, and which tags are refused."""

import base64
import hashlib
import json
import shutil
from pathlib import Path

import pytest

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
        HEAD + NEW + OLD + "\n[1.2.0]: https://example.com/compare/v1.1.0...v1.2.0\n",
    ],
)
def test_notes_are_the_changelogs_newest_section(changelog: str) -> None:
    assert release.notes("v1.2.0", changelog).startswith("### Added\n\n- A thing.")
    assert "Another" not in release.notes("v1.2.0", changelog)


@pytest.mark.parametrize(
    ("tag", "changelog", "said"),
    [
        ("v1.1.0", HEAD + NEW + OLD, "newest section of CHANGELOG.md is not 1.1.0"),
        ("v1.2.0", HEAD, "newest section of CHANGELOG.md is not 1.2.0"),
        ("v1.2.0", HEAD + "## 1.2.0\n\n" + OLD, "newest section of CHANGELOG.md is not 1.2.0"),
        ("v1.2.0", HEAD + "## Unreleased\n\n- More.\n\n" + NEW, "has entries under Unreleased"),
        ("1.2.0", HEAD + NEW, "is not a version"),
        ("v1.2.0-rc.1", HEAD + "## 1.2.0-rc.1\n\n- More.\n", "is not a version"),
        ("v1.2.0;rm", HEAD + NEW, "is not a version"),
    ],
)
def test_a_tag_other_than_the_newest_version_is_refused(tag: str, changelog: str, said: str) -> None:
    with pytest.raises(Problem, match=said):
        release.notes(tag, changelog)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose newest version is 1.2.0, in all places, and whose zip is current."""
    shutil.copytree(ROOT / "lambda", tmp_path / "lambda", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "CHANGELOG.md").write_text(HEAD + NEW + OLD)
    (tmp_path / "docs").mkdir()
    (tmp_path / "alarms.tf").write_text('runbook = "https://github.com/a/b/blob/v1.2.0/docs/operations.md"\n')
    (tmp_path / "docs/usage.md").write_text("  - uses: a/b@v1.2.0\n")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_release_writes_its_notes_and_checksums(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main(["v1.2.0", "--notes", "notes.md", "--checksums", "zip.sha256", "--sbom", "sbom.json"]) == 0
    sha256 = hashlib.sha256((root / ZIP).read_bytes())
    digest, source_code_hash = sha256.hexdigest(), base64.b64encode(sha256.digest()).decode()
    assert (root / "zip.sha256").read_text() == f"{digest}  {Path(ZIP).name}\n"
    notes = (root / "notes.md").read_text()
    assert notes.startswith("### Added\n\n- A thing.\n\n|")
    assert notes.endswith(capsys.readouterr().out)
    assert f"| `{digest}` |" in notes
    assert f"| `{source_code_hash}` |" in notes
    zipped = json.loads((root / "sbom.json").read_text())["metadata"]["component"]
    assert (zipped["version"], zipped["hashes"][0]["content"]) == ("1.2.0", digest)


@pytest.mark.parametrize("wrong", [ZIP, "alarms.tf", "docs/usage.md", "tag"])
def test_a_refused_release_writes_nothing(root: Path, wrong: str) -> None:
    if wrong != "tag":
        (root / wrong).write_text("https://github.com/a/b/blob/v1.1.0/ a/b@v1.1.0\n")
    assert release.main(["v9.9.9" if wrong == "tag" else "v1.2.0", "--notes", "notes.md"]) == 1
    assert not (root / "notes.md").exists()
