"""The token is a canary: however the function is used, it is in nothing that the function writes."""

import json
import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cf_purge.errors import PurgeError
from tests.support.factories import document, environment, flat_environment, s3_event, sqs_event, target
from tests.support.fakes import Reply, Sent, World, answer, refusal, result
from tests.support.names import BUS_ARN, HOST, OTHER_ZONE, TOKEN, ZONE

EVENTS: list[dict[str, Any]] = [
    s3_event("a", "(1).css", bucket=HOST),
    {"keys": ["a"], "zone_id": ZONE, "bucket": HOST},
    {"urls": [f"https://{HOST}/a"]},
    {"prefixes": [f"{HOST}/a"]},
    {"tags": ["t"]},
    {"hosts": [HOST]},
    {"everything": True, "zone_id": ZONE},
    {"check": True, "bucket": HOST},
    {"check": True, "keys": ["a"], "dry_run": True, "bucket": HOST},
    {"keys": ["a"], "wait": 2, "bucket": HOST},
    {"changes": [{"key": "a", "bucket": HOST}], "hop": 1, "purged": 1.0},
]


def mode(**changes: Any) -> dict[str, str]:
    return environment(document(bucket=HOST, **changes))


MODES: dict[str, dict[str, str]] = {
    "url": mode(targets=[target(header_variants=[{"Origin": "x"}], clean_urls=True)]),
    "prefix": mode(targets=[target(purge_by="prefix")]),
    "tag": mode(targets=[target(purge_by="tag", tags=["{key}"])]),
    "host": mode(targets=[target(purge_by="host", environment_id="staging")]),
    "everything": mode(targets=[target(purge_by="everything")], cloudflare={"operation": "invalidate"}),
    "verify": mode(verify={"sample": 0}),
    "collapsed": mode(collapse_above=1, log_level="DEBUG"),
    "two zones": mode(targets=[target(), target(zone_id=OTHER_ZONE, hosts=["b.example"])]),
    "last receive": mode(max_receive_count=1),
    "notify": mode(event_bus_arn=BUS_ARN),
    "Global API key": mode(cloudflare={"email": "ops@example.com"}),
    "flat": flat_environment(),
    "flat, Global API key": flat_environment(CLOUDFLARE_API_EMAIL="ops@example.com"),
}
PROXY_ERROR = RuntimeError(f"Invalid header value b'Bearer {TOKEN}'")


def echo(sent: Sent, status: int, code: int, before: int = 0) -> Reply:
    """A proxy that repeats every header in its answer."""
    text = f"{'x' * before}{dict(sent.headers)} {sent.url}"
    errors = [{"code": code, "message": text, "error_chain": [{"code": 1, "message": text}]}]
    return answer(status, {"success": False, "errors": errors, "messages": [text]}, retry_after=text)


def written(world: World, event: dict[str, Any]) -> str:
    """Return all that an invocation says to anybody but Cloudflare and SSM."""
    try:
        said = json.dumps(world.invoke(event))
    except PurgeError as error:
        said = "".join(traceback.format_exception(error)) + repr((error.__cause__, error.__context__))
    to_sqs = json.dumps([body for operation, body in world.aws.calls if operation != "GetParameter"])
    return "\n".join((said, world.output, to_sqs, repr(world.function), str(vars(world.function))))


def assert_nowhere(text: str) -> None:
    """Neither the token nor a part of it that is worth anything."""
    assert not [start for start in range(0, len(TOKEN) - 8, 8) if TOKEN[start : start + 8] in text]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("event", EVENTS)
def test_the_token_is_sent_to_cloudflare_and_appears_nowhere_else(event: dict[str, Any], mode: str) -> None:
    world = World(environ=MODES[mode])
    assert_nowhere(written(world, event))
    assert_nowhere(written(world, sqs_event(event)))
    assert any(TOKEN in str(sent.headers) for sent in world.transport.sent) or event.get("dry_run") or "hop" in event


@settings(max_examples=300)
@given(
    st.sampled_from(EVENTS),
    st.sampled_from(sorted(MODES)),
    st.sampled_from([200, 302, 400, 401, 403, 404, 408, 413, 429, 500, 503]),
    st.sampled_from([0, 10000, 6003, 1012, 1016, 1082, 1134, 1136, 7003]),
    st.integers(0, 520),
    st.booleans(),
)
def test_the_token_is_nowhere_when_cloudflare_repeats_every_header(
    event: dict[str, Any], mode: str, status: int, code: int, before: int, queued: bool
) -> None:
    world = World(environ=MODES[mode])
    always = world.cloudflare.reply
    world.cloudflare.reply = lambda sent: (  # type: ignore[method-assign]
        always(sent) if sent.method == "GET" else echo(sent, status, code, before)
    )
    assert_nowhere(written(world, sqs_event(event) if queued else event))


@pytest.mark.parametrize(
    "error", [PROXY_ERROR, ValueError(f"Bearer {TOKEN}"), UnicodeEncodeError("latin-1", f"Bearer {TOKEN}", 0, 1, "no")]
)
@pytest.mark.parametrize("event", [s3_event("a"), sqs_event(s3_event("a"))])
def test_the_token_is_not_in_the_log_of_an_unexpected_error(
    world: World, event: dict[str, Any], error: Exception
) -> None:
    world.cloudflare.script = [error]
    assert_nowhere(written(world, event))
    assert world.logged("unexpected error")


def test_a_body_that_contains_a_secret_is_parked_and_not_logged(world: World) -> None:
    assert world.returned(sqs_event(f"oops {TOKEN}")) == []
    assert_nowhere(world.output)


@pytest.mark.parametrize(
    "reply",
    [
        result({"status": f"Bearer {TOKEN}"}),
        result([{"id": ZONE, "name": TOKEN}]),
        result([{"id": f"Bearer {TOKEN}"}]),
        refusal(401, 1000, message=f"Bearer {TOKEN}"),
        answer(500, f"Bearer {TOKEN}".encode()),
        PROXY_ERROR,
    ],
)
@pytest.mark.parametrize("event", [{"check": True}, sqs_event({"check": True})])
def test_the_token_is_in_no_result_of_a_check(event: dict[str, Any], reply: Reply) -> None:
    world = World()
    world.cloudflare.zones = {ZONE: refusal(403, 10000, message=f"Bearer {TOKEN}")}
    world.cloudflare.names = {"example.com": reply}
    world.cloudflare.status = reply
    assert_nowhere(written(world, event))
    assert world.cloudflare.reads
