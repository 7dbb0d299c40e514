"""Parliament, the IAM linter.

Its newest release is of April 2025, and no other on PyPI reads policies offline and knows each action's resources and
condition keys. What is newer than its data is a finding that says so; that actions exist is asked of botocore too.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from types import SimpleNamespace

from tests.compatibility.policies import Document


def _path(package: str, name: str) -> str:
    return str(distribution(package).locate_file(f"{package}/{name}"))


# It asks setuptools where its own files are, in a way that newer setuptools no longer have.
sys.modules.setdefault("pkg_resources", SimpleNamespace(resource_filename=_path))  # type: ignore[arg-type]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import parliament  # type: ignore[import-not-found]


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    sid: str
    issue: str
    detail: str


def findings(document: Document) -> Iterator[Finding]:
    """Lint a document statement by statement, so that each finding has its Sid, and as a whole for Sids used twice."""
    statements = document.get("Statement", [])
    for statement in statements:
        for issue, detail in _found({**document, "Statement": [statement]}):
            yield Finding(statement.get("Sid", ""), issue, detail)
    for issue, detail in _found(document):
        if not statements or issue == "DUPLICATE_SID":
            yield Finding("", issue, detail)


def _found(document: Document) -> Iterator[tuple[str, str]]:
    for finding in parliament.analyze_policy_string(json.dumps(document)).findings:
        yield finding.issue, finding.detail if isinstance(finding.detail, str) else json.dumps(finding.detail)
