"""`{"check": true}`: a harmless purge for every zone and host, and what is wrong in a sentence. Also the probe."""

from typing import Any

import pytest

from cf_purge.config import Zone, load
from cf_purge.errors import Misconfigured, NotTried, PurgeError, Rejected, Transient
from cf_purge.plan import Request, probe_for
from cf_purge.targets import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge
from tests.support.factories import document, environment, flat_environment, sns_event, sqs_event, target
from tests.support.fakes import Item, Reply, Sent, World, answer, outage, refusal, result
from tests.support.names import HOST, OTHER_ZONE, PARAMETER, TOKEN, ZONE

CHECK = {"check": True}
NAME = ".cf-purge-check"
B = "b.example.net"
PROBE = (ZONE, FILES, f"https://{HOST}/{NAME}")
TWO_ZONES = document(targets=[target(), target(zone_id=OTHER_ZONE, hosts=[B])])
DENIED = refusal(403, 10000, message="Authentication error")
TOKEN_IN_SSM = f"The API token in SSM parameter {PARAMETER}"
NO_PERMISSION = (
    f"{TOKEN_IN_SSM} has no permission to purge zone {ZONE} (example.com): add Zone → Cache Purge → Purge to it."
)
WRONG = (
    f"{TOKEN_IN_SSM} is wrong, Cloudflare does not know it: create one with the permission"
    " Zone → Cache Purge → Purge and store it."
)
ELSEWHERE = (
    f"{TOKEN_IN_SSM} is not accepted from here: allow the function's egress address in the token's client IP filter."
)
NO_ACCESS = (
    f"{TOKEN_IN_SSM} has no access to zone {ZONE}: add it to the token's zone resources, or correct targets[*].zone_id."
)


def verdict(world: World, event: object = CHECK, seconds: float = 60.0) -> str:
    """Return the error of a check that a person must correct."""
    with pytest.raises((Misconfigured, Rejected)) as caught:
        world.invoke(event, seconds)
    assert TOKEN not in str(caught.value) + world.output
    assert world.logged("unexpected error") == []
    return str(caught.value)


def refusing(reply: Reply = DENIED, config: dict[str, Any] | None = None) -> World:
    """A world whose first zone refuses every purge, and where the token is valid but finds no zone."""
    world = World(config)
    world.cloudflare.zones = {ZONE: reply}
    return world


# ---- Nothing is wrong ----


@pytest.mark.parametrize(
    ("targets", "accepted"),
    [
        ([target()], [PROBE]),
        ([target(path_prefix="a b/(1)", key_prefix="x")], [(ZONE, FILES, f"https://{HOST}/a%20b/(1)/{NAME}")]),
        ([target(hosts=[HOST, B])], [PROBE, (ZONE, FILES, f"https://{B}/{NAME}")]),
        ([target(purge_by="prefix", path_prefix="a/" * 30)], [(ZONE, PREFIXES, f"{HOST}/{'a/' * 30}{NAME}")]),
        *(([target(purge_by=whole)], [(ZONE, PREFIXES, f"{HOST}/{NAME}")]) for whole in ("host", "everything")),
        ([target(purge_by="tag", tags=["{dir}"])], [(ZONE, TAGS, NAME)]),
        ([target(environment_id="staging"), target()], [(f"{ZONE}/environments/staging", *PROBE[1:]), PROBE]),
    ],
)
def test_a_check_asks_each_zone_and_host_in_its_own_kind(
    targets: list[dict[str, Any]], accepted: list[tuple[str, str, Item]]
) -> None:
    world = World(document(targets=targets, collapse_above=1))
    summary = world.invoke(CHECK)
    assert (summary["success"], summary["skipped"]) == (True, [])
    assert summary["invalidations"] == [item for _, _, item in accepted]
    assert world.cloudflare.accepted == accepted
    assert world.cloudflare.malformed == []
    assert world.cloudflare.reads == []


@pytest.mark.parametrize(
    ("kind", "probe"),
    [
        (FILES, Purge(Zone(ZONE), FILES, f"https://{HOST}/{NAME}", HOST)),
        *((kind, Purge(Zone(ZONE), TAGS, NAME)) for kind in (PREFIXES, TAGS, HOSTS, EVERYTHING)),
    ],
)
@pytest.mark.parametrize("is_flat", [False, True])
def test_a_probe_is_harmless_and_of_the_same_zone_and_limit(kind: str, probe: Purge, is_flat: bool) -> None:
    other = target(zone_id=OTHER_ZONE, hosts=[B])
    config = load(flat_environment() if is_flat else environment(document(targets=[other, target()])))
    item = {FILES: f"https://{HOST}/a", EVERYTHING: ""}.get(kind, f"{HOST}/a")
    request = Request(probe.zone, kind, ((Purge(probe.zone, kind, item, HOST),),))
    found = probe_for(request, config)
    assert (found.group, found.purges) == (request.group, [probe])


def test_a_check_that_succeeds_says_what_it_has_shown() -> None:
    targets = [
        target(),
        target(purge_by="prefix", hosts=[B, HOST]),
        target(zone_id=OTHER_ZONE, hosts=[B], purge_by="tag", tags=["{key}"], keys=["a", "b/**"], delay_seconds=60),
        target(zone_id=OTHER_ZONE, hosts=[B], related=["/", "/tags/{dir}/*"]),
        target(zone_id="c" * 32, hosts=[B], environment_id="e1", purge_by="host"),
    ]
    world = World(document(targets=targets))
    world.transport.edge = lambda _: answer(404, cf_cache_status="MISS")
    assert world.invoke(CHECK)["check"] == [
        f"The token may purge zone {ZONE}, and {HOST} belongs to it.",
        f"The token may purge zone {ZONE}, and {B} belongs to it.",
        f"The token may purge zone {OTHER_ZONE}.",
        f"The token may purge zone {OTHER_ZONE}, and {B} belongs to it.",
        f"The token may purge zone {'c' * 32} (environment e1), and {B} belongs to it.",
        f'On {B}, by tag: keys = ["a", "b/**"]; delay_seconds = 60.',
        f'On {B}, by url: related = ["/", "/tags/{{dir}}/*"];'
        " 5 requests by prefix a minute, up to 100 prefixes in each.",
        f"Visitors of {HOST} reach Cloudflare.",
        f"Visitors of {B} reach Cloudflare.",
    ]
    assert "check" not in World().invoke({"keys": ["a"]})


def test_a_check_says_what_collapse_above_purges() -> None:
    targets = [
        target(),
        target(hosts=[B], path_prefix="blog", purge_by="prefix"),
        target(hosts=["rules.example.com"], purge_by="host"),
        target(hosts=["pages.example.com"], keys=["*.html"]),
        target(hosts=["tags.example.com"], purge_by="tag", tags=["{key}"], related=["/amp/{key}"]),
    ]
    world = World(document(targets=targets, collapse_above=500))
    assert [said for said in world.invoke(CHECK)["check"] if said.startswith("On ")] == [
        f"On {HOST}, by url: more than 500 URLs at once purge the whole host.",
        f"On {B}, by prefix: more than 500 URLs at once purge all of /blog/.",
        'On pages.example.com, by url: keys = ["*.html"].',
        'On tags.example.com, by tag: related = ["/amp/{key}"]; more than 500 URLs at once purge the whole host.',
    ]


def test_a_check_asks_by_https_where_http_redirects_to_it() -> None:
    world = World(document(targets=[target(schemes=["http", "https"])]))
    world.transport.edge = lambda sent: answer(404, cf_cache_status="MISS") if sent.url[:6] == "https:" else answer(301)
    assert world.invoke(CHECK)["check"][-1] == f"Visitors of {HOST} reach Cloudflare."


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (answer(403, cf_mitigated="challenge"), f"{HOST} stops this visitor"),
        (Transient("The host has a private address."), "The host has a private address"),
        (answer(301, location=f"https://{B}/"), "proxy its DNS record"),
    ],
)
def test_a_check_names_a_host_where_a_visitor_does_not_reach_cloudflare(reply: Reply, said: str) -> None:
    world = World(TWO_ZONES)
    world.transport.edge = lambda sent: reply if HOST in sent.url else answer(404, cf_cache_status="MISS")
    *_, first, second = world.invoke(CHECK)["check"]
    assert HOST in first
    assert said in first
    assert second == f"Visitors of {B} reach Cloudflare."
    assert [sent.url for sent in world.transport.visits] == [f"https://{host}/{NAME}" for host in (HOST, B)]
    assert TOKEN not in str([sent.headers for sent in world.transport.visits])


def test_a_check_ends_before_the_function(world: World) -> None:
    def hang(sent: Sent) -> Reply:
        world.clock.pass_(sent.timeout)
        return Transient("No answer.")

    world.transport.edge = hang
    world.transport.on_post = lambda sent: world.clock.pass_(8.0 if "/zones/" in sent.url else 0)
    began = world.clock.time
    *_, said = world.invoke(CHECK, seconds=15.0)["check"]
    assert "No answer." in said
    assert world.clock.time - began < 15


def test_a_check_of_one_zone_leaves_others_alone() -> None:
    world = World(TWO_ZONES)
    world.cloudflare.zones = {ZONE: DENIED}
    assert world.invoke({**CHECK, "zone_id": OTHER_ZONE})["invalidations"] == [f"https://{B}/{NAME}"]
    assert {sent.zone for sent in world.cloudflare.requests} == {OTHER_ZONE}


def test_a_check_of_more_zones_than_the_limits_allow_says_how_each_can_be_checked() -> None:
    zones = [f"{number:032x}" for number in range(40)]
    tagged = [target(zone_id=each, hosts=[f"{each}.com"], purge_by="tag", tags=["{key}"]) for each in zones]
    world = World(document(targets=tagged, max_concurrency=2))
    with pytest.raises(NotTried, match='"zone_id"'):
        world.invoke(CHECK)
    world.clock.pass_(60)
    assert world.invoke({**CHECK, "zone_id": zones[-1]})["success"] is True


# ---- The token as it is stored ----


def test_a_check_is_about_the_stored_token_and_not_the_cached_one(world: World) -> None:
    world.invoke({"keys": ["a"]})
    world.aws.token = "cfut_rotated-to-nonsense"
    assert world.invoke({"keys": ["b"]})["success"] is True
    assert verdict(world) == WRONG
    world.aws.token = TOKEN
    world.clock.pass_(60)
    assert world.invoke(CHECK)["success"] is True


# ---- What a refusal means ----


@pytest.mark.parametrize("reply", [DENIED, refusal(401, 10000), refusal(403), answer(401, b"<html>")])
@pytest.mark.parametrize(
    ("status", "names", "text"),
    [
        *((status, {}, WRONG) for status in ("unknown", refusal(401))),
        ("disabled", {}, f"{TOKEN_IN_SSM} is disabled: enable it, or store a new one."),
        ("expired", {}, f"{TOKEN_IN_SSM} is expired: create a new one and store it."),
        ("active", {}, NO_ACCESS),
        ("active", {"example.com": [ZONE]}, NO_PERMISSION),
        ("active", {"example.com": [OTHER_ZONE, ZONE]}, NO_PERMISSION),
        ("active", {"example.com": [OTHER_ZONE], HOST: [ZONE]}, NO_PERMISSION.replace("(example.com)", f"({HOST})")),
        (
            "active",
            {"example.com": [OTHER_ZONE]},
            f"example.com is zone {OTHER_ZONE}, not {ZONE}: correct targets[*].zone_id, or the token's zone resources.",
        ),
        *((reply, {"example.com": reply}, ELSEWHERE) for reply in (refusal(401, 9109), refusal(403, 9109))),
    ],
)
def test_a_refusal_is_explained_by_what_cloudflare_says_of_zone_and_token(
    reply: Reply, status: str | Reply, names: dict[str, list[str] | Reply], text: str
) -> None:
    world = refusing(reply)
    world.cloudflare.status, world.cloudflare.names = status, names
    assert verdict(world) == text


def test_a_wrong_token_is_reported_once_for_all_zones_with_its_place() -> None:
    world = World(TWO_ZONES)
    world.cloudflare.tokens = set()
    assert verdict(world) == WRONG
    world = World(environ=flat_environment())
    world.cloudflare.tokens = set()
    assert verdict(world, {**CHECK, "bucket": HOST}).startswith("The API token in CLOUDFLARE_API_KEY is wrong")


@pytest.mark.parametrize("token", ["cfat_0123456789abcdef", "cfoat_0123456789abcdef", "x" * 40])
def test_a_token_that_may_be_account_owned_is_not_called_wrong(token: str) -> None:
    world = refusing()
    world.aws.token = token
    world.cloudflare.tokens = set()
    text = verdict(world)
    assert text.startswith(f"Cloudflare answered 401 for zone {ZONE}")
    assert "is wrong, or lacks Zone → Cache Purge → Purge" in text
    assert [sent.url for sent in world.cloudflare.reads if "verify" in sent.url]
    world.cloudflare.tokens, world.cloudflare.status = {token}, "expired"
    assert verdict(world) == f"{TOKEN_IN_SSM} is expired: create a new one and store it."


def test_a_global_api_key_is_named_with_its_user() -> None:
    world = World(document(cloudflare={"email": "ops@example.com"}))
    world.cloudflare.tokens = set()
    assert verdict(world) == (
        f"SSM parameter {PARAMETER} has no Global API key of ops@example.com with access to zone {ZONE}:"
        " correct one of the three."
    )
    assert world.cloudflare.reads == []


@pytest.mark.parametrize("purge_by", ["url", "host"])
def test_only_the_host_that_is_outside_its_zone_is_named(purge_by: str) -> None:
    world = World(document(targets=[target(hosts=[HOST, "www.example.org"], purge_by=purge_by)]))
    world.cloudflare.bad = lambda item: "example.org" in item
    world.cloudflare.bad_reply = refusal(400, 1082, 1016, message="only for this zone")
    page = f"https://www.example.org/{NAME}" if purge_by == "url" else f"www.example.org/{NAME}"
    said = f"Cloudflare answered 400 for zone {ZONE} (1082 only for this zone; 1016 only for this zone)"
    remedy = "the host is not in this zone, correct targets[*].hosts."
    assert verdict(world) == f"{page}: {said}: {remedy}"
    assert [item for _, _, item in world.cloudflare.accepted] == [
        f"https://{HOST}/{NAME}" if purge_by == "url" else f"{HOST}/{NAME}"
    ]
    # As a message it is parked, since it fails at every receive.
    assert world.returned(sqs_event(CHECK)) == []
    [(code, reason)] = world.parked_reasons
    assert code == "ForeignHost"
    assert remedy in reason


@pytest.mark.parametrize("reply", [refusal(400, 1016), refusal(400, 4711), refusal(413)])
def test_everything_that_is_rejected_beside_a_check_is_named(reply: Reply) -> None:
    world = World(document(targets=[target(hosts=[HOST, B, f"other.{B}"])]))
    world.cloudflare.bad = lambda item: B in item
    world.cloudflare.bad_reply = reply
    said = verdict(world, {**CHECK, "keys": ["a"]})
    assert [
        item
        for item in (f"https://{host}/{path}" for host in (B, f"other.{B}") for path in (NAME, "a"))
        if item not in said
    ] == []
    assert HOST not in said
    assert world.returned(sqs_event(CHECK)) == []
    [(_, reason)] = world.parked_reasons
    assert f"https://{B}/{NAME}" in reason


@pytest.mark.parametrize("reply", [outage(), answer(200, b"<html>"), answer(200, {}), result({"status": "unheard of"})])
@pytest.mark.parametrize("read", ["verify", "zones"])
def test_a_question_that_fails_does_not_hide_the_refusal(read: str, reply: Reply) -> None:
    world = refusing()
    world.cloudflare.status = reply
    if read == "zones":
        world.cloudflare.names = {"example.com": reply}
    assert verdict(world).startswith(f"Cloudflare answered 403 for zone {ZONE} (10000 Authentication error)")
    assert world.cloudflare.reads


@pytest.mark.parametrize(("reply", "kind"), [(outage(), Transient), (refusal(400, 1012), Rejected)])
def test_an_outage_and_a_rejected_item_are_no_misconfiguration(reply: Reply, kind: type[PurgeError]) -> None:
    with pytest.raises(kind) as caught:
        refusing(reply).invoke(CHECK)
    assert not isinstance(caught.value, Misconfigured)


def test_the_questions_are_few_and_take_no_more_time_than_the_invocation_has() -> None:
    world = refusing(config=document(targets=[target(hosts=[f"h{number}.{HOST}" for number in range(30)])]))
    world.transport.on_post = lambda sent: world.clock.pass_(sent.timeout if sent.method == "GET" else 3)
    assert verdict(world, seconds=20.0) == NO_ACCESS
    assert len(world.cloudflare.reads) == 20 + 1  # names of the zone, and the token
    assert sum(sent.timeout for sent in world.cloudflare.reads) <= 20 - 5 - 3
    world = refusing()
    verdict(world, seconds=60.0)
    assert max(sent.timeout for sent in world.cloudflare.reads) <= 5


# ---- Several at once, and in the queue ----


def test_a_check_that_fails_in_the_queue_is_returned_and_delays_no_other_message() -> None:
    world = World(TWO_ZONES)
    world.cloudflare.zones = {OTHER_ZONE: DENIED}
    world.cloudflare.names = {"example.net": [OTHER_ZONE]}
    assert world.returned(sqs_event(CHECK, {"keys": ["a"], "zone_id": ZONE})) == ["m0"]
    assert f"https://{HOST}/a" in world.cloudflare.urls
    assert (world.aws.parked, world.metrics["Misconfigured"]) == ([], 1)
    [line] = world.logged("check")
    assert (line["level"], "has no permission to purge zone" in line["reason"]) == ("ERROR", True)
    assert world.returned(sqs_event(CHECK)) == ["m0"]
    world = refusing(refusal(500))
    assert world.returned(sqs_event(CHECK)) == ["m0"]
    [line] = world.logged("check")
    assert (line["level"], "Cloudflare answered 500" in line["reason"]) == ("ERROR", True)


def test_what_a_check_and_the_items_beside_it_leave_is_named_when_it_is_given_up() -> None:
    event = sqs_event({**CHECK, "keys": ["a"]})
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "30"
    world = refusing(refusal(500), document(max_receive_count=30))
    assert world.returned(event) == []
    [(code, reason)] = world.parked_reasons
    assert (code, f"https://{HOST}/a" in reason, f"https://{HOST}/{NAME}" in reason) == ("GaveUp", True, True)


def test_other_items_of_a_check_are_purged() -> None:
    world = refusing(config=TWO_ZONES)
    assert verdict(world, {**CHECK, "urls": [f"https://{B}/a"]}) == NO_ACCESS
    assert f"https://{B}/a" in world.cloudflare.urls


def test_only_a_check_asks_more_and_reads_the_parameter_again() -> None:
    world = World()
    for event in ({"keys": ["a"]}, {"tags": ["t"]}, {**CHECK, "dry_run": True}):
        world.invoke(event)
    assert world.aws.fetches() == 1
    world = refusing()
    for event in ({"keys": ["a"]}, sns_event({"keys": ["a"]})):
        assert "Cloudflare answered 403" in verdict(world, event)
    assert world.returned(sqs_event({"keys": ["a"]})) == ["m0"]
    assert world.cloudflare.reads == []
