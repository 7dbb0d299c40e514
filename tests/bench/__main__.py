"""`make bench`: everything that is promised in numbers, measured side by side on this machine."""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
# As the tests have it: the function, the simulated Cloudflare, and the tests' own models.
sys.path[:0] = [str(_ROOT / part) for part in ("lambda", ".")]

from tests.bench import published, summary  # noqa: E402
from tests.bench.effort import QUICK, Effort  # noqa: E402
from tests.bench.measured import Part  # noqa: E402
from tests.bench.table import printed  # noqa: E402

PARTS = ("cold", "imports", "quota", "warm", "bursts", "fresh", "memory", "cost")


def main(arguments: Sequence[str], folder: Path = published.FOLDER) -> int:
    """Measure, print and write; 1 when a part fails, with --strict also when a goal is missed."""
    parser = _options()
    options = parser.parse_args(arguments)
    unknown = set(options.part) - set(PARTS)
    if unknown:
        parser.error(f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
    effort = QUICK if options.quick else Effort()
    if options.repeats is not None:
        effort = replace(effort, repeats=options.repeats)
    if options.docs and (options.quick or effort.repeats < Effort().repeats):
        parser.error(f"--docs publishes medians of {Effort().repeats} or more: leave out --quick and --repeats.")
    if options.redraw:
        _publish(published.published(folder), folder)
        return 0
    records, failed = {}, []
    for name in options.part or PARTS:
        print(f"== {name}", flush=True)
        try:
            part: Part = importlib.import_module(f"tests.bench.{name}").measure(effort)
        except Exception:  # what the others take minutes for must not be lost with it
            traceback.print_exc()
            failed.append(name)
            continue
        printed(part)
        records[name] = published.record_of(part)
        if options.json:
            options.json.write_text(published.document(records), encoding="utf-8")
        if options.docs:
            merged = {**published.published(folder), name: records[name]}
            _publish({each: merged[each] for each in PARTS if each in merged}, folder)
    figures = [figure for record in records.values() for figure in record.part.figures]
    missed = [figure for figure in figures if not figure.is_met]
    print(f"{len(figures)} figures, {len(missed)} goals missed" + "".join(f"; {figure.name}" for figure in missed))
    if failed:
        print(f"not measured: {', '.join(failed)}, see above", file=sys.stderr)
    return 1 if failed or (missed and options.strict) else 0


def _publish(records: dict[str, published.Record], folder: Path) -> None:
    published.publish(records, folder)
    if folder == published.FOLDER:
        summary.write(records)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"only these, of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="show that all of it runs; the figures say little")
    parser.add_argument("--repeats", type=int, metavar="N", help=f"of each thing that is timed ({Effort().repeats})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and samples there")
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks; other parts stay as they are")
    parser.add_argument("--redraw", action="store_true", help="write docs/benchmarks anew from its results.json")
    parser.add_argument("--strict", action="store_true", help="end with 1 when a goal is missed")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
