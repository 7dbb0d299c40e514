"""A root as a child module: without the provider, which is for the root that holds it, and with the module found."""

import json
import os
import re
from pathlib import Path

from tools.problems import ROOT

EXAMPLES = ROOT / "examples"
_PROVIDER = re.compile(r'^provider "aws" \{.*?^\}\n', re.DOTALL | re.MULTILINE)


def copied(example: Path, folder: Path) -> None:
    """Copy a root's files into a new folder."""
    folder.mkdir(parents=True)
    for file in example.glob("*.tf"):
        (folder / file.name).write_text(finding_the_module(_PROVIDER.sub("", file.read_text()), folder))


def finding_the_module(text: str, folder: Path) -> str:
    """Return HCL of an example as it stands in another folder: by a relative path, since others Terraform copies."""
    return text.replace('"../.."', json.dumps(os.path.relpath(ROOT, folder.resolve())))
