"""`python -m tests.bench.simulate`: what the function does under load and through outages, in virtual time."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from multiprocessing import Pool
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
# As the tests have it: the function, the simulated Cloudflare, and the tests' own model of AWS.
sys.path[:0] = [str(_ROOT / part) for part in ("lambda", ".")]

from tests.bench.plots import chart_of  # noqa: E402
from tests.bench.report import document, table  # noqa: E402
from tests.bench.result import Result  # noqa: E402
from tests.bench.run import run  # noqa: E402
from tests.bench.scenarios import SCENARIOS, VARIABLE, Scenario, quick, varied  # noqa: E402


def main(arguments: Sequence[str]) -> int:
    """Run the scenarios, print the table; 1 when a goal is missed."""
    parser = _options()
    options = parser.parse_args(arguments)
    if options.list:
        for scenario in SCENARIOS.values():
            print(f"{scenario.name:24} {scenario.objects:>12,} objects")
        return 0
    scenarios = quick() if options.quick else [SCENARIOS[name] for name in options.scenario or SCENARIOS]
    if options.most:
        scenarios = [scenario for scenario in scenarios if scenario.objects <= options.most]
    try:
        for setting in options.set or ():
            scenarios = [each for scenario in scenarios for each in varied(scenario, setting)]
    except ValueError as error:
        parser.error(str(error))
    # The longest first: the others fill the time beside it.
    jobs = [(each, options.plots) for each in sorted(scenarios, key=lambda each: -each.objects)]
    results: dict[str, Result] = {}
    if options.processes == 1:
        _collect(map(_job, jobs), results)
    else:
        with Pool(options.processes, maxtasksperchild=1) as pool:
            _collect(pool.imap_unordered(_job, jobs), results)
    ordered = [results[scenario.name] for scenario in scenarios]
    print(table(ordered))
    if options.json:
        options.json.write_text(document(ordered))
    missed, seconds = sum(bool(result.missed) for result in ordered), sum(result.wall for result in ordered)
    print(f"\n{len(ordered)} scenarios, goals missed in {missed}; {seconds:.0f} s of computing")
    return 1 if missed else 0


def _job(job: tuple[Scenario, Path | None]) -> Result:
    scenario, plots = job
    result, books = run(scenario)
    if plots:
        plots.mkdir(parents=True, exist_ok=True)
        (plots / f"{scenario.name.replace(' ', '-')}.svg").write_text(chart_of(scenario, books.samples).svg())
    return result


def _collect(found: Iterable[Result], results: dict[str, Result]) -> None:
    for result in found:
        results[result.name] = result
        print(f"{result.name}: {result.wall:.1f} s", file=sys.stderr, flush=True)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.simulate", description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the scenarios and do nothing")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, metavar="NAME", help="only this; repeatable")
    parser.add_argument("--quick", action="store_true", help="a small scenario of each sort instead")
    parser.add_argument("--most", type=int, metavar="OBJECTS", help="only scenarios of so many objects or fewer")
    parser.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE[,VALUE]",
        help=f"the same with another value, or with several; of {', '.join(VARIABLE)}; repeatable",
    )
    parser.add_argument("--processes", type=int, default=2, help="at the same time (2)")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write a chart of each scenario there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
