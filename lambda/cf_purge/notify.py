"""What an invocation did → events on an EventBridge bus, for people who wait for it.

Sent last, in one call of a second at most that is not repeated: a bus that refuses costs one log line and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cf_purge import observe
from cf_purge.aws import Aws
from cf_purge.errors import Transient, describe
from cf_purge.events import Change
from cf_purge.http_client import objects_in
from cf_purge.plan import Plan, Result
from cf_purge.targets import Purge

if TYPE_CHECKING:
    from cf_purge.verify import Finding

MAX_ITEMS = 100  # of one event
MAX_BYTES = 200_000  # of all events of an invocation: they share a call, which holds 256 KB
_MAX_TEXT = 1_000  # characters
_TIMEOUT = 1.0  # seconds


class News(NamedTuple):
    """One object that an event tells of; times in seconds from the change."""

    kind: str  # the event's detail type
    key: str | None = None
    zones: frozenset[str] = frozenset()
    lag: float | None = None  # to the accepted purge
    fresh: float | None = None  # to the proof that a visitor sees it
    principal: str | None = None
    reason: str | None = None


def purged(plan: Plan, accepted: Mapping[Purge, float]) -> Iterator[News]:
    """Yield the changes and manual items whose last purge was accepted now. Pure."""
    for task in plan.tasks:
        for result in () if task.is_check else task.results(accepted):
            if result.is_done and result.at is not None:
                yield _news("Purged", result)._replace(lag=result.lag)


def parked(plan: Plan, accepted: Mapping[Purge, float], reasons: Mapping[str, str]) -> Iterator[News]:
    """Yield what the parked messages leave undone; `reasons` by the message's ID. Pure."""
    for task in plan.tasks:
        if reason := reasons.get(task.id):
            left = [_news("Parked", result) for result in task.results(accepted) if not result.is_done]
            yield from [news._replace(reason=reason) for news in left or [News("Parked")]]


def verified(findings: Iterable[Finding]) -> Iterator[News]:
    """Yield the last word on each change, fresh ones first: the latest proof of its copies, or what is worst. Pure."""
    from cf_purge.visitor import FRESH, STALE

    by_change: dict[Change, list[Finding]] = {}
    for finding in findings:
        by_change.setdefault(finding.change, []).append(finding)
    news = []
    for change, own in by_change.items():
        worst = min(own, key=lambda finding: (finding.verdict != STALE, finding.verdict == FRESH))
        reason = None if worst.verdict == FRESH else f"{worst.verdict}: {worst.question.url}"
        latest = max((finding.fresh_ms or 0) / 1000 for finding in own)
        fresh = None if reason or change.at is None else latest
        zones = frozenset(finding.zone_id for finding in own)
        news.append(News("Verified", change.key, zones, None, fresh, change.principal, reason))
    yield from sorted(news, key=lambda each: each.reason is not None)


def details(news: Sequence[News], name: str) -> dict[str, str]:
    """Return the detail of each event by its type, with as many items as fit. Pure."""
    by_kind: dict[str, list[News]] = {}
    for each in news:
        by_kind.setdefault(each.kind, []).append(each)
    return {kind: _detail(own, name, MAX_BYTES // len(by_kind)) for kind, own in by_kind.items()}


def send(news: Iterable[Iterable[News]], name: str, event_bus_arn: str, aws: Aws, timeout: float) -> None:
    """Tell the bus, if there is any news; it takes `timeout` seconds, or one, at most, and raises nothing."""
    try:
        found = details([each for part in news for each in part], name)
        always = {"EventBusName": event_bus_arn, "Source": "cf_purge"}
        entries = [{**always, "DetailType": kind, "Detail": text} for kind, text in found.items()]
        if not entries:
            return
        region = event_bus_arn.split(":")[3]
        answer = aws.call("events", "PutEvents", {"Entries": entries}, region, min(_TIMEOUT, timeout))
        for each in objects_in(answer.get("Entries")):
            if code := each.get("ErrorCode"):
                raise Transient(f"{code} from events:PutEvents: {str(each.get('ErrorMessage'))[:_MAX_TEXT]}")
    except Exception as error:
        observe.warn("not notified", event_bus=event_bus_arn, reason=describe(error))


def _news(kind: str, result: Result) -> News:
    purges = [purge for job in result.jobs for purge in job.purges]
    # Of what was done at an earlier receive only the target is left.
    zones = frozenset([purge.zone.id for purge in purges] + [job.target.zone.id for job in result.jobs if job.target])
    if change := result.change:
        return News(kind, change.key, zones, principal=change.principal)
    return News(kind, purges[0].item or purges[0].kind, zones)


def _detail(news: Sequence[News], name: str, most: int) -> str:
    zones = sorted(frozenset().union(*(each.zones for each in news)))
    detail: dict[str, Any] = {"name": name, "zones": zones, "count": len(news), "items": []}
    size = len(json.dumps(detail))
    for each in news[:MAX_ITEMS]:
        item = {
            "key": each.key,
            "lag_ms": None if each.lag is None else round(each.lag * 1000),
            "fresh_ms": None if each.fresh is None else round(each.fresh * 1000),
            "principal": each.principal and each.principal[:_MAX_TEXT],
            "reason": each.reason and each.reason[:_MAX_TEXT],
        }
        size += len(json.dumps(item)) + 2
        if size > most:
            break
        detail["items"].append(item)
    return json.dumps(detail)
