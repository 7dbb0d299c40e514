"""The peak is the process's own, the loads are what they are called, and work that is not done is not measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.memory import LARGEST_EVENT, LOADS, Load, peaks_of
from tests.bench.processes.ground import Ground, ground
from tests.bench.processes.local_aws import LocalAws
from tests.bench.processes.process import Failed, function
from tests.unit import factories

_LARGE = "def lambda_handler(event, context): bytearray(b'x' * event['bytes']); return 1"


@pytest.fixture(scope="module")
def place() -> Iterator[Ground]:
    with ground("enterprise") as place:
        yield place


linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")


@linux
def test_the_peak_grows_by_what_a_function_takes_and_stays_when_it_is_free_again(place: Ground) -> None:
    command = place.rival("naive")
    (command.folder / "naive.py").write_text(_LARGE)
    small, large = (function(command, place.api, [b'{"bytes": %d}' % size]).peak for size in (0, 20 << 20))
    assert 35 < large - small < 45  # the bytes and their copy


@linux
def test_the_memory_of_a_small_load_is_that_of_a_python_and_more_at_the_end(place: Ground) -> None:
    before, peak = peaks_of(place, Load("few", 10, drained=15))
    assert 10 < before < peak < 96


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.name)
def test_a_load_makes_as_many_changes_as_its_name_says(load: Load) -> None:
    assert f"{len(set(load.keys)):,} changes" in load.name
    records = [record for body in load.bodies for record in json.loads(body)["Records"]]
    assert [record["s3"]["object"]["key"] for record in records] == load.keys
    assert len(load.bodies) == load.messages + load.drained
    event = factories.sqs_event(*load.bodies[: load.messages])
    assert len(json.dumps(event)) < LARGEST_EVENT
    assert max(map(len, load.bodies)) < 1 << 20  # SQS's own limit of a message


def test_work_that_is_not_done_is_not_measured(place: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalAws, "reset", lambda *_: None)  # nothing is there to be drained
    with pytest.raises(Failed, match="10 URLs instead of 12"):
        peaks_of(place, Load("fewer", 10, drained=2))


def test_messages_that_stay_in_the_queue_are_told(place: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    answer: dict[str, list[dict[str, str]]] = {"Successful": [{"Id": "0"}, {"Id": "1"}]}
    monkeypatch.setattr(LocalAws, "_DeleteMessageBatch", lambda *_: answer)
    with pytest.raises(Failed, match="0 drained messages deleted"):
        peaks_of(place, Load("kept", 10, drained=2))


def test_an_event_larger_than_lambda_hands_over_is_refused(place: Ground) -> None:
    with pytest.raises(Failed, match="6291456 bytes at most"):
        peaks_of(place, Load("too many", 6_000))
