"""Builds lambda/cf_purge.zip, byte for byte the same on every machine.

    python lambda/package.py            write the zip
    python lambda/package.py --check    exit 1 if the committed zip differs from what would be written

Stored, not deflated: the bytes of DEFLATE differ between zlib builds.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = HERE / "cf_purge"
ZIP = HERE / "cf_purge.zip"

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_UNIX = 3
_MODE = 0o100644


def files() -> list[Path]:
    """Return the files of the zip, in order: every module of the package."""
    return sorted(path for path in PACKAGE.glob("*.py") if path.stem.isidentifier())


def build() -> bytes:
    """Return the zip's bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in files():
            entry = zipfile.ZipInfo(path.relative_to(HERE).as_posix(), _EARLIEST)
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            # A checkout with CRLF builds the same zip.
            archive.writestr(entry, path.read_bytes().replace(b"\r\n", b"\n"))
    return buffer.getvalue()


def main(arguments: list[str]) -> int:
    content = build()
    if arguments == ["--check"]:
        if ZIP.is_file() and ZIP.read_bytes() == content:
            return 0
        print("lambda/cf_purge.zip is not what the source makes: run `make zip` and commit it.", file=sys.stderr)
        return 1
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    ZIP.write_bytes(content)
    print(f"{ZIP.relative_to(HERE.parent)}: {len(content)} bytes, {len(files())} files")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
