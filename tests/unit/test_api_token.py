"""Where the token comes from, how long it is used, and what is refused as a token."""

from math import inf

import pytest

from cf_purge.api_token import TTL, ApiToken
from cf_purge.aws import Aws
from cf_purge.config import load
from cf_purge.errors import Misconfigured, NotTried
from tests.support.factories import document, environment, flat_environment, s3_event
from tests.support.fakes import Reply, World, answer, aws_error, outage
from tests.support.names import PARAMETER, REGION, TOKEN

ARN = "arn:aws:ssm:us-west-2:210987654321:parameter/shared/cf-token"


def token_of(world: World, environ: dict[str, str] | None = None) -> ApiToken:
    """The token of a world; deadlines count from 0."""
    environ = environ or environment()
    return ApiToken(load(environ), Aws(world.transport, environ), world.clock.clock())  # type: ignore[arg-type]


def test_a_token_is_used_for_five_minutes(world: World) -> None:
    token = token_of(world)
    assert token.get(inf) == TOKEN
    world.aws.token = "rotated"
    world.clock.pass_(TTL - 1)
    assert (token.get(inf), world.aws.fetches()) == (TOKEN, 1)
    world.clock.pass_(1)
    assert (token.get(inf), world.aws.fetches()) == ("rotated", 2)
    assert TTL == 300


def test_a_refused_token_is_read_again_at_most_once_a_minute(world: World) -> None:
    token = token_of(world)
    token.get(inf)
    world.aws.token = "rotated"
    assert token.expire_refused()
    assert token.get(inf) == "rotated"
    world.aws.token = "rotated-again"
    world.clock.pass_(59)
    assert not token.expire_refused()
    assert token.get(inf) == "rotated"
    world.clock.pass_(1)
    assert token.expire_refused()
    assert token.get(inf) == "rotated-again"
    assert world.aws.fetches() == 3


@pytest.mark.parametrize(
    "fault", [outage(), aws_error(500, "InternalServerError"), aws_error(400, "ThrottlingException")]
)
def test_an_old_token_is_used_while_ssm_has_a_fault(world: World, fault: Reply) -> None:
    token = token_of(world)
    token.get(inf)
    world.clock.pass_(3600)
    world.aws.script["GetParameter"] = [fault, None]
    world.aws.token = "rotated"
    assert [token.get(inf), token.get(inf)] == [TOKEN, TOKEN]
    assert world.aws.fetches() == 2  # not asked again at once
    world.clock.pass_(31)
    assert token.get(inf) == "rotated"


@pytest.mark.parametrize(
    "reply", [aws_error(400, "ParameterNotFound"), answer(200, {"Parameter": {"Value": "two words"}})]
)
def test_a_token_that_was_removed_or_replaced_by_something_else_is_not_used_any_longer(
    world: World, reply: Reply
) -> None:
    token = token_of(world)
    token.get(inf)
    token.expire()
    world.aws.script["GetParameter"] = [reply] * 2
    for _ in range(2):
        with pytest.raises(Misconfigured):
            token.get(inf)
    assert token.get(inf) == TOKEN


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("ParameterNotFound", "create it as a SecureString"),
        ("AccessDeniedException", "allow the function's role ssm:GetParameter on it and kms:Decrypt"),
        ("InvalidKeyId", "enable the KMS key"),
        ("ValidationException", "check it and the function's role"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_reported_with_a_remedy(world: World, code: str, remedy: str) -> None:
    world.aws.script["GetParameter"] = [aws_error(400, code)]
    with pytest.raises(Misconfigured) as caught:
        token_of(world).get(inf)
    assert str(caught.value).startswith(f"SSM parameter {PARAMETER} cannot be read ({code} from ssm:GetParameter")
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    ("name", "region"), [("cf-token", REGION), ("/cf/token", REGION), (ARN, "us-west-2"), ("arn:short", REGION)]
)
def test_the_parameter_is_read_in_its_region(world: World, name: str, region: str) -> None:
    assert token_of(world, environment(document(api_token_parameter=name))).get(inf) == TOKEN
    [sent] = world.transport.sent
    assert sent.body == {"Name": name, "WithDecryption": True}
    assert sent.url == f"https://ssm.{region}.amazonaws.com/"
    assert f"/{region}/ssm/aws4_request" in sent.headers["Authorization"]


NO_TOKENS = [
    "",
    f"Bearer {TOKEN}",
    *(around.format(TOKEN) for around in ("{}\n", "\n{}", " {}", "{}\t", "{}\r\nX-Evil: 1")),
]
NO_TOKENS += [around.format(TOKEN) for around in ('"{}"', "'{}'", '["{}"]', "{}\x00", "{}\x7f", "{}ü", "\ufeff{}")]


@pytest.mark.parametrize("value", [*NO_TOKENS, f'{{"token": "{TOKEN}"}}'])
@pytest.mark.parametrize("is_flat", [False, True])
def test_an_impossible_token_is_refused_and_never_shown(value: str, is_flat: bool) -> None:
    if is_flat:
        world, place = World(environ=flat_environment(CLOUDFLARE_API_KEY=value)), "CLOUDFLARE_API_KEY"
    else:
        world, place = World(), f"SSM parameter {PARAMETER}"
        world.aws.token = value
    with pytest.raises(Misconfigured) as caught:
        world.invoke({"keys": ["a"], "bucket": "my-assets"})
    assert f"The API token in {place} is empty, or contains" in str(caught.value)
    assert "store the bare token" in str(caught.value)
    assert world.cloudflare.requests == []
    assert TOKEN not in str(caught.value) + world.output


KINDS = ("cfut_", "cfat_", "cfoat_", "cfk_")


@pytest.mark.parametrize("token", ["bearersOfGoodNews", "0123456789abcdef" * 2, *(kind + "a" * 40 for kind in KINDS)])
def test_every_form_of_token_is_accepted(world: World, token: str) -> None:
    world.aws.token = token
    world.cloudflare.tokens = {token}
    assert world.invoke(s3_event("a"))["requests"] == 1


@pytest.mark.parametrize(
    "result", [{}, {"Parameter": "x"}, {"Parameter": {"Value": 7}}, {"Parameter": {"Value": None}}]
)
def test_an_answer_without_a_value_is_an_empty_token(world: World, result: object) -> None:
    world.aws.script["GetParameter"] = [answer(200, result)]
    with pytest.raises(Misconfigured, match="is empty"):
        token_of(world).get(inf)


@pytest.mark.parametrize(("seconds", "timeout"), [(60, 3.0), (2, 2.0), (0.5, 0.5)])
def test_waiting_for_ssm_ends_at_the_deadline(world: World, seconds: float, timeout: float) -> None:
    token_of(world).get(seconds)
    assert world.transport.sent[-1].timeout == pytest.approx(timeout)


def test_without_time_ssm_is_not_asked_and_a_cached_token_is_used(world: World) -> None:
    token = token_of(world)
    with pytest.raises(NotTried):
        token.get(0.1)
    assert world.aws.fetches() == 0
    token.get(inf)
    assert token.get(-1) == TOKEN
