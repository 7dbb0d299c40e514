"""A message that needs more than one invocation goes on where it was, as long as the environment is warm."""

from __future__ import annotations

from cf_purge.progress import _MOST_PURGES, Progress
from cf_purge.purge import FILES, HOSTS, TAGS, Purge, Zone
from tests.unit.factories import AT, BUCKET, HOST, QUEUE_ARN, ZONE, document, s3_event, sqs_event, sqs_record, target
from tests.unit.fakes import World, answer, aws_error, outage

BOTH = {"hosts": [HOST], "tags": ["t"]}


def message(body: object, message_id: str = "m0", receives: int = 1) -> dict[str, object]:
    return {"Records": [sqs_record(body, message_id, receives)]}


def half_done(world: World, body: object = BOTH) -> None:
    world.cloudflare.kinds = {TAGS: answer(503)}
    assert world.returned(message(body)) == ["m0"]
    world.cloudflare.kinds.clear()
    world.cloudflare.requests.clear()


def test_what_was_accepted_of_a_message_is_not_asked_for_when_it_comes_again(world: World) -> None:
    half_done(world)
    assert world.returned(message(BOTH, receives=2)) == []
    assert [sent.kind for sent in world.cloudflare.requests] == [TAGS]
    assert world.returned(message(BOTH, receives=3)) == []
    assert [sent.kind for sent in world.cloudflare.requests[1:]] == [TAGS, HOSTS], "once done it is forgotten"


def test_another_message_about_the_same_is_another_change(world: World) -> None:
    half_done(world)
    assert world.returned(message(BOTH, "m1")) == []
    assert [sent.kind for sent in world.cloudflare.requests] == [TAGS, HOSTS]


def test_two_messages_about_the_same_of_which_one_is_half_done_need_both_purges(world: World) -> None:
    half_done(world)
    assert world.returned(sqs_event(BOTH, BOTH)) == []
    assert [sent.kind for sent in world.cloudflare.requests] == [TAGS, HOSTS]


def test_a_cold_start_begins_anew_and_nothing_is_lost(world: World) -> None:
    half_done(world)
    other = World()
    assert other.returned(message(BOTH, receives=2)) == []
    assert [sent.kind for sent in other.cloudflare.requests] == [TAGS, HOSTS]


def test_a_large_message_gets_through_in_parts_while_cloudflare_is_slow() -> None:
    world = World(document(cloudflare={"requests_per_second": 2}))
    world.transport.on_post = lambda sent: world.clock.pass_(4.0) if "files" in sent.body else None
    body = {"keys": [f"k{n}" for n in range(2000)]}
    receives = 1
    while world.returned(message(body, receives=receives)):
        world.clock.time += 900
        receives += 1
    assert receives == 2
    assert len(world.cloudflare.urls) == len(set(world.cloudflare.urls)) == 2000


def test_progress_is_no_reason_to_forget_the_second_purge() -> None:
    targets = [target(), target(purge_by="tag", tags=["{key}"])]
    world = World(document(targets=targets, repurge_after_seconds=60, queue_arn=QUEUE_ARN))
    half_done(world, s3_event("a", "b"))
    assert world.aws.delayed == []
    assert world.returned(message(s3_event("a", "b"), receives=2)) == []
    [again] = world.aws.delayed
    assert again["MessageBody"] == f'{{"keys": ["a", "b"], "hop": 1, "bucket": "{BUCKET}"}}'


def test_a_second_purge_that_could_not_be_asked_for_is_asked_for_without_purging_anew() -> None:
    world = World(document(repurge_after_seconds=60, queue_arn=QUEUE_ARN))
    world.aws.script["SendMessage"] = [aws_error(500, "InternalError")]
    assert world.returned(message(s3_event("a"))) == ["m0"]
    assert world.returned(message(s3_event("a"), receives=2)) == []
    assert len(world.aws.delayed) == 1
    assert len(world.cloudflare.requests) == 1


def test_the_lag_of_a_message_that_took_two_invocations_is_that_of_its_last_purge() -> None:
    world = World(document(targets=[target(purge_by="host"), target(purge_by="tag", tags=["t"])]))
    half_done(world, s3_event("a"))
    assert "Lag" not in world.metrics
    world.clock.time = AT + 500
    assert world.returned(message(s3_event("a"), receives=2)) == []
    assert world.metrics["Lag"] == [500_000]


def test_an_outage_leaves_no_progress_and_takes_no_memory() -> None:
    progress = Progress()
    progress.update({f"m{n}": set() for n in range(1000)}, ())
    assert progress._accepted == {}


def test_progress_is_of_bounded_size_and_the_oldest_goes_first() -> None:
    progress = Progress()
    purges = {Purge(Zone(ZONE), FILES, str(n)) for n in range(1000)}
    for number in range(60):
        progress.update({f"m{number}": purges}, ())
    assert progress._size == sum(map(len, progress._accepted.values())) <= _MOST_PURGES
    assert progress.of("m59") == purges
    assert progress.of("m0") == ()
    progress.update({"m59": purges}, ["m58"])
    assert progress.of("m58") == ()
    assert progress._size == sum(map(len, progress._accepted.values()))


def test_what_waits_for_an_outage_to_end_is_all_asked_for_then(world: World) -> None:
    world.cloudflare.script = [outage()] * 3
    assert world.returned(message({"urls": [f"https://{HOST}/a"]})) == ["m0"]
    assert world.returned(message({"urls": [f"https://{HOST}/a"]}, receives=2)) == []


def test_what_was_accepted_two_receives_ago_is_still_known() -> None:
    world = World(document(targets=[target(purge_by="host"), target(purge_by="tag", tags=["t"]), target()]))
    world.cloudflare.kinds = {TAGS: answer(503), FILES: answer(503)}
    assert world.returned(message(s3_event("a"))) == ["m0"]
    world.cloudflare.kinds = {FILES: answer(503)}
    assert world.returned(message(s3_event("a"), receives=2)) == ["m0"]
    world.cloudflare.kinds.clear()
    world.cloudflare.requests.clear()
    assert world.returned(message(s3_event("a"), receives=3)) == []
    assert [sent.kind for sent in world.cloudflare.requests] == [FILES]
