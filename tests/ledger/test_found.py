"""Regression tests: minimized schedules that once did not balance, with the cause."""

from dataclasses import replace
from typing import Any

import pytest

from cf_purge.config import Verify
from tests.ledger.play import play
from tests.ledger.schedule import Burst, Kill, Rotation, Schedule, Setting, Storm


def broken(seconds: float, seed: int = 0, **changes: Any) -> Schedule:
    """One change, while Cloudflare answers every purge with a fault of the server for so long."""
    rare = Setting("by host", "free", 0.5, 5, 10, 1000, 60.0, None, None, 3.0, 0.01)
    storm = Storm(0.0, seconds, "purge", "broken", 1.0)
    return Schedule(seed, replace(rare, **changes), (Burst(0.0, "change", 1, 1, 0.0),), (storm,))


FOUND = {
    "no request was left to find the refused tag with": Schedule(
        seed=1456,
        setting=Setting("by tag", "free", 4.0, 5, 10, 1000, 60.0, None, None, 0.02, 0.2),
        bursts=(
            Burst(3.0, "change", 40, 1, 0.3),
            Burst(2.3, "refused", 40, 1, 5.0),
            Burst(2.4, "change", 40, 3, 0.3),
            Burst(1.0, "refused", 25, 3, 0.3),
        ),
        storms=(Storm(3.3, 5.6, "purge", "told to come soon", 0.7),),
        rotation=Rotation(1.0, 0.5),
    ),
    "one half of each message was purged again and again": Schedule(
        seed=523,
        setting=Setting("by host", "free", 4.0, 5, 3, 1000, 15.0, Verify(900, 3, 0), 1, 0.25, 0.2),
        bursts=tuple(Burst(at, "change", 12, 3, every) for at, every in ((0, 0.3), (2.8, 0.3), (0, 0.3), (2.8, 0))),
        rotation=Rotation(1.0, 0.5),
    ),
    "the parameter was silent at the end of an invocation": Schedule(
        seed=0,
        setting=Setting("by host", "free", 4.0, 2, 10, 1000, 15.0, None, None, 3.0, 0.01),
        bursts=(Burst(0.0, "named", 12, 1, 0.0), Burst(0.0, "change", 12, 1, 0.0)),
        storms=(Storm(0.4, 28.9, "GetParameter", "silent", 1.0),),
        rotation=Rotation(1.0, 0.5),
    ),
    "the second purges of several messages made one that was too large": Schedule(
        seed=0,
        setting=Setting("variants", "free", 4.0, 5, 10, 1000, 15.0, Verify(30, 3, 0), None, 0.25, 0.01),
        bursts=(Burst(0.0, "change", 3, 1, 0.0), Burst(0.0, "large", 2, 3, 0.0)),
    ),
    "requests timed out in every new environment, since Cloudflare needed three seconds": Schedule(
        seed=3989,
        setting=Setting("by host", "free", 4.0, 5, 10, 1000, 60.0, None, None, 3.0, 0.01),
        bursts=(Burst(0.0, "change", 1, 1, 0.0),),
        storms=(Storm(5.4, 20.6, "purge", "garbled", 0.7), Storm(29.4, 23.0, "purge", "told to come soon", 1.0)),
        kills=(Kill(7, 0),),
        repeats=0.5,
    ),
    "zones whose time-outs were too short for Cloudflare used up the time of each invocation": broken(
        10204.6, requests_per_second=4.0, max_concurrency=2, seed=47
    ),
    "of two zones the first one was always ended after two seconds, and then left out for lack of time": Schedule(
        seed=251,
        setting=Setting("by host", "free", 4.0, 2, 1, 1000, 60.0, None, None, 3.0, 0.01),
        bursts=(
            Burst(0.0, "change", 1, 1, 0.0),
            Burst(0.0, "change", 2, 1, 0.3),
            Burst(0.3, "poison", 1, 1, 0.0),
            Burst(19.4, "change", 1, 1, 0.0),
        ),
        storms=(Storm(19.4, 13068.2, "purge", "broken", 1.0),),
        repeats=0.02,
    ),
    "zones that were asked after the others had no requests left for their probes": broken(900.4),
    "messages of a zone on hold came back too often when the rate left no request for its probe": broken(
        14400.0, cloudflare_latency=0.25
    ),
    "the only request of each invocation was ended after two seconds": broken(11738.0),
    "the only request of each new environment was ended after two seconds, because messages shared it": Schedule(
        seed=0,
        setting=Setting("one host", "free", 0.5, 5, 10, 1000, 60.0, None, None, 3.0, 0.01),
        bursts=(Burst(0.0, "change", 2, 3, 0.0),),
        storms=(Storm(0.0, 960.4, "purge", "broken", 1.0),),
    ),
    "a dry run counted, and a folder was purged without a request": Schedule(
        seed=1,
        setting=Setting("by prefix", "free", 4.0, 2, 10, 1000, 60.0, None, 1, 0.25, 0.01),
        bursts=(Burst(0.0, "change", 12, 1, 0.0), Burst(0.0, "dry run", 12, 40, 0.0)),
    ),
    "two messages that always failed kept the good items of a third from being purged": Schedule(
        seed=0,
        setting=Setting("one host", "free", 4.0, 1, 10, 1000, 60.0, None, None, 0.25, 0.01),
        bursts=(Burst(0.0, "provoker", 2, 40, 0.0), Burst(400.0, "half provoker", 1, 1, 0.0)),
    ),
}


@pytest.mark.parametrize("schedule", FOUND.values(), ids=FOUND)
def test_a_schedule_that_once_did_not_balance_balances(schedule: Schedule) -> None:
    play(schedule)
