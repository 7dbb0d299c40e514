"""`python -m cf_purge event.json`."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cf_purge.__main__ import USAGE, main
from tests.support.factories import flat_environment, s3_event, sqs_event
from tests.support.interpreter import python
from tests.support.names import TOKEN, ZONE
from tests.support.servers import LocalServer, write

Serve = Callable[..., LocalServer]
HOST = "www.example.com"


def run(event: object, environ: dict[str, str], *, dash: bool = False) -> subprocess.CompletedProcess[str]:
    return python("-m", "cf_purge", "-" if dash else str(event), stdin=json.dumps(event) if dash else "", **environ)


def test_the_summary_is_on_standard_output_and_the_log_on_standard_error(serve: Serve, tmp_path: Path) -> None:
    server, file = serve(), tmp_path / "event.json"
    file.write_text(json.dumps(s3_event("(1)+ü.css", bucket=HOST)), encoding="utf-8")
    done = run(file, flat_environment(CLOUDFLARE_API_URL=f"{server.url}/client/v4"))
    assert done.returncode == 0
    summary = json.loads(done.stdout)
    assert f"https://{HOST}/(1)+%C3%BC.css" in summary["invalidations"]
    assert [json.loads(line).get("message") for line in done.stderr.splitlines()] == ["purged", None]
    [received] = server.received
    assert received.path == f"/client/v4/zones/{ZONE}/purge_cache"
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(received.body) == {"files": summary["invalidations"]}
    assert TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"keys": ["a"], "bucket": HOST}, "Rejected: Cloudflare answered 400"),
        ({}, "UnknownEvent: "),
        ({"keys": ["a"]}, "Rejected: The event names no bucket"),
    ],
)
def test_a_failure_is_a_sentence_on_standard_error_and_the_exit_status_1(
    serve: Serve, event: object, error: str
) -> None:
    server = serve()
    body = json.dumps({"success": False, "errors": [{"code": 1012, "message": f"Bearer {TOKEN}"}]}).encode()
    server.respond = lambda handler: write(handler, 400, body)
    done = run(event, flat_environment(CLOUDFLARE_API_URL=server.url), dash=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(error)
    assert "Traceback" not in done.stderr
    assert TOKEN not in done.stderr


def test_a_batch_with_failures_has_the_exit_status_1(serve: Serve) -> None:
    server = serve()
    server.respond = lambda handler: write(handler, 429, b"{}", {"Retry-After": "60"})
    environ = flat_environment(CLOUDFLARE_API_URL=server.url, AWS_ENDPOINT_URL=server.url)
    done = run(sqs_event(s3_event("a", bucket=HOST)), environ, dash=True)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["a", "b"], 2), (["-h"], 0), (["--help"], 0)])
def test_the_usage_is_shown(arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == status
    assert capsys.readouterr() == ("", f"{USAGE}\n")


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe\x00", b"[" * 200_000])
def test_a_file_that_is_not_json_is_reported(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "event.json"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{path} cannot be read as JSON" in err
