"""Which feature files go with which mode of the module, and the plans they are tried on.

`python -m tests.compliance.modes LOCAL OTHERS` writes those plans anew, from two that `terraform show -json` wrote: of
examples/local and of all other roots together, once applied, as tests/e2e/test_zz_afterwards.py has them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tools import environments

Plan = dict[str, Any]

HERE = Path(__file__).parent
PLANS = HERE / "plans"
ALWAYS = frozenset({"alarms", "function", "queues", "secrets", "tags"})
# What no other instance in the same plan can break by being of another mode.
SHARED = ALWAYS | {"iam", "notification"}


@dataclass(frozen=True, slots=True)
class Mode:
    """What of the module's inputs the rules depend on."""

    event_source: Literal["s3", "eventbridge", "none"] = "s3"
    delivery: Literal["queue", "direct"] = "queue"
    own_role: bool = False
    vpc_or_tracing: bool = False

    @property
    def features(self) -> frozenset[str]:
        """The names of the feature files that hold for an instance of this mode, alone in its plan."""
        return ALWAYS | {
            "notification" if self.event_source == "s3" else "others_notification",
            "rule_sends" if self.event_source == "eventbridge" else "bucket_sends",
            f"{self.delivery}_delivery",
            *(("own_role",) if self.own_role else ("iam",)),
            *(() if self.own_role or self.vpc_or_tracing else ("plain_role",)),
        }


MODES = {
    "local": Mode(),
    "basic": Mode(),
    "multi_zone": Mode(),
    "complete": Mode(vpc_or_tracing=True),
    "eventbridge": Mode(event_source="eventbridge"),
    "external_notification": Mode(event_source="none"),
    "direct": Mode(delivery="direct", own_role=True),
    "rule": Mode(event_source="eventbridge", delivery="direct"),
}


def alone(plan: Plan, root: str) -> Plan:
    """The plan with nothing in it but one of the modules that its root calls."""
    kept: Plan = json.loads(json.dumps(plan))
    prefix = f"module.{root}"
    for part in ("resource_changes", "resource_drift"):
        kept[part] = [one for one in kept.get(part, []) if one["address"].startswith(f"{prefix}.")]
    for values in (kept["planned_values"], kept["prior_state"]["values"]):
        values["root_module"] = {
            "child_modules": [one for one in values["root_module"]["child_modules"] if one["address"] == prefix]
        }
    calls = kept["configuration"]["root_module"]["module_calls"]
    kept["configuration"]["root_module"] = {"module_calls": {root: calls[root]}}
    return kept


def scenarios(features: Iterable[str]) -> dict[str, str]:
    """Every scenario's name with its steps."""
    return {
        name: steps
        for feature in sorted(features)
        for name, steps in re.findall(
            r"^  Scenario: (.+)\n((?:    .+\n)+)", (HERE / f"{feature}.feature").read_text(), re.MULTILINE
        )
    }


def assert_complies(plan: Plan, features: Iterable[str], folder: Path, edit: Sequence[str] = ()) -> None:
    """Run the tool as its users do, on a copy of the features that are named, and see every scenario pass.

    `edit` is a command that changes the copy, given its files.
    """
    told, chosen = folder / "plan.json", folder / "features"
    told.write_text(json.dumps(plan))  # on one line: the tool reads no more than one
    chosen.mkdir()
    for feature in features:
        (chosen / f"{feature}.feature").write_text((HERE / f"{feature}.feature").read_text())
    if edit:
        subprocess.run([*edit, *sorted(chosen.iterdir())], check=True)
    command = environments.ready("compliance").with_name("terraform-compliance")
    done = subprocess.run(
        [command, "--planfile", told, "--features", chosen, "--no-ansi"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "SKIPPING" not in done.stdout, done.stdout[-6000:]
    count = len(scenarios(features))
    assert f"{count} scenarios ({count} passed)" in done.stdout, done.stdout[-2000:]


# ---- The plans of the tests ----

# What the provider adds and no rule reads, what only this machine has, and copies of other resources' policies.
_LEFT_OUT = re.compile(
    r"arn_.+|code_sha256|create_date|filename|image_uri|inline_policy|invoke_arn|last_.+|max_session_duration"
    r"|package_type|qualified_.+|source_code_.+|state_transition_reason|unique_id|uuid|version"
)
_ALARMS = ("dead_letters", "lag", None)
# One instance for each mode that differs.
TRIED = tuple({mode: name for name, mode in reversed(MODES.items())}.values())


def trimmed(plan: Plan, root: str | None = None) -> Plan:
    """What the rules read of a plan, or of the one module `root` in it, as if that were the root."""
    prefix = f"module.{root}." if root else ""
    text = json.dumps(
        [
            _resource(resource, prefix)
            for resource in plan["resource_changes"]
            if resource["address"].startswith(prefix) and resource["mode"] == "managed"
            if resource["type"] != "aws_cloudwatch_metric_alarm" or resource.get("index") in _ALARMS
        ]
    )
    text = re.sub(r"https://127\.0\.0\.1:\d+/(?=\d{12}/)", "https://sqs.us-east-1.amazonaws.com/", text)
    text = re.sub(r"https://127\.0\.0\.1:\d+(?=/client/)", "https://api.cloudflare.com", text)
    assert not re.search(r"127\.0\.0\.1|localhost|/cf_purge\.zip", text)
    return {
        "format_version": plan["format_version"],
        "terraform_version": plan["terraform_version"],
        "planned_values": {"root_module": {}},
        "configuration": {"root_module": {}},
        "resource_changes": json.loads(text),
    }


def _resource(resource: dict[str, Any], prefix: str) -> dict[str, Any]:
    kept: dict[str, Any] = {
        name: resource[name] for name in ("address", "mode", "type", "name", "index") if name in resource
    }
    kept["address"] = kept["address"].removeprefix(prefix)
    if f"{prefix}module." in f"{resource.get('module_address', '')}.":
        kept["module_address"] = resource["module_address"].removeprefix(prefix)
    after = resource["change"]["after"].items()
    kept["change"] = {
        "actions": ["no-op"],
        "after": {
            name: value for name, value in after if value not in (None, "", []) and not _LEFT_OUT.fullmatch(name)
        },
    }
    return kept


def _written(plan: Plan) -> str:
    """JSON with a line for each resource."""
    rest = json.dumps({name: value for name, value in plan.items() if name != "resource_changes"})
    lines = ",\n".join(json.dumps(resource) for resource in plan["resource_changes"])
    return f'{rest[:-1]}, "resource_changes": [\n{lines}\n]}}\n'


if __name__ == "__main__":
    local, others = (json.loads(Path(path).read_text()) for path in sys.argv[1:])
    for instance in TRIED:
        made = trimmed(local) if instance == "local" else trimmed(others, instance)
        (PLANS / f"{instance}.json").write_text(_written(made))
