"""Which feature files go with which mode of the module."""

import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tools import environments

Plan = dict[str, Any]

HERE = Path(__file__).parent
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
    "complete": Mode(vpc_or_tracing=True),
    "eventbridge": Mode(event_source="eventbridge"),
    "external_notification": Mode(event_source="none"),
    "direct": Mode(delivery="direct", own_role=True),
    "rule": Mode(event_source="eventbridge", delivery="direct"),
}


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
    tool = environments.ready("compliance").with_name("terraform-compliance")
    command: list[str | Path] = [tool, "--planfile", told, "--features", chosen, "--no-ansi"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "SKIPPING" not in done.stdout, done.stdout[-6000:]
    count = len(scenarios(features))
    assert f"{count} scenarios ({count} passed)" in done.stdout, done.stdout[-2000:]
