"""Check a release and write its notes: `python -m tools.release v1.2.3 [--notes F] [--checksums F] [--sbom F]`.

The version must be the newest in the changelog, the one whose runbook the alarms link to and the one of the action in
docs/usage.md, and the committed zip must be built from the source.
"""

import argparse
import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

from tools.problems import ROOT, Problem

_ZIP = "lambda/cf_purge.zip"
_RUNTIME = ("botocore", "urllib3")  # of Lambda's Python runtime, not in the zip


def notes(tag: str, changelog: str) -> str:
    """Return the changelog's section of a tag's version.

    Raises:
        Problem: the version is not the newest, or the section is empty.
    """
    if not re.fullmatch(r"v\d+\.\d+\.\d+", tag):
        raise Problem(f"The tag {tag} is not a version: use the form v1.2.3.")
    sections = re.findall(r"^## (\S+)[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    dated = [(name.strip("[]"), text.strip()) for name, text in sections if name.strip("[]") != "Unreleased"]
    if any(text.strip() for name, text in sections if name.strip("[]") == "Unreleased"):
        raise Problem(f"CHANGELOG.md has entries under Unreleased: move them under {tag[1:]} before you push the tag.")
    if not dated or dated[0][0] != tag[1:] or not dated[0][1]:
        raise Problem(f"The newest section of CHANGELOG.md is not {tag[1:]}, or is empty: correct it, then tag again.")
    return str(dated[0][1])


def checksums(content: bytes) -> tuple[str, str]:
    """Return a file's SHA-256 as `sha256sum` writes it, and as Terraform's `source_code_hash` shows it."""
    digest = hashlib.sha256(content)
    return digest.hexdigest(), base64.b64encode(digest.digest()).decode()


def sbom(version: str, digest: str) -> str:
    """Return a CycloneDX document of the zip: only the project's code is in it; the runtime has the rest."""
    runtime = [{"type": "library", "name": name, "purl": f"pkg:pypi/{name}", "scope": "excluded"} for name in _RUNTIME]
    zipped = {
        "type": "file",
        "name": Path(_ZIP).name,
        "version": version,
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": zipped}}
    return json.dumps({**document, "components": runtime}, indent=2) + "\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=(__doc__ or "").partition(".")[0])
    parser.add_argument("tag")
    parser.add_argument("--notes", type=Path)
    parser.add_argument("--checksums", type=Path)
    parser.add_argument("--sbom", type=Path)
    asked = parser.parse_args(arguments)
    try:
        said = notes(asked.tag, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
        for file, mention in {"alarms.tf": f"/blob/{asked.tag}/", "docs/usage.md": f"@{asked.tag}\n"}.items():
            if mention not in (ROOT / file).read_text(encoding="utf-8"):
                raise Problem(f"{file} names another version than {asked.tag}: correct it, then tag again.")
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
    if asked.sbom:
        asked.sbom.write_text(sbom(asked.tag[1:], hexadecimal), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
