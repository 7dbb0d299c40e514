"""What an invocation did → events on an EventBridge bus, for people who wait for it.

Sent last, in one call of a second at most that is not repeated: a bus that refuses costs one log line and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from cf_purge import observe
from cf_purge.aws import Aws
from cf_purge.errors import Transient, describe
from cf_purge.events import Change
from cf_purge.http_client import objects_in
from cf_purge.plan import Plan, Result
from cf_purge.targets import Purge

if TYPE_CHECKING:
    from cf_purge.visitor import Copy

MAX_ITEMS = 100  # of one event
MAX_BYTES = 200_000  # of all events of an invocation: they share a call, which holds 256 KB
_MAX_TEXT = 1_024  # characters: a key has no more
_TIMEOUT = 1.0  # seconds


class News(NamedTuple):
    """One object that an event tells of."""

    kind: str  # the event's detail type
    zones: frozenset[str] = frozenset()
    key: str | None = None
    lag_ms: int | None = None  # from the change to the accepted purge
    fresh_ms: int | None = None  # from the change to the proof that a visitor sees it
    principal: str | None = None
    reason: str | None = None

    @property
    def item(self) -> dict[str, Any]:
        fields = {name: value for name, value in self._asdict().items() if name not in ("kind", "zones")}
        return {name: value[:_MAX_TEXT] if isinstance(value, str) else value for name, value in fields.items()}


def purged(plan: Plan, accepted: Mapping[Purge, float]) -> Iterator[News]:
    """Yield the changes and manual items whose last purge was accepted now. Pure."""
    for task in plan.tasks:
        for result in () if task.is_check else task.results(accepted):
            if result.is_done and result.at is not None:
                yield _news("Purged", result)


def parked(plan: Plan, accepted: Mapping[Purge, float], reasons: Mapping[str, str]) -> Iterator[News]:
    """Yield what the parked messages leave undone; `reasons` by the message's ID. Pure."""
    for task in plan.tasks:
        if reason := reasons.get(task.id):
            left = [_news("Parked", result, reason) for result in task.results(accepted) if not result.is_done]
            yield from left or [News("Parked", reason=reason)]


def _news(kind: str, result: Result, reason: str | None = None) -> News:
    change, lag = result.change, result.lag
    purges = [purge for job in result.jobs for purge in job.purges]
    # Of what was done at an earlier receive only the target is left.
    zones = frozenset([purge.zone.id for purge in purges] + [job.target.zone.id for job in result.jobs if job.target])
    if change is None:
        return News(kind, zones, purges[0].item or purges[0].kind, reason=reason)
    lag_ms = None if lag is None else round(lag * 1000)
    return News(kind, zones, change.key, lag_ms, None, change.principal, reason)


def verified(copies: Iterable[Copy]) -> list[News]:
    """Return the last word on each change, fresh ones first: the latest proof of its copies, or what is worst. Pure."""
    from cf_purge.visitor import FRESH, STALE

    by_change: dict[Change, list[Copy]] = {}
    for copy in copies:
        by_change.setdefault(copy.change, []).append(copy)
    news = []
    for change, group in by_change.items():
        worst = max(group, key=lambda copy: (copy.verdict == STALE, copy.verdict != FRESH))
        reason = None if worst.verdict == FRESH else f"{worst.verdict}: {worst.page.item}"
        times = [copy.fresh_ms for copy in group if copy.fresh_ms is not None and not reason]
        zones = frozenset(copy.target.zone.id for copy in group)
        fresh = max(times, default=None)
        news.append(News("Verified", zones, change.key, None, fresh, change.principal, reason))
    return sorted(news, key=lambda each: each.reason is not None)


def details(news: Iterable[News], name: str) -> dict[str, str]:
    """Return the detail of each event by its type. Pure.

    It has MAX_ITEMS items at most, and half as many until all events together fit.
    """
    by_kind: dict[str, list[News]] = {}
    for each in news:
        by_kind.setdefault(each.kind, []).append(each)
    found = {}
    for kind, members in by_kind.items():
        zones = sorted(frozenset().union(*(each.zones for each in members)))
        items = [each.item for each in members[:MAX_ITEMS]]
        detail = {"name": name, "zones": zones, "count": len(members), "items": items}
        while items and len(json.dumps(detail)) > MAX_BYTES // len(by_kind):
            del items[len(items) // 2 :]
        found[kind] = json.dumps(detail)
    return found


def send(news: Iterable[Iterable[News]], name: str, event_bus_arn: str, aws: Aws, timeout: float) -> None:
    """Tell the bus, if there is any news; it takes `timeout` seconds, or one, at most, and raises nothing."""
    try:
        found = details(chain.from_iterable(news), name)
        always = {"EventBusName": event_bus_arn, "Source": "cf_purge"}
        entries = [{**always, "DetailType": kind, "Detail": text} for kind, text in found.items()]
        if not entries:
            return
        region = event_bus_arn.split(":")[3]
        answer = aws.call("events", "PutEvents", {"Entries": entries}, region, min(_TIMEOUT, timeout))
        for each in objects_in(answer.get("Entries")):
            if "ErrorCode" in each:
                text = str(each.get("ErrorMessage"))[:_MAX_TEXT]
                raise Transient(f"{each['ErrorCode']} from events:PutEvents: {text}")
    except Exception as error:
        observe.warn("not notified", event_bus=event_bus_arn, reason=describe(error))
