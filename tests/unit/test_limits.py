"""No input takes more memory than the smallest Lambda function has, or a second of CPU for a message."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from cf_purge.errors import TooLarge
from tests.support.factories import as_text, document, s3_event, s3_record, sqs_event, target
from tests.support.fakes import World
from tests.support.interpreter import LAMBDA, python
from tests.support.names import HOST

MEMORY = 128_000_000  # bytes
# Reads {"config", "event", "waiting"} from standard input. Log lines are printed, the figures go to standard error.
# The peak is that of this program: `ru_maxrss` would include that of its parent on Linux.
_MEASURE = """
import json, os, resource, sys, time
from tests.support.fakes import Context, World

given = json.load(sys.stdin)
world = World(given["config"])
world.aws.waiting = given.pop("waiting")
world.transport.on_post = lambda sent: [kept.clear() for kept in (
    world.transport.sent, world.cloudflare.requests, world.cloudflare.accepted, world.aws.calls, world.aws.parked)]
began = time.process_time()
try:
    result = world.function.invoke(given["event"], Context(60.0))
except Exception as error:
    result = f"{type(error).__name__}: {error}"
cpu = time.process_time() - began
if os.path.exists("/proc/self/status"):
    peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
json.dump({"peak": peak, "cpu": cpu, "result": result}, sys.stderr)
"""


def measure(event: Any, waiting: list[Any], config: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Invoke the function in a new process; return the figures and the log lines."""
    given = {
        "config": document(drain=1000, **config),
        "event": event,
        "waiting": [(f"w{index}", as_text(body)) for index, body in enumerate(waiting)],
    }
    done = python("-c", _MEASURE, stdin=json.dumps(given), PYTHONPATH=f"{LAMBDA}:{LAMBDA.parent}")
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stderr), [json.loads(line) for line in done.stdout.splitlines()]


def filled(field: str, item: str) -> dict[str, Any]:
    """A message of 256 KiB."""
    return {field: [item] * (262_000 // (len(json.dumps(item)) + 2))}


def keys(count: int, length: int, characters: str) -> list[str]:
    return [(f"{number}/" + characters * length)[:length] for number in range(count)]


def keys_of_many_characters() -> list[str]:
    """As many keys as a message takes, of 20,000 different characters."""
    characters = "".join(map(chr, range(0x4E00, 0x9C20))) * 5
    return [characters[start : start + 330] for start in range(0, 250 * 330, 330)]


def text(**fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False)


HOSTS = [f"h{number}.example.com" for number in range(10)]
GOOD = [s3_event(f"good-{number}.css") for number in range(8)]
WIDE = {"targets": [target(hosts=HOSTS)]}
FAST = {"cloudflare": {"plan": "enterprise", "requests_per_second": 200}}
# What the batch has, what waits in the queue, and the configuration.
NASTY: dict[str, tuple[list[Any], list[Any], dict[str, Any]]] = {
    "malformed prefixes": ([filled("prefixes", "x")] * 10, [filled("prefixes", "x")] * 2 + GOOD, {}),
    "keys that are folders": ([filled("keys", "/"), {"changes": [{"key": "/"}] * 1000}] * 5, GOOD, {}),
    "long keys that are filtered": (
        [s3_event(*keys(400, 1022, "a/")), text(keys=keys(999, 1000, "a"))] * 5, GOOD, {"include": ["good-*"]},
    ),
    "malformed records": ([{"Records": [1] * 87_000}] * 4, [{"Records": [[]] * 60_000}] * 2 + GOOD, {}),
    "too many purges of the longest kind": (
        [text(keys=keys(1000, 340, "文"))] * 2, GOOD, {"targets": [target(hosts=[HOST, *HOSTS])]},
    ),
    "as many purges of the longest kind as an invocation plans": (
        [*GOOD, text(keys=keys(470, 340, "文"))],
        [text(keys=keys(990, 339, "文"))] * 8,
        {**WIDE, **FAST, "verify": {}},
    ),
    "keys of reserved characters": (
        [*GOOD, text(keys=keys(900, 1000, "%([+ &"))], [text(keys=keys(900, 999, "%([+ &"))] * 7, {},
    ),
    "a key that is repeated": ([*GOOD, text(keys=["k" * 190] * 1000)], [text(keys=["k" * 190] * 1000)] * 39, WIDE),
    "dry runs on ten hosts": (
        [*GOOD, text(keys=keys(900, 700, "abc"), dry_run=True)],
        [text(keys=keys(900, 699, "abc"), dry_run=True)] * 8,
        WIDE,
    ),
    "looks at much that is to be purged again": (
        [text(hop=2, purged=1.0, sample=0, changes=[{"key": key} for key in keys(190, 1000, "%([+ &")])] * 10 + GOOD,
        [],
        {**WIDE, **FAST, "verify": {}},
    ),
    "keys of many characters for many globs": (
        [text(keys=keys_of_many_characters())] * 3,
        GOOD,
        {"targets": [target(keys=["good-*"]), *(target(keys=[f"*.{n}", f"a/**/*{n}?"]) for n in range(40))]},
    ),
    "keys with many related pages": (
        [text(keys=keys(250, 500, "é"))],
        [],
        {**FAST, "targets": [target(related=[f"/{n}/{{key}}" for n in range(30)])]},
    ),
    "a key with many copies in each of many targets": (
        [text(keys=keys(1, 1000, "%([+ &"))],
        [],
        {"targets": [target(keys=["0/*"], related=[f"/{m}/{n}/{{key}}" for n in range(150)]) for m in range(40)]},
    ),
    "globs that look for long names": (
        [text(keys=keys(240, 1000, "a quick brown fox "))],
        [],
        {"targets": [target(keys=[f"**/{n:02}{'jumps over' * 60}/**"]) for n in range(40)]},
    ),
    "looks with much that is left": (
        [text(hop=2, purged=1.0, changes=[{"key": "a"}], left={f"{n:x}": None for n in range(16_000)})] * 2 + GOOD,
        [text(hop=2, purged=1.0, changes=[{"key": f"{n}"} for n in range(990)])] * 40,
        {"verify": {}},
    ),
    "nesting": (["[" * 200_000, '{"a":' * 100_000, f'{{"Records": [{"[" * 900}{"]" * 900}]}}', "9" * 5000], GOOD, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
def test_nasty_messages_take_little_memory_and_time_and_their_neighbours_are_purged(name: str) -> None:
    bodies, waiting, config = NASTY[name]
    figures, lines = measure(sqs_event(*bodies), waiting, {"batch_size": len(bodies), **config})
    consumed = len(bodies) + len(waiting)
    assert figures["peak"] < MEMORY
    assert figures["cpu"] < consumed
    assert set(figures["result"]) == {"batchItemFailures"}
    assert not [line for line in lines if line.get("message") == "unexpected error"]
    assert ("good-7.css" in str(lines)) == (GOOD[7] in [*bodies, *waiting])
    # At most one line for a message and what is wrong with it, and each fits into a log event.
    for message in ("skipped", "parked", "not purged"):
        assert sum(line.get("message") == message for line in lines) <= consumed
    assert all(len(line["keys"]) <= line["count"] and len(str(line)) < 10_000 for line in lines if "count" in line)
    assert all(len(json.dumps(line)) < 1_000_000 for line in lines)


@pytest.mark.parametrize("event", [{"keys": ["a"] * 1_400_000}, {"changes": [{"key": "a"}] * 320_000}], ids=list)
def test_of_the_largest_direct_invocation_only_so_many_items_are_read_as_one_may_have(event: dict[str, Any]) -> None:
    figures, _ = measure(event, [], {})
    assert "more than 1000 items" in figures["result"]
    assert figures["peak"] < MEMORY
    assert figures["cpu"] < 1


# ---- What one message may ask for ----

TOO_MANY: dict[str, tuple[dict[str, Any], Callable[[int], dict[str, Any]]]] = {
    "prefixes of keys on a free plan": (
        {"targets": [target(purge_by="prefix", hosts=HOSTS[:2])], "max_concurrency": 4},
        lambda count: {"keys": keys(count, 20, "a")},
    ),
    "tags": ({"max_concurrency": 10}, lambda count: {"tags": [f"t{number}" for number in range(count)]}),
    "requests of a slow account": (
        {"cloudflare": {"requests_per_second": 0.1}}, lambda count: {"keys": keys(count, 20, "a")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_MANY)
def test_a_message_that_asks_for_more_than_an_environment_may_send_is_told_how_many_items_would_do(name: str) -> None:
    config, event = TOO_MANY[name]
    world = World(document(**config))
    with pytest.raises(TooLarge) as caught:
        world.invoke(event(1000))
    match = re.search(r"split it into events of at most ([0-9,]+) items\.$", str(caught.value))
    assert match, str(caught.value)
    assert world.cloudflare.requests == []
    fitting = int(match[1].replace(",", ""))
    assert World(document(**config)).invoke(event(fitting))
    with pytest.raises(TooLarge):
        World(document(**config)).invoke(event(fitting + 1))
    # As a message it is parked at once, and a dry run says so, too.
    queued = World(document(**config))
    assert queued.returned(sqs_event(event(1000), s3_event("fine.css"))) == []
    assert queued.parked_reasons == [("TooLarge", str(caught.value))]
    assert len(queued.cloudflare.requests) == 1
    with pytest.raises(TooLarge):
        World(document(**config)).invoke({**event(1000), "dry_run": True})


def test_every_part_of_that_size_is_accepted_however_much_its_items_ask_for() -> None:
    light, heavy = target(purge_by="prefix", keys=["a*"]), target(purge_by="prefix", hosts=HOSTS, keys=["b*"])
    config = document(targets=[light, heavy])
    found = [f"{letter}{number}" for letter in "ab" for number in range(500)]
    with pytest.raises(TooLarge, match="split it into events of at most") as caught:
        World(config).invoke({"keys": found})
    size = int(re.findall("[0-9]+", str(caught.value))[-1])
    for start in range(0, len(found), size):
        assert World(config).invoke({"keys": found[start : start + size]})


def test_a_single_item_is_never_too_large_nor_beside_records_that_nothing_purges() -> None:
    zones = [target(zone_id=f"{number:032x}", hosts=[f"h{number}.example.com"]) for number in range(80)]
    config = document(targets=zones, max_concurrency=2)
    page, foreign, folder = s3_record("index.html"), s3_record("x", bucket="elsewhere"), s3_record("folder/")
    for records, codes in (
        ([page], []),
        ([page, foreign], ["ForeignBucket"]),
        ([foreign] * 2 + [page], ["ForeignBucket"]),
        ([folder, page], []),
    ):
        world = World(config)
        assert world.returned(sqs_event({"Records": records})) == []
        assert len(world.cloudflare.accepted) == 160
        assert [code for code, _ in world.parked_reasons] == codes
    assert World(config).invoke({"check": True})["success"]


@pytest.mark.parametrize(("hosts", "count", "fits"), [(10, 1000, True), (11, 909, True), (11, 910, False)])
def test_a_message_asks_for_at_most_10000_purges(hosts: int, count: int, fits: bool) -> None:
    config = document(targets=[target(hosts=[f"h{number}.example.com" for number in range(hosts)])], **FAST)
    for event in ({"keys": keys(count, 20, "a")}, {"keys": keys(count, 20, "a"), "dry_run": True}):
        world = World(config)
        assert world.returned(sqs_event(event)) == []
        assert [code for code, _ in world.parked_reasons] == ([] if fits else ["TooLarge"])
        assert len(world.cloudflare.accepted) == (hosts * count if fits and "dry_run" not in event else 0)


@pytest.mark.parametrize(("hosts", "fits"), [(100, True), (150, False)])
def test_what_a_key_asks_for_twice_keeps_nothing_from_being_purged(hosts: int, fits: bool) -> None:
    """The related page `/{key}` is the object itself, in up to 18 spellings."""
    names = [f"h{number}.example.com" for number in range(hosts)]
    config = document(targets=[target(hosts=names, clean_urls=True, related=["/{key}", "/feed.xml"])], **FAST)
    world = World(config)
    assert world.returned(sqs_event(s3_event("a//(b) [c],;*@/index.html"))) == []
    assert [code for code, _ in world.parked_reasons] == ([] if fits else ["TooLarge"])
    assert sum(url.endswith("/feed.xml") for url in world.cloudflare.urls) == (hosts if fits else 0)


def test_an_answer_fits_into_what_lambda_returns() -> None:
    world = World(document(targets=[target(hosts=[f"h{number}.example.com" for number in range(10)])], **FAST))
    for event in ({"keys": keys(1000, 510, "é")}, {"keys": keys(1000, 510, "é"), "dry_run": True}):
        summary = world.invoke(event)
        # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
        assert len(json.dumps(summary)) < 6 * 1024 * 1024
        assert summary["invalidations"]
    assert len(world.cloudflare.accepted) == 10_000


def test_a_message_that_is_collapsed_counts_as_what_is_sent() -> None:
    config = document(**WIDE, cloudflare={"requests_per_second": 0.2})
    with pytest.raises(TooLarge):
        World(config).invoke({"keys": keys(500, 20, "a")})
    summary = World({**config, "collapse_above": 100}).invoke({"keys": keys(500, 20, "a")})
    assert summary["invalidations"] == [f"{host}/" for host in HOSTS]
