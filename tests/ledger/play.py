"""Plays one schedule: the function's real code in the virtual world, checked by the ledger."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from cf_purge import verify
from cf_purge.events import Change
from cf_purge.observe import SEEN_COUNTS
from cf_purge.purger import Purger
from cf_purge.verify import Verifier
from cf_purge.visitor import Seen
from tests.ledger.book import Book
from tests.ledger.events import DELETES, EVENTS, PROVOKES, REFUSED, Event
from tests.ledger.layouts import LAYOUTS, Layout
from tests.ledger.schedule import Burst, Schedule
from tests.ledger.weather import PROVOKED, WEATHER
from tests.simulation.cloudflare import refusal
from tests.support.factories import PARAMETER, TIME, TOKEN, document
from tests.support.virtual.edge import Edge, Version
from tests.support.virtual.mapping import Invocation
from tests.support.virtual.network import Call, Fault
from tests.support.virtual.world import START, World

_ETAG, _RULE_ETAG = "d41d8cd98f00b204e9800998ecf8427e", "b1946ac92492d2347c6235b4d2611184"  # of the factories
_SEQUENCER = "0055AED6DCD90281E5"
_PROVOKED = re.compile(rf"{PROVOKES}([a-z]+)")
NEW_TOKEN = "Um90YXRlZC1jYW5hcnktdG9rZW4tOTg3NjU0MzIxMDEy"
# From the end of all faults on. At the slowest limits (tags on the free plan, shared out over many environments) a
# burst takes hours; what takes longer than this has used up its 30 receives.
PATIENCE = 9 * 3600.0


def play(schedule: Schedule) -> None:
    """Play the schedule.

    Raises:
        Unbalanced: something was lost, or purged without a request.
    """
    setting = schedule.setting
    layout = Layout(setting.layout, setting.collapse_above is not None)
    share = setting.requests_per_second / setting.max_concurrency
    is_slow = share < 1 or setting.cloudflare_latency > 1
    is_scarce = is_slow or (setting.plan == "free" and setting.layout in ("by prefix", "by tag"))
    book = Book(layout, isolates=not is_scarce)
    game = _Game(schedule, book)
    with pytest.MonkeyPatch.context() as patch:
        game.watch(patch)
        output = game.world.run(START + schedule.ends + PATIENCE, game.is_over)
    game.close_books(output)
    if _tokens_in(output):
        book.faults.append("the token is in the output")
    book.balance(game.world.queue.messages.values(), game.world.dead_letters.messages.values())


class _Game:
    """A schedule being played."""

    def __init__(self, schedule: Schedule, book: Book) -> None:
        setting = schedule.setting
        self._schedule, self._book, self._chance = schedule, book, Random(schedule.seed)
        configuration = document(
            targets=LAYOUTS[setting.layout],
            cloudflare={"plan": setting.plan, "requests_per_second": setting.requests_per_second},
            exclude=["secret/**"],
            max_concurrency=setting.max_concurrency,
            batch_size=setting.batch_size,
            max_receive_count=30,
            drain=setting.drain,
            verify=setting.verify and setting.verify._asdict(),
            collapse_above=setting.collapse_above,
        )
        self.world = world = World(
            configuration, seed=schedule.seed, is_strict=True, window=setting.window, timeout=setting.timeout
        )
        world.aws.latency, world.cloudflare.latency = setting.aws_latency, setting.cloudflare_latency
        world.cloudflare.on_accepted = self._accept
        world.cloudflare.refuses = lambda item: refusal.NOTHING if REFUSED in item else None
        world.network.fault = self._fault
        self._edge = world.network.edge = Edge(world.hub, setting.edge)
        self._looked: set[int] = set()  # purgers of invocations that have begun their looks
        world.queue.on_received = book.receive
        world.mapping.on_begin, world.mapping.on_end = self._begin, self._end
        if schedule.is_disordered or schedule.repeats:
            world.queue.chance, world.queue.repeat_share = Random(schedule.seed + 1), schedule.repeats
        self._kills = {kill.invocation: kill.wait for kill in schedule.kills}
        self._to_send = 0
        for burst in schedule.bursts:
            self._prepare(burst)
        if schedule.rotation is not None:
            world.hub.at(START + schedule.rotation.stored, self._store_token)
            world.hub.at(START + schedule.rotation.refused, self._refuse_token)

    def is_over(self) -> bool:
        return not self._to_send and self.world.is_idle()

    def _prepare(self, burst: Burst) -> None:
        make = EVENTS[burst.event]
        for number in range(burst.count):
            event = make(number % burst.spread + self._schedule.seed % 7)
            self._to_send += 1
            at = round(START + burst.at + number * burst.every, 3)
            etag, time = f"{self._to_send:032x}", datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
            body = event.body.replace(TIME, time)
            for constant, own in ((_ETAG, etag), (_RULE_ETAG, etag), (_SEQUENCER, f"{int(at * 1000):016X}")):
                body = body.replace(constant, own)
            # White space makes each message's body unique without changing its meaning.
            event = replace(event, body=body + " " * self._to_send)
            self.world.hub.at(at, self._send, (event, Version(at, etag, DELETES in body)))

    def _send(self, what: tuple[Event, Version]) -> None:
        event, version = what
        self._to_send -= 1
        self._book.ask(event, self.world.hub.now)
        if '"keys"' not in event.body:
            self._edge.change([url for key in event.keys for url in self._book.layout.urls(key)], version)
        for _ in range(2 if self._chance.random() < self._schedule.repeats else 1):
            self.world.queue.send(event.body)

    def _accept(self, at: float, zone: str, kind: str, items: list[Any]) -> None:
        self._book.accept(at, zone, kind, items)
        self._edge.purge(zone, kind, items)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Compare each verdict with what the edge served, and check the order of purges and looks."""
        judge, look, send = vars(verify)["judge"], Verifier.look, Purger.send

        def judged(change: Change, seen: Seen, purged: float) -> str:
            verdict: str = judge(change, seen, purged)
            served = self._edge.served.get(str(seen.reported.get("cf-ray")))
            # Dates have whole seconds, and without an ETag five are tolerated.
            least = (change.at or 0.0) - (1 if seen.etag else 6)
            is_new = served is not None and (served.at >= least or (served.is_gone and change.kind == "delete"))
            if verdict == "fresh" and not is_new:
                self._book.faults.append(f"{served} was called fresh for {change}")
            return verdict

        def looked(verifier: Verifier, events: Any) -> Any:
            self._looked.add(id(verifier.purger))
            return look(verifier, events)

        def sent(purger: Purger, requests: Any, *rest: Any) -> Any:
            if requests and id(purger) in self._looked:
                self._book.faults.append("a first purge waited for a look")
            return send(purger, requests, *rest)

        patch.setattr(verify, "judge", judged)
        patch.setattr(Verifier, "look", looked)
        patch.setattr(Purger, "send", sent)

    def close_books(self, output: str) -> None:
        """Where everything was looked at, no copy stays old without a report."""
        counted = [json.loads(line) for line in output.splitlines() if '"_aws"' in line]
        said = sum(line.get(name, 0) for line in counted for name in SEEN_COUNTS if name != "Repurged")
        setting = self._schedule.setting
        can_see = setting.verify and setting.verify.sample and setting.edge not in ("no ETag", "hangs", "challenge")
        if can_see and not said and not self._schedule.kills and not self.world.dead_letters.messages:
            self._book.faults += [f"old in silence: {url}" for url in self._edge.old_copies()]

    def _store_token(self, _: object) -> None:
        self.world.aws.parameters[PARAMETER] = NEW_TOKEN
        self.world.cloudflare.tokens.add(NEW_TOKEN)

    def _refuse_token(self, _: object) -> None:
        self.world.cloudflare.tokens.discard(TOKEN)

    def _fault(self, call: Call) -> Fault | None:
        if call.service != "cloudflare" and _tokens_in(repr(call.body)):
            self._book.faults.append(f"the token is in a call of {call.operation}")
        if call.operation == "purge" and (found := _PROVOKED.search(str(call.body))):
            return PROVOKED[found[1]](call)
        since = call.at - START
        for storm in self._schedule.storms:
            is_in_it = storm.calls == call.operation and storm.begins <= since < storm.begins + storm.lasts
            if is_in_it and self._chance.random() < storm.share:
                return WEATHER[storm.calls][storm.weather](call, self._chance)
        return None

    def _begin(self, invocation: Invocation) -> None:
        self._looked.discard(id(getattr(invocation.environment.function, "_purger", None)))
        if invocation.number in self._kills:
            invocation.environment.kill_in = self._kills[invocation.number]

    def _end(self, invocation: Invocation) -> None:
        if invocation.timed_out:
            self._book.faults.append(f"invocation {invocation.number} ran into its time-out")
        elif isinstance(invocation.error, Exception):
            self._book.faults.append(f"invocation {invocation.number} raised {invocation.error!r}")
        elif not invocation.error and any(
            '"hop"' in each.body for each in invocation.messages if each.id in invocation.returned
        ):
            self._book.faults.append("a look came back")


def _tokens_in(text: str) -> bool:
    return TOKEN in text or NEW_TOKEN in text
