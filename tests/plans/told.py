"""What the module is given, for what it tells the function: the module with one output more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.plans.planning import Case, label
from tools.problems import ROOT

ZONE_ID = "0123456789abcdef0123456789abcdef"
KINDS: list[dict[str, Any]] = [
    {"clean_urls": True, "header_variants": [{"Origin": "https://www.example.com"}, {"Accept": 'a, "b"'}]},
    {"purge_by": "prefix", "environment_id": "staging", "index_documents": ["index.html", ""]},
    {"purge_by": "tag", "tags": ["{bucket}/{key}", "{dir}{name}:{ext}", "site!$%&()*+-./;<=>?@[]^_`|~"]},
    {"purge_by": "host", "hosts": ["example.com", "www.example.com"], "schemes": ["https", "http"]},
    {"purge_by": "everything", "key_prefix": "a/", "path_prefix": "b"},
    {"path_prefix": "/".join("x" * 30)},
]
SMALLEST = "told the least"
EVERY_KIND = "told every kind of target"
COLLAPSING = {number: f"told to collapse above {number}" for number in (1, 1_000_000)}
SECOND_PURGES = "told to purge again"
_GIVEN: dict[str, dict[str, Any]] = {
    SMALLEST: {},
    EVERY_KIND: {"targets": [{"zone_id": ZONE_ID, **kind} for kind in KINDS]},
    **{case: {"collapse_above": number} for number, case in COLLAPSING.items()},
    SECOND_PURGES: {"repurge_after_seconds": 900},
}

# What the root says of all of them.
OUTPUT = json.dumps(
    {"output": {"told": {"value": {label(case): f"${{module.{label(case)}.told}}" for case in _GIVEN}}}}
)
_OUTPUT = """
output "told" {
  value = {
    function_config = jsonencode(local.function_config)
    target_defaults = jsonencode(local.target_defaults)
  }
}
"""


def cases(folder: Path) -> dict[str, Case]:
    """Return the cases, of a copy of the module in this folder."""
    folder.mkdir()
    for file in ROOT.glob("*.tf"):
        (folder / file.name).write_text(file.read_text())
    (folder / "told.tf").write_text(_OUTPUT)
    (folder / "lambda").symlink_to(ROOT / "lambda")
    passed_on = 'output "told" {\n  value = module.cf_purge.told\n}\n'
    return {
        case: Case(
            "\n".join(f"{name} = {json.dumps(value)}" for name, value in given.items()), passed_on, source=folder
        )
        for case, given in _GIVEN.items()
    }
