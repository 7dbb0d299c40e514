"""Bar charts as SVG, written by hand: panels above each other, each with an axis of its own, for light and for dark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tests.bench.chart import ticks, worded
from tests.bench.table import rounded

_WIDTH, _BAR, _PITCH, _GAP = 860, 20, 32, 66
_LEFT, _RIGHT, _TOP = 250, 90, 64
_COLOURS = 6
_STYLE = """
svg { font: 13px system-ui, sans-serif; color-scheme: light dark }
.paper { fill: #ffffff } text { fill: #24292f } .axis { stroke: #57606a } .grid { stroke: #d8dee4 }
.goal { stroke: #d1242f; stroke-dasharray: 6 4; stroke-width: 1.6 } .spread { stroke: #24292f; stroke-width: 1.4 }
.heading { font-weight: 600 } .b0 { fill: #54aeff } .b1 { fill: #4ac26b } .b2 { fill: #e16f24 }
.b3 { fill: #c297ff } .b4 { fill: #d4a72c } .b5 { fill: #8c959f }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 } text { fill: #e6edf3 } .axis { stroke: #8b949e } .grid { stroke: #30363d }
.goal { stroke: #ff7b72 } .spread { stroke: #e6edf3 } .b0 { fill: #1f6feb } .b1 { fill: #238636 }
.b2 { fill: #bd561d } .b3 { fill: #8957e5 } .b4 { fill: #9e6a03 } .b5 { fill: #6e7681 }
}
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of one or more pieces, `(what, how much)`, and the quartiles of all of it where it has any."""

    label: str
    pieces: Sequence[tuple[str, float]]
    spread: tuple[float, float] | None = None
    colour: int = 0  # of the first piece; the others have the next ones

    @property
    def value(self) -> float:
        return sum(value for _, value in self.pieces)


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart; where a bar has several pieces they are named above it. A logarithmic axis begins at a half."""

    unit: str
    bars: Sequence[Bar]
    goal: float | None = None
    is_logarithmic: bool = False


def drawn(title: str, panels: Sequence[Panel]) -> str:
    """Return panels above each other as one SVG."""
    return "\n".join([*_lines(title, panels), ""])


def _lines(title: str, panels: Sequence[Panel]) -> Iterator[str]:
    height = _TOP + sum(len(panel.bars) * _PITCH + _GAP for panel in panels) - _GAP // 2
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">'
    )
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    yield f'<rect class="paper" width="{_WIDTH}" height="{height}"/>'
    yield f'<text class="heading" x="10" y="20">{escape(title)}</text>'
    top = _TOP
    for panel in panels:
        yield from _panel(panel, top)
        top += len(panel.bars) * _PITCH + _GAP
    yield "</svg>"


def _panel(panel: Panel, top: int) -> Iterator[str]:
    axis = _Axis.of(panel)
    bottom = top + len(panel.bars) * _PITCH
    yield _text(panel.unit, 10, top - 10)
    for value in axis.marks:
        x = axis.at(value)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'
        yield _text(worded(value), x, bottom + 17, "middle")
    pieces = max((bar.pieces for bar in panel.bars), key=len, default=())
    if len(pieces) > 1:
        yield from _legend([name for name, _ in pieces], top)
    for index, bar in enumerate(panel.bars):
        yield from _bar(bar, axis, top + index * _PITCH + (_PITCH - _BAR) // 2)
    if panel.goal is not None:
        x = axis.at(panel.goal)
        yield f'<line class="goal" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 4}" y2="{bottom}"/>'
        yield _text("goal", x + 4, top - 6)
    yield f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="{top}" y2="{bottom}"/>'


def _bar(bar: Bar, axis: _Axis, y: int) -> Iterator[str]:
    middle = y + _BAR / 2
    yield _text(bar.label, _LEFT - 8, middle + 4, "end")
    done, x = 0.0, float(_LEFT)
    for index, (name, value) in enumerate(bar.pieces):
        done += value
        end = axis.at(done)
        colour = (bar.colour + index) % _COLOURS
        words = f"<title>{escape(f'{name} {rounded(value)}'.strip())}</title>"
        yield f'<rect class="b{colour}" x="{x:.1f}" y="{y}" width="{end - x:.1f}" height="{_BAR}">{words}</rect>'
        x = end
    if bar.spread:
        low, high = (axis.at(value) for value in bar.spread)
        yield f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
        for end in (low, high):
            yield f'<line class="spread" x1="{end:.1f}" x2="{end:.1f}" y1="{middle - 5}" y2="{middle + 5}"/>'
        x = max(x, high)
    yield _text(rounded(bar.value), x + 6, middle + 4)


def _legend(names: Sequence[str], top: int) -> Iterator[str]:
    x = float(_LEFT)
    for index, name in enumerate(names):
        yield f'<rect class="b{index % _COLOURS}" x="{x:.1f}" y="{top - 20}" width="12" height="12"/>'
        yield _text(name, x + 17, top - 10)
        x += 7.2 * len(name) + 36


@dataclass(frozen=True, slots=True)
class _Axis:
    """From values to places."""

    marks: Sequence[float]
    is_logarithmic: bool

    @classmethod
    def of(cls, panel: Panel) -> _Axis:
        highest = max(
            [bar.value for bar in panel.bars]
            + [bar.spread[1] for bar in panel.bars if bar.spread]
            + [panel.goal or 0.0, 1e-9]
        )
        if not panel.is_logarithmic:
            return cls(ticks(highest, 6), False)
        return cls([10.0**power for power in range(max(1, math.ceil(math.log10(highest) - 1e-9)) + 1)], True)

    def at(self, value: float) -> float:
        width, last = _WIDTH - _LEFT - _RIGHT, self.marks[-1]
        share = math.log(max(value, 0.5) / 0.5) / math.log(last / 0.5) if self.is_logarithmic else value / last
        return _LEFT + width * share


def _text(text: str, x: float, y: float, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
