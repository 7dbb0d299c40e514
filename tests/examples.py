"""A root as a child module: without the provider, which is for the root that holds it, and with the module found."""

import json
import re
from pathlib import Path

from tools.problems import ROOT

EXAMPLES = ROOT / "examples"
_PROVIDER = re.compile(r'^provider "aws" \{.*?^\}\n', re.DOTALL | re.MULTILINE)


def copied(example: Path, folder: Path, source: Path = ROOT) -> None:
    """Copy a root's files into a new folder; `source` is where its copy finds the module."""
    folder.mkdir(parents=True)
    for file in example.glob("*.tf"):
        text = _PROVIDER.sub("", file.read_text())
        (folder / file.name).write_text(text.replace('"../.."', json.dumps(str(source))))
