"""The zip: built from the source byte for byte, and it runs."""

import importlib.util
import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.factories import flat_environment
from tests.support.interpreter import LAMBDA, python


def load(folder: Path) -> ModuleType:
    """Load the builder from a folder that is not a package."""
    spec = importlib.util.spec_from_file_location("cf_purge_package", folder / "package.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the function's folder that a test may change."""
    return Path(
        shutil.copytree(LAMBDA, tmp_path / "lambda", ignore=lambda _, names: [n for n in names if n == "__pycache__"])
    )


def test_the_zip_contains_every_module_and_no_trace_of_the_machine() -> None:
    modules = {path.name for path in (LAMBDA / "cf_purge").glob("*.py")}
    with zipfile.ZipFile(io.BytesIO(load(LAMBDA).build())) as archive:
        assert {entry.filename for entry in archive.infolist()} == {f"cf_purge/{name}" for name in modules}
        for entry in archive.infolist():
            assert (entry.date_time, entry.create_system) == ((1980, 1, 1, 0, 0, 0), 3)
            assert (entry.compress_type, entry.external_attr >> 16) == (zipfile.ZIP_STORED, 0o100644)
            assert (entry.extra, entry.comment) == (b"", b"")


def test_times_modes_and_line_ends_of_a_checkout_change_no_byte(copy: Path) -> None:
    for path in copy.rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        path.chmod(0o600)
        os.utime(path, (1, 1))
    assert load(copy).build() == load(LAMBDA).build()


@pytest.mark.parametrize("stray", ["notes.txt", "handler.py~", "._handler.py", "vendored/module.py", ".env"])
def test_a_stray_file_does_not_get_into_the_zip(copy: Path, stray: str) -> None:
    before = load(copy).build()
    path = copy / "cf_purge" / stray
    path.parent.mkdir(exist_ok=True)
    path.write_text("secret = 1\n", encoding="utf-8")
    assert load(copy).build() == before


def test_the_check_tells_a_current_zip_from_an_old_one(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    builder = load(copy)
    assert builder.main([]) == 0
    assert builder.main(["--check"]) == 0
    (copy / "cf_purge" / "errors.py").write_text("", encoding="utf-8")
    assert builder.main(["--check"]) == 1
    assert "is not what the source makes" in capsys.readouterr().err


def test_the_handler_runs_from_the_zip(tmp_path: Path) -> None:
    file = tmp_path / "cf_purge.zip"
    file.write_bytes(load(LAMBDA).build())
    script = (
        "import importlib, json, sys; sys.path.insert(0, sys.argv[1]);"
        "handler = importlib.import_module('cf_purge.handler');"
        "summary = handler.lambda_handler({'keys': ['a'], 'bucket': 'www.example.com', 'dry_run': True}, None);"
        "print(json.dumps([handler.__file__, summary]))"
    )
    done = python("-W", "error", "-c", script, str(file), cwd=tmp_path, **flat_environment())
    assert (done.returncode, done.stderr) == (0, "")
    origin, summary = json.loads(done.stdout.splitlines()[-1])
    assert Path(origin) == file / "cf_purge" / "handler.py"
    assert summary["invalidations"] == ["https://www.example.com/a"]
