"""`{"check": true}` where something is wrong: what it says, word for word."""

from __future__ import annotations

from typing import Any

import pytest

from cf_purge.errors import Misconfigured, PurgeError, Rejected, Transient
from tests.unit.factories import (
    HOST,
    OTHER_ZONE,
    PARAMETER,
    TOKEN,
    ZONE,
    document,
    flat_environment,
    sns_event,
    sqs_event,
    target,
)
from tests.unit.fakes import Reply, Sent, World, answer, aws_error, outage, refusal, result

CHECK = {"check": True}
B = "b.example.net"
TWO_ZONES = document(targets=[target(), target(zone_id=OTHER_ZONE, hosts=[B])])
DENIED = refusal(403, 10000, message="Authentication error")
NO_PERMISSION = (
    f"The API token in SSM parameter {PARAMETER} has no permission to purge zone {ZONE} (example.com): add"
    " Zone → Cache Purge → Purge to it."
)
WRONG = (
    f"The API token in SSM parameter {PARAMETER} is wrong, Cloudflare does not know it: create one with the permission"
    " Zone → Cache Purge → Purge and store it."
)
FOREIGN = (
    f"Zone {ZONE} is foreign to the API token in SSM parameter {PARAMETER}, which itself is valid: add the zone to the"
    " token's zone resources, or correct targets[*].zone_id if it is not your account's."
)


def verdict(world: World, event: object = CHECK, seconds: float = 60.0) -> str:
    """The sentence of a check that fails because a person must mend something."""
    with pytest.raises(Misconfigured) as caught:
        world.invoke(event, seconds)
    assert TOKEN not in str(caught.value) + world.output
    assert world.logged("unexpected error") == []
    return str(caught.value)


def refusing(reply: Reply = DENIED, config: dict[str, Any] | None = None) -> World:
    """A world whose first zone refuses every purge, and where the token is valid but finds no zone."""
    world = World(config)
    world.cloudflare.zones = {ZONE: reply}
    return world


# ---- The verdicts on a refusal that says nothing ----


@pytest.mark.parametrize("reply", [DENIED, refusal(401, 10000), refusal(403), answer(401, b"<html>")])
def test_a_wrong_token_is_said_to_be(reply: Reply) -> None:
    world = refusing(reply)
    world.cloudflare.status = "unknown"
    assert verdict(world) == WRONG
    assert world.aws.fetches() == 2  # it may have been rotated


def test_a_wrong_token_is_said_once_for_all_zones() -> None:
    world = World(TWO_ZONES)
    world.cloudflare.tokens = set()
    assert verdict(world) == WRONG


@pytest.mark.parametrize("status", ["disabled", "expired"])
def test_a_token_that_is_no_longer_good_is_said_to_be(status: str) -> None:
    world = refusing()
    world.cloudflare.status = status
    assert verdict(world) == (
        f"The API token in SSM parameter {PARAMETER} is {status}: create a new one, or enable it, and store it."
    )


@pytest.mark.parametrize("name", ["example.com", HOST])
def test_a_missing_permission_is_named_with_the_zone_s_name(name: str) -> None:
    world = refusing()
    world.cloudflare.names = {name: [ZONE]}
    assert verdict(world) == NO_PERMISSION.replace("(example.com)", f"({name})")


def test_a_wrong_id_of_a_named_zone_comes_with_the_right_one() -> None:
    world = refusing()
    world.cloudflare.names = {"example.com": [OTHER_ZONE]}
    assert verdict(world) == (
        f"example.com is zone {OTHER_ZONE}, not {ZONE}: correct targets[*].zone_id, and if the API token in"
        f" SSM parameter {PARAMETER} is another zone's, its zone resources."
    )


def test_a_zone_is_found_among_several_of_its_name() -> None:
    world = refusing()
    world.cloudflare.names = {"example.com": [OTHER_ZONE, ZONE]}
    assert verdict(world) == NO_PERMISSION


def test_a_zone_below_another_is_not_taken_for_its_parent() -> None:
    world = refusing(config=document(targets=[target(hosts=["www.shop.example.com"])]))
    world.cloudflare.names = {"example.com": [OTHER_ZONE], "shop.example.com": [ZONE]}
    assert verdict(world) == NO_PERMISSION.replace("(example.com)", "(shop.example.com)")


def test_a_foreign_zone_is_said_to_be_of_a_token_that_is_valid() -> None:
    assert verdict(refusing()) == FOREIGN


def test_with_the_flat_variables_a_missing_permission_is_no_foreign_zone() -> None:
    world = World(environ=flat_environment())
    world.cloudflare.zones = {ZONE: DENIED}
    world.cloudflare.names = {"example.com": [ZONE]}
    assert "has no permission to purge zone" in verdict(world, {**CHECK, "bucket": HOST})


def test_with_the_token_in_the_environment_the_variable_is_its_place() -> None:
    world = World(environ=flat_environment())
    world.cloudflare.tokens = set()
    words = verdict(world, {**CHECK, "bucket": HOST})
    assert words.startswith("The API token in CLOUDFLARE_API_KEY is wrong")


def test_the_names_of_a_zone_are_its_hosts_and_the_domains_above_them_shortest_first() -> None:
    world = refusing(config=document(targets=[target(hosts=["a.b.example.com", "x"]), *TWO_ZONES["targets"]]))
    verdict(world, {**CHECK, "zone_id": ZONE})
    names = [sent.url.partition("name=")[2] for sent in world.cloudflare.reads if "name=" in sent.url]
    assert set(names) == {"example.com", "b.example.com", HOST, "a.b.example.com"}
    assert names == sorted(names, key=len)


def test_an_account_s_own_token_is_not_called_wrong_by_an_endpoint_that_knows_only_users() -> None:
    world = refusing()
    world.aws.token = "cfat_0123456789abcdef"
    assert "Cloudflare answered 401 for zone" in verdict(world)
    world.cloudflare.tokens = {"cfat_0123456789abcdef"}
    world.cloudflare.status = "unknown"
    assert "Cloudflare answered 403 for zone" in verdict(world)
    world.cloudflare.names = {"example.com": [ZONE]}
    assert verdict(world) == NO_PERMISSION


def test_a_global_api_key_is_named_with_its_user() -> None:
    world = World(document(cloudflare={"email": "ops@example.com"}))
    world.cloudflare.tokens = set()
    assert verdict(world) == (
        f"Cloudflare does not take the Global API key in SSM parameter {PARAMETER} for ops@example.com, or that user"
        f" has no zone {ZONE}: store the user's key, or correct cloudflare.email or targets[*].zone_id."
    )
    assert world.cloudflare.reads == []


@pytest.mark.parametrize("codes", [(1016,), (1082, 1016)])
def test_a_host_outside_its_zone_is_named_and_not_its_neighbours(codes: tuple[int, ...]) -> None:
    world = World(document(targets=[target(hosts=[HOST, "www.example.org"])]))
    world.cloudflare.bad = lambda item: "example.org" in item
    world.cloudflare.bad_reply = refusal(400, *codes, message="only for this zone")
    words = verdict(world)
    assert words.startswith(
        f"www.example.org is not a host of zone {ZONE}: name it in a target with the zone it belongs to,"
        " or correct targets[*].hosts (Cloudflare: Cloudflare answered 400"
    )
    assert HOST not in words
    assert world.cloudflare.urls == [f"https://{HOST}/.cf-purge-check"]


def test_a_host_outside_its_zone_is_named_of_a_prefix_too() -> None:
    world = World(document(targets=[target(hosts=["www.example.org"], purge_by="host")]))
    world.cloudflare.bad = lambda _: True
    assert verdict(world).startswith(f"www.example.org is not a host of zone {ZONE}: ")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (refusal(404, 7003), "give the 32-digit id, not the zone's name"),
        (refusal(404, 1001), "no such zone"),
        (refusal(403, 1095), "add the zone to the token's resources"),
        (refusal(400, 6111), "without quotes, line break or Bearer"),
        (refusal(400, 1136), "this zone environment cannot be purged by URL"),
    ],
)
def test_a_refusal_that_says_it_itself_is_left_to_say_it(reply: Reply, words: str) -> None:
    world = refusing(reply)
    assert words in verdict(world)
    assert world.cloudflare.reads == []


@pytest.mark.parametrize(("reply", "kind"), [(outage(), Transient), (refusal(400, 1012), Rejected)])
def test_what_a_person_cannot_mend_is_no_verdict(reply: Reply, kind: type[PurgeError]) -> None:
    with pytest.raises(kind) as caught:
        refusing(reply).invoke(CHECK)
    assert not isinstance(caught.value, Misconfigured)


# ---- The parameter ----


@pytest.mark.parametrize(
    ("code", "said", "remedy"),
    [
        (
            "ParameterNotFound",
            "",
            "create it as a SecureString, in the function's Region, or correct api_token_parameter",
        ),
        (
            "AccessDeniedException",
            "User: arn:aws:sts::1:assumed-role/cf/cf is not authorized to perform: ssm:GetParameter on resource: arn",
            "allow the function's role ssm:GetParameter on it",
        ),
        (
            "AccessDeniedException",
            "User: arn:aws:sts::1:assumed-role/cf/cf is not authorized to perform: kms:Decrypt on resource: arn",
            "set api_token_kms_key_arn to the key that encrypts it, and let that key's policy allow the role",
        ),
        (
            "AccessDeniedException",
            "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you"
            " are not allowed to access. (Service: AWSKMS; Status Code: 400)",
            "set api_token_kms_key_arn to the key that encrypts it, and let that key's policy allow the role",
        ),
        ("InvalidKeyId", "The key is disabled", "enable the KMS key that encrypts it"),
    ],
)
def test_a_parameter_that_cannot_be_read_is_said_with_its_remedy(code: str, said: str, remedy: str) -> None:
    world = World()
    world.aws.script["GetParameter"] = [aws_error(400, code, said)] * 9
    words = verdict(world)
    assert words.startswith(f"SSM parameter {PARAMETER} cannot be read ({code} from ssm:GetParameter: {said}")
    assert words.endswith(f"): {remedy}.")
    assert world.cloudflare.requests == world.cloudflare.reads == []


@pytest.mark.parametrize(
    ("value", "fault"),
    [(f"{TOKEN}\n", "has a line break in it"), (f"Bearer {TOKEN}", "begins with the word"), ("", "is empty")],
)
def test_a_token_that_is_not_a_bare_one_is_never_sent(value: str, fault: str) -> None:
    world = World()
    world.aws.token = value
    assert verdict(world).startswith(f"The API token in SSM parameter {PARAMETER} {fault}")
    assert world.cloudflare.requests == []


# ---- Several at once ----


def test_all_that_is_wrong_is_in_one_exception() -> None:
    targets = [
        target(hosts=[HOST, "www.example.org"]),
        target(zone_id=OTHER_ZONE, hosts=[B]),
        target(zone_id="c" * 32, hosts=["c.example"]),
        target(zone_id="d" * 32, hosts=["d.example"], purge_by="tag", tags=["{key}"]),
    ]
    world = World(document(targets=targets))
    world.cloudflare.bad = lambda item: "example.org" in item
    world.cloudflare.zones = {OTHER_ZONE: DENIED, "c" * 32: DENIED, "d" * 32: refusal(404, 7003)}
    world.cloudflare.names = {"example.net": [OTHER_ZONE], "c.example": ["e" * 32]}
    words = verdict(world)
    for part in (
        f"www.example.org is not a host of zone {ZONE}: ",
        f"has no permission to purge zone {OTHER_ZONE} (example.net): ",
        f"c.example is zone {'e' * 32}, not {'c' * 32}: ",
        f"Cloudflare answered 404 for zone {'d' * 32}",
    ):
        assert words.count(part) == 1
    assert world.metrics["Misconfigured"] == 3


def test_each_zone_is_looked_up_once_however_many_hosts_it_has() -> None:
    world = refusing(config=document(targets=[target(hosts=[f"h{n}.example.com" for n in range(9)])]))
    world.cloudflare.names = {"example.com": [ZONE]}
    assert verdict(world) == NO_PERMISSION
    assert len(world.cloudflare.reads) == 1


@pytest.mark.parametrize("order", [1, -1])
def test_a_fault_that_passes_hides_nothing_that_does_not(order: int) -> None:
    world = World(document(targets=TWO_ZONES["targets"][::order]))
    world.cloudflare.zones = {ZONE: DENIED, OTHER_ZONE: outage()}
    world.cloudflare.names = {"example.com": [ZONE]}
    assert NO_PERMISSION in verdict(world)


# ---- Where no verdict can be had ----


@pytest.mark.parametrize(
    "reply",
    [
        outage(),
        answer(500, b""),
        answer(503, {"result": {"status": "active"}}),
        answer(404, {}),
        answer(429, {}),
        answer(200, b"<html>"),
        answer(200, b"[]"),
        answer(200, {"result": None}),
        result({"status": "a status of next year"}),
    ],
)
@pytest.mark.parametrize("read", ["verify", "zones"])
def test_without_an_explanation_the_refusal_speaks_for_itself(read: str, reply: Reply) -> None:
    world = refusing()
    world.cloudflare.status = reply
    if read == "zones":
        world.cloudflare.names = {"example.com": reply}
    words = verdict(world)
    assert words.startswith(f"Cloudflare answered 403 for zone {ZONE} (10000 Authentication error)")
    assert world.cloudflare.reads


def test_time_that_is_up_costs_the_explanation_and_not_the_refusal() -> None:
    world = refusing()

    def late(sent: Sent) -> None:
        if sent.method == "GET":
            world.clock.time += 30

    world.transport.on_post = late
    assert verdict(world, seconds=40.0).startswith(f"Cloudflare answered 403 for zone {ZONE}")
    assert len(world.cloudflare.reads) == 2
    assert all(0 < sent.timeout <= 5 for sent in world.cloudflare.reads)


def test_an_explanation_waits_no_longer_than_the_invocation() -> None:
    world = refusing()
    verdict(world, seconds=3.0)
    assert all(sent.timeout <= 2.4 + 1e-6 for sent in world.cloudflare.reads)
    assert len(world.cloudflare.reads) == 3


def test_no_one_but_a_check_asks_cloudflare_why() -> None:
    world = refusing()
    for event in ({"keys": ["a"]}, {"urls": [f"https://{HOST}/a"]}, sns_event({"keys": ["a"]})):
        assert "Cloudflare answered 403" in verdict(world, event)
    assert world.returned(sqs_event({"keys": ["a"]})) == ["m0"]
    assert world.cloudflare.reads == []
