"""The ledger: requested purges on one side, their outcomes on the other."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.ledger.events import PROVOKES, REFUSED, Event
from tests.ledger.layouts import Item, Layout, Want, text_of
from tests.support.virtual.queue import Message

PROBE = ".cf-purge-check"  # the end of probes, which test whether a zone works
_OFTEN = 3  # receives; from then on a partly refused message may be parked although the rest was never tried
_OWN = '"changes": ['  # in the function's own messages for delayed purges
_LARGE = 100  # purges: a message that fits into one request is never too large


class Unbalanced(AssertionError):
    """Something was lost, or purged without a request."""


@dataclass
class Entry:
    """One message, sent once or more often."""

    event: Event
    at: float  # when it changed, in seconds since the epoch
    wants: dict[Want, float]  # with the time at which each is due
    receives: int = 0
    is_repeated: bool = False  # SQS delivered it twice, and each delivery counts as a receive

    @property
    def may_be_refused(self) -> bool:
        return any(REFUSED in item for want in self.wants for _, _, item in want)

    @property
    def provokes(self) -> bool:
        return any(PROVOKES in item for want in self.wants for _, _, item in want)


@dataclass
class Book:
    """All requested purges, and all that Cloudflare accepted."""

    layout: Layout
    isolates: bool = True  # one invocation has enough requests to split a message by item
    entries: dict[str, Entry] = field(default_factory=dict)  # by the body
    accepted: dict[Item, list[float]] = field(default_factory=dict)
    allowed: dict[Item, float] = field(default_factory=dict)  # with the time from which it is
    seen: set[str] = field(default_factory=set)  # URLs of verified changes
    faults: list[str] = field(default_factory=list)
    own_parked: str = ""  # bodies of the function's own messages that were parked

    def ask(self, event: Event, at: float) -> None:
        wants = dict.fromkeys((want for kind, item in event.named for want in self.layout.wants_named(kind, item)), at)
        is_manual = event.body.startswith('{"keys"')  # purged at once
        for key in event.keys:
            wants |= {want: at if is_manual else at + delay for want, delay in self.layout.wants(key).items()}
        self.seen.update(url for key in event.keys for url in self.layout.urls(key))
        self.entries[event.body] = Entry(event, at, wants)
        for want, due in wants.items():
            self.allowed |= {item: min(due, self.allowed.get(item, due)) for item in want}

    def receive(self, message: Message) -> None:
        entry = self.entries.get(message.body)
        if entry is not None:
            entry.receives = max(entry.receives, message.receives)
            entry.is_repeated = entry.is_repeated or message.repeats > 0

    def accept(self, at: float, zone: str, kind: str, items: list[Any]) -> None:
        """Record what Cloudflare accepted; it must have been requested before."""
        for each in items:
            item = (zone, kind, text_of(each))
            self.accepted.setdefault(item, []).append(at)
            if item not in self.allowed and not item[2].endswith(PROBE) and not self._is_second(kind, item[2]):
                self.faults.append(f"purged without a request: {item}")
            if at < self.allowed.get(item, at) - 0.01:
                self.faults.append(f"purged too early: {item}")

    def _is_second(self, kind: str, item: str) -> bool:
        """Whether it is the second purge of a verified URL: by prefix only the whole path, never a folder."""
        url = f"https://{item}" if kind == "prefixes" else item.partition(" ")[0].replace("http://", "https://")
        return url in self.seen and (kind == "files" or (kind == "prefixes" and not item.endswith("/")))

    def balance(self, waiting: Iterable[Message], dead_letters: Iterable[Message]) -> None:
        """Compare both sides.

        Raises:
            Unbalanced: with a line for each thing that is wrong.
        """
        faults = list(self.faults)
        faults += [f"still in the queue: {message.body[:200]!r}, received {message.receives}x" for message in waiting]
        parked: dict[str, str] = {}
        for message in dead_letters:
            parked[message.body] = _reason(message.attributes, "ReasonCode")
            if message.redriven and not message.repeats:
                faults.append(f"given up by the queue after {message.receives} receives: {message.body[:200]!r}")
            elif not message.redriven and not all(
                _reason(message.attributes, name) for name in ("ReasonCode", "Reason")
            ):
                faults.append(f"parked without a reason: {message.body[:200]!r}")
            if message.body in self.entries or message.redriven:
                continue
            if _OWN in message.body and (REFUSED in message.body or PROVOKES in message.body):
                self.own_parked += message.body
            else:
                faults.append(f"parked, and never sent like this: {message.body[:200]!r}")
        for body, entry in self.entries.items():
            # The first of each message is enough to read.
            faults += [f"{fault}: {body[:200]!r}" for fault in self._faults_of(entry, parked.get(body))[:1]]
        if faults:
            raise Unbalanced("\n".join(faults[:20]))

    def _faults_of(self, entry: Entry, code: str | None) -> list[str]:
        is_parked = code is not None
        if code == "TooLarge" and len(entry.wants) > _LARGE:
            return []
        if entry.event.is_poison and not is_parked:
            return ["not parked"]
        if is_parked and not entry.event.is_poison and not entry.may_be_refused and not entry.provokes:
            # SQS parks a message after thirty deliveries, even if some of them were repeats.
            is_given_up = entry.is_repeated and code in ("", "GaveUp")
            return [] if is_given_up else ["parked, and nothing was wrong with it"]
        if entry.provokes and is_parked:
            wants = [want for want in entry.wants if not any(PROVOKES in item for _, _, item in want)]
            wants = wants if self.isolates else []
            return [fault for want in wants for fault in self._faults_in(want, entry)]
        # A parked message is accounted for, but after few receives everything else in it must have been purged.
        if is_parked and (entry.may_be_refused or entry.receives >= _OFTEN):
            return []
        return [fault for want in entry.wants for fault in self._faults_in(want, entry)]

    def _faults_in(self, want: Want, entry: Entry) -> list[str]:
        due = entry.wants[want]
        if any(at >= due for item in want for at in self.accepted.get(item, ())):
            return []
        has_parked = any(json.dumps(key) in self.own_parked for key in entry.event.keys)
        is_excused = due > entry.at and has_parked and (entry.may_be_refused or not self.isolates)
        return [] if is_excused else [f"lost {sorted(want)}"]


def _reason(attributes: Mapping[str, Any], name: str) -> str:
    value: str = attributes.get(name, {}).get("StringValue", "")
    return value
