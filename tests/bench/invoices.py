"""The calculator's tables, in dollars."""

from __future__ import annotations

from dataclasses import replace

from tests.bench.bill import HOURS, Amounts, Setting, changed, default, dollars, seconds_of, standing, together
from tests.bench.prices import ALL, EVENTBRIDGE, KMS, LAMBDA_REQUESTS, LAMBDA_TIME, LOGS, SQS, TRANSFER
from tests.bench.spent import ALONE, BURST, STREAM, TENS, Shape, spent
from tests.bench.table import aligned

MILLION = 1_000_000
PLANS = ("free", "pro", "business", "enterprise")
_COLUMNS = ("Lambda", "SQS", "EventBridge", "KMS", "logs", "transfer")
# A month: changes, how they come, and the hours in which there were any.
SITES = (
    ("idle", 0, ALONE, 0),
    ("small", 200, ALONE, 40),
    ("medium", 20_000, TENS, 300),
    ("large", MILLION, BURST, HOURS),
)


def per_million() -> str:
    """Return the table of a million changes by delivery, shape and plan; plans that cost the same share a line."""
    rows: list[tuple[str, ...]] = [
        ("delivery", "changes come", "plan", "invocations", "time of each", *_COLUMNS, "total")
    ]
    for setting, shape in ways():
        amounts = {plan: changed(MILLION, shape, replace(setting, plan=plan)) for plan in PLANS}
        same: dict[tuple[str, ...], list[str]] = {}
        for plan in PLANS:
            used = spent(shape, plan, setting.has_queue, setting.has_rule)
            took = f"{seconds_of(used, setting):.2f} s"
            cells = (f"{MILLION // used.changes:,}", took, *_cells(amounts[plan]))
            same.setdefault(cells, []).append(plan)
        for cells, plans in same.items():
            words = "any" if len(plans) == len(PLANS) else ", ".join(plans)
            rows.append((setting.delivery, shape.name, words, *cells))
    return aligned(rows)


def months() -> str:
    """Return the table of months of sites of several sizes, with a queue."""
    rest_of_head = ("for them", "idle queue", "metrics", "alarms", "total", "after the free tier")
    rows: list[tuple[str, ...]] = [("site", "changes", "come", "in hours", *rest_of_head)]
    for name, changes, shape, hours in SITES:
        for_them, always = changed(changes, shape, default()), standing(hours, default())
        total = together(for_them, always)
        come = shape.name if changes else "-"
        costs = (dollars(for_them), *(price.of(amount) for price, amount in always.items()), dollars(total))
        after = dollars(total, is_free_deducted=True)
        rows.append((name, f"{changes:,}", come, f"{hours}", *map(_dollars, (*costs, after))))
    return aligned(rows)


def prices() -> str:
    """Return the table of prices."""
    rows = [("price", "dollars", "for", "free each month", "page")]
    for price in ALL:
        free = f"{price.free:,.0f} {price.unit}" if price.free else "-"
        listed = f"{price.dollars:.10f}".rstrip("0").rstrip(".")
        page = f"https://aws.amazon.com/{price.page}/"
        rows.append((price.what, listed, f"{price.per:,.0f} {price.unit}", free, page))
    return aligned(rows)


def bill(amounts: Amounts) -> str:
    """Return amounts line by line."""
    rows = [("what", "amount", "dollars")]
    rows += [(p.what, f"{amount:,.0f} {p.unit}", _dollars(p.of(amount))) for p, amount in amounts.items() if amount]
    rows.append(("total", "", _dollars(dollars(amounts))))
    return aligned(rows)


def _cells(amounts: Amounts) -> tuple[str, ...]:
    times = [price for price in LAMBDA_TIME.values() if price in amounts]
    groups = ([LAMBDA_REQUESTS, *times], [SQS], [EVENTBRIDGE], [KMS], [LOGS], [TRANSFER])
    costs = [sum(price.of(amounts[price]) for price in group) for group in groups]
    return (*map(_dollars, costs), _dollars(sum(costs)))


def ways() -> list[tuple[Setting, Shape]]:
    """Return each delivery with each way in which changes come to it."""
    shapes = {True: (ALONE, TENS, BURST), False: (ALONE, STREAM)}
    return [
        (replace(default(), has_queue=queue, has_rule=rule), shape)
        for queue in (True, False)
        for rule in (False, True)
        for shape in shapes[queue]
    ]


def _dollars(value: float) -> str:
    return f"{value:.2f}" if value else "-"
