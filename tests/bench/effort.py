"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    repeats: int = 15  # of each thing that is timed, at least
    uploads: int = 100  # whose way to the visitor is timed
    most_objects: int = 10_000  # of one burst
    quotas: bool = True  # cold path also with the CPU share of smaller functions


QUICK = Effort(repeats=3, uploads=10, most_objects=100, quotas=False)  # shows that all of it runs, and no more
