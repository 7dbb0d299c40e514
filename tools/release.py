"""What a release must be: `python -m tools.release v1.2.3 [--notes FILE] [--checksums FILE]`.

The changelog's newest section is this version's, and the committed zip is what its source builds. What is new and the
zip's checksums are then written where they are wanted.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
import subprocess
import sys
from pathlib import Path

from tools.problems import ROOT, Problem

_ZIP = "lambda/cf_purge.zip"


def notes(tag: str, changelog: str) -> str:
    """Return what the changelog says of a tag's version, which must be the newest with anything in it.

    Raises:
        Problem: it is not.
    """
    if not re.fullmatch(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", tag):
        raise Problem(f"The tag {tag} is no version: it must look like v1.2.3.")
    sections = re.findall(r"^## (\S+)[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    dated = [(name.strip("[]"), text.strip()) for name, text in sections if name.strip("[]") != "Unreleased"]
    if any(text.strip() for name, text in sections if name.strip("[]") == "Unreleased"):
        raise Problem(f"CHANGELOG.md has changes that are not released: put them under {tag[1:]} before it is tagged.")
    if not dated or dated[0][0] != tag[1:] or not dated[0][1]:
        raise Problem(f"CHANGELOG.md does not begin with what is new in {tag[1:]}: write it, then tag that.")
    said: str = dated[0][1]
    return said


def checksums(content: bytes) -> tuple[str, str]:
    """Return a file's SHA-256 as `sha256sum` writes it, and as Terraform's `source_code_hash` shows it."""
    digest = hashlib.sha256(content)
    return digest.hexdigest(), base64.b64encode(digest.digest()).decode()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=(__doc__ or "").partition(".")[0])
    parser.add_argument("tag")
    parser.add_argument("--notes", type=Path)
    parser.add_argument("--checksums", type=Path)
    asked = parser.parse_args(arguments)
    try:
        said = notes(asked.tag, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    except Problem as problem:
        print(f"cf_purge: {problem}", file=sys.stderr)
        return 1
    checked = subprocess.run([sys.executable, ROOT / "lambda" / "package.py", "--check"], check=False).returncode
    if checked:
        return checked
    hexadecimal, encoded = checksums((ROOT / _ZIP).read_bytes())
    table = f"| of `{_ZIP}` | |\n|---|---|\n| SHA-256 | `{hexadecimal}` |\n| `source_code_hash` | `{encoded}` |\n"
    print(table, end="")
    if asked.notes:
        asked.notes.write_text(f"{said}\n\n{table}", encoding="utf-8")
    if asked.checksums:
        asked.checksums.write_text(f"{hexadecimal}  {Path(_ZIP).name}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
