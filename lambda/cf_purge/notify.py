"""What an invocation did → events on an EventBridge bus, for people who wait for it.

Sent last, in one call of a second at most that is not repeated: a bus that refuses costs one log line and nothing else.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from cf_purge import observe
from cf_purge.aws import Aws
from cf_purge.errors import Transient
from cf_purge.events import Change
from cf_purge.targets import Purge

MAX_ITEMS = 100  # of one event
MAX_CHARACTERS = 60_000  # of its items; three events share a call, which holds 256 KB
_MAX_TEXT = 1_024  # characters: a key has no more
_TIMEOUT = 1.0  # seconds


# An item of an event, as `Metrics.news` has it: the change, or None; the purges; what is known beside the principal.
News = tuple[Change | None, Sequence[Purge], Mapping[str, object]]


def detail(news: Sequence[News], name: str) -> str:
    """Return the detail of the event about some news, with as many as fit, first those without a reason. Pure."""
    zones = sorted({purge.zone.id for _, purges, _ in news for purge in purges})
    first = sorted((_item(*each) for each in news), key=lambda item: item["reason"] is not None)[:MAX_ITEMS]
    items = observe.fitting(first, MAX_CHARACTERS)
    return json.dumps({"name": name, "zones": zones, "count": len(news), "items": items})


def _item(change: Change | None, purges: Sequence[Purge], more: Mapping[str, object]) -> dict[str, object]:
    key = change.key if change else next((purge.item or purge.kind for purge in purges), None)
    principal = change.principal if change else None
    item = {"key": key, "lag_ms": None, "fresh_ms": None, "principal": principal, "reason": None, **more}
    return {name: value[:_MAX_TEXT] if isinstance(value, str) else value for name, value in item.items()}


def send(news: Mapping[str, Iterable[News]], name: str, event_bus_arn: str, aws: Aws, timeout: float) -> None:
    """Tell the bus what `Metrics.news` has; it takes `timeout` seconds, or one, at most, and raises nothing."""
    try:
        entry = {"EventBusName": event_bus_arn, "Source": "cf_purge"}
        told = {kind: list(each) for kind, each in news.items()}
        entries = [{**entry, "DetailType": kind, "Detail": detail(each, name)} for kind, each in told.items() if each]
        if entries:
            answer = aws.call("events", "PutEvents", {"Entries": entries}, event_bus_arn, min(_TIMEOUT, timeout))
            if answer.get("FailedEntryCount"):
                raise Transient(f"events:PutEvents failed: {json.dumps(answer)}")
    except Exception as error:
        observe.warn("not notified", event_bus=event_bus_arn, reason=str(observe.understood(error)))
