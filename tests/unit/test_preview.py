"""`python -m cf_purge preview`, with the documents of `terraform show -json`."""

import base64
import codecs
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cf_purge.__main__ import main
from tests.support.factories import document, target
from tests.support.interpreter import LAMBDA, python
from tests.support.names import BUCKET, HOST, OTHER_ZONE, ZONE

WHOLE = document(queue_arn="arn:aws:sqs:eu-west-1:123456789012:cf-purge", drain=1000, verify={})


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode())).decode()


def function(name: str, variables: dict[str, str]) -> dict[str, Any]:
    values = {
        "function_name": name,
        "handler": "cf_purge.handler.lambda_handler",
        "environment": [{"variables": variables} if variables else {}],
    }
    return {"address": f"module.{name}.aws_lambda_function.this", "type": "aws_lambda_function", "values": values}


def nested(*resources: object) -> dict[str, Any]:
    inner = {"address": "module.site.module.cf_purge", "resources": [*resources]}
    return {"root_module": {"child_modules": [{"address": "module.site", "child_modules": [inner]}]}}


def configured(*configs: dict[str, Any]) -> dict[str, Any]:
    return nested(*(function(each["name"], {"CF_PURGE_CONFIG": json.dumps(each)}) for each in configs))


def output(config: dict[str, Any]) -> dict[str, Any]:
    """Of a module that is applied for the first time: no ARN is known."""
    first = {name: value for name, value in config.items() if not name.endswith("_arn")}
    return {"outputs": {"anything": {"value": {"config_json": json.dumps(first)}}}, **nested(function("site", {}))}


def preview(shown: object, *arguments: str, folder: Path) -> int:
    path = folder / "plan.json"
    path.write_bytes(shown if isinstance(shown, bytes) else json.dumps(shown).encode())
    return main(["preview", "--plan", str(path), *arguments])


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(
            {"planned_values": configured(WHOLE), "prior_state": {"values": configured(document())}}, id="plan"
        ),
        pytest.param({"values": configured(WHOLE)}, id="state"),
        pytest.param({"planned_values": output(WHOLE)}, id="the output of a first plan"),
        pytest.param({"values": output(WHOLE) | configured(WHOLE)}, id="both"),
        pytest.param(
            {"values": nested(function("site", {"CF_PURGE_CONFIG": packed(json.dumps(WHOLE))}))}, id="compressed"
        ),
        pytest.param(codecs.BOM_UTF16_LE + json.dumps({"values": configured(WHOLE)}).encode("utf-16-le"), id="UTF-16"),
    ],
)
def test_any_plan_or_state_shows_what_keys_would_purge(
    shown: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert preview(shown, "--name", BUCKET, "a b.css", "news/index.html", folder=tmp_path) == 0
    assert capsys.readouterr() == (
        f"""\
a b.css
  zone {ZONE} url https://{HOST}/a%20b.css
  zone {ZONE} url https://{HOST}/a+b.css
news/index.html
  zone {ZONE} url https://{HOST}/news/
  zone {ZONE} url https://{HOST}/news/index.html
""",
        "",
    )


TARGETS = [
    target(key_prefix="img", header_variants=[{"Origin": "https://a.example"}]),
    target(zone_id=OTHER_ZONE, environment_id="staging", purge_by="tag", tags=["{ext}", "{bucket}{dir}/{name}"]),
    target(zone_id=OTHER_ZONE, purge_by="prefix", key_prefix="css", related=["/{stem}"], delay_seconds=60),
    target(zone_id=OTHER_ZONE, purge_by="host", key_prefix="css"),
    target(zone_id=OTHER_ZONE, purge_by="everything", key_prefix="css"),
]


@pytest.mark.parametrize("targets", [TARGETS, TARGETS[::-1]])
def test_each_purge_is_a_line_whatever_the_order_of_targets(
    targets: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert preview({"values": configured(document(targets=targets))}, "img/1", "css/a.css", folder=tmp_path) == 0
    assert capsys.readouterr().out == (
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
def test_a_key_that_is_skipped_says_why(
    key: str, config: dict[str, Any], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert preview({"values": configured(document(**config))}, key, folder=tmp_path) == 0
    assert capsys.readouterr().out == f"{key}\n  {why}\n"


def test_an_invalid_key_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert preview({"values": configured(document())}, "/a.css", "a.css", folder=tmp_path) == 1
    refused, *others = capsys.readouterr().out.splitlines()[1:]
    assert refused.startswith("  refused: ")
    assert others == ["a.css", f"  zone {ZONE} url https://{HOST}/a.css"]


SEVERAL = configured(document(name="a"), document(name="b", bucket="b.example"))
SHOW = " cannot be read as a plan or state in JSON: write it with `terraform show -json plan > plan.json`."
CHOOSE = f": Choose one with --name: a (bucket {BUCKET}), b (bucket b.example)."
UNKNOWN = ": No configuration is known in it: add `output "


@pytest.mark.parametrize(
    ("shown", "arguments", "sentence"),
    [
        (b"PK\x03\x04", [], SHOW),
        (b"", [], SHOW),
        (b'{"@level": "info"}\n{"@level": "info"}', [], SHOW),
        (b"[" * 100_000, [], SHOW),
        ([], [], SHOW),
        ({"version": 4, "resources": []}, [], SHOW),
        ({"values": {"root_module": {"x": ["{", "H4sI", "H4sIAAAAAAAA////////", '{"name": 1}']}}}, [], UNKNOWN),
        ({"values": SEVERAL}, [], CHOOSE),
        ({"values": SEVERAL}, ["--name", "c"], CHOOSE),
        ({"planned_values": nested(function("new", {}))}, [], UNKNOWN),
        ({"values": configured(document(later=1))}, [], ": CF_PURGE_CONFIG: later is not a known field"),
    ],
)
def test_a_plan_that_cannot_be_used_is_one_sentence(
    shown: object, arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert preview(shown, *arguments, "a.css", folder=tmp_path) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"{tmp_path / 'plan.json'}{sentence}")
    assert err.count("\n") == 1


def test_a_missing_plan_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "--plan", str(tmp_path / "plan.json"), "a.css"]) == 2
    assert capsys.readouterr() == ("", f"{tmp_path / 'plan.json'}{SHOW}\n")


def test_it_needs_nothing_but_python() -> None:
    shown = json.dumps({"values": configured(document())})
    command = ("-S", "-m", "cf_purge", "preview", "--plan", "-", "a.css")
    done = python(*command, stdin=shown, PYTHONPATH=str(LAMBDA))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"a.css\n  zone {ZONE} url https://{HOST}/a.css\n"
