"""Results of measurements."""

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

TURNS = 15  # of each thing that is timed


class Figure(NamedTuple):
    """One number: counted, or the median of samples with their quartiles."""

    name: str
    unit: str
    value: float
    quartiles: tuple[float, float] | None = None
    samples: int = 1
    at_most: float | None = None  # the promise

    def __str__(self) -> str:
        return f"{shown(self.value)} {self.unit}".strip() + ("" if self.is_met else " **missed**")

    @property
    def is_met(self) -> bool:
        return self.at_most is None or self.value <= self.at_most


def median_of(name: str, unit: str, samples: Sequence[float], at_most: float | None = None) -> Figure:
    low, middle, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Figure(name, unit, middle, (low, high), len(samples), at_most)


def ratio_of(name: str, ours: Sequence[float], theirs: Sequence[float], at_most: float | None = None) -> Figure:
    """Compare two samples turn by turn, because a slow machine affects both in a turn."""
    return median_of(name, "×", [our / their for our, their in zip(ours, theirs, strict=True)], at_most)


def table(figures: Iterable[Figure]) -> str:
    rows = ["| figure | median | quartiles | samples | promised |", "|---|---|---|---|---|"]
    for figure in figures:
        spread = " … ".join(map(shown, figure.quartiles)) if figure.quartiles else "counted"
        promised = "" if figure.at_most is None else f"≤ {shown(figure.at_most)}"
        rows.append(f"| {figure.name} | {figure} | {spread} | {figure.samples} | {promised} |")
    return "\n".join(rows)


def shown(value: float) -> str:
    """Return three significant digits."""
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def write(document: Path, command: str, content: str) -> None:
    """Replace the text between the two comments that name the command."""
    begin, end = f"<!-- measured: written by `{command}` -->\n", "\n<!-- end of measured -->"
    before, found, rest = document.read_text(encoding="utf-8").partition(begin)
    assert found, f"{document} has no {begin}"
    document.write_text(f"{before}{begin}{content}{end}{rest.partition(end)[2]}", encoding="utf-8")
