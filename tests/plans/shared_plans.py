"""The plans, each made once for all tests that look at it."""

import json
import tempfile
from functools import cache
from pathlib import Path

from tests.plans.cases import IN_USE, USES
from tests.plans.planning import Plan, composed, planned, state

_FOLDER = tempfile.TemporaryDirectory(prefix="plans")
ROOT = Path(_FOLDER.name) / "fresh"
_OTHER = """
resource "terraform_data" "other" {
  triggers_replace = "what has nothing to do with it"
}
"""


@cache
def fresh() -> Plan:
    """Plan every use where nothing exists yet."""
    return planned(composed(ROOT, USES))


@cache
def known() -> Plan:
    """Plan some modes where AWS has given out its ARNs: every policy and text is known."""
    root = composed(Path(_FOLDER.name) / "known", IN_USE)
    (root / "terraform.tfstate").write_text(json.dumps(state(fresh(), IN_USE)))
    return planned(root)


@cache
def again() -> Plan:
    """Plan the same modes once more, with `depends_on` on something that changes."""
    root = composed(Path(_FOLDER.name) / "again", IN_USE, "  depends_on = [terraform_data.other]\n")
    (root / "other.tf").write_text(_OTHER)
    (root / "terraform.tfstate").write_text(json.dumps(state(known(), IN_USE)))
    return planned(root)
