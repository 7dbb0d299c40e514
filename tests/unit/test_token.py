from __future__ import annotations

import pytest

from cf_purge.config import Config, Target
from cf_purge.environment import load
from cf_purge.errors import Misconfigured, OutOfTime, Transient
from cf_purge.purge import Zone
from cf_purge.token import TTL, Token
from tests.unit.factories import (
    PARAMETER,
    REGION,
    TOKEN,
    ZONE,
    document,
    environment,
    flat_environment,
    s3_event,
    sqs_event,
)
from tests.unit.fakes import Reply, World, answer, aws_error, outage, refusal

ARN = "arn:aws:ssm:us-west-2:210987654321:parameter/shared/cf-token"


def token_of(world: World) -> Token:
    return world.function._purger._token


def test_a_token_is_believed_for_five_minutes(world: World) -> None:
    token = token_of(world)
    assert token.get() == TOKEN
    world.aws.token = "rotated"
    world.clock.time += TTL - 1
    assert token.get() == TOKEN
    assert world.aws.fetches() == 1
    world.clock.time += 1
    assert token.get() == "rotated"
    assert world.aws.fetches() == 2
    assert TTL == 300


def test_a_refresh_fetches_at_once(world: World) -> None:
    token = token_of(world)
    token.get()
    world.aws.token = "rotated"
    token.refresh()
    assert token.get() == "rotated"
    assert world.aws.fetches() == 2


@pytest.mark.parametrize(
    "fault", [outage(), aws_error(500, "InternalServerError"), aws_error(400, "ThrottlingException")]
)
def test_a_stale_token_is_served_while_ssm_has_a_fault_of_its_own(world: World, fault: Reply) -> None:
    token = token_of(world)
    token.get()
    world.clock.time += TTL + 1
    world.aws.script["GetParameter"] = [fault, None]
    world.aws.token = "rotated"
    assert [token.get(), token.get()] == [TOKEN, TOKEN]
    assert world.aws.fetches() == 2  # not asked again at once
    world.clock.time += 31
    assert token.get() == "rotated"


def test_purges_go_on_with_the_stale_token_while_ssm_is_down(world: World) -> None:
    world.invoke(s3_event("a"))
    world.clock.time += 3600
    world.aws.script["GetParameter"] = [outage()] * 99
    world.invoke(s3_event("b"))
    assert world.cloudflare.urls == ["https://www.example.com/a", "https://www.example.com/b"]
    assert world.clock.slept == []


def test_a_refused_token_that_ssm_cannot_hand_out_anew_is_transient(world: World) -> None:
    """With the refused one sent once more it would be misconfigured: an alarm, and a quarter of an hour."""
    world.invoke(s3_event("a"))
    world.cloudflare.script = [refusal(401, 10000)] * 3
    world.aws.script["GetParameter"] = [aws_error(400, "ThrottlingException")] * 3
    assert world.returned(sqs_event(s3_event("b"))) == ["m0"]
    assert (world.metrics["Misconfigured"], world.aws.delays) == (0, {"receipt-m0": 5})
    world.cloudflare.script = [refusal(401, 10000)]
    assert world.returned(sqs_event(s3_event("b"))) == []
    assert world.aws.fetches() == 5


def test_without_a_token_in_the_cache_ssm_s_fault_is_transient(world: World) -> None:
    world.aws.script["GetParameter"] = [outage()]
    with pytest.raises(Transient):
        token_of(world).get()
    assert token_of(world).get() == TOKEN


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("ParameterNotFound", "create it as a SecureString"),
        ("ParameterVersionNotFound", "name a version that exists"),
        ("AccessDeniedException", "allow the function's role ssm:GetParameter"),
        ("InvalidKeyId", "enable the KMS key"),
        ("ValidationException", "check it and the function's role"),
        ("ExpiredTokenException", "check it and the function's role"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_said_with_its_remedy(world: World, code: str, remedy: str) -> None:
    world.aws.script["GetParameter"] = [aws_error(400, code, "said AWS")]
    with pytest.raises(Misconfigured) as caught:
        token_of(world).get()
    for words in (f"SSM parameter {PARAMETER} cannot be read", code, "said AWS", remedy):
        assert words in str(caught.value)


def test_a_parameter_that_was_removed_is_misconfigured_even_while_warm(world: World) -> None:
    token = token_of(world)
    token.get()
    world.clock.time += TTL
    world.aws.script["GetParameter"] = [aws_error(400, "ParameterNotFound")]
    with pytest.raises(Misconfigured):
        token.get()
    assert token.get() == TOKEN


@pytest.mark.parametrize(
    ("name", "region"), [("cf-token", REGION), ("/cf/token", REGION), (ARN, "us-west-2"), ("arn:short", REGION)]
)
def test_the_parameter_is_named_as_configured_and_asked_for_in_its_region(name: str, region: str) -> None:
    world = World(document(api_token_parameter=name))
    assert token_of(world).get() == TOKEN
    [sent] = world.transport.sent
    assert sent.body == {"Name": name, "WithDecryption": True}
    assert sent.url == f"https://ssm.{region}.amazonaws.com/"
    assert f"/{region}/ssm/aws4_request" in sent.headers["Authorization"]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("", "is empty"),
        (f"Bearer {TOKEN}", "Bearer"),
        (f"bearer {TOKEN}", "Bearer"),
        (f" Bearer {TOKEN}", "Bearer"),
        (f"{TOKEN}\n", "line break"),
        (f"{TOKEN}\r\n", "line break"),
        (f"\n{TOKEN}", "line break"),
        (f"{TOKEN}\r\nX-Evil: 1", "line break"),
        (f" {TOKEN}", "space or a quote"),
        (f"{TOKEN} ", "space or a quote"),
        (f"{TOKEN}\t", "space or a quote"),
        (f'"{TOKEN}"', "space or a quote"),
        (f"'{TOKEN}'", "space or a quote"),
        (f"{TOKEN}\x00", "no token has"),
        (f"{TOKEN}\x7f", "no token has"),
        (f"{TOKEN}ü", "no token has"),
        (f"\ufeff{TOKEN}", "no token has"),
    ],
)
@pytest.mark.parametrize("source", ["SSM", "environment"])
def test_what_cannot_be_a_token_is_refused_in_words_that_do_not_hold_it(value: str, fault: str, source: str) -> None:
    if source == "environment" and value:  # an empty variable is none
        world, place = World(environ=flat_environment(CLOUDFLARE_API_KEY=value)), "CLOUDFLARE_API_KEY"
    else:
        world, place = World(), f"SSM parameter {PARAMETER}"
        world.aws.token = value
    with pytest.raises(Misconfigured) as caught:
        world.invoke({"keys": ["a"], "bucket": "my-assets"})
    assert fault in str(caught.value)
    assert place in str(caught.value)
    assert world.cloudflare.requests == []
    for text in (str(caught.value), world.output):
        assert TOKEN not in text


def test_a_token_of_bearers_is_a_token_all_the_same(world: World) -> None:
    world.aws.token = "bearersOfGoodNews"
    assert token_of(world).get() == "bearersOfGoodNews"


@pytest.mark.parametrize("result", [{}, {"Parameter": {}}, {"Parameter": {"Value": 7}}, {"Parameter": {"Value": None}}])
def test_an_answer_without_a_value_is_an_empty_token(world: World, result: object) -> None:
    world.aws.script["GetParameter"] = [answer(200, result)]
    with pytest.raises(Misconfigured, match="is empty"):
        token_of(world).get()


def test_a_value_that_is_no_token_does_not_replace_the_one_that_is(world: World) -> None:
    token = token_of(world)
    token.get()
    world.aws.token = "two words"
    with pytest.raises(Misconfigured):
        token.refresh()
    assert token.get() == TOKEN


def test_a_token_from_the_environment_needs_no_region_and_no_call() -> None:
    environ = {"CLOUDFLARE_ZONE_ID": ZONE, "CLOUDFLARE_API_KEY": TOKEN}
    world = World(environ=environ)
    assert load(environ) == Config("cf_purge", (Target(Zone(ZONE)),), api_token=TOKEN)
    assert token_of(world).get() == TOKEN
    assert world.transport.sent == []


def test_without_a_region_the_words_say_what_to_set() -> None:
    environ = environment()
    del environ["AWS_REGION"]
    with pytest.raises(Misconfigured, match="set AWS_REGION"):
        token_of(World(environ=environ)).get()


@pytest.mark.parametrize(("seconds", "timeout"), [(60, 3.0), (2, 2.0), (0.5, 0.5)])
def test_ssm_is_waited_for_no_longer_than_there_is_time(world: World, seconds: float, timeout: float) -> None:
    token_of(world).get(world.clock.time + seconds)
    assert world.transport.sent[-1].timeout == pytest.approx(timeout)


def test_without_time_ssm_is_not_asked(world: World) -> None:
    token = token_of(world)
    with pytest.raises(OutOfTime):
        token.get(world.clock.time + 0.1)
    assert world.aws.fetches() == 0
    token.get()
    assert token.get(world.clock.time - 1) == TOKEN, "what is cached takes no time"
