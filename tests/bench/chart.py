"""Line charts as SVG, written by hand: panels above each other over one time axis, readable on light and on dark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape

Point = tuple[float, float]

_WIDTH, _PANEL, _GAP = 860, 170, 52
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 24, 58, 56
_MOST_POINTS = 400  # of one line: more are not seen, and a page carries them
_STYLE = """
svg { font: 13px system-ui, sans-serif; color-scheme: light dark }
.paper { fill: #ffffff } text { fill: #24292f } .axis { stroke: #57606a } .grid { stroke: #d8dee4 }
.outage { fill: #d1242f; opacity: .12 } .line { fill: none; stroke-width: 1.6 } .limit { stroke-dasharray: 6 4 }
.c0 { stroke: #0969da } .c1 { stroke: #1a7f37 } .c2 { stroke: #bc4c00 } .heading { font-weight: 600 }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 } text { fill: #e6edf3 } .axis { stroke: #8b949e } .grid { stroke: #30363d }
.outage { fill: #ff7b72; opacity: .2 } .c0 { stroke: #58a6ff } .c1 { stroke: #3fb950 } .c2 { stroke: #f0883e }
}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a panel; a limit is dashed, the only one of its panel needs no label."""

    label: str
    points: Sequence[Point]  # by time
    is_limit: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart; `unit` stands at its axis."""

    unit: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels over one axis of time in `time_unit`; `shaded` are spans of it, with what they are."""

    title: str
    time_unit: str
    panels: Sequence[Panel]
    shaded: Sequence[tuple[float, float]] = field(default=())
    shade: str = ""

    def svg(self) -> str:
        return "\n".join([*_drawn(self), ""])


def thinned(points: Sequence[Point], most: int = _MOST_POINTS) -> list[Point]:
    """Return at most about `most` points that keep the extremes: of each stretch the lowest and the highest."""
    if len(points) <= most:
        return list(points)
    stride = math.ceil(len(points) / (most // 2))
    kept: list[Point] = []
    for start in range(0, len(points), stride):
        part = points[start : start + stride]
        low, high = min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])
        kept += sorted({low, high})
    return kept


def ticks(highest: float, about: int) -> list[float]:
    """Return about so many round values from 0 up to the first that is not below `highest`."""
    if highest <= 0:
        return [0.0, 1.0]
    raw = highest / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    return [index * step for index in range(math.ceil(highest / step - 1e-9) + 1)]


def worded(value: float) -> str:
    """`2500000` → `2.5 M`: what fits beside an axis."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _drawn(chart: Chart) -> Iterator[str]:
    height = _TOP + len(chart.panels) * (_PANEL + _GAP) - _GAP + _BOTTOM
    end = max((point[0] for panel in chart.panels for line in panel.lines for point in line.points), default=1.0)
    times = ticks(end, 8)
    last = max(end, 1e-9)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(chart.title)}">'
    )
    yield f"<title>{escape(chart.title)}</title><style>{_STYLE}</style>"
    yield f'<rect class="paper" width="{_WIDTH}" height="{height}"/>'
    yield f'<text class="heading" x="{_LEFT}" y="20">{escape(chart.title)}</text>'
    for index, panel in enumerate(chart.panels):
        top = _TOP + index * (_PANEL + _GAP)
        yield from _panel(chart, panel, top, last, [time for time in times if time <= last])
    yield _text(f"time since the first upload, {chart.time_unit}", (_LEFT + _WIDTH - _RIGHT) / 2, height - 14, "middle")
    yield "</svg>"


def _panel(chart: Chart, panel: Panel, top: float, last: float, times: Sequence[float]) -> Iterator[str]:
    values = ticks(max((point[1] for line in panel.lines for point in line.points), default=1.0), 4)
    bottom, width = top + _PANEL, _WIDTH - _LEFT - _RIGHT

    def at(point: Point) -> tuple[float, float]:
        return _LEFT + width * point[0] / last, bottom - _PANEL * point[1] / values[-1]

    for begin, end in chart.shaded:
        x, _ = at((begin, 0))
        to, _ = at((min(end, last), 0))
        yield f'<rect class="outage" x="{x:.1f}" y="{top}" width="{to - x:.1f}" height="{_PANEL}"/>'
        if chart.shade:
            yield _text(chart.shade, x + 4, top + 14)
    for value in values:
        _, y = at((0, value))
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(worded(value), _LEFT - 8, y + 4, "end")
    for time in times:
        x, _ = at((time, 0))
        yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 5}"/>'
        yield _text(worded(time), x, bottom + 19, "middle")
    yield f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{bottom}" y2="{bottom}"/>'
    yield _text(panel.unit, 10, top - 10)
    x = _WIDTH - _RIGHT
    for index, line in reversed(list(enumerate(panel.lines))):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, thinned(line.points)))
        colours = f"line c{index % 3}{' limit' if line.is_limit else ''}"
        yield f'<polyline class="{colours}" points="{points}"/>'
        if not line.label:
            continue
        yield _text(line.label, x, top - 10, "end")
        x -= 7 * len(line.label) + 8
        yield f'<line class="{colours}" x1="{x - 22}" x2="{x}" y1="{top - 14}" y2="{top - 14}"/>'
        x -= 34


def _text(text: str, x: float, y: float, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
