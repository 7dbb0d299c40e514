"""Results as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from tests.bench.result import Result

_HEAD = (
    "scenario",
    "objects",
    "drained in",
    "at best",
    "budget used",
    "429s",
    "oldest",
    "dead",
    "missing",
    "neighbour refused",
    "requests",
    "items each",
    "invocations",
    "receives",
    "goals",
)


def table(results: Sequence[Result]) -> str:
    """Return the results as a table in Markdown; it reads well as plain text too."""
    rows = [_HEAD, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def document(results: Sequence[Result]) -> str:
    """Return the results as JSON, times in seconds."""
    return json.dumps([{**asdict(result), "missed": result.missed} for result in results], indent=2) + "\n"


def span(seconds: float) -> str:
    """`5025.2` → `1 h 24 min`: what a person compares."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 6_000:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.2f} h"


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.name,
        f"{result.objects:,}",
        span(result.drain),
        span(result.limit),
        "-" if result.share is None else f"{result.share:.1%}",
        f"{result.refused}",
        span(result.oldest),
        f"{result.dead_letters}",
        f"{result.missing}",
        f"{result.neighbours_refused} of {result.neighbours_requests:,}" if result.neighbours_requests else "-",
        f"{result.requests:,}",
        f"{result.fill:.1f}",
        f"{result.invocations:,}",
        f"{result.most_receives}",
        "met" if not result.missed else "MISSED: " + ", ".join(result.missed),
    )
