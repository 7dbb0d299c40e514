"""The token is a canary: in whatever way the function is used, it must be in nothing that the function writes."""

from __future__ import annotations

import json
import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cf_purge.errors import PurgeError
from tests.unit.factories import (
    DLQ_ARN,
    HOST,
    OTHER_ZONE,
    PARAMETER,
    QUEUE_ARN,
    TOKEN,
    ZONE,
    document,
    environment,
    flat_environment,
    s3_event,
    sqs_event,
    target,
)
from tests.unit.fakes import Reply, Sent, World, answer, aws_error, refusal, result


def echo(sent: Sent, status: int, code: int) -> Reply:
    """A proxy that repeats all headers in its answer."""
    words = f"{dict(sent.headers)} {sent.url}"
    errors = [{"code": code, "message": words, "error_chain": [{"code": 1, "message": words}]}]
    return answer(status, {"success": False, "errors": errors, "messages": [words]}, retry_after=words)


@given(
    st.sampled_from([200, 302, 400, 401, 403, 404, 408, 418, 429, 500, 503]),
    st.sampled_from([0, 10000, 6003, 1012, 1016, 1134, 7003]),
    st.sampled_from(["token", "key and email", "flat", "flat and email", "debug"]),
    st.booleans(),
)
def test_the_token_is_nowhere_even_when_cloudflare_repeats_every_header(
    status: int, code: int, how: str, queued: bool
) -> None:
    environ = {
        "token": environment(),
        "key and email": environment(document(cloudflare={"email": "ops@example.com"})),
        "flat": flat_environment(),
        "flat and email": flat_environment(CLOUDFLARE_API_EMAIL="ops@example.com"),
        "debug": environment(document(log_level="DEBUG")),
    }[how]
    world = World(environ=environ)
    world.cloudflare.reply = lambda sent: echo(sent, status, code)  # type: ignore[method-assign]
    result, words = "", ""
    try:
        event = s3_event("a")
        result = json.dumps(world.invoke(sqs_event(event) if queued else event))
    except PurgeError as error:
        words = f"{error!r} {error.__cause__!r} {error.__context__!r}"
    sent_to_sqs = json.dumps([body for operation, body in world.aws.calls if operation != "GetParameter"])
    for text in (result, words, world.output, sent_to_sqs, repr(world.function), str(vars(world.function))):
        assert TOKEN not in text
    assert any(TOKEN in str(sent.headers) for sent in world.transport.sent)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(f"Invalid header value b'Bearer {TOKEN}'"),
        ValueError(f"Authorization: Bearer {TOKEN}"),
        UnicodeEncodeError("latin-1", f"Bearer {TOKEN}", 0, 1, "no"),
    ],
)
def test_the_token_is_not_in_the_log_of_an_unexpected_error_that_holds_it(world: World, error: Exception) -> None:
    world.cloudflare.script = [error]
    assert world.returned(sqs_event(s3_event("a"))) == ["m0"]
    assert world.logged("unexpected error")
    assert TOKEN not in world.output


def test_a_body_that_holds_a_secret_is_not_logged_when_it_is_parked(world: World) -> None:
    assert world.returned(sqs_event(f"oops {TOKEN}")) == []
    assert TOKEN not in world.output


# ---- In every way the function can be used ----

EVENTS: list[dict[str, Any]] = [
    s3_event("a", "(1).css"),
    {"keys": ["a"], "zone_id": ZONE},
    {"urls": [f"https://{HOST}/a"]},
    {"prefixes": [f"{HOST}/a"]},
    {"tags": ["t"]},
    {"hosts": [HOST]},
    {"everything": True, "zone_id": ZONE},
    {"check": True},
    {"check": True, "keys": ["a"], "dry_run": True},
    {"keys": ["a"], "hop": 1},
]
CONFIGS: dict[str, dict[str, Any]] = {
    "url": document(targets=[target(header_variants=[{"Origin": "x"}], clean_urls=True)]),
    "prefix": document(targets=[target(purge_by="prefix")]),
    "tag": document(targets=[target(purge_by="tag", tags=["{key}"])]),
    "host": document(targets=[target(purge_by="host", environment_id="staging")]),
    "everything": document(targets=[target(purge_by="everything")], cloudflare={"operation": "invalidate"}),
    "again": document(repurge_after_seconds=60, queue_arn=QUEUE_ARN, dead_letter_queue_arn=DLQ_ARN),
    "collapsed": document(collapse_above=1, log_level="DEBUG"),
    "two zones": document(targets=[target(), target(zone_id=OTHER_ZONE, hosts=["b.example.net"])]),
    "key and email": document(cloudflare={"email": "ops@example.com"}),
}


def written(world: World, event: dict[str, Any]) -> str:
    """All that an invocation says to anyone but Cloudflare and SSM."""
    words = ""
    try:
        words = json.dumps(world.invoke(event))
    except PurgeError as error:
        words = "".join(traceback.format_exception(error))
    to_sqs = json.dumps([body for operation, body in world.aws.calls if operation != "GetParameter"])
    return "\n".join((words, world.output, to_sqs, repr(world.function), str(vars(world.function))))


@settings(max_examples=300)
@given(
    st.sampled_from(EVENTS),
    st.sampled_from(sorted(CONFIGS)),
    st.sampled_from([200, 400, 401, 403, 404, 429, 500]),
    st.sampled_from([0, 10000, 6003, 1012, 1016, 1134, 1136, 7003]),
    st.booleans(),
)
def test_the_token_is_nowhere_whatever_is_asked_for_and_however_it_is_refused(
    event: dict[str, Any], name: str, status: int, code: int, queued: bool
) -> None:
    world = World(CONFIGS[name])
    always = world.cloudflare.reply
    world.cloudflare.reply = lambda sent: (  # type: ignore[method-assign]
        always(sent) if sent.method == "GET" else echo(sent, status, code)
    )
    assert TOKEN not in written(world, sqs_event(event) if queued else event)


@pytest.mark.parametrize("name", sorted(CONFIGS))
@pytest.mark.parametrize("event", EVENTS)
def test_the_token_is_nowhere_when_all_is_well_and_was_sent_all_the_same(event: dict[str, Any], name: str) -> None:
    world = World(CONFIGS[name])
    assert TOKEN not in written(world, event)
    assert TOKEN not in written(world, sqs_event(event))
    assert any(TOKEN in str(sent.headers) for sent in world.transport.sent) or event.get("dry_run")


@pytest.mark.parametrize(
    "reply",
    [
        result({"status": f"Bearer {TOKEN}"}),
        result([{"id": ZONE, "name": TOKEN}]),
        refusal(401, 1000, message=f"Bearer {TOKEN}"),
        refusal(403, 9109, message=f"Bearer {TOKEN}"),
        answer(500, f"Bearer {TOKEN}".encode()),
        RuntimeError(f"Invalid header value b'Bearer {TOKEN}'"),
        ValueError(f"Authorization: Bearer {TOKEN}"),
    ],
)
@pytest.mark.parametrize("queued", [False, True])
def test_the_token_is_in_no_verdict_of_a_check_even_when_cloudflare_repeats_it(reply: Reply, queued: bool) -> None:
    world = World()
    world.cloudflare.zones = {ZONE: refusal(403, 10000, message=f"Bearer {TOKEN}")}
    world.cloudflare.names = {"example.com": reply}
    world.cloudflare.status = reply
    assert TOKEN not in written(world, sqs_event({"check": True}) if queued else {"check": True})
    assert world.cloudflare.reads


def test_the_token_is_in_no_verdict_even_when_cloudflare_repeats_it_as_a_zone_s_id(world: World) -> None:
    world.cloudflare.zones = {ZONE: refusal(403, 10000)}
    world.cloudflare.names = {"example.com": result([{"id": f"Bearer {TOKEN}"}])}
    assert TOKEN not in written(world, {"check": True})


@pytest.mark.parametrize("value", [f"{TOKEN}\n", f"Bearer {TOKEN}", f'"{TOKEN}"', f"{TOKEN}\x00"])
@pytest.mark.parametrize("event", EVENTS[:8])
def test_a_value_that_is_no_token_is_not_shown_either(event: dict[str, Any], value: str) -> None:
    world = World()
    world.aws.token = value
    assert TOKEN not in written(world, event)
    assert TOKEN not in written(world, sqs_event(event))
    assert world.cloudflare.requests == []


def test_a_token_that_ssm_repeats_when_it_later_refuses_is_not_shown(world: World) -> None:
    world.invoke({"keys": ["a"]})
    world.clock.time += 3600
    world.aws.script["GetParameter"] = [aws_error(400, "AccessDeniedException", f"kms:Decrypt {TOKEN}")] * 9
    words = written(world, {"check": True})
    assert f"SSM parameter {PARAMETER} cannot be read" in words
    assert TOKEN not in words


def test_a_second_purge_that_cannot_be_asked_for_is_said_without_the_token() -> None:
    world = World(CONFIGS["again"])
    world.aws.script["SendMessage"] = [aws_error(403, "AccessDenied"), RuntimeError(TOKEN)]
    assert TOKEN not in written(world, sqs_event(s3_event("a")))
    assert TOKEN not in written(world, sqs_event(s3_event("b")))
