"""`python -m tests.bench.cost`: what purging costs, at AWS's list prices. Cloudflare charges nothing for it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT / part) for part in ("lambda", ".")]

from tests.bench.bill import changed, default, dollars, seconds_of, standing, together  # noqa: E402
from tests.bench.effort import Effort  # noqa: E402
from tests.bench.invoices import MILLION, PLANS, SITES, bill, months, per_million, prices, ways  # noqa: E402
from tests.bench.measured import Figure, Part, counted  # noqa: E402
from tests.bench.prices import AS_OF, LAMBDA_TIME  # noqa: E402
from tests.bench.spent import DRAIN, Shape, spent  # noqa: E402

DOCUMENT = _ROOT / "docs" / "cost.md"
DELIVERIES = ("queue", "direct", "eventbridge-queue", "eventbridge-direct")
TABLES = {"": per_million, "--months": months, "--prices": prices}


def measure(effort: Effort) -> Part:
    """Return the totals as figures; `effort` makes no difference to a calculation."""
    figures: list[Figure] = []
    for setting, shape in ways():
        total = dollars(changed(MILLION, shape, setting))
        figures.append(counted(f"a million changes: {setting.delivery}, {shape.name}", "dollars", total))
    for _, changes, shape, hours in SITES:
        total = dollars(together(changed(changes, shape, default()), standing(hours, default())))
        figures.append(counted(f"a month of a site with {changes:,} changes", "dollars", total))
    note = f"List prices ({AS_OF}), what is free each month not deducted; what is assumed is in [cost.md](../cost.md)."
    return Part("Money", "python -m tests.bench.cost", figures, notes=[note])


def rendered(text: str) -> str:
    """Return the document with its tables as they should be."""
    for option, table in TABLES.items():
        name = option.removeprefix("--") or "million"
        before, begin, rest = text.partition(f"<!-- {name}: written by `python -m tests.bench.cost --docs` -->\n")
        _, end, after = rest.partition(f"<!-- end of {name} -->")
        if not (begin and end):
            raise SystemExit(f"docs/cost.md has no place for the table {name}: put back the two comments around it.")
        text = f"{before}{begin}{table()}\n{end}{after}"
    return text


def main(arguments: Sequence[str], document: Path = DOCUMENT) -> int:
    parser = _options()
    options = parser.parse_args(arguments)
    if not 1 <= options.batch <= DRAIN:
        parser.error(f"--batch is 1 to {DRAIN}: no invocation takes more.")
    if options.docs:
        document.write_text(rendered(document.read_text(encoding="utf-8")), encoding="utf-8")
    elif options.changes is None:
        print(f"{AS_OF}, dollars\n")
        print(prices() if options.prices else months() if options.months else per_million())
    else:
        print(_own(options))
    return 0


def _own(options: argparse.Namespace) -> str:
    setting = replace(
        default(),
        has_queue=options.delivery.endswith("queue"),
        has_rule=options.delivery.startswith("eventbridge"),
        plan=options.plan,
        memory=options.memory or default().memory,
        architecture=options.architecture or default().architecture,
        has_dashboard=options.dashboard,
        seconds=None if options.ms is None else options.ms / 1000,
    )
    shape = Shape("", options.batch if setting.has_queue else 1, options.pause)
    took = seconds_of(spent(shape, setting.plan, setting.has_queue, setting.has_rule), setting)
    amounts = changed(options.changes, shape, setting)
    if options.hours is not None:
        amounts = together(amounts, standing(options.hours, setting))
    words = f"{options.changes:,} changes by {setting.delivery}, {shape.changes} to an invocation of {took:.2f} s"
    return f"{words}; {AS_OF}\n\n{bill(amounts)}"


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cost", description=__doc__)
    parser.add_argument("--months", action="store_true", help="months of sites of several sizes")
    parser.add_argument("--prices", action="store_true", help="the list prices")
    parser.add_argument("--docs", action="store_true", help="write the tables of docs/cost.md")
    own = parser.add_argument_group("a bill of your own")
    own.add_argument("--changes", type=int, metavar="N", help="so many changes")
    own.add_argument("--delivery", choices=DELIVERIES, default="queue")
    own.add_argument("--plan", choices=PLANS, default="free", help="of Cloudflare")
    own.add_argument("--batch", type=int, default=1, metavar="N", help="changes to an invocation, 1 to 1000 (1)")
    own.add_argument("--pause", type=float, metavar="SECONDS", help="between two invocations (each is a cold start)")
    own.add_argument("--memory", type=int, metavar="MB", help="the module's default unless given")
    own.add_argument("--architecture", choices=LAMBDA_TIME, help="the module's default unless given")
    own.add_argument("--ms", type=float, help="billed time of an invocation, instead of the estimate")
    own.add_argument("--hours", type=float, metavar="H", help="as a month with changes in so many of its hours")
    own.add_argument("--dashboard", action="store_true", help="with --hours: with the module's dashboard")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
