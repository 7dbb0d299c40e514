"""terraform-compliance on many plans: started once and forked for each, since starting it takes longer than a plan.

`run_features.py PLAN ...` is run by the tool's own Python, with all features of this folder. It writes the report of
`plan.json` to `plan.report`, and what the tool says to `plan.out`.
"""

import os
import pickle
import sys
import traceback
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from radish import world  # type: ignore[import-not-found]
from radish.runner import Runner  # type: ignore[import-not-found]
from terraform_compliance import main  # type: ignore[import-not-found]
from terraform_compliance.extensions import terraform  # type: ignore[import-not-found]

PLANS = [Path(name) for name in sys.argv[1:]]
_start = Runner.start


class Memory:
    """What the tool keeps of a plan from one feature to the next, and would keep on the disk."""

    kept: ClassVar[dict[str, bytes]] = {}

    def get(self, name: str) -> Any:
        return pickle.loads(self.kept[name]) if name in self.kept else None  # noqa: S301 - its own

    def set(self, name: str, value: Any) -> None:
        self.kept.setdefault(name, pickle.dumps(value))

    def close(self) -> None:
        pass


def start_for_each(runner: Any, features: Any, marker: Any) -> int:
    """Run the features, which are read and matched with their steps by now, on every plan."""
    running = 0
    for plan in PLANS:
        if running == os.cpu_count():
            os.wait()
            running -= 1
        if not os.fork():
            _check(plan, runner, features, marker)
        running += 1
    while running:
        os.wait()
        running -= 1
    return 0


def _check(plan: Path, runner: Any, features: Any, marker: Any) -> NoReturn:
    """What a child does, and nothing after it."""
    try:
        with plan.with_suffix(".out").open("w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        world.config.user_data["plan_file"] = str(plan)
        world.config.cucumber_json = str(plan.with_suffix(".report"))
        _start(runner, features, marker)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


if __name__ == "__main__":
    Runner.start, terraform.Cache = start_for_each, Memory
    report = PLANS[0].with_suffix(".report")  # named here or none is written
    sys.argv[1:] = [
        f"--planfile={PLANS[0]}",
        f"--features={Path(__file__).parent}",
        "--no-ansi",
        f"--cucumber-json={report}",
    ]
    sys.exit(main.cli())
