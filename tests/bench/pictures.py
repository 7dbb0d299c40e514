"""A picture of each part, from its figures and samples alone. A sample's name is `what, [detail,] unit`."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tests.bench.bars import Bar, Panel, drawn
from tests.bench.measured import Part, median_of

_WIDE = 50  # times the smallest: then an axis is logarithmic
_WHOLE = "in all"  # what stages are the stages of


def of(part: Part) -> str:
    """Return the picture as SVG, "" where nothing was sampled."""
    if not part.samples:
        return ""
    named = [name.rpartition(", ")[::2] for name in part.samples]
    if any(label.endswith(f", {_WHOLE}") for label, _ in named):
        return drawn(f"{part.title} (medians of the stages)", _stacked(part))
    return drawn(f"{part.title} (medians, quartiles)", _beside(part))


def _beside(part: Part) -> list[Panel]:
    """Return a panel for each unit, with a bar for each thing measured in it; what is of one has one colour."""
    panels: dict[str, list[Bar]] = {}
    colours: dict[str, int] = {}
    for name, values in part.samples.items():
        label, _, unit = name.rpartition(", ")
        colour = colours.setdefault(label.partition(", ")[0], len(colours))
        panels.setdefault(unit, []).append(_bar(label, values, colour))
    goals = {unit: [each.at_most for each in part.figures if each.unit == unit and each.at_most] for unit in panels}
    return [
        Panel(unit, bars, goals[unit][0] if len(goals[unit]) == 1 else None, _is_wide(bars))
        for unit, bars in panels.items()
    ]


def _stacked(part: Part) -> list[Panel]:
    """Return a panel for each unit, with a bar for each thing measured in it, cut into its stages."""
    panels: dict[str, dict[str, list[tuple[str, float]]]] = {}
    for name, values in part.samples.items():
        label, _, unit = name.rpartition(", ")
        what, _, stage = label.rpartition(", ")
        if stage != _WHOLE:
            panels.setdefault(unit, {}).setdefault(what, []).append((stage, statistics.median(values)))
    return [Panel(unit, [Bar(what, pieces) for what, pieces in bars.items()]) for unit, bars in panels.items()]


def _bar(label: str, values: Sequence[float], colour: int) -> Bar:
    figure = median_of(label, "", values)
    return Bar(label, [("", figure.value)], (figure.low, figure.high) if len(values) > 1 else None, colour)


def _is_wide(bars: Sequence[Bar]) -> bool:
    least, most = min(bar.value for bar in bars), max(bar.value for bar in bars)
    return least >= 0.5 and most >= _WIDE * least
