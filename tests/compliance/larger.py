"""The plan of a larger root, of which the module is a part.

`.venv/bin/python -m tests.compliance.larger` writes it anew: it applies the root to the
local AWS and plans once more, as a root in use is planned, with policies and descriptions known.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tests.compliance.modes import HERE, PLANS, Plan
from tests.simulation import aws, certificates
from tests.simulation.terraform import Terraform
from tools.problems import ROOT

LARGER = PLANS / "larger_root.json"
_SERVICES = ("cloudwatch", "cloudwatchevents", "cloudwatchlogs", "iam", "kms", "lambda", "s3", "sns", "sqs", "sts")


def written(folder: Path) -> None:
    """Apply the root in a folder of its own and keep of its second plan what terraform-compliance reads."""
    tls = certificates.issue(folder, "localhost")
    with aws.running(folder, tls) as url:
        root = folder / "tests" / "compliance" / "larger_root"
        shutil.copytree(HERE / "larger_root", root, ignore=shutil.ignore_patterns(".*"))
        for name in ("lambda", *(file.name for file in ROOT.glob("*.tf"))):
            (folder / name).symlink_to(ROOT / name)
        provider = {
            "access_key": "test",
            "secret_key": "test",
            "s3_use_path_style": True,
            "endpoints": [dict.fromkeys(_SERVICES, url)],
        }
        (root / "local_override.tf.json").write_text(json.dumps({"provider": {"aws": provider}}))
        terraform = Terraform(root, folder, {}, tls.authority, print)
        terraform.apply()
        plan = _read(terraform.plan()[1])
    text = json.dumps(plan).replace(url, "https://sqs.us-east-1.amazonaws.com")
    assert "127.0.0.1" not in text
    assert str(folder) not in text
    LARGER.write_text(f"{text}\n")  # on one line: the tool reads no more than one


def _read(plan: Plan) -> Plan:
    """The plan without what was before, which the tool does not look at, and without where it was made."""
    kept: dict[str, Any] = {
        name: plan[name] for name in ("format_version", "terraform_version", "planned_values", "configuration")
    }
    del kept["configuration"]["provider_config"]
    kept["resource_changes"] = [
        change | {"change": {name: change["change"][name] for name in ("actions", "after", "after_unknown")}}
        for change in plan["resource_changes"]
    ]
    return kept


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        written(Path(name))
