"""The saved queries, asked of what the function really prints."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from cf_purge.spelling import spellings
from tests.plans import insights
from tests.plans.cases import RULED
from tests.plans.planning import Plan
from tests.support.factories import HOST, PRINCIPAL, QUEUE_ARN, ZONE, document, s3_event, sqs_event, target
from tests.support.fakes import World, answer, refusal

PURGED, WHO, PARKED = "Was this key purged?", "Who changed what?", "Why is this one parked?"
SEEN, HELPED = "When was this key seen fresh?", "Where did the second purge help?"
PLACE = "css/site.css"
# https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
REPORTS = [
    json.dumps({"time": "2026-11-23T06:00:00.000Z", "type": "platform.report", "record": {"status": status}})
    for status in ("success", "timeout", "error")
]
BY_CLOUDWATCH = {"@timestamp", "@message"}
REFUSING = {"bad": lambda url: "bad" in url, "bad_reply": refusal(400, 1234)}
# So many that a line begins with an object.
VARIANTS = [target(header_variants=[{"Origin": "https://a.example"}, {"Origin": "https://b.example"}])]
MANY = [f"{number}.css" for number in range(17)]


def query(known: Plan, title: str) -> str:
    """Return a saved query's text by its name in the module's folder."""
    queries = known.planned(RULED, "aws_cloudwatch_query_definition")
    [text] = [each["query_string"] for each in queries if each["name"] == f"site-purge/{title}"]
    assert isinstance(text, str)
    return text


def after(*events: Any, cloudflare: dict[str, Any] | None = None, **config: Any) -> list[str]:
    """Return what a function prints to whom these events come."""
    world = World(document(**config))
    for name, value in (cloudflare or {}).items():
        setattr(world.cloudflare, name, value)
    for event in events:
        world.invoke(event)
    return world.output.splitlines()


def upload(*keys: str) -> dict[str, Any]:
    return sqs_event(*(s3_event(key) for key in keys))


def asked(known: Plan, title: str, lines: list[str], wanted: str = PLACE) -> list[tuple[str, dict[str, Any]]]:
    """Return the rows of a query, with `wanted` put in where it says so, by their message."""
    text = query(known, title)
    assert title != PURGED or f'like "{PLACE}"' in text
    found = insights.read(text.replace(f'like "{PLACE}"', f'like "{wanted}"')).rows(lines)
    return [(row.get("message", ""), row) for row in found]


def messages(known: Plan, title: str, lines: list[str], wanted: str = PLACE) -> list[str]:
    return [message for message, _ in asked(known, title, lines, wanted)]


@pytest.mark.parametrize("title", [PURGED, PARKED])
def test_a_query_asks_for_fields_that_the_lines_have(known: Plan, title: str) -> None:
    lines = [
        *after(upload("a.css", "bad.css"), cloudflare=REFUSING),
        *after(upload(*MANY), targets=VARIANTS),
        *REPORTS,
    ]
    names = {name for line in lines for name, _ in insights.flattened(json.loads(line))}
    assert insights.read(query(known, title)).used - BY_CLOUDWATCH <= names


@pytest.mark.parametrize("title", [PURGED, WHO, PARKED])
def test_a_query_is_as_long_as_cloudwatch_takes(known: Plan, title: str) -> None:
    assert len(query(known, title)) <= 10_000


# ---- When was it seen? ----


def test_a_key_is_found_when_it_was_seen_fresh_and_what_helped(known: Plan) -> None:
    world = World(document(verify={}, queue_arn=QUEUE_ARN))
    world.invoke(upload(PLACE, "css/other.css"))
    stale = answer(200, b"", last_modified="Mon, 23 Nov 2020 06:00:00 GMT", age="9", etag='"a"')
    world.transport.edge = lambda sent: answer(404) if "other" in sent.url else stale
    for _ in range(2):
        world.invoke(sqs_event(world.aws.delayed.pop()["MessageBody"]))
        stale = answer(200, b"", last_modified="Mon, 23 Nov 2026 06:00:00 GMT")
    lines = world.output.splitlines()
    assert [row["verdict"] for _, row in asked(known, SEEN, lines)] == ["stale", "fresh"]
    [(_, row)] = asked(known, HELPED, lines)
    assert (row["url"], row["helped"]) == (f"https://{HOST}/{PLACE}", "second purge (prefixes)")
    names = {name for line in lines for name, _ in insights.flattened(json.loads(line))}
    for title in (SEEN, HELPED, WHO):
        assert insights.read(query(known, title)).used - BY_CLOUDWATCH - {"error"} <= names


# ---- Was this key purged? ----


def test_a_purged_key_is_found_and_another_is_not(known: Plan) -> None:
    assert messages(known, PURGED, after(upload(PLACE))) == ["purged"]
    assert messages(known, PURGED, after(upload("css/other.css"))) == []


def test_a_key_is_found_as_it_stands_in_urls_in_any_of_its_spellings(known: Plan) -> None:
    for key in ("a b/ü.css", "(1)+.css"):
        lines = after(upload(key))
        for spelling in spellings(key):
            assert messages(known, PURGED, lines, spelling) == ["purged"]


def test_the_comment_encodes_its_example_rightly(known: Plan) -> None:
    [(key, encoded)] = re.findall(r'\("(.+)" is (\S+)\)', query(known, PURGED))
    assert encoded in spellings(key)


def test_a_key_that_is_left_out_says_so(known: Plan) -> None:
    assert messages(known, PURGED, after(upload(PLACE, "a.css"), exclude=["*.css"])) == ["skipped"]
    later: dict[str, Any] = {"targets": [target(delay_seconds=60)], "queue_arn": QUEUE_ARN}
    assert messages(known, PURGED, after(upload(PLACE, "a.css"), **later)) == ["delayed"]
    assert messages(known, PURGED, after(upload("a.css"), **later)) == []


def test_a_key_in_a_request_that_failed_is_not_taken_for_purged_whichever_was_named(known: Plan) -> None:
    lines = after(upload("a.css", PLACE), cloudflare={"zones": {ZONE: refusal(403, 10000)}})
    [(message, row)] = asked(known, PURGED, lines)
    assert message == "not purged"
    assert row["first"] == f"https://{HOST}/a.css"
    assert row["reason"]


@pytest.mark.parametrize(
    "by", [{"purge_by": "tag", "tags": ["{dir}"]}, {"purge_by": "host"}, {"purge_by": "everything"}]
)
def test_a_purge_that_names_no_url_is_always_shown(known: Plan, by: dict[str, Any]) -> None:
    assert messages(known, PURGED, after(upload(PLACE), targets=[target(**by)])) == ["purged"]


def test_a_folder_purged_for_its_many_files_is_shown(known: Plan) -> None:
    lines = after(upload(PLACE, "a.css"), collapse_above=1)
    [(message, row)] = asked(known, PURGED, lines)
    assert (message, "prefixes" in row) == ("purged", True)


def test_another_keys_variants_are_not_shown(known: Plan) -> None:
    lines = after(upload(*MANY), targets=VARIANTS)
    assert sum('"message": "purged"' in line for line in lines) == 2
    assert messages(known, PURGED, lines) == []
    assert messages(known, PURGED, after(upload(PLACE), targets=VARIANTS)) == ["purged"]


def test_a_dry_run_is_no_purge(known: Plan) -> None:
    lines = after(sqs_event({"keys": [PLACE], "dry_run": True}))
    assert any(PLACE in line for line in lines)
    assert messages(known, PURGED, lines) == []


# ---- Who changed what? ----


def test_each_purge_names_who_made_the_change(known: Plan) -> None:
    rows = asked(known, WHO, after(upload(PLACE), {"keys": [PLACE]}))
    assert sorted(row.get("principal", "") for _, row in rows) == ["", PRINCIPAL]


# ---- Why is this one parked? ----


def test_a_parked_message_has_its_reason_and_what_it_is_about(known: Plan) -> None:
    lines = after(upload("a.css", "bad.css"), cloudflare=REFUSING)
    (first, stopped), (second, parked) = asked(known, PARKED, lines)
    assert (first, second) == ("not purged", "parked")
    assert stopped["first"] == f"https://{HOST}/bad.css"
    assert (parked["code"], parked["message_id"]) == ("RejectedByCloudflare", "m1")
    assert parked["dead_letter_id"]
    assert parked["reason"] == stopped["reason"]


def test_a_message_that_is_no_event_is_parked_with_its_reason(known: Plan) -> None:
    [(message, row)] = asked(known, PARKED, after(sqs_event("nonsense")))
    assert (message, row["code"]) == ("parked", "UnknownEvent")
    assert row["reason"]


def test_what_a_message_given_up_after_all_its_tries_failed_on_is_shown(known: Plan) -> None:
    lines = after(upload("a.css"), cloudflare={"zones": {ZONE: refusal(503, 0)}})
    [(message, row)] = asked(known, PARKED, lines)
    assert (message, row["kind"], row["first"]) == ("not purged", "Transient", f"https://{HOST}/a.css")


def test_invocations_that_lambda_ended_are_shown(known: Plan) -> None:
    rows = asked(known, PARKED, [*after(upload("a.css")), *REPORTS])
    assert [row["record"]["status"] for _, row in rows] == ["timeout", "error"]


def test_the_comments_example_of_a_code_is_one(known: Plan) -> None:
    [code] = re.findall(r'code = "(\w+)"', query(known, PARKED))
    lines = after(upload("bad.css"), cloudflare=REFUSING)
    assert code in {json.loads(line).get("code") for line in lines}
