"""After any fault during a large upload, visitors get what the bucket has."""

import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from tests.e2e.release import Release, keys_of_all_kinds
from tests.simulation.site import Site
from tests.simulation.world import ZONE_ID, World, wait_for

pytestmark = pytest.mark.usefixtures("leaving")
OBJECTS = 600
SHARE = 200  # objects that are uploaded before a kill
BATCH = 10

LONGER_THAN_ANY_REQUEST = 11  # seconds
IN_A_ROW = 3  # faults: each is a hold, twice as long as the one before, until something is accepted
FAULTS: list[dict[str, Any]] = [
    {"kind": "answer", "status": 429, "headers": {"Retry-After": "1"}},
    {"kind": "answer", "status": 429},
    {"kind": "answer", "status": 400, "errors": [{"code": 971, "message": "throttled"}]},
    {"kind": "answer", "errors": [{"code": 971, "message": "throttled"}]},
    {"kind": "answer", "status": 500},
    {"kind": "answer", "status": 503},
    {"kind": "answer", "status": 503, "text": "upstream connect error"},
    {"kind": "reset"},
    {"kind": "reset", "acted": True},
    {"kind": "answer", "text": "<!DOCTYPE html>"},
    {"kind": "answer", "text": "<!DOCTYPE html>", "acted": True},
    {"kind": "answer", "errors": [{"code": 9999, "message": "try later"}]},
]


@pytest.fixture(scope="module")
def release(applied: World) -> Release:
    """All objects as they were yesterday, and a copy of each at the edge."""
    release = Release(Site(applied), keys_of_all_kinds("faults", OBJECTS))
    release.upload("yesterday's")
    release.site.empties()
    applied.control.empty_cache(ZONE_ID)
    assert {visit.status for visit in release.visit().values()} == {200}
    return release


@pytest.fixture
def hurried(release: Release, site: Site) -> Iterator[Release]:
    """The same, with a queue whose waits of minutes are seconds."""
    release.visit()
    assert site.world.control.copies(ZONE_ID) >= len(release.paths)
    with site.hurried(60):
        yield release


def test_no_mixture_of_faults_loses_a_change(hurried: Release) -> None:
    site, control = hurried.site, hurried.site.world.control
    chance = random.Random(0)
    hang = {"kind": "delay", "seconds": LONGER_THAN_ANY_REQUEST}
    faults = chance.sample(FAULTS, len(FAULTS))
    for start in range(0, len(faults), IN_A_ROW):
        for fault in [hang, *faults][start : start + IN_A_ROW]:
            control.add_fault(**fault)
        for _ in range(3):  # requests that go well: the probe of each function, and what it then sends
            control.add_fault("delay", seconds=0)
    stray = {"zone_id": ZONE_ID, "hosts": ["stray.example.org"], "key_prefix": "stray"}
    with site.reconfigured(lambda document: document["targets"].append(stray)):
        hurried.upload("today's")
        site.put("stray/refused.html")
        site.empties()

    assert hurried.stale() == []
    assert control.pending_faults() == 0
    parked = site.dead_letter()
    assert "stray/refused.html" in parked["Body"]
    assert parked["MessageAttributes"]["ReasonCode"]["StringValue"] == "ForeignHost"
    assert site.dead() == 0


def test_a_function_killed_in_the_middle_loses_no_change(release: Release, site: Site) -> None:
    control = site.world.control
    in_flight = 0
    moments: dict[str, Callable[[], object]] = {
        "a request hangs": lambda: any(request.fault and request.status is None for request in control.requests()),
        "it drains": lambda: site.in_flight() > in_flight + 2 * BATCH,
        "it has purged and deletes": lambda: site.accepted(),
    }
    with site.hurried(60, timeout=10):
        for number, (moment, has_come) in enumerate(moments.items()):
            control.forget_requests()
            control.clear_faults()
            if moment == "a request hangs":
                control.add_fault("reset", times=2, seconds=5)
            in_flight = site.in_flight()  # to those who were killed before
            release.upload("the survivor's", release.keys[number * SHARE :][:SHARE])
            wait_for(partial(_killed, site, has_come), 20, f"nothing to kill when {moment}")
        site.empties()

    assert release.stale() == []
    assert site.dead() == 0


def _killed(site: Site, has_come: Callable[[], object]) -> bool:
    """Kill the processes of the function if the moment has come; tell whether there were any."""
    if not has_come():
        return False
    listed = subprocess.run(["ps", "-axwwo", "pid=,command="], capture_output=True, text=True, check=True).stdout
    lines = [line for line in listed.splitlines() if f"{site.world.folder}/ministack-lambda-{site.name}-" in line]
    for line in lines:
        with suppress(ProcessLookupError):
            os.kill(int(line.split()[0]), signal.SIGKILL)
    return bool(lines)
