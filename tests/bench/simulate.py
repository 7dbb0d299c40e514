"""`python -m tests.bench.simulate`: bursts and outages in virtual time, with the real function between models.

The function is real from the event to the answer to Lambda; its own computing takes no time. Modelled are S3's
notifications, SQS, Lambda's poller, Cloudflare with its plan's limits, and another user of the account.
"""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.figures import write
from tests.simulation.cloudflare.plans import PLANS
from tests.support.factories import document, s3_event, target
from tests.support.fakes import answer
from tests.support.names import HOST, OTHER_ZONE, TOKEN, ZONE
from tests.support.virtual.edge import Edge, Version
from tests.support.virtual.network import Call, Fault
from tests.support.virtual.world import START, World

UPLOADS_PER_SECOND = 3_500  # S3's rate for one prefix
_DIGITS = 8  # digits of an object's number, at the end of its key
_PATIENCE = 20_000.0  # seconds after an outage
_JITTER = 0.9, 0.2  # jitter of the time between two requests of the neighbour


class Scenario(NamedTuple):
    name: str
    objects: int
    plan: str = "free"
    outage: float = 0.0  # seconds, from the first upload on
    answer: int | None = 503  # status during the outage; None: no answer
    purge_by: str = "url"
    related: tuple[str, ...] = ()
    delay_seconds: int = 0
    verifies: bool = False  # the edge always has the new version
    collapse_above: int | None = None
    max_concurrency: int = 2
    requests_per_second: float = 4.0
    neighbour: float = 2.0  # requests a second by URL, each with a tenth of the plan's URLs a second
    shares_token: bool = False  # the neighbour, with the function


class Result(NamedTuple):
    """The result; times in seconds."""

    scenario: Scenario
    drained: float  # from the first upload, or the end of the outage, to the last purge
    longest: float  # from an upload to its purge
    during: int  # requests in the outage
    requests: int  # after it
    refused: int  # of both, answered 429
    neighbour_refused: int
    receives: int  # the maximum of any message; at 30 it would be parked
    missing: int  # objects that were not purged
    dead: int
    visits: int  # of the site, to verify
    seen: float  # from the first upload to the last of them

    @property
    def is_good(self) -> bool:
        return not (self.missing or self.dead or self.refused or self.neighbour_refused)


HOUR = 3600.0
BURSTS = {size: Scenario(f"burst-{size}", size) for size in (1, 100, 10_000)}
OUTAGES = (
    Scenario("outage-1h-503-10k", 10_000, outage=HOUR),
    Scenario("outage-1h-silence-10k", 10_000, outage=HOUR, answer=None),
)
SCENARIOS = (
    *BURSTS.values(),
    Scenario("free-100k", 100_000),
    Scenario("enterprise-100k", 100_000, "enterprise"),
    Scenario("free-100k-10-functions", 100_000, max_concurrency=10),
    *OUTAGES,
    Scenario("outage-4h-503-1k", 1_000, outage=4 * HOUR),
    Scenario("outage-4h-503-100k", 100_000, outage=4 * HOUR),
    Scenario("prefix-1k", 1_000, purge_by="prefix"),
    Scenario("collapse-pro-100k", 100_000, "pro", collapse_above=500),
    Scenario("same-token-3", 150_000, requests_per_second=3, neighbour=0.9, shares_token=True),
    Scenario("same-token-4", 150_000, requests_per_second=4, neighbour=0.9, shares_token=True),
)


def run(scenario: Scenario) -> Result:
    """Upload, purge and wait until the queue is empty."""
    purged: dict[int, float] = {}  # by object, in seconds since the first upload
    requests: list[float] = []
    receives = [0]

    def accept(now: float, zone: str, _: str, items: list[Any]) -> None:
        at = now - START
        if zone != ZONE:
            return
        if items == [f"{HOST}/"]:  # collapsed
            items = [f"{number:0{_DIGITS}}" for number in range(min(scenario.objects, int(at * UPLOADS_PER_SECOND)))]
        for item in items:
            if item[-_DIGITS:].isdigit():
                purged.setdefault(int(item[-_DIGITS:]), at)

    def fault(call: Call) -> Fault | None:
        if call.service != "cloudflare":
            return None
        requests.append(call.at - START)
        if call.at - START >= scenario.outage:
            return None
        if scenario.answer is None:
            return Fault(is_lost=True, seconds=math.inf)
        return Fault(answer(scenario.answer, {}))

    purges = {"purge_by": scenario.purge_by, "related": [*scenario.related], "delay_seconds": scenario.delay_seconds}
    configuration = document(
        targets=[target(**purges)],
        drain=1_000,
        log_level="ERROR",
        max_concurrency=scenario.max_concurrency,
        cloudflare={"plan": scenario.plan, "requests_per_second": scenario.requests_per_second},
        verify={} if scenario.verifies else None,
        collapse_above=scenario.collapse_above,
    )
    world = World(configuration)
    world.cloudflare.on_accepted = accept
    world.network.fault = fault
    world.network.edge = edge = Edge(world.hub, "none", Version(START + HOUR, "new"))
    world.queue.on_received = lambda message: receives.__setitem__(0, max(receives[0], message.receives))
    body = json.dumps(s3_event("objects/" + _DIGITS * "~"))

    def upload() -> None:
        for number in range(scenario.objects):
            world.hub.sleep_until(START + number / UPLOADS_PER_SECOND)
            world.queue.send(body.replace(_DIGITS * "~", f"{number:0{_DIGITS}}"))

    uploads = world.hub.spawn(upload)
    refused = [0]  # of the neighbour's requests
    world.hub.spawn(_neighbour, world, scenario, refused)
    world.run(START + scenario.outage + _PATIENCE, lambda: uploads.is_done and world.is_idle())
    during = sum(at < scenario.outage for at in requests)
    return Result(
        scenario,
        drained=max(purged.values(), default=0.0) - scenario.outage,
        longest=max((at - number / UPLOADS_PER_SECOND for number, at in purged.items()), default=0.0),
        during=during,
        requests=len(requests) - during,
        refused=world.cloudflare.limited - refused[0],
        neighbour_refused=refused[0],
        receives=receives[0],
        missing=scenario.objects - len(purged),
        dead=len(world.dead_letters.messages),
        visits=len(edge.served),
        seen=max(0.0, edge.visited - START),
    )


def _neighbour(world: World, scenario: Scenario, refused: list[int]) -> None:
    """Purge in another zone of the account at a steady rate, except during the outage."""
    token = TOKEN if scenario.shares_token else "neighbours-token"
    world.cloudflare.tokens.add(token)
    plan = PLANS[scenario.plan]
    body = {"files": [f"https://www.example.net/{n}" for n in range(min(plan.items, plan.urls_per_second // 10))]}
    url = f"https://api.cloudflare.com/client/v4/zones/{OTHER_ZONE}/purge_cache"
    while True:
        least, more = _JITTER
        world.hub.sleep_until(world.hub.now + (least + more * world.random.random()) / scenario.neighbour)
        if world.hub.now - START >= scenario.outage:
            call = Call(world.hub.now, url, {"Authorization": f"Bearer {token}"}, body, 10.0, "cloudflare", "purge")
            refused[0] += world.cloudflare.answer(call, Fault()).status == 429


def table(results: Sequence[Result]) -> str:
    columns = ("scenario", "drained in", "longest wait", "requests", "in the outage", "429s", "neighbour's", "receives")
    rows = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for each in results:
        during = f"{each.during:,}" if each.scenario.outage else ""
        times = f"{_time(each.drained)} | {_time(each.longest)}"
        counts = f"{each.requests:,} | {during} | {each.refused} | {each.neighbour_refused} | {each.receives}"
        rows.append(f"| `{each.scenario.name}` | {times} | {counts} |")
    return "\n".join(rows)


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / HOUR:.2f} h"


def main(names: Sequence[str]) -> int:
    """Print the table of some scenarios, or write all to docs/scale.md; return 1 if an object is missing or parked."""
    results = [run(each) for each in SCENARIOS if not names or each.name in names]
    print(table(results))
    if not names:
        write(Path(__file__).resolve().parents[2] / "docs" / "scale.md", "make simulate", table(results))
    return 1 if any(each.missing or each.dead for each in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
