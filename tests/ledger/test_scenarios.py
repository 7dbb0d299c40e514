"""In virtual time: how long innocent changes wait, and how many requests are sent, when items or the whole API fail."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from math import inf
from random import Random
from typing import Any

import pytest

from tests.ledger.weather import PROVOKED
from tests.support.factories import HOST, OTHER_ZONE, document, s3_event, target
from tests.support.fakes import answer, refusal
from tests.support.virtual.network import Call, Fault
from tests.support.virtual.world import START, World

MINUTE, HOUR = 60.0, 3600.0
HANG, REJECTED = Fault(is_lost=True, seconds=inf), Fault(refusal(400, 1016))
# The fault that a call gets instead of Cloudflare's answer, by the seconds since the start.
Trouble = Callable[[Call, float], Fault | None]


class Scenario:
    """The function with its queue; `trouble` answers its purges, with None Cloudflare does."""

    def __init__(self, trouble: Trouble, environments: int = 2, seed: int = 0, **changes: Any) -> None:
        settings = {"drain": 1000, "max_receive_count": 30, "max_concurrency": environments}
        self.world = world = World(document(**{**settings, **changes}), seed=seed)
        world.cloudflare.on_accepted = self._accept
        world.network.fault = self._fault
        world.mapping.on_end = lambda invocation: self.ends.append(world.hub.now - START)
        self.requests: list[float] = []  # seconds since the start, as all times here
        self.ends: list[float] = []  # of invocations
        self._done: dict[str, float] = {}  # by the URL
        self._sent: dict[str, float] = {}
        self._trouble, self._output = trouble, ""

    def send(self, *names: str, at: float = 0.0) -> None:
        """Send changes, each as a message."""
        for name in names:
            self._send([name], at, s3_event(name))

    def send_together(self, *names: str) -> None:
        """Send one message about many keys."""
        self._send(names, 0.0, {"keys": names})

    def _send(self, names: Sequence[str], at: float, event: object) -> None:
        self._sent.update((f"https://{HOST}/{name}", at) for name in names)
        self.world.hub.at(START + at, self.world.queue.send, json.dumps(event))

    def run(self, seconds: float) -> None:
        self._output = self.world.run(START + seconds)

    def waits(self, prefix: str = "k") -> list[float]:
        """Seconds from each change to its purge, in ascending order; infinity if it is not purged."""
        about = f"https://{HOST}/{prefix}"
        return sorted(self._done.get(url, inf) - at for url, at in self._sent.items() if url.startswith(about))

    def requests_by_minute(self, minutes: int) -> list[int]:
        counts = Counter(int(at // MINUTE) for at in self.requests)
        return [counts[minute] for minute in range(minutes)]

    def alarms(self) -> int:
        return sum(json.loads(line)["Misconfigured"] for line in self._output.splitlines() if "_aws" in line)

    def reason_codes(self) -> list[str]:
        """ReasonCodes in the dead-letter queue; "" if SQS put the message there."""
        letters = self.world.dead_letters.messages.values()
        return ["" if m.redriven else m.attributes["ReasonCode"]["StringValue"] for m in letters]

    def _accept(self, at: float, _zone: str, _kind: str, items: list[Any]) -> None:
        for item in items:
            self._done.setdefault(str(item), at - START)

    def _fault(self, call: Call) -> Fault | None:
        if call.service != "cloudflare":
            return None
        self.requests.append(call.at - START)
        return self._trouble(call, call.at - START)


def keys(count: int) -> list[str]:
    return [f"k{number}.css" for number in range(count)]


def provoked_by(word: str, name: str) -> Trouble:
    def trouble(call: Call, _: float) -> Fault | None:
        if word not in str(call.body):
            return None
        return PROVOKED[name](call) if name in PROVOKED else REJECTED

    return trouble


def until(seconds: float, fault: Fault) -> Trouble:
    return lambda _, at: fault if at < seconds else None


# ---- Items that make a request fail ----


@pytest.mark.parametrize("name", PROVOKED)
@pytest.mark.parametrize(("count", "seed"), [(1, 0), (20, 0), (20, 1)])
def test_a_thousand_innocent_changes_are_purged_within_ten_minutes(name: str, count: int, seed: int) -> None:
    scenario = Scenario(provoked_by("poison", name), seed=seed)
    scenario.send(*keys(500), *(f"poison{number}.css" for number in range(count)))
    scenario.send(*(f"k2{key}" for key in keys(500)))
    for at in (90.0, 150.0, 240.0, 330.0):
        scenario.send(f"fresh{at}.css", at=at)
    scenario.run(11 * MINUTE)
    assert scenario.waits()[-1] <= 10 * MINUTE
    assert scenario.waits("fresh")[-1] <= 20
    assert set(scenario.reason_codes()) <= {"RejectedByCloudflare"}
    assert scenario.alarms() == 0


@pytest.mark.parametrize(
    ("name", "count", "seed", "minutes"),
    [
        *(("forbidden", 20, seed, 3) for seed in (0, 6)),
        *(("wait", 20, 0, 3), ("wait", 100, 0, 6), ("page", 100, 0, 6), ("hang", 100, 0, 10), ("forbidden", 200, 0, 8)),
    ],
)
def test_changes_between_messages_that_fail_again_and_again_are_purged_within_minutes(
    name: str, count: int, seed: int, minutes: int
) -> None:
    scenario = Scenario(provoked_by("poison", name))
    names = [*keys(1000 - count), *(f"poison{number}.css" for number in range(count))]
    Random(seed).shuffle(names)
    scenario.send(*names)
    scenario.run(15 * MINUTE)
    assert scenario.waits()[-1] <= minutes * MINUTE


def test_one_hanging_message_of_fifty_delays_few_others() -> None:
    scenario = Scenario(provoked_by("poison", "hang"), environments=1)
    scenario.send(*keys(20), "poison.css", *(f"k2{key}" for key in keys(29)))
    scenario.run(3 * MINUTE)
    in_first = [at for at in scenario.waits() if at <= scenario.ends[0]]
    assert len(in_first) >= 40
    assert scenario.waits()[-1] <= 2 * MINUTE


@pytest.mark.parametrize(
    ("name", "count", "minutes"),
    [("page", 3, 1), ("broken", 3, 1), ("unknown", 3, 1), ("rejected", 3, 1), ("hang", 1, 2), ("hang", 20, 15)],
)
@pytest.mark.parametrize("seed", [0, 4])
def test_bad_items_of_a_message_keep_none_of_its_others_from_being_purged(
    name: str, count: int, minutes: int, seed: int
) -> None:
    scenario = Scenario(provoked_by("poison", name), seed=seed)
    scenario.send_together(*keys(400), *(f"poison{number}.css" for number in range(count)), *keys(900)[400:])
    scenario.send(*(f"fresh{at}.css" for at in range(3)), at=30.0)
    scenario.run(HOUR)
    assert scenario.waits()[-1] <= minutes * MINUTE
    assert scenario.waits("fresh")[-1] <= 20
    assert scenario.reason_codes() == (["RejectedByCloudflare"] if name in ("unknown", "rejected") else [])


@pytest.mark.parametrize("name", ["page", "broken", "forbidden"])
@pytest.mark.parametrize("count", [1, 5])
def test_an_item_that_fails_for_a_while_is_purged_beside_others_that_always_fail(name: str, count: int) -> None:
    always, first = provoked_by("poison", name), provoked_by("late", name)
    scenario = Scenario(lambda call, at: always(call, at) or (first(call, at) if at < 20 * MINUTE else None))
    scenario.send_together(*(f"poison{number}.css" for number in range(count)), "late.css")
    scenario.run(HOUR)
    assert scenario.waits("late")[-1] <= 40 * MINUTE


@pytest.mark.parametrize(
    ("name", "seed"), [("page", 1), ("page", 2), ("page", 5), ("broken", 0), ("unknown", 0), ("rejected", 0)]
)
def test_ten_bad_items_of_a_thousand_in_one_message_delay_none_of_the_others_for_half_an_hour(
    name: str, seed: int
) -> None:
    scenario = Scenario(provoked_by("poison", name), seed=seed)
    scenario.send_together(*(f"poison{n // 100}.css" if n % 100 == 50 else f"k{n}.css" for n in range(1000)))
    scenario.run(HOUR / 2)
    assert scenario.waits()[-1] < inf


@pytest.mark.parametrize(("name", "count"), [("rejected", 9), ("hang", 20)])
def test_a_bad_message_delays_few_others_where_requests_are_rare(name: str, count: int) -> None:
    scenario = Scenario(provoked_by("poison", name), cloudflare={"requests_per_second": 0.5})
    scenario.send("poison.css", *keys(count))
    scenario.run(30 * MINUTE)
    assert scenario.waits()[-1] <= 2 * MINUTE
    assert scenario.reason_codes() == (["RejectedByCloudflare"] if name == "rejected" else [])


@pytest.mark.parametrize("seed", [2, 9])
def test_answers_that_ask_to_wait_for_a_second_delay_no_change_for_half_an_hour(seed: int) -> None:
    chance, throttled = Random(seed), Fault(refusal(429, 1134, retry_after="1"))
    rare = {"requests_per_second": 1}
    scenario = Scenario(lambda *_: throttled if chance.random() < 0.3 else None, 10, seed, cloudflare=rare)
    for number, key in enumerate(keys(100)):
        scenario.send(key, at=6.0 * number)
    scenario.run(HOUR)
    assert scenario.waits()[-1] <= 25 * MINUTE


@pytest.mark.parametrize("seconds", [2.5, 8.0])
@pytest.mark.parametrize(
    "messages",
    [[["slow"]], [[f"slow{number}"] for number in range(20)], [["slow1", "slow2"]]],
    ids=["one", "twenty", "two in one"],
)
def test_a_purge_that_is_always_slow_is_not_given_up(seconds: float, messages: list[list[str]]) -> None:
    targets = [target(), target(zone_id=OTHER_ZONE, hosts=["www.example.net"])]
    scenario = Scenario(lambda call, _: Fault(seconds=seconds) if "slow" in str(call.body) else None, targets=targets)
    scenario.send(*keys(9))
    for names in messages:
        scenario.send_together(*names)
    scenario.run(6 * HOUR)
    assert scenario.reason_codes() == []
    assert not scenario.world.queue.messages


def test_a_hundred_rejected_messages_delay_a_fresh_one_at_most_twenty_seconds() -> None:
    scenario = Scenario(provoked_by("poison", "rejected"))
    scenario.send(*(f"poison{number}.css" for number in range(100)), *keys(400))
    for at in (2.0, 20.0, 40.0, 60.0):
        scenario.send(f"fresh{at}.css", at=at)
    scenario.run(10 * MINUTE)
    assert scenario.waits("fresh")[-1] <= 20
    assert scenario.waits()[-1] <= 3 * MINUTE
    assert scenario.reason_codes() == ["RejectedByCloudflare"] * 100


@pytest.mark.parametrize("seed", [0, 6])
def test_a_wrong_host_in_the_configuration_delays_few_urls_of_a_good_one(seed: int) -> None:
    targets = [target(hosts=[HOST, "foreign.example.org"])]
    scenario = Scenario(lambda call, _: REJECTED if "foreign" in str(call.body) else None, seed=seed, targets=targets)
    scenario.send(*keys(300))
    scenario.run(15 * MINUTE)
    assert scenario.waits()[250] <= 4 * MINUTE
    assert scenario.waits()[-1] <= 8 * MINUTE
    assert scenario.reason_codes() == ["RejectedByCloudflare"] * 300
    assert len(scenario.requests) <= 1_000


# ---- A zone that fails as a whole ----


@pytest.mark.parametrize("zones", [1, 2, 5])
@pytest.mark.parametrize("place", [0, 1, 9])
def test_zones_that_hang_delay_a_fresh_change_of_another_at_most_twenty_seconds(zones: int, place: int) -> None:
    targets = [target(keys=["k*"])]
    targets += [target(zone_id=f"{n:032}", hosts=[f"{n}.example.net"], keys=[f"b{n}/**"]) for n in range(zones)]
    scenario = Scenario(lambda call, _: HANG if "/zones/000" in call.url else None, environments=1, targets=targets)
    others = [f"b{n}/{page}.css" for page in "xy" for n in range(zones)]
    scenario.send(*others[:place], "k1.css", *others[place:])
    scenario.send("k2.css", at=30.0)
    scenario.run(2 * MINUTE)
    assert scenario.waits()[-1] <= 20


def test_bad_items_of_a_zone_delay_no_fresh_change_of_another_whose_item_hangs() -> None:
    targets = [target(keys=["[khf]*"]), target(zone_id="0" * 32, hosts=["b.example.net"], keys=["b/**"])]
    troubles = {"hang.css": HANG, "poison": REJECTED}
    scenario = Scenario(
        lambda call, _: next((fault for word, fault in troubles.items() if word in str(call.body)), None),
        targets=targets,
    )
    scenario.send(*keys(49), "hang.css")
    scenario.send(*(f"b/poison{n}.css" if n % 50 == 25 else f"b/{n}.css" for n in range(3000)))
    for at in range(11, 200, 11):
        scenario.send(f"fresh{at}.css", at=at)
    scenario.run(10 * MINUTE)
    assert scenario.waits("fresh")[-1] <= 20


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault(answer(503)), Fault(answer(503, retry_after="60")), Fault(answer(429, retry_after="0"))),
        *(Fault(refusal(400, 4711)), Fault(refusal(400, 9106)), HANG),
    ],
    ids=["503", "wait of 60 s", "wait of 0 s", "400 unknown", "400 authentication", "hang"],
)
def test_a_zone_that_fails_costs_at_most_twenty_requests_a_minute(fault: Fault) -> None:
    scenario = Scenario(lambda *_: fault)
    scenario.send(*keys(300))
    for minute in range(5):
        scenario.send(f"fresh{minute}.css", at=30 + minute * MINUTE)
    scenario.run(6 * MINUTE)
    assert 0 < max(scenario.requests_by_minute(6)) <= 20
    assert scenario.reason_codes() == []


@pytest.mark.parametrize("name", ["page", "unknown", "hang"])
def test_while_only_probes_are_accepted_little_is_sent_and_at_most_one_message_is_parked(name: str) -> None:
    scenario = Scenario(lambda call, _: None if ".cf-purge-check" in str(call.body) else PROVOKED[name](call))
    scenario.send(*keys(1000))
    for minute in range(5):
        scenario.send(f"fresh{minute}.css", at=30 + minute * MINUTE)
    scenario.run(6 * MINUTE)
    first, *others = scenario.requests_by_minute(6)
    assert first <= 250
    assert max(others) < 20
    # Once in an environment on a probe's evidence.
    assert len(scenario.reason_codes()) <= scenario.world.mapping.cold_starts


@pytest.mark.parametrize("wait", ["1", "60"])
@pytest.mark.parametrize("hours", [1, 4])
def test_no_message_is_given_up_during_hours_of_retry_after(wait: str, hours: int) -> None:
    scenario = Scenario(until(hours * HOUR, Fault(answer(503, retry_after=wait))))
    scenario.send(*keys(100))
    scenario.run(hours * HOUR + 20 * MINUTE)
    assert scenario.reason_codes() == []
    assert scenario.waits()[-1] < inf


@pytest.mark.parametrize("seconds", [0.0, HOUR], ids=["at its start", "during it"])
def test_ten_thousand_changes_recover_from_an_hour_of_outage_with_few_requests(seconds: float) -> None:
    scenario = Scenario(until(HOUR, Fault(answer(503))))
    for number, key in enumerate(keys(10_000)):
        scenario.send(key, at=seconds * number / 10_000)
    scenario.run(HOUR + 20 * MINUTE)
    assert scenario.waits()[-1] < inf
    assert max(scenario.requests_by_minute(60)) <= 20
    assert sum(at >= HOUR for at in scenario.requests) <= 150
