"""What so many changes cost, and a month: amounts of what is charged for, at list prices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.bench.prices import (
    ALARMS,
    DASHBOARDS,
    EVENTBRIDGE,
    KMS,
    LAMBDA_REQUESTS,
    LAMBDA_TIME,
    LOGS,
    METRICS,
    SQS,
    TRANSFER,
    Price,
)
from tests.bench.spent import Shape, Spent, metrics, spent
from tools.docs import items
from tools.problems import ROOT

HOURS = 730  # of a month
# Seconds of a whole processor: of a new environment's initialisation and of its first event, of a warm one's, of each
# change. `python -m tests.bench cold warm` measures them; rounded up, since a Lambda processor may be slower than ours.
START, FIRST, WARM, EACH = 0.2, 0.02, 0.005, 0.00005
WHOLE = 1_769  # MB that come with a whole processor, less with a share of it
POLLERS, LONG_POLL = 5, 20  # of an idle mapping with maximum_concurrency, and seconds each waits

Amounts = Mapping[Price, float]


@dataclass(frozen=True, slots=True)
class Setting:
    """The module's settings that cost or save money; `seconds` instead of the estimate for an invocation."""

    has_queue: bool = True
    has_rule: bool = False  # EventBridge
    plan: str = "free"
    memory: int = 512
    architecture: str = "arm64"
    seconds: float | None = None
    has_dashboard: bool = False

    @property
    def delivery(self) -> str:
        return {
            (True, False): "queue",
            (True, True): "EventBridge, queue",
            (False, False): "direct",
            (False, True): "EventBridge, direct",
        }[self.has_queue, self.has_rule]

    @property
    def alarms(self) -> int:
        """How many alarms the module makes, read from its code."""
        text = (ROOT / "alarms.tf").read_text(encoding="utf-8")
        return text.count(" metric_name = ") - (text.count('"queue" ? null') if self.has_queue else 0)


def default() -> Setting:
    """Return the module's defaults."""
    [variable] = [item for item in items("variables.tf") if item.name == "lambda"]
    memory = re.sub(r"\D", "", variable.defaults["memory_size"])
    return Setting(memory=int(memory), architecture=variable.defaults["architecture"].strip('"'))


def seconds_of(used: Spent, setting: Setting) -> float:
    """Return the billed time of an invocation: what it waits, and its computing with its share of a processor."""
    if setting.seconds is not None:
        return setting.seconds
    computing = (FIRST if used.is_cold else WARM) + EACH * used.changes
    # As far as is known Lambda initialises with a whole processor whatever the memory.
    return (START if used.is_cold else 0.0) + used.waiting + computing * max(1.0, WHOLE / setting.memory)


def changed(changes: float, shape: Shape, setting: Setting) -> Amounts:
    """Return what so many changes use."""
    used = spent(shape, setting.plan, setting.has_queue, setting.has_rule)
    invocations = changes / used.changes
    # The mapping receives a batch and deletes it; S3 or EventBridge sends each change by itself.
    calls = changes + (2 + used.calls) * invocations if setting.has_queue else used.calls * invocations
    return {
        LAMBDA_REQUESTS: invocations,
        LAMBDA_TIME[setting.architecture]: invocations * seconds_of(used, setting) * setting.memory / 1024,
        SQS: calls,
        EVENTBRIDGE: changes if setting.has_rule else 0.0,
        KMS: used.decryptions * invocations,
        LOGS: used.log_bytes * invocations,
        TRANSFER: used.sent_bytes * invocations,
    }


def standing(hours: float, setting: Setting) -> Amounts:
    """Return what a month uses without any change; in so many of its `hours` there was at least one invocation."""
    return {
        SQS: POLLERS * HOURS * 3600 / LONG_POLL,
        METRICS: metrics() * hours,
        ALARMS: float(setting.alarms),
        **({DASHBOARDS: 1.0} if setting.has_dashboard else {}),
    }


def together(*parts: Amounts) -> Amounts:
    return {price: sum(part.get(price, 0.0) for part in parts) for part in parts for price in part}


def dollars(amounts: Amounts, is_free_deducted: bool = False) -> float:
    """Return the sum; with `is_free_deducted` as for an account that has nothing else."""
    return sum(
        price.of(max(0.0, amount - (price.free if is_free_deducted else 0.0))) for price, amount in amounts.items()
    )
