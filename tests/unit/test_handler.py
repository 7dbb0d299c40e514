"""The entry point: what it returns and raises, for batches and for single events."""

import json
from typing import Any

import pytest

from cf_purge import handler
from cf_purge.errors import Misconfigured, NotTried, PurgeError, UnknownEvent
from cf_purge.targets import FILES
from tests.support.factories import document, environment, s3_event, sqs_event, target
from tests.support.fakes import Context, FakeAws, FakeCloudflare, FakeTransport, Reply, World, answer, outage, refusal
from tests.support.names import AT, OTHER_ZONE, SITE, ZONE

CDN = "cdn.example.org"


# ---- The entry point ----


@pytest.fixture
def neighbours(monkeypatch: pytest.MonkeyPatch) -> FakeTransport:
    """The entry point as Lambda finds it after a cold start, with a fake HTTP client."""
    fake = FakeTransport(FakeCloudflare(), FakeAws())
    monkeypatch.setattr(handler, "_http", fake)
    monkeypatch.setattr(handler, "_function", None)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    return fake


def test_the_environment_configures_it_and_stays_warm(neighbours: FakeTransport) -> None:
    assert handler.lambda_handler({"Records": []}, Context())["success"] is True
    assert neighbours.sent == []
    assert handler.lambda_handler(sqs_event(s3_event("a")), Context()) == {"batchItemFailures": []}
    assert handler.lambda_handler(s3_event("b"))["success"] is True, "a shell has no context"
    assert neighbours.cloudflare.accepted == [(ZONE, FILES, f"{SITE}/a"), (ZONE, FILES, f"{SITE}/b")]
    assert neighbours.aws.fetches() == 1


@pytest.mark.parametrize("seconds", [0.1, 0.6])
def test_with_no_time_left_nothing_is_begun(world: World, seconds: float) -> None:
    with pytest.raises(NotTried):
        world.invoke(s3_event("a"), seconds)
    assert world.returned(sqs_event(s3_event("a"), s3_event("b")), seconds) == ["m0", "m1"]
    assert world.cloudflare.requests == []


def test_lambdas_default_of_three_seconds_is_enough_for_a_purge(world: World) -> None:
    assert world.returned(sqs_event(s3_event("a")), 3.0) == []
    assert world.cloudflare.urls == [f"{SITE}/a"]


def test_a_wrong_configuration_is_an_exception_a_log_line_and_an_alarm_each_time(
    neighbours: FakeTransport, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CF_PURGE_CONFIG", json.dumps(document(later=1)))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "site-purge")
    for _ in range(2):
        with pytest.raises(Misconfigured, match="CF_PURGE_CONFIG is not"):
            handler.lambda_handler(sqs_event(s3_event("a")), Context())
        line, metrics = (json.loads(text) for text in capsys.readouterr().out.splitlines())
        assert (line["level"], "later" in line["message"]) == ("ERROR", True)
        assert (metrics["Misconfigured"], metrics["Name"], metrics["Changes"]) == (1, "site-purge", 0)
    monkeypatch.setenv("CF_PURGE_CONFIG", json.dumps(document()))
    assert handler.lambda_handler(s3_event("a"), Context())["success"] is True


# ---- Batches ----


@pytest.mark.parametrize("field", ["messageId", "body"])
def test_nothing_of_a_batch_that_sqs_never_sends_is_acknowledged(world: World, field: str) -> None:
    event = sqs_event(s3_event("a"), s3_event("b"))
    del event["Records"][1][field]
    with pytest.raises(UnknownEvent):
        world.invoke(event)
    assert world.cloudflare.requests == []
    assert world.metrics["Purged"] == 0


@pytest.mark.parametrize(("seconds", "kept"), [(900.0, 5.0), (60.0, 5.0), (15.0, 3.0), (3.0, 0.6)])
def test_time_is_kept_back_to_return_and_park_messages(world: World, seconds: float, kept: float) -> None:
    world.cloudflare.script = [outage()] * 99
    ends: list[float] = []
    world.transport.on_post = lambda sent: ends.append(world.clock.time + sent.timeout if "/zones/" in sent.url else 0)
    began = world.clock.time
    world.returned(sqs_event(s3_event("a")), seconds=seconds)
    assert began < max(ends) <= began + seconds - kept + 1e-6


# ---- What nobody expects ----


@pytest.mark.parametrize(
    "place",
    [
        *("cf_purge.plan.parse", "cf_purge.plan.purges_at", "cf_purge.plan.requests_for"),
        *("cf_purge.cloudflare.Cloudflare.send", "cf_purge.http_client.Answer.document"),
        *("cf_purge.purger.Purger.send", "cf_purge.sqs.fate_of"),
    ],
)
@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyError("boom"), RecursionError(), MemoryError()], ids=repr)
def test_an_unexpected_error_acknowledges_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception
) -> None:
    def explode(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(place, property(explode) if place.endswith("document") else explode)
    event = sqs_event(s3_event("a"), {"keys": ["b"]}, *(["poison"] if "sqs" in place else []))
    try:
        returned = world.returned(event)
    except type(error):
        return  # Lambda returns the whole batch
    assert returned == ["m0", "m1"]
    assert world.aws.parked == []
    assert {line["kind"] for line in world.logged("unexpected error")} == {type(error).__name__}
    assert "boom" not in world.output
    with pytest.raises(PurgeError):
        world.invoke(s3_event("a"))


def test_an_unexpected_error_about_one_message_harms_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from cf_purge.targets import purges_at

    def explode(where: Any, key: str) -> Any:
        if key == "cursed":
            raise RuntimeError("boom")
        return purges_at(where, key)

    monkeypatch.setattr("cf_purge.plan.purges_at", explode)
    assert world.returned(sqs_event(s3_event("a"), s3_event("x", "cursed", "y"), s3_event("b"))) == ["m1"]
    assert {f"{SITE}/a", f"{SITE}/b"} <= set(world.cloudflare.urls)


# ---- Single events ----


@pytest.mark.parametrize(
    ("other", "first"), [(refusal(400, 1012), "answered 503"), (refusal(403, 10000), "answered 403")]
)
def test_a_failure_that_needs_a_person_is_raised_first_then_one_that_can_pass(other: Reply, first: str) -> None:
    """Lambda tries an asynchronous invocation again; what is rejected is named at its end."""
    for zones in ((ZONE, OTHER_ZONE), (OTHER_ZONE, ZONE)):
        world = World(document(targets=[target(), target(zone_id=OTHER_ZONE, hosts=[CDN])]))
        world.cloudflare.zones = dict(zip(zones, (other, answer(503)), strict=True))
        with pytest.raises(PurgeError, match=first):
            world.invoke(s3_event("a"))


# ---- Metrics ----


def test_lag_is_from_the_change_to_the_accepted_purge_of_its_last_copy() -> None:
    world = World(document(targets=[target(), target(zone_id=OTHER_ZONE, hosts=[CDN], key_prefix="b")]))
    world.clock.time = AT + 2
    world.transport.on_post = lambda sent: world.clock.pass_(1.0 if OTHER_ZONE in sent.url else 0)
    early = s3_event("b/x", time="2026-11-23T05:59:59.250Z")
    assert world.returned(sqs_event(s3_event("a"), early, {"keys": ["timeless"]})) == []
    assert sorted(world.metrics["Lag"]) == [2000, 3750]
    world.invoke(s3_event("a", time="2027-01-01T00:00:00Z"))
    assert world.metrics["Lag"] == [0]
