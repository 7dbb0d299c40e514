"""What an invocation did → events on an EventBridge bus, for people who wait for it.

Sent last, in one call of a second at most that is not repeated: a bus that refuses costs one log line and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cf_purge import observe
from cf_purge.aws import Aws
from cf_purge.errors import Transient
from cf_purge.events import Change
from cf_purge.http_client import objects_in
from cf_purge.plan import Job, Task, grouped
from cf_purge.targets import Purge

if TYPE_CHECKING:
    from cf_purge.visitor import Copy

MAX_ITEMS = 100  # of one event
MAX_CHARACTERS = 60_000  # of its items; three events share a call, which holds 256 KB
_MAX_TEXT = 1_024  # characters: a key has no more
_TIMEOUT = 1.0  # seconds


# One object that an event tells of, and the IDs of its zones.
News = tuple[frozenset[str], dict[str, object]]


def purged(finished: Iterable[tuple[Job, float]]) -> Iterator[News]:
    """Yield the changes and manual items that `Outcomes.finished` has; what is delayed is not done. Pure."""
    for job, at in finished:
        if not job.later:
            yield _news(job.change, job.purges, lag_ms=job.lag_ms(at))


def parked(tasks: Iterable[tuple[Task, str]], accepted: Collection[Purge]) -> Iterator[News]:
    """Yield what the parked messages leave undone; each of their tasks has its reason beside it. Pure."""
    for task, reason in tasks:
        undone = {*task.undone(accepted)}
        left = [(job.change, job.purges) for job in task.jobs if job.error or not undone.isdisjoint(job.purges)]
        left += [(each.change, []) for each in task.delayed]  # that could not be sent
        for change, purges in left or [(None, [])]:
            yield _news(change, purges, reason=reason)


def verified(copies: Iterable[Copy]) -> Iterator[News]:
    """Yield the result of each change: its proof, or the worst of its copies. Pure."""
    from cf_purge.visitor import FRESH, STALE

    for change, group in grouped((copy.change, copy) for copy in copies).items():
        worst = max(group, key=lambda each: (each.verdict == STALE, each.verdict != FRESH))
        reason = None if worst.verdict == FRESH else f"{worst.verdict}: {worst.page.item}"
        yield _news(change, [copy.page for copy in group], fresh_ms=worst.fresh_ms, reason=reason)


def _news(change: Change | None, purges: Sequence[Purge], **more: object) -> News:
    """Return what an event says of a change or, without one, of the manual item with these purges.

    `more` are `lag_ms` (from the change to the accepted purge), `fresh_ms` (to the proof that a visitor sees it) and
    the `reason` why it is not done.
    """
    key = change.key if change else next((purge.item or purge.kind for purge in purges), None)
    principal = change.principal if change else None
    item = {"key": key, "lag_ms": None, "fresh_ms": None, "principal": principal, "reason": None}
    short = {name: value[:_MAX_TEXT] if isinstance(value, str) else value for name, value in (item | more).items()}
    return frozenset(purge.zone.id for purge in purges), short


def detail(news: Sequence[News], name: str) -> str:
    """Return the detail of the event about some news, with as many as fit, first those without a reason. Pure."""
    zones = sorted({zone for zones, _ in news for zone in zones})
    first = sorted((item for _, item in news), key=lambda item: item["reason"] is not None)[:MAX_ITEMS]
    items = observe.fitting(first, MAX_CHARACTERS)
    return json.dumps({"name": name, "zones": zones, "count": len(news), "items": items})


def send(news: Mapping[str, tuple[Any, ...]], name: str, event_bus_arn: str, aws: Aws, timeout: float) -> None:
    """Tell the bus what `Metrics.news` has; it takes `timeout` seconds, or one, at most, and raises nothing."""
    makers: dict[str, Callable[..., Iterable[News]]] = {"Purged": purged, "Verified": verified, "Parked": parked}
    try:
        entry = {"EventBusName": event_bus_arn, "Source": "cf_purge"}
        told = {kind: list(makers[kind](*parts)) for kind, parts in news.items()}
        entries = [{**entry, "DetailType": kind, "Detail": detail(each, name)} for kind, each in told.items() if each]
        if not entries:
            return
        answer = aws.call("events", "PutEvents", {"Entries": entries}, event_bus_arn, min(_TIMEOUT, timeout))
        for each in objects_in(answer.get("Entries")):
            if "ErrorCode" in each:
                text = str(each.get("ErrorMessage"))[:_MAX_TEXT]
                raise Transient(f"{each['ErrorCode']} from events:PutEvents: {text}")
    except Exception as error:
        observe.warn("not notified", event_bus=event_bus_arn, reason=str(observe.understood(error)))
