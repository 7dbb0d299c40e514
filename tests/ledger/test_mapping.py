"""Lambda's side of the virtual world: batches, partial responses, environments, time-outs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ledger.book import Book, Unbalanced
from tests.ledger.layouts import Layout
from tests.ledger.letters import LETTERS, Letter
from tests.ledger.play import play
from tests.ledger.schedule import Burst, Kill, Schedule, Setting, Storm
from tests.support.factories import document
from tests.support.virtual.mapping import Environment, Invocation
from tests.support.virtual.world import START, World

Body = Callable[[Environment, dict[str, Any]], Any]

SETTING = Setting("one host", "free", 4.0, 2, 10, 1000, 60.0, 0, None, 0.25, 0.01)


class Stage:
    """A world whose function does what a test says."""

    def __init__(self) -> None:
        self.body: Body = lambda environment, event: {"batchItemFailures": []}
        self.worlds: list[World] = []
        self.events: list[dict[str, Any]] = []

    def world(self, **options: Any) -> World:
        stage = self

        class Function:
            def __init__(self, environment: Environment) -> None:
                self._environment = environment

            def invoke(self, event: dict[str, Any], context: Invocation) -> Any:
                stage.events.append(event)
                return stage.body(self._environment, event)

        world = World(document(), function=Function, **options)  # type: ignore[arg-type]
        self.worlds.append(world)
        return world


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    for world in stage.worlds:
        world.close()


def ids(event: dict[str, Any]) -> list[str]:
    return [record["messageId"] for record in event["Records"]]


def test_a_batch_holds_ten_and_no_more_run_at_once_than_may(stage: Stage) -> None:
    world = stage.world(max_concurrency=2)
    running: list[int] = []

    def slow(environment: Environment, _: dict[str, Any]) -> dict[str, Any]:
        running.append(world.mapping.running)
        environment.clock.sleep(5)
        return {"batchItemFailures": []}

    stage.body = slow
    for number in range(45):
        world.queue.send(str(number))
    world.run(START + 100)
    assert sorted(len(event["Records"]) for event in stage.events) == [5, 10, 10, 10, 10]
    assert max(running) == 2
    assert (world.queue.deleted, world.mapping.cold_starts) == (45, 2)


def test_only_what_is_named_comes_again(stage: Stage) -> None:
    world = stage.world()
    stage.body = lambda _, event: {"batchItemFailures": [{"itemIdentifier": ids(event)[0]}]}
    for number in range(3):
        world.queue.send(str(number))
    world.hub.run(START + 100)
    assert [message.body for message in world.queue] == ["0"]


@pytest.mark.parametrize(
    "answer", [None, {}, {"batchItemFailures": [{"itemIdentifier": "unknown"}]}, {"batchItemFailures": [{}]}]
)
def test_a_wrong_answer_returns_everything(stage: Stage, answer: Any) -> None:
    world = stage.world()
    stage.body = lambda *_: answer
    world.queue.send("a")
    world.queue.send("b")
    world.hub.run(START + 361)
    assert len(world.queue) == 2
    assert len(stage.events) > 1


def test_a_function_that_takes_too_long_is_killed_and_its_batch_comes_again(stage: Stage) -> None:
    world = stage.world(timeout=60.0, visibility=360.0)
    ends: list[Invocation] = []
    world.mapping.on_end = ends.append
    began: list[float] = []

    def endless(environment: Environment, _: dict[str, Any]) -> None:
        began.append(world.hub.now - START)
        environment.clock.sleep(100)

    stage.body = endless
    world.queue.send("a")
    world.hub.run(START + 365)
    # Cold both times: what was killed is gone.
    assert began == [pytest.approx(0.3), pytest.approx(360.3)]
    assert [invocation.timed_out for invocation in ends] == [True]
    assert ends[0].ended_at == pytest.approx(START + 60.3)


def test_a_window_waits_for_more(stage: Stage) -> None:
    world = stage.world(batch_size=30, window=1.0, max_concurrency=1)
    for number in range(12):
        world.hub.at(START + number / 10, lambda number: world.queue.send(str(number)), number)
    world.hub.run(START + 9)
    assert [len(event["Records"]) for event in stage.events] == [11, 1]


def test_the_same_schedule_is_played_the_same_way() -> None:
    schedule = Schedule(
        seed=7,
        setting=SETTING,
        bursts=(Burst(0.0, "change", 40, 40, 0.1), Burst(1.0, "poison", 12, 40, 0.0)),
        storms=(Storm(0.0, 90.0, "purge", "broken", 0.7), Storm(0.0, 90.0, "DeleteMessageBatch", "partial", 0.7)),
        kills=(Kill(2, 3),),
        rotation=None,
        is_disordered=True,
        repeats=0.1,
    )
    first, second = play(schedule), play(schedule)
    assert first.network.calls == second.network.calls > 50
    assert first.hub.now == second.hub.now
    assert first.queue.received == second.queue.received
    assert len(first.dead_letters) == len(second.dead_letters) > 0


@pytest.mark.parametrize("letter", sorted(LETTERS))
def test_every_letter_ends_where_the_ledger_says(letter: str) -> None:
    world = play(Schedule(1, SETTING, (Burst(0.0, letter, 40, 40, 0.5),), (), (), None, False, 0.0))
    assert world.queue.sent == 40
    assert (len(world.dead_letters) == 40) == (letter in ("poison", "half bad", "refused"))


def test_a_purge_from_before_the_change_does_not_count() -> None:
    book = Book(Layout("one host", collapses=False), 0)
    book.ask(Letter("a", ("site/k1.css",)), START)
    book.accept(START + 1, *_purge("https://www.example.com/site/k1.css"))
    world = World(document())
    book.balance(world.queue, world.dead_letters)
    book.ask(Letter("b", ("site/k1.css",)), START + 2)
    with pytest.raises(Unbalanced, match="lost"):
        book.balance(world.queue, world.dead_letters)
    book.accept(START + 2, *_purge("https://www.example.com/site/k1.css"))
    book.balance(world.queue, world.dead_letters)
    world.close()


def _purge(url: str) -> tuple[str, str, list[Any]]:
    return "a" * 32, "files", [url]
