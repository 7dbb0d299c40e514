"""Faults of the edge that a test orders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["keep", "answer", "headers"]


@dataclass(eq=False, slots=True)
class EdgeFault:
    """One order, for `times` times (None: until cleared), for paths that begin with `path`.

    Kinds: `keep` accepts a purge and keeps the copies, only of purges by `by` ("files", "prefixes" …) if given;
    `answer` answers `status` and `headers` instead of anything else (a challenge, a redirect, an error); `headers` sets
    headers of the answer, or removes those that are None (a Worker's answer has no CF-Cache-Status).
    """

    kind: Kind
    times: int | None = None
    path: str = "/"
    by: str | None = None
    status: int = 403
    headers: Mapping[str, str | None] = field(default_factory=dict)


class EdgeFaults:
    """The current orders."""

    def __init__(self) -> None:
        self.orders: list[EdgeFault] = []

    def fitting(self, kind: Kind, path: str) -> list[EdgeFault]:
        return [order for order in self.orders if order.kind == kind and path.startswith(order.path)]

    def use(self, order: EdgeFault) -> None:
        if order.times is not None:
            order.times -= 1
            if order.times == 0:
                self.orders.remove(order)
