"""`{"check": true}`: a harmless purge, and in words what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.errors import Misconfigured, PurgeError, Rejected
from cf_purge.purge import FILES, PREFIXES, TAGS
from tests.unit.factories import (
    HOST,
    OTHER_ZONE,
    PARAMETER,
    TOKEN,
    ZONE,
    document,
    environment,
    flat_environment,
    sqs_event,
    target,
)
from tests.unit.fakes import Item, Reply, World, aws_error, distinct, outage, refusal

CHECK = {"check": True}
B = "b.example.net"
TWO_ZONES = document(targets=[target(), target(zone_id=OTHER_ZONE, hosts=[B])])
DENIED = refusal(403, 10000, message="Authentication error")


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


# ---- All is well ----


@pytest.mark.parametrize(
    ("targets", "accepted"),
    [
        ([target()], [(ZONE, FILES, f"https://{HOST}/.cf-purge-check")]),
        ([target(schemes=["http", "https"])], [(ZONE, FILES, f"http://{HOST}/.cf-purge-check")]),
        (
            [target(path_prefix="a b/(1)", key_prefix="x", index_documents=[])],
            [(ZONE, FILES, f"https://{HOST}/a%20b/(1)/.cf-purge-check")],
        ),
        (
            [target(hosts=[HOST, "cdn.example.com"]), target(zone_id=OTHER_ZONE, hosts=[B])],
            [
                (ZONE, FILES, f"https://{HOST}/.cf-purge-check"),
                (ZONE, FILES, "https://cdn.example.com/.cf-purge-check"),
                (OTHER_ZONE, FILES, f"https://{B}/.cf-purge-check"),
            ],
        ),
        ([target(), target(key_prefix="x")], [(ZONE, FILES, f"https://{HOST}/.cf-purge-check")]),
        ([target(header_variants=[{"Origin": "x"}])], [(ZONE, FILES, f"https://{HOST}/.cf-purge-check")]),
        ([target(purge_by="prefix", path_prefix="blog")], [(ZONE, PREFIXES, f"{HOST}/blog/.cf-purge-check")]),
        ([target(purge_by="host")], [(ZONE, PREFIXES, f"{HOST}/.cf-purge-check")]),
        ([target(purge_by="everything")], [(ZONE, PREFIXES, f"{HOST}/.cf-purge-check")]),
        ([target(purge_by="tag", tags=["{dir}"])], [(ZONE, TAGS, ".cf-purge-check")]),
        (
            [target(environment_id="staging"), target()],
            [
                (f"{ZONE}/environments/staging", FILES, f"https://{HOST}/.cf-purge-check"),
                (ZONE, FILES, f"https://{HOST}/.cf-purge-check"),
            ],
        ),
        (
            [target(path_prefix="a/" * 30, purge_by="prefix")],
            [(ZONE, PREFIXES, f"{HOST}/{'a/' * 30}.cf-purge-check")],
        ),
    ],
)
def test_a_check_that_finds_nothing_says_what_it_asked_for(
    targets: list[dict[str, Any]], accepted: list[tuple[str, str, Item]]
) -> None:
    world = World(document(targets=targets))
    summary = world.invoke(CHECK)
    assert (summary["success"], summary["skipped"]) == (True, [])
    assert summary["invalidations"] == distinct(item for _, _, item in accepted)
    assert summary["requests"] == len(world.cloudflare.requests) >= 1
    assert world.cloudflare.accepted == accepted
    assert world.cloudflare.malformed == []
    assert world.cloudflare.reads == []


def test_a_check_that_finds_nothing_says_in_words_what_it_has_shown() -> None:
    targets = [
        target(),
        target(purge_by="prefix", hosts=[B, HOST]),
        target(zone_id=OTHER_ZONE, hosts=[B], purge_by="tag", tags=["{key}"]),
        target(zone_id="c" * 32, hosts=[B], environment_id="e1", purge_by="host"),
    ]
    assert World(document(targets=targets)).invoke(CHECK)["check"] == [
        f"The token may purge zone {ZONE}, and {HOST}, {B} belong to it.",
        f"The token may purge zone {OTHER_ZONE}.",
        f"The token may purge zone {'c' * 32} (environment e1), and {B} belongs to it.",
    ]
    assert "check" not in World().invoke({**CHECK, "dry_run": True})
    assert "check" not in World().invoke({"keys": ["a"]})


def test_a_check_of_one_zone_asks_no_other() -> None:
    world = World(TWO_ZONES)
    world.cloudflare.zones = {ZONE: DENIED}
    assert world.invoke({**CHECK, "zone_id": OTHER_ZONE})["invalidations"] == [f"https://{B}/.cf-purge-check"]
    assert {sent.zone_id for sent in world.cloudflare.requests} == {OTHER_ZONE}
    with pytest.raises(Rejected, match="is the zone of no target"):
        world.invoke({**CHECK, "zone_id": "c" * 32})


def test_a_dry_check_says_what_it_would_ask_for_and_asks_nothing() -> None:
    world = refusing()
    assert world.invoke({**CHECK, "dry_run": True}) == {
        "success": True,
        "invalidations": [f"https://{HOST}/.cf-purge-check"],
        "skipped": [],
        "requests": 0,
        "dry_run": True,
    }
    assert world.transport.sent == []


def test_with_the_flat_variables_the_bucket_says_which_host() -> None:
    world = World(environ=flat_environment())
    assert world.invoke({**CHECK, "bucket": HOST})["invalidations"] == [f"https://{HOST}/.cf-purge-check"]


def test_with_the_flat_variables_a_check_without_a_bucket_does_not_succeed_without_asking() -> None:
    world = World(environ=flat_environment())
    world.cloudflare.tokens = set()
    with pytest.raises(PurgeError):
        world.invoke(CHECK)


@pytest.mark.parametrize("bucket", ["www.example.com/private", "a b", "ü", "x:8080"])
def test_with_the_flat_variables_a_bucket_that_is_no_hostname_is_rejected_here_too(bucket: str) -> None:
    world = World(environ=flat_environment())
    with pytest.raises(Rejected):
        world.invoke({**CHECK, "bucket": bucket})
    assert world.transport.sent == []


# ---- The token as it is stored ----


def test_a_check_is_about_the_token_that_is_stored_not_the_one_that_is_remembered(world: World) -> None:
    world.invoke({"keys": ["a"]})
    world.aws.token = "rotated-to-nonsense"
    assert world.invoke({"keys": ["b"]})["success"] is True
    assert "is wrong, Cloudflare does not know it" in verdict(world)
    world.aws.token = TOKEN
    assert world.invoke(CHECK)["success"] is True


@pytest.mark.parametrize("queued", [False, True])
def test_a_parameter_that_was_taken_away_is_found_while_the_token_is_still_remembered(
    world: World, queued: bool
) -> None:
    world.invoke({"keys": ["a"]})
    world.aws.script["GetParameter"] = [aws_error(400, "ParameterNotFound")] * 9
    if queued:
        assert world.returned(sqs_event(CHECK, {"keys": ["b"]})) == ["m0"]
        assert world.aws.delays == {"receipt-m0": 900}
        assert f"https://{HOST}/b" in world.cloudflare.urls
    else:
        assert f"SSM parameter {PARAMETER} cannot be read" in verdict(world)
    assert world.metrics["Misconfigured"] >= 1


def test_only_a_check_reads_the_parameter_anew(world: World) -> None:
    for event in ({"keys": ["a"]}, {"tags": ["t"]}, {**CHECK, "dry_run": True}, {"urls": [f"https://{HOST}/a"]}):
        world.invoke(event)
    assert world.aws.fetches() == 1
    world.invoke(CHECK)
    assert world.aws.fetches() == 2


@pytest.mark.parametrize("fault", [outage(), aws_error(400, "ThrottlingException"), aws_error(500, "InternalError")])
def test_a_passing_fault_of_ssm_is_ridden_out_by_a_check_as_by_a_purge(world: World, fault: Reply) -> None:
    world.aws.script["GetParameter"] = [fault]
    assert world.invoke(CHECK)["success"] is True


def test_a_parameter_that_was_taken_away_is_in_the_log_of_a_check_in_the_queue(world: World) -> None:
    world.invoke({"keys": ["a"]})
    world.aws.script["GetParameter"] = [aws_error(400, "ParameterNotFound")] * 9
    assert world.returned(sqs_event(CHECK)) == ["m0"]
    assert f"SSM parameter {PARAMETER} cannot be read" in world.output


def test_a_parameter_that_was_taken_away_hides_no_other_fault(world: World) -> None:
    world.invoke({"keys": ["a"]})
    world.aws.script["GetParameter"] = [aws_error(400, "ParameterNotFound")] * 9
    world.cloudflare.bad = lambda _: True
    words = verdict(world)
    assert f"SSM parameter {PARAMETER} cannot be read" in words
    assert f"{HOST} is not a host of zone {ZONE}" in words


# ---- As a message, and in company ----


def test_a_check_in_the_queue_is_done_when_nothing_is_wrong(world: World) -> None:
    assert world.returned(sqs_event(CHECK)) == []
    assert world.cloudflare.urls == [f"https://{HOST}/.cf-purge-check"]
    assert world.aws.parked == []


def test_a_check_in_the_queue_that_fails_comes_again_and_holds_up_no_neighbour() -> None:
    world = World(TWO_ZONES)
    world.cloudflare.zones = {OTHER_ZONE: DENIED}
    assert world.returned(sqs_event(CHECK, {"keys": ["a"], "zone_id": ZONE})) == ["m0"]
    assert world.aws.delays == {"receipt-m0": 900}
    assert world.aws.parked == []
    assert f"https://{HOST}/a" in world.cloudflare.urls
    assert world.metrics["Misconfigured"] == 1
    assert world.cloudflare.reads


def test_a_check_in_the_queue_that_fails_says_in_the_log_what_is_wrong() -> None:
    world = refusing()
    world.cloudflare.names = {"example.com": [ZONE]}
    assert world.returned(sqs_event(CHECK)) == ["m0"]
    [line] = world.logged("check")
    assert (line["level"], "has no permission to purge zone" in line["reason"]) == ("ERROR", True)


def test_a_dry_check_in_the_queue_is_logged(world: World) -> None:
    assert world.returned(sqs_event({**CHECK, "dry_run": True})) == []
    [line] = world.logged("dry run")
    assert line["invalidations"] == [f"https://{HOST}/.cf-purge-check"]
    assert world.transport.sent == []


def test_a_check_beside_other_wishes_purges_them_and_says_what_is_wrong() -> None:
    world = refusing(config=TWO_ZONES)
    words = verdict(world, {**CHECK, "urls": [f"https://{B}/a"]})
    assert words.startswith(f"Zone {ZONE} is foreign to the API token")
    assert f"https://{B}/a" in world.cloudflare.urls


def test_a_check_is_not_purged_a_second_time() -> None:
    world = World(document(repurge_after_seconds=60, queue_arn="arn:aws:sqs:eu-west-1:123456789012:cf-purge"))
    assert world.invoke(CHECK)["success"] is True
    assert world.aws.delayed == []


def test_the_environment_of_a_function_is_what_is_checked() -> None:
    world = World(environ=environment(document(cloudflare={"api_url": "http://127.0.0.1:9/v4"})))
    world.cloudflare.zones = {ZONE: DENIED}
    verdict(world)
    assert {sent.url.partition("/v4/")[0] for sent in world.transport.sent if "X-Amz-Target" not in sent.headers} == {
        "http://127.0.0.1:9"
    }


# ---- Laws ----

TARGETS = st.lists(
    st.fixed_dictionaries(
        {
            "zone_id": st.sampled_from([ZONE, OTHER_ZONE]),
            "hosts": st.lists(st.sampled_from([HOST, B, "cdn.example.com"]), min_size=1, unique=True),
            "purge_by": st.sampled_from(["url", "prefix", "host", "everything", "tag"]),
        },
        optional={
            "path_prefix": st.sampled_from(["", "blog", "a b/(1)", "a/" * 30]),
            "key_prefix": st.just("x"),
            "index_documents": st.just([""]),
            "clean_urls": st.booleans(),
            "header_variants": st.just([{"Origin": "x"}]),
            "environment_id": st.just("staging"),
            "schemes": st.sampled_from([["http"], ["http", "https"]]),
        },
    ).map(lambda each: {**each, "tags": ["{dir}"] if each["purge_by"] == "tag" else []}),
    min_size=1,
    max_size=4,
)


@given(TARGETS, st.booleans(), st.sampled_from([None, 1]))
def test_a_check_purges_nothing_that_anybody_has_and_asks_every_zone_and_host(
    targets: list[dict[str, Any]], queued: bool, collapse_above: int | None
) -> None:
    world = World(document(targets=targets, collapse_above=collapse_above, cloudflare={"requests_per_second": 1000}))
    world.invoke(sqs_event(CHECK) if queued else CHECK)
    assert world.cloudflare.accepted
    assert world.cloudflare.malformed == []
    assert {kind for _, kind, _ in world.cloudflare.accepted} <= {FILES, PREFIXES, TAGS}
    assert all(str(item).rpartition("/")[2] == ".cf-purge-check" for _, _, item in world.cloudflare.accepted)
    asked = {zone for zone, _, _ in world.cloudflare.accepted}
    assert {zone[:32] for zone in asked} == {each["zone_id"] for each in targets}
    places = [str(item).rpartition("://")[2] for _, kind, item in world.cloudflare.accepted if kind != TAGS]
    hosts = {place.partition("/")[0] for place in places}
    wanted = {host for each in targets if each["purge_by"] != "tag" for host in each["hosts"]}
    assert hosts == wanted
