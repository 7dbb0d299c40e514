"""`make test`: every check, with its time. `python -m tools.check [stage ...]` runs some of them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import attached, environments, matrix, terraform
from tools.problems import ROOT, Problem

Stage = Callable[[], None]
# The same verdict on the same code; `soak` takes another seed each time.
_SAME = "--hypothesis-seed=20261123"
_LOG = ROOT / ".logs" / "e2e.out"
_WATCHED = ROOT / "tests" / "simulation" / "watched.py"


class Failed(Exception):
    """A command of a stage did not end well; its output says why."""


def run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env=terraform.environment(), check=False)
    if done.returncode:
        raise Failed(f"{' '.join(str(part) for part in command[:5])} ... ended with {done.returncode}")


def lint() -> None:
    run("terraform", "fmt", "-check", "-recursive", "-diff")
    run(sys.executable, "-m", "ruff", "check", ".")
    run(sys.executable, "-m", "ruff", "format", "--check", ".")
    run(sys.executable, "-m", "mypy")
    run(sys.executable, "lambda/package.py", "--check")
    run(sys.executable, "-m", "tools.docs", "--check")


def unit() -> None:
    run(sys.executable, "-m", "pytest", "tests/unit", "--cov", "--cov-report=term-missing:skip-covered")


def ledger() -> None:
    run(sys.executable, "-m", "pytest", "tests/ledger", _SAME)


def fuzz() -> None:
    run(sys.executable, "-m", "pytest", "tests/fuzz", _SAME)


def guards() -> None:
    run(sys.executable, "-m", "pytest", "tests/bench")


def soak() -> None:
    """What takes an hour: as `ledger` and `fuzz`, with other seeds each time, on two cores; then 10,000 uploads."""
    commands = [
        *(["tests/ledger/test_ledger.py", "--schedules=50000"] for _ in range(2)),
        ["tests/fuzz/test_fuzz.py", "--inputs=100000"],
        ["tests/unit", "--hypothesis-profile=other"],
    ]
    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(run, sys.executable, "-m", "pytest", *command) for command in commands]
    for each in done:
        each.result()
    run(sys.executable, "-m", "pytest", "tests/e2e/test_bulk.py", "-s", "--objects=10000")


def tools() -> None:
    run(sys.executable, "-m", "pytest", "tests/tools")


def plan() -> None:
    roots = [ROOT, *sorted(path.parent for path in ROOT.glob("examples/*/main.tf"))]
    for root in roots:
        terraform.initialised(root)
    with attached.provider(ROOT):
        for root in roots:
            run("terraform", f"-chdir={root}", "validate", "-no-color")
        run("terraform", "test", "-no-color")
    run(sys.executable, "-m", "pytest", "tests/plans")


def world() -> None:
    run(sys.executable, "-m", "pytest", "tests/world")


def compliance() -> None:
    environments.ready("compliance")
    run(sys.executable, "-m", "pytest", "tests/compliance")


def compatibility() -> None:
    # Generated code of hundreds of megabytes that is read and not run: neither compiled nor with what it would import.
    with _pip(PIP_COMPILE="0", PIP_NO_DEPS="1"):
        python = environments.ready("compatibility")
    run(python, "-m", "pytest", "tests/compatibility")


def checkov() -> None:
    with _pip(PIP_COMPILE="0"):  # it runs a small part of what it brings
        environments.ready("checkov")
    run(sys.executable, "-m", "pytest", "tests/checkov")


@contextlib.contextmanager
def _pip(**options: str) -> Iterator[None]:
    """Give pip options, by its own environment variables, for what is installed meanwhile."""
    os.environ.update(options)
    try:
        yield
    finally:
        for name in options:
            del os.environ[name]


def e2e() -> None:
    environments.ready("compliance")
    run(sys.executable, "-m", "pytest", "tests/e2e", "-v")


STAGES: dict[str, Stage] = {
    "lint": lint,
    "unit": unit,
    "ledger": ledger,
    "fuzz": fuzz,
    "guards": guards,
    "tools": tools,
    "world": world,
    "plan": plan,
    "compliance": compliance,
    "compatibility": compatibility,
    "checkov": checkov,
    "matrix": matrix.run_all,
    "e2e": e2e,
    "soak": soak,
}
_APART = ("e2e", "soak")  # the one runs beside the others, the other only when asked for


def main(names: Sequence[str]) -> int:
    """Run the named stages, or all of them: end to end beside the others, since it mostly waits for Terraform."""
    unknown = set(names) - set(STAGES)
    if unknown:
        print(f"There is no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}.", file=sys.stderr)
        return 2
    results: dict[str, tuple[str, float]] = {}
    beside: subprocess.Popen[bytes] | None = None
    started = time.monotonic()
    if not names:
        with contextlib.suppress(Problem):  # end to end will say it
            environments.ready("compliance")  # two pips at once only get in each other's way
        _LOG.parent.mkdir(exist_ok=True)
        with open(_LOG, "wb") as output:
            beside = subprocess.Popen(
                [sys.executable, _WATCHED, sys.executable, "-m", "tools.check", "e2e"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C must reach only us
            )
        print(f"e2e: runs beside the other stages, output in {_LOG.relative_to(ROOT)}", flush=True)
    try:
        for name in names or [name for name in STAGES if name not in _APART]:
            results[name] = _timed(name)
        if beside is not None:
            print("\n== e2e (waiting for it to end)", flush=True)
            status = beside.wait()
            sys.stdout.write(_LOG.read_text(errors="replace"))
            results["e2e"] = ("ok" if status == 0 else "FAILED", time.monotonic() - started)
    finally:
        if beside is not None:
            beside.communicate()  # closes its input, which stops all of it
    print()
    for name, (verdict, seconds) in results.items():
        print(f"{name:13} {verdict:7} {seconds:6.1f} s")
    print(f"{'in all':13} {'':7} {time.monotonic() - started:6.1f} s")
    failed = [name for name, (verdict, _) in results.items() if verdict != "ok"]
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed", flush=True)
    return 1 if failed else 0


def _timed(name: str) -> tuple[str, float]:
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    try:
        STAGES[name]()
    except (Failed, Problem) as problem:
        print(f"{name}: {problem}", file=sys.stderr, flush=True)
        return "FAILED", time.monotonic() - started
    return "ok", time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
