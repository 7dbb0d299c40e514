"""Lambda's side of the virtual world: batches, partial responses, environments, time-outs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ledger.book import Book, Unbalanced
from tests.ledger.layouts import Layout
from tests.ledger.letters import Letter
from tests.support.factories import document
from tests.support.virtual.mapping import Environment, Invocation
from tests.support.virtual.world import START, World

Body = Callable[[Environment, dict[str, Any]], Any]


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
