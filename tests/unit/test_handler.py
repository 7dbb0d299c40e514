from __future__ import annotations

import json
from typing import Any

import pytest

from cf_purge import handler
from cf_purge.errors import Misconfigured, Transient
from cf_purge.purge import FILES
from tests.unit.factories import ZONE, document, environment, s3_event, sqs_event
from tests.unit.fakes import Context, FakeAws, FakeCloudflare, FakeTransport, refusal


@pytest.fixture
def neighbours(monkeypatch: pytest.MonkeyPatch) -> FakeTransport:
    """The entry point as Lambda finds it after a cold start, with a fake transport under it."""
    fake = FakeTransport(FakeCloudflare(), FakeAws())
    monkeypatch.setattr(handler, "_transport", fake)
    monkeypatch.setattr(handler, "_function", None)
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    return fake


def test_the_entry_point_is_configured_by_the_environment(neighbours: FakeTransport) -> None:
    assert handler.lambda_handler(sqs_event(s3_event("a")), Context()) == {"batchItemFailures": []}
    assert neighbours.cloudflare.accepted == [(ZONE, FILES, "https://www.example.com/a")]


def test_the_entry_point_needs_no_context(neighbours: FakeTransport) -> None:
    assert handler.lambda_handler(s3_event("a"))["success"] is True
    assert 1 < neighbours.cloudflare.requests[0].timeout <= 10


def test_a_warm_function_keeps_its_token(neighbours: FakeTransport) -> None:
    for key in ("a", "b", "c"):
        handler.lambda_handler(s3_event(key), Context())
    assert neighbours.aws.fetches() == 1
    assert len(neighbours.cloudflare.requests) == 3


def test_nothing_is_asked_of_anyone_before_the_first_event_needs_it(neighbours: FakeTransport) -> None:
    handler.lambda_handler({"Records": []}, Context())
    assert neighbours.sent == []


def test_the_remaining_time_is_lambda_s(neighbours: FakeTransport) -> None:
    with pytest.raises(Transient, match="No time is left"):
        handler.lambda_handler(s3_event("a"), Context(1.2))
    assert neighbours.cloudflare.requests == []


def test_a_wrong_configuration_is_said_in_log_and_metric_at_every_invocation(
    neighbours: FakeTransport, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CF_PURGE_CONFIG", json.dumps(document(bucket="")))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "site-purge")
    for _ in range(2):
        with pytest.raises(Misconfigured, match="CF_PURGE_CONFIG: bucket must be a non-empty string"):
            handler.lambda_handler(sqs_event(s3_event("a")), Context())
        line, metrics = (json.loads(text) for text in capsys.readouterr().out.splitlines())
        assert (line["level"], "CF_PURGE_CONFIG: bucket" in line["message"]) == ("ERROR", True)
        assert (metrics["Misconfigured"], metrics["Name"], metrics["Changes"]) == (1, "site-purge", 0)
    monkeypatch.setenv("CF_PURGE_CONFIG", json.dumps(document()))
    assert handler.lambda_handler(s3_event("a"), Context())["success"] is True


def test_the_configured_level_is_the_log_s(
    neighbours: FakeTransport, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CF_PURGE_CONFIG", json.dumps(document(log_level="ERROR")))
    neighbours.cloudflare.script = [refusal(400, 1012)]
    assert handler.lambda_handler(sqs_event(s3_event("a"), s3_event("a/")), Context()) == {"batchItemFailures": []}
    lines: list[dict[str, Any]] = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [line.get("level", "metrics") for line in lines] == ["ERROR", "metrics"]
