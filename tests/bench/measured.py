"""What a benchmark brings back: figures with their spread, and the samples behind them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """One number; `low` and `high` are the quartiles of what it is the median of, the number itself where counted."""

    name: str
    value: float
    unit: str  # "times" for a ratio of two things measured in the same run
    low: float
    high: float
    samples: int
    at_most: float | None = None  # the goal

    @property
    def is_met(self) -> bool:
        return self.at_most is None or self.value <= self.at_most


@dataclass(frozen=True, slots=True)
class Part:
    """One benchmark."""

    title: str
    command: str  # that prints it
    figures: Sequence[Figure]
    samples: dict[str, list[float]] = field(default_factory=dict)  # by name, the unit last in it
    notes: Sequence[str] = ()  # what a reader must know to read the figures, a sentence each


def median_of(name: str, unit: str, values: Sequence[float], at_most: float | None = None) -> Figure:
    """Return the median of measured values with its quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return Figure(name, middle, unit, low, high, len(values), at_most)


def ratio_of(name: str, ours: Sequence[float], theirs: Sequence[float], at_most: float | None = None) -> Figure:
    """Return the median of the ratios of values measured in turns, pair by pair: noise that lasts hits both."""
    return median_of(name, "times", [our / their for our, their in zip(ours, theirs, strict=True)], at_most)


def counted(name: str, unit: str, value: float, at_most: float | None = None) -> Figure:
    """Return something that was counted, so that there is nothing to spread."""
    return Figure(name, value, unit, value, value, 1, at_most)
