from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cf_purge
from cf_purge import handler
from cf_purge.__main__ import USAGE, main
from cf_purge.purge import FILES
from tests.unit.factories import TOKEN, ZONE, flat_environment, s3_event, sqs_event
from tests.unit.fakes import FakeAws, FakeCloudflare, FakeTransport, outage, refusal
from tests.unit.servers import LocalServer, write

LAMBDA = Path(cf_purge.__file__).parents[1]


@pytest.fixture
def cloudflare(monkeypatch: pytest.MonkeyPatch) -> FakeCloudflare:
    fake = FakeTransport(FakeCloudflare(), FakeAws())
    monkeypatch.setattr(handler, "_transport", fake)
    monkeypatch.setattr(handler, "_function", None)
    for name, value in flat_environment().items():
        monkeypatch.setenv(name, value)
    return fake.cloudflare


def file_of(tmp_path: Path, event: object) -> str:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event), encoding="utf-8")
    return str(path)


def test_the_summary_is_on_standard_output_and_the_log_is_not(
    cloudflare: FakeCloudflare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([file_of(tmp_path, s3_event("a b.css", bucket="www.example.com"))]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "success": True,
        "invalidations": ["https://www.example.com/a%20b.css"],
        "skipped": [],
        "requests": 1,
    }
    assert [json.loads(line).get("message") for line in err.splitlines()] == ["purged", None]
    assert cloudflare.accepted == [(ZONE, FILES, "https://www.example.com/a%20b.css")]


def test_a_dash_is_standard_input(
    cloudflare: FakeCloudflare, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"keys": ["a"], "bucket": "www.example.com"}'))
    assert main(["-"]) == 0
    assert cloudflare.urls == ["https://www.example.com/a"]
    assert json.loads(capsys.readouterr().out)["success"] is True


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["a", "b"], 2), (["-h"], 0), (["--help"], 0)])
def test_the_usage_is_shown_to_who_asks_or_errs(
    arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == status
    assert capsys.readouterr() == ("", f"{USAGE}\n")


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe\x00", b"[" * 200_000])
def test_a_file_that_is_no_event_is_said_to_be(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "event.json"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{path} cannot be read as JSON" in err


@pytest.mark.parametrize(
    ("event", "script", "words"),
    [
        ({}, [], "UnknownEvent: The event is none of"),
        ({"keys": ["a"]}, [], "Rejected: Say which bucket"),
        (s3_event("a"), [refusal(403, 10000)] * 2, "Unauthorized: Cloudflare answered 403"),
        (s3_event("a"), [refusal(400, 1012)], "Rejected: Cloudflare answered 400"),
    ],
)
def test_a_failure_is_a_sentence_on_standard_error_and_a_status(
    cloudflare: FakeCloudflare,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    event: object,
    script: list[Any],
    words: str,
) -> None:
    cloudflare.script = script
    assert main([file_of(tmp_path, event)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith(words)
    assert "Traceback" not in err
    assert TOKEN not in err


def test_a_batch_with_failures_is_a_failure(
    cloudflare: FakeCloudflare,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cf_purge.purger.TRIES", 1)
    cloudflare.script = [outage()]
    assert main([file_of(tmp_path, sqs_event(s3_event("a")))]) == 1
    assert json.loads(capsys.readouterr().out) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


def test_without_a_configuration_the_sentence_says_what_to_set(
    cloudflare: FakeCloudflare, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLOUDFLARE_ZONE_ID")
    assert main([file_of(tmp_path, s3_event("a"))]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("Misconfigured: Neither CF_PURGE_CONFIG nor")


def run(arguments: list[str], stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m cf_purge` in a process of its own, with nothing of this one's environment but the path."""
    return subprocess.run(
        [sys.executable, "-m", "cf_purge", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        cwd=os.sep,
        env={
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join([str(LAMBDA), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PYTHONDONTWRITEBYTECODE": "1",
            **environ,
        },
    )


def test_from_a_shell_a_real_request_goes_out_and_the_summary_comes_back(
    serve: Callable[..., LocalServer], tmp_path: Path
) -> None:
    server = serve()
    server.respond = lambda handler: write(handler, 200, b'{"success": true}')
    event = s3_event("(1)+ü.css", bucket="www.example.com")
    done = run([file_of(tmp_path, event)], **flat_environment(CLOUDFLARE_API_URL=f"{server.url}/client/v4"))
    assert (done.returncode, done.stderr.count("\n")) == (0, 2)
    assert json.loads(done.stdout)["invalidations"] == [
        "https://www.example.com/(1)+%C3%BC.css",
        "https://www.example.com/%281%29%2B%C3%BC.css",
        "https://www.example.com/(1)%2B%C3%BC.css",
    ]
    [received] = server.received
    assert received.path == f"/client/v4/zones/{ZONE}/purge_cache"
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(received.body) == {"files": json.loads(done.stdout)["invalidations"]}
    assert TOKEN not in done.stdout + done.stderr


def test_from_a_shell_a_failure_is_a_status_and_no_traceback(serve: Callable[..., LocalServer]) -> None:
    server = serve()
    answer = json.dumps({"success": False, "errors": [{"code": 10000, "message": f"Bearer {TOKEN}"}]}).encode()
    server.respond = lambda handler: write(handler, 401, answer)
    done = run(["-"], '{"keys": ["a"], "bucket": "b.example"}', **flat_environment(CLOUDFLARE_API_URL=server.url))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("Unauthorized: Cloudflare answered 401")
    assert "Traceback" not in done.stderr
    assert TOKEN not in done.stderr
    assert len(server.received) == 2
