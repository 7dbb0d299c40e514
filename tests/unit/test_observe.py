"""The log lines and the line of metrics."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge import observe
from tests.support.factories import document, eventbridge_event, s3_event, sqs_event, target
from tests.support.fakes import World, refusal
from tests.support.names import ACCOUNT, AT, HOST

COUNTS = ["Changes", "Purged", "Skipped", "Parked", "Retried", "Requests", "RateLimited", "Misconfigured"]


# ---- Lines ----


LEVELS = ["DEBUG", "INFO", "WARN", "ERROR"]


@pytest.mark.parametrize("level", LEVELS)
def test_a_line_is_one_json_object_and_only_metrics_are_written_below_the_level(
    level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    observe.threshold = level
    for write in (observe.debug, observe.info, observe.warn, observe.error):
        write("said", key="ünï", error=ValueError("no"))
    observe.emit({"_aws": {}})
    *texts, metrics = capsys.readouterr().out.splitlines()
    assert metrics == '{"_aws": {}}'
    lines = [json.loads(text) for text in texts]
    assert [line["level"] for line in lines] == LEVELS[LEVELS.index(level) :]
    for line in lines:
        assert (line["message"], line["key"], line["error"]) == ("said", "ünï", "no")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"])
        assert abs((datetime.now(UTC) - datetime.fromisoformat(line["timestamp"])).total_seconds()) < 60


FORGED = '{"level": "ERROR", "message": "forged", "_aws": {"CloudWatchMetrics": []}, "Purged": 1000000}'
TEXTS = [
    f"a\r\n{FORGED}\r",
    f'a"}}\n{FORGED}',
    f"a\u2028{FORGED}\u2029\x85\x0b\x0c\x1c",
    f"\x1b[2K\x1b[1A\x1b]0;title\x07{FORGED}\x00",
    "\u202egpj.a",
]
WAYS: dict[str, Callable[[str], Any]] = {
    "a notification": lambda text: s3_event(text.replace("\ud800", "")),
    "an EventBridge event": eventbridge_event,
    "a manual key": lambda text: {"keys": [text]},
    "a bucket": lambda text: s3_event("a", bucket=text),
    "a zone": lambda text: {"keys": ["a"], "zone_id": text},
    "a field": lambda text: {"keys": ["a"], text: 1},
    "a body": str,
    "URLs": lambda text: {"urls": [text + " "]},
    "prefixes": lambda text: {"prefixes": [text + " "]},
    "tags": lambda text: {"tags": [text + " "]},
    "hosts": lambda text: {"hosts": [text + " "]},
}


@pytest.mark.parametrize("text", [*TEXTS, f"\ud800\n{FORGED}"], ids=ascii)
@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_is_sent_in_forges_a_line_or_an_attribute(text: str, way: str) -> None:
    for config in (document(targets=[target(purge_by="host")]), document(exclude=["**"])):
        world = World(config)
        world.returned(sqs_event(WAYS[way](text)))
        assert set(world.output) <= {"\n", *map(chr, range(0x20, 0x7F))}
        assert {line.get("message") for line in world.lines} <= {"purged", "skipped", "parked", "not parked", None}
        assert len([line for line in world.lines if "_aws" in line]) == 1
        assert all(reason.isprintable() for _, reason in world.parked_reasons)


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_nothing_that_cloudflare_answers_forges_a_line(world: World, text: str) -> None:
    world.cloudflare.bad, world.cloudflare.bad_reply = lambda _: True, refusal(400, 1012, message=text)
    world.returned(sqs_event(s3_event("a")))
    assert set(world.output) <= {"\n", *map(chr, range(0x20, 0x7F))}
    assert [line.get("message") for line in world.lines] == ["not purged", "parked", None]


# ---- Who changed it ----


def changed(key: str, principal: object) -> dict[str, Any]:
    event = s3_event(key)
    event["Records"][0]["userIdentity"] = {"principalId": principal}
    return event


@pytest.mark.parametrize(
    ("bodies", "config", "expected"),
    [
        ([changed("a", "A")], {}, [("A", ["a"])]),
        ([changed("a", "A"), changed("b", "B"), changed("c", "A")], {}, [("A", ["a", "c"]), ("B", ["b"])]),
        ([changed("a", "A"), changed("a", "B")], {}, [("A", ["a"]), ("B", ["a"])]),
        ([changed("a", None), {"keys": ["b"]}], {}, [(None, ["a", "b"])]),
        ([changed("a", ["A"])], {}, [(None, ["a"])]),
        ([eventbridge_event("a")], {}, [(ACCOUNT, ["a"])]),
        ([changed("a", "A")], {"log_principals": False}, [(None, ["a"])]),
    ],
)
def test_a_purge_names_who_made_the_change(
    bodies: list[Any], config: dict[str, Any], expected: list[tuple[str | None, list[str]]]
) -> None:
    world = World(document(**config))
    world.returned(sqs_event(*bodies))
    lines = [(line.get("principal"), line["urls"]) for line in world.logged("purged")]
    assert lines == [(who, [f"https://{HOST}/{key}" for key in keys]) for who, keys in expected]
    assert all(None not in line.values() for line in world.lines)


# ---- Lists ----


@pytest.mark.parametrize(("count", "length", "shown"), [(0, 1, 0), (8, 1024, 8), (9, 1024, 8), (1000, 100, 81)])
def test_a_list_of_skipped_keys_is_cut_at_8_kb_and_counted(count: int, length: int, shown: int) -> None:
    keys = [f"{number:x}".rjust(length, "k") for number in range(count)]
    assert observe.listed(keys) == {"keys": keys[:shown], "count": count}
    assert len(json.dumps(observe.listed(["\N{SLIGHTLY SMILING FACE}" * 250] * 999))) < 10_000


def test_skipped_keys_of_a_message_are_one_line(world: World) -> None:
    assert world.returned(sqs_event(s3_event(*[f"{number}/" for number in range(900)]), s3_event("a/"))) == []
    assert [(len(line["keys"]), line["count"]) for line in world.logged("skipped")] == [(900, 900), (1, 1)]
    assert world.metrics["Skipped"] == 901


def test_a_purge_is_logged_with_its_zone_and_items_in_lines_that_a_log_event_holds(world: World) -> None:
    world.invoke(s3_event(*[f"{number}" for number in range(120)]))
    lines = world.logged("purged")
    assert [len(line["urls"]) for line in lines] == [25, 25, 25, 25, 20]
    assert {line["zone_id"] for line in lines} == {"a" * 32}
    assert lines[0]["urls"][0] == f"https://{HOST}/0"


# ---- Metrics ----


def metrics_of(lags: list[int]) -> dict[str, Any]:
    """The document of metrics in which each count is another."""
    metrics = observe.Metrics()
    metrics.counts.update(zip(COUNTS, range(1, 9), strict=True))
    metrics.times["Lag"] = lags
    return dict(json.loads(json.dumps(metrics.document("site", AT + 0.25))))


def test_the_metrics_are_in_embedded_metric_format() -> None:
    metrics = [*({"Name": name, "Unit": "Count"} for name in COUNTS), {"Name": "Lag", "Unit": "Milliseconds"}]
    directive = {"Namespace": "CfPurge", "Dimensions": [["Name"]], "Metrics": metrics}
    aws = {"Timestamp": 1795413600250, "CloudWatchMetrics": [directive]}
    counts = dict(zip(COUNTS, range(1, 9), strict=True))
    assert metrics_of([1500]) == {"_aws": aws, "Name": "site", **counts, "Lag": [1500]}


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=400))
def test_a_line_has_at_most_a_hundred_lags_and_always_the_longest(lags: list[int]) -> None:
    found = metrics_of(lags)["Lag"]
    assert min(50, len(lags)) <= len(found) <= 100
    assert set(found) <= set(lags)
    assert max(found) == max(lags)


def test_an_invocation_counts_what_it_did(world: World) -> None:
    world.cloudflare.bad, world.cloudflare.bad_reply = lambda url: "bad" in url, refusal(400, 1012)
    world.returned(sqs_event(s3_event("a", "b/"), s3_event("bad"), "nonsense", {"keys": ["c"]}))
    counts = {name: world.metrics[name] for name in COUNTS}
    requests = len(world.cloudflare.requests)
    assert counts == dict(zip(COUNTS, [4, 2, 1, 2, 0, requests, 0, 0], strict=True))
    assert world.metrics["Lag"] == [1000]
