"""`make bench`: the promised figures, measured side by side on this machine."""

import argparse
import sys
from collections.abc import Sequence

from tests.bench import fresh, latency, memory, simulate
from tests.bench.bench import running
from tests.bench.figures import Figure, table

PARTS = ("latency", "fresh", "memory", "requests")
MOST_REQUESTS = {1: 1, 100: 5, 10_000: 110}  # by objects
MOST_VISITS = 1_000
MOST_AFTER_OUTAGE, MOST_IN_OUTAGE = 150, 20 * 60  # for 10,000 changes that waited an hour; 20 a minute


def main(arguments: Sequence[str]) -> int:
    """Measure and print; return 1 if a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("part", nargs="*", choices=PARTS, help="only these")
    parser.add_argument("--docs", action="store_true", help="all, and write README.md, docs/benchmarks.md and its plot")
    options = parser.parse_args(arguments)
    parts = PARTS if options.docs else options.part or PARTS
    figures: list[Figure] = []
    samples: latency.Samples = {}
    with running() as bed:
        if "latency" in parts:
            found, samples = latency.measure(bed)
            figures += found
        if "fresh" in parts:
            figures += fresh.measure(bed)
        if "memory" in parts:
            figures += memory.measure(bed)
    if "requests" in parts:
        figures += [*requests(), *recoveries()]
    print(table(figures))
    if options.docs:
        from tests.bench.publish import publish

        publish(figures, samples)
    missed = [figure.name for figure in figures if not figure.is_met]
    print(f"{len(figures)} figures, {len(missed)} promises not kept", *missed, sep="\n  ")
    return 1 if missed else 0


def requests() -> list[Figure]:
    """Count Cloudflare's requests for bursts of several sizes, in virtual time."""
    figures = []
    for size, most in MOST_REQUESTS.items():
        result = simulate.run(simulate.BURSTS[size])
        assert result.is_good, result
        figures.append(Figure(f"requests, burst of {size:,}", "", result.requests, at_most=most))
    verified = simulate.run(simulate.BURSTS[10_000]._replace(verifies=True))
    assert verified.is_good, verified
    figures.append(Figure("requests, burst of 10,000, verified", "", verified.requests, at_most=most))
    figures.append(Figure("visits, burst of 10,000, verified", "", verified.visits, at_most=MOST_VISITS))
    one = simulate.run(simulate.BURSTS[1]._replace(verifies=True))
    figures.append(Figure("upload to the proof of a visitor", "s", one.seen, at_most=7))
    return figures


def recoveries() -> list[Figure]:
    """Count the requests of an hour's outage and after it, in virtual time."""
    figures = []
    for scenario in simulate.OUTAGES:
        result = simulate.run(scenario)
        assert not result.missing + result.dead, result
        answer = scenario.answer or "silence"
        figures.append(Figure(f"requests after an hour of {answer}", "", result.requests, at_most=MOST_AFTER_OUTAGE))
        figures.append(Figure(f"requests in that hour of {answer}", "", result.during, at_most=MOST_IN_OUTAGE))
    return figures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
