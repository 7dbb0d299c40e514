from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import cf_purge
from tests.unit.factories import flat_environment

LAMBDA = Path(cf_purge.__file__).parents[1]
NAMES = sorted(f"cf_purge/{path.name}" for path in (LAMBDA / "cf_purge").glob("*.py"))


def load(folder: Path) -> ModuleType:
    """Load the builder that lies in a folder; `package` is no name to import it by."""
    spec = importlib.util.spec_from_file_location("cf_purge_package", folder / "package.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The folder of the function, to be spoilt."""
    folder = tmp_path / "lambda"
    (folder / "cf_purge").mkdir(parents=True)
    for name in ("package.py", "cf_purge.zip", *NAMES):
        shutil.copyfile(LAMBDA / name, folder / name)
    return folder


def test_the_committed_zip_is_what_the_source_makes() -> None:
    built = load(LAMBDA).build()
    committed = (LAMBDA / "cf_purge.zip").read_bytes()
    assert built == committed, "rebuild and commit it: python lambda/package.py"


def test_the_zip_holds_the_modules_and_nothing_else() -> None:
    with zipfile.ZipFile(io.BytesIO(load(LAMBDA).build())) as archive:
        assert archive.namelist() == NAMES
        for name in NAMES:
            assert archive.read(name) == (LAMBDA / name).read_bytes().replace(b"\r\n", b"\n")


def test_nothing_in_the_zip_is_of_one_machine_alone() -> None:
    with zipfile.ZipFile(io.BytesIO(load(LAMBDA).build())) as archive:
        assert archive.comment == b""
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.compress_type == zipfile.ZIP_STORED
            assert entry.create_system == 3
            assert entry.external_attr >> 16 == 0o100644
            assert (entry.extra, entry.comment) == (b"", b"")


def test_times_modes_and_line_ends_of_a_checkout_change_no_byte(copy: Path) -> None:
    before = load(copy).build()
    for path in copy.rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        path.chmod(0o600)
        os.utime(path, (1, 1))
    assert load(copy).build() == before == load(LAMBDA).build()


@pytest.mark.parametrize(
    "stray",
    [
        "notes.txt",
        "handler.py~",
        "handler.py.orig",
        "handler.pyc",
        ".handler.py.swp",
        "__pycache__/handler.cpython-313.pyc",
        "vendored/module.py",
        "token.json",
        ".env",
        "._handler.py",
    ],
)
def test_a_stray_file_does_not_get_into_the_zip(copy: Path, stray: str) -> None:
    before = load(copy).build()
    path = copy / "cf_purge" / stray
    path.parent.mkdir(exist_ok=True)
    path.write_text("secret = 1\n", encoding="utf-8")
    assert load(copy).build() == before


def test_a_changed_byte_of_a_module_changes_the_zip(copy: Path) -> None:
    before = load(copy).build()
    with (copy / "cf_purge" / "clock.py").open("a", encoding="utf-8") as file:
        file.write("#\n")
    assert load(copy).build() != before


def test_the_check_tells_a_current_zip_from_a_stale_or_missing_one(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    builder = load(copy)
    assert builder.main([]) == 0
    assert builder.main(["--check"]) == 0
    assert (copy / "cf_purge.zip").read_bytes() == builder.build()
    assert f"{len(NAMES)} files" in capsys.readouterr().out
    (copy / "cf_purge.zip").write_bytes(b"stale")
    assert builder.main(["--check"]) == 1
    assert (copy / "cf_purge.zip").read_bytes() == b"stale"
    (copy / "cf_purge.zip").unlink()
    assert builder.main(["--check"]) == 1
    assert "is not what the source makes" in capsys.readouterr().err


def test_an_argument_nobody_knows_writes_nothing(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "cf_purge.zip").unlink()
    assert load(copy).main(["--chek"]) == 2
    assert not (copy / "cf_purge.zip").exists()
    assert "--check" in capsys.readouterr().err


def test_the_handler_runs_out_of_the_zip(tmp_path: Path) -> None:
    file = tmp_path / "cf_purge.zip"
    file.write_bytes(load(LAMBDA).build())
    script = (
        "import importlib, json, sys; sys.path.insert(0, sys.argv[1]);"
        "handler = importlib.import_module('cf_purge.handler');"
        "summary = handler.lambda_handler({'keys': ['a b'], 'bucket': 'www.example.com', 'dry_run': True}, None);"
        "print(json.dumps([handler.__file__, summary]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env={name: value for name, value in {**os.environ, **flat_environment()}.items() if name != "CF_PURGE_CONFIG"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    origin, summary = json.loads(done.stdout.splitlines()[-1])
    assert Path(origin) == file / "cf_purge" / "handler.py"
    assert summary["invalidations"] == ["https://www.example.com/a%20b"]
