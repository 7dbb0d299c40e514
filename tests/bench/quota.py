"""`python -m tests.bench.quota`: the cold path with the CPU share of functions of several sizes, and what it costs."""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from tests.bench.cold import FROM_QUEUE, FROM_S3, URL
from tests.bench.effort import Effort
from tests.bench.measured import Figure, Part, median_of, ratio_of
from tests.bench.prices import AS_OF, LAMBDA_REQUESTS, LAMBDA_TIME
from tests.bench.processes.ground import Ground, ground
from tests.bench.processes.process import Run, function
from tests.bench.processes.share import FULL, PERIOD, Group, NoQuota, group
from tests.bench.table import printed

SIZES = (128, 256, 512, 1024, FULL)  # MB
_NAMES = ("ours", "naive")
# What Lambda does, as far as is known, and the worst it could do.
_FAST, _SLOW = "imports at full speed", "all at the share"
_TITLE, _COMMAND = "Cold path by memory size", "python -m tests.bench.quota"

Runs = dict[tuple[str, int, str], list[Run]]  # by name, size, way


def measure(effort: Effort) -> Part:
    """Time both functions with each share, in turns; without figures where no quota can be set."""
    if not effort.quotas:
        return Part(_TITLE, _COMMAND, [], notes=["Not measured: left out of a quick run."])
    runs: Runs = defaultdict(list)
    with ExitStack() as stack:
        try:
            groups = {size: stack.enter_context(group(size)) for size in SIZES}
        except NoQuota as problem:
            return Part(_TITLE, _COMMAND, [], notes=[f"Not measured: {problem}"])
        place = stack.enter_context(ground())
        for number in range(max(2, effort.repeats) + 1):
            for size in SIZES if number else (FULL,):  # the first round only brings files into memory
                for name in _NAMES[:: 1 if number % 2 else -1]:
                    for way in (_FAST, _SLOW):
                        run = _run(place, name, size, groups[size], way)
                        if number:
                            runs[name, size, way].append(run)
    return Part(_TITLE, _COMMAND, _figures(runs), _samples(runs), _NOTES)


def dollars(run: Run, size: int) -> float:
    """Return the price of a million such invocations, each with a start of its own; both are billed, by the ms."""
    seconds = (math.ceil(run.asked) + math.ceil(run.answered - run.asked)) / 1000
    return LAMBDA_REQUESTS.of(1e6) + LAMBDA_TIME["arm64"].of(seconds * size / 1024) * 1e6


def _run(place: Ground, name: str, size: int, share: Group, way: str) -> Run:
    command = place.ours(size) if name == "ours" else place.rival(name, size)
    events = [FROM_QUEUE if name == "ours" else FROM_S3]
    if way == _SLOW:
        run = function(replace(command, arguments=share.entering(command.arguments)), place.api, events)
    else:
        run = function(command, place.api, events, before_first=share.add)
    place.check([URL])
    return run


def _figures(runs: Runs) -> Sequence[Figure]:
    figures: list[Figure] = []
    for way in (_FAST, _SLOW):
        for size in SIZES:
            ours, naive = ([run.answered for run in runs[name, size, way]] for name in _NAMES)
            figures += [
                median_of(f"ours, {size} MB, {way}", "ms", ours),
                median_of(f"naive, {size} MB, {way}", "ms", naive),
                ratio_of(f"ours / naive, {size} MB, {way}", ours, naive),
            ]
    for size in SIZES:
        for name in _NAMES:
            prices = [dollars(run, size) for run in runs[name, size, _FAST]]
            figures.append(median_of(f"{name}, {size} MB, a million quiet changes", "$", prices))
    return figures


def _samples(runs: Runs) -> dict[str, list[float]]:
    samples = {
        f"{name}, {size} MB, ms with {way}": [run.answered for run in runs[name, size, way]]
        for way in (_FAST, _SLOW)
        for size in SIZES
        for name in _NAMES
    }
    for size in SIZES:
        for name in _NAMES:
            samples[f"{name}, {size} MB, $ per million"] = [dollars(run, size) for run in runs[name, size, _FAST]]
    return samples


_NOTES = (
    f"The share of one CPU is the memory over {FULL} MB, as AWS documents it; the period of {PERIOD // 1000} ms is what"
    " others report.",
    f'"{_FAST}": the process gets its share when it asks for its first event, since Lambda starts a function with more'
    f' CPU than it has afterwards; "{_SLOW}" is the worst there can be.',
    f"Dollars: arm64, {AS_OF}, Lambda alone, every change on a site so quiet that it finds no warm function;"
    " initialisation is billed like the rest. The times are this machine's.",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog=_COMMAND, description="Time the cold path with the CPU of smaller functions.")
    parser.add_argument("--repeats", type=int, default=Effort().repeats)
    printed(measure(Effort(repeats=parser.parse_args().repeats)))


if __name__ == "__main__":
    main()
