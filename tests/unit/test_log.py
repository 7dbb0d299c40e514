from __future__ import annotations

import json
import re
from datetime import datetime, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cf_purge import log

WRITERS = {"DEBUG": log.debug, "INFO": log.info, "WARN": log.warn, "ERROR": log.error}


@pytest.mark.parametrize("level", log.LEVELS)
def test_a_line_is_one_json_object_with_its_time_and_level(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.set_level("DEBUG")
    WRITERS[level]("said", key="ünï", count=3)
    out = capsys.readouterr().out
    line = json.loads(out)
    assert out.endswith("}\n")
    assert (line["level"], line["message"], line["key"], line["count"]) == (level, "said", "ünï", 3)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"])
    age = datetime.now(timezone.utc) - datetime.fromisoformat(line["timestamp"])  # noqa: UP017
    assert abs(age.total_seconds()) < 60


@pytest.mark.parametrize("level", log.LEVELS)
def test_a_line_below_the_level_is_not_written(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.set_level(level)
    for write in WRITERS.values():
        write("said")
    written = [json.loads(line)["level"] for line in capsys.readouterr().out.splitlines()]
    assert written == list(log.LEVELS[log.LEVELS.index(level) :])


def test_info_is_the_level_of_those_who_set_none(capsys: pytest.CaptureFixture[str]) -> None:
    log.debug("no")
    log.info("yes")
    assert json.loads(capsys.readouterr().out)["message"] == "yes"


def test_a_finished_document_is_written_whatever_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_level("ERROR")
    log.emit({"_aws": {}})
    assert capsys.readouterr().out == '{"_aws": {}}\n'


def test_what_json_does_not_know_is_written_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    log.info("said", error=ValueError("no"), kind={1})
    line = json.loads(capsys.readouterr().out)
    assert (line["error"], line["kind"]) == ("no", "{1}")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.just('\n{"level": "ERROR"}\r\n\u2028\x85'))
def test_no_text_can_forge_a_line(capsys: pytest.CaptureFixture[str], text: str) -> None:
    log.info(text, key=text)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert out.isascii()
    assert json.loads(out)["key"] == text


@given(
    st.lists(st.text("x", max_size=20).map(lambda text: text * 1600) | st.text("x", max_size=9), max_size=130),
)
def test_a_list_is_written_in_lines_that_a_log_event_holds(items: list[str]) -> None:
    parts = list(log.parts(items))
    assert [item for part in parts for item in part] == items
    assert all(len(part) <= 50 and len(json.dumps(part)) < 235_000 for part in parts)
    assert all(parts) or parts == [[]]
    assert len(parts) <= 1 + len(items) / 50 + sum(map(len, items)) / (200_000 - 32_000)
