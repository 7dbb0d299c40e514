"""`python -m cf_purge event.json`, and `preview` with the documents of `terraform show -json`."""

import base64
import codecs
import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cf_purge.__main__ import main
from tests.support.factories import document, flat_environment, s3_event, sqs_event, target
from tests.support.interpreter import LAMBDA, python
from tests.support.names import BUCKET, HOST, OTHER_ZONE, TOKEN, ZONE
from tests.support.servers import LocalServer, write

Capture = pytest.CaptureFixture[str]
Serve = Callable[..., LocalServer]
Preview = Callable[..., tuple[int, str, str]]


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


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe\x00", b"[" * 200_000])
def test_a_file_that_is_not_json_is_reported(content: bytes | None, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "event.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit, match="2"):
        main([str(path)])
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{path} cannot be read as JSON" in err


# ---- preview ----

WHOLE = document(queue_arn="arn:aws:sqs:eu-west-1:123456789012:cf-purge", drain=1000, verify={})


def packed_text(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode())).decode()


def configured(*configs: dict[str, Any], packed: bool = False) -> dict[str, Any]:
    """The values of a plan or state in which functions have these configurations; of a first plan none is known."""
    texts = [json.dumps(each) for each in configs]
    if packed:
        texts = [*map(packed_text, texts)]
    functions = [{"values": {"environment": [{"variables": {"CF_PURGE_CONFIG": text}}]}} for text in texts]
    return {"root_module": {"child_modules": [{"child_modules": [{"resources": functions}]}]}}


def output(config: dict[str, Any]) -> dict[str, Any]:
    """The output of a module that is applied for the first time: no ARN is known."""
    first = {name: value for name, value in config.items() if not name.endswith("_arn")}
    return {"outputs": {"anything": {"value": {"config_json": json.dumps(first)}}}}


@pytest.fixture
def preview(tmp_path: Path, capsys: Capture) -> Preview:
    """Preview keys with a document or no file; return the exit status, the output, and the errors without its name."""

    def preview(shown: object, *arguments: str) -> tuple[int, str, str]:
        path = tmp_path / "plan.json"
        if shown is not None:
            path.write_bytes(shown if isinstance(shown, bytes) else json.dumps(shown).encode())
        try:
            status = main(["preview", "--plan", str(path), *arguments])
        except SystemExit as ended:
            status = int(str(ended))
        out, err = capsys.readouterr()
        return status, out, err.removeprefix(str(path))

    return preview


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(
            {"planned_values": configured(WHOLE), "prior_state": {"values": configured(document())}}, id="plan"
        ),
        pytest.param({"values": configured(WHOLE)}, id="state"),
        pytest.param({"planned_values": output(WHOLE)}, id="the output of a first plan"),
        pytest.param({"values": output(WHOLE) | configured(WHOLE)}, id="both"),
        pytest.param({"values": configured(WHOLE, packed=True)}, id="compressed"),
        pytest.param(codecs.BOM_UTF16_LE + json.dumps({"values": configured(WHOLE)}).encode("utf-16-le"), id="UTF-16"),
    ],
)
def test_any_plan_or_state_shows_what_a_key_would_purge(shown: object, preview: Preview) -> None:
    lines = [f"  zone {ZONE} url https://{HOST}/{spelling}" for spelling in ("a%20b.css", "a+b.css")]
    assert preview(shown, "--name", BUCKET, "a b.css") == (0, "\n".join(["a b.css", *lines, ""]), "")


TARGETS = [
    target(key_prefix="img", header_variants=[{"Origin": "https://a.example"}]),
    target(zone_id=OTHER_ZONE, environment_id="staging", purge_by="tag", tags=["{ext}", "{bucket}{dir}/{name}"]),
    target(zone_id=OTHER_ZONE, purge_by="prefix", key_prefix="css", related=["/{stem}"], delay_seconds=60),
    target(zone_id=OTHER_ZONE, purge_by="host", key_prefix="css"),
    target(zone_id=OTHER_ZONE, purge_by="everything", key_prefix="css"),
]


@pytest.mark.parametrize("targets", [TARGETS, TARGETS[::-1]])
def test_each_purge_is_a_line_whatever_the_order_of_targets(targets: list[dict[str, Any]], preview: Preview) -> None:
    _, out, _ = preview({"values": configured(document(targets=targets))}, "img/1", "css/a.css")
    assert out == (
        f"""\
img/1
  zone {ZONE} url https://{HOST}/1
  zone {ZONE} url https://{HOST}/1, Origin: https://a.example
  zone {OTHER_ZONE} (environment staging) tag {BUCKET}img/1
css/a.css
  zone {OTHER_ZONE} (environment staging) tag css
  zone {OTHER_ZONE} (environment staging) tag {BUCKET}css/a.css
  zone {OTHER_ZONE} everything
  zone {OTHER_ZONE} host {HOST}
  zone {OTHER_ZONE} prefix {HOST}/a.css, 60 seconds later
  zone {OTHER_ZONE} url https://{HOST}/a, 60 seconds later
"""
    )


NO_TARGET = "skipped: no target serves it"


@pytest.mark.parametrize(
    ("key", "config", "why"),
    [
        ("draft/a.css", {"exclude": ["*.map", "draft/**"], "include": ["*.js"]}, "skipped: exclude has draft/**"),
        ("a.js", {"include": ["*.css"]}, "skipped: include has no glob for it"),
        ("a.css", {"targets": [target(key_prefix="b/"), target()]}, f"zone {ZONE} url https://{HOST}/a.css"),
        ("a.css", {"targets": [target(key_prefix="b/"), target(keys=["*.html"])]}, NO_TARGET),
        ("img/", {}, NO_TARGET),
    ],
)
def test_a_key_that_is_skipped_says_why(key: str, config: dict[str, Any], why: str, preview: Preview) -> None:
    assert preview({"values": configured(document(**config))}, key) == (0, f"{key}\n  {why}\n", "")


def test_an_invalid_key_is_refused(preview: Preview) -> None:
    status, out, _ = preview({"values": configured(document())}, "/a.css", "a.css")
    assert (status, out.splitlines()[1][:11]) == (1, "  refused: ")
    assert out.endswith(f"\na.css\n  zone {ZONE} url https://{HOST}/a.css\n")


def test_a_key_that_one_target_refuses_shows_what_the_others_purge(preview: Preview) -> None:
    tagged = target(purge_by="tag", tags=["{key}" * 9])
    status, out, _ = preview({"values": configured(document(targets=[tagged, target()]))}, "a" * 200)
    assert (status, out.splitlines()[1][:11]) == (1, "  refused: ")
    assert out.endswith(f"\n  zone {ZONE} url https://{HOST}/{'a' * 200}\n")


SEVERAL = configured(document(name="a"), document(name="b", bucket="b.example"))
NO_JSON = " cannot be read as JSON, see --help: "
UNKNOWN = ": It must have one configuration of this version of the module, and has none: choose one with --name; "
CHOOSE = UNKNOWN.replace("none", f"a (bucket {BUCKET}), b (bucket b.example)")


@pytest.mark.parametrize(
    ("shown", "arguments", "sentence"),
    [
        (None, [], NO_JSON),
        (b"PK\x03\x04\xff", [], NO_JSON),
        (b'{"@level": "info"}\n{"@level": "info"}', [], NO_JSON),
        ([], [], UNKNOWN),
        ({"version": 4, "resources": []}, [], UNKNOWN),
        (
            {"values": {"x": ["{", "H4sI", "H4sIAAAAAAAA////////", '{"name": 1}', packed_text("[]"), 7, None]}},
            [],
            UNKNOWN,
        ),
        ({"values": SEVERAL}, [], CHOOSE),
        ({"values": SEVERAL}, ["--name", "c"], CHOOSE),  # possibly because it is not applied yet
        ({"planned_values": configured()}, [], UNKNOWN),
        ({"values": configured(document(later=1))}, [], UNKNOWN),
    ],
)
def test_a_plan_that_cannot_be_used_is_one_sentence(
    shown: object, arguments: list[str], sentence: str, preview: Preview
) -> None:
    status, out, err = preview(shown, *arguments, "a.css")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(sentence)


def test_it_needs_nothing_but_python() -> None:
    shown = json.dumps({"values": configured(document())})
    command = ("-S", "-m", "cf_purge", "preview", "--plan", "-", "a.css")
    done = python(*command, stdin=shown, PYTHONPATH=str(LAMBDA))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"a.css\n  zone {ZONE} url https://{HOST}/a.css\n"
