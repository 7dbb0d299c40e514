"""One part as a table in Markdown that reads well as plain text too."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.measured import Figure, Part

_HEAD = ("figure", "median", "quartiles", "samples", "goal", "")


def printed(part: Part) -> None:
    """Print what a part has brought back."""
    print(f"{part.title} (`{part.command}`)\n")
    print(table(part.figures))
    for note in part.notes:
        print(f"\n{note}")
    print(flush=True)


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a table."""
    return aligned([_HEAD, *(_row(figure) for figure in figures)])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the first of them the head, as a table with straight columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def rounded(value: float) -> str:
    """`1234.5` → `1,234`, `0.4567` → `0.457`: three digits, or all of a larger number."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"


def _row(figure: Figure) -> tuple[str, ...]:
    unit = "" if figure.unit == "times" else f" {figure.unit}"
    sign = "×" if figure.unit == "times" else ""
    is_spread = figure.samples > 1
    return (
        figure.name,
        f"{rounded(figure.value)}{sign}{unit}",
        f"{rounded(figure.low)} … {rounded(figure.high)}" if is_spread else "counted",
        f"{figure.samples}" if is_spread else "-",
        "-" if figure.at_most is None else f"≤ {rounded(figure.at_most)}{sign}",
        "" if figure.at_most is None else "met" if figure.is_met else "**missed**",
    )
