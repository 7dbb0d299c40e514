"""The saved queries name what is in the lines that the function really prints, and that Lambda adds."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cf_purge.errors import TimedOut
from tests.plans import shared_plans
from tests.plans.cases import RULED
from tests.support.factories import document, s3_event, sqs_event, target
from tests.support.fakes import Reply, Sent, World, answer, aws_error, refusal

QUERIES = (
    "Was this key purged?",
    "Who changed what?",
    "Why is this one parked?",
    "When was this key seen fresh?",
    "Where did the second purge help?",
)
# https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
REPORTS = [{"type": "platform.report", "record": {"status": status}} for status in ("success", "timeout")]
# So many that a line begins with an object.
VARIANTS = target(header_variants=[{"Origin": "https://a.example"}, {"Origin": "https://b.example"}])


def query(title: str) -> str:
    """Return a saved query's text by its name in the module's folder."""
    queries = shared_plans.known().planned(RULED, "aws_cloudwatch_query_definition")
    [text] = [str(each["query_string"]) for each in queries if each["name"] == f"site-purge/{title}"]
    return text


def lines() -> list[dict[str, Any]]:
    plain = World(document(exclude=["*.map"]))
    plain.cloudflare.bad, plain.cloudflare.bad_reply = (lambda item: "bad" in item), refusal(400, 1234)
    plain.invoke(sqs_event(s3_event("css/site.css", "a.map", "bad.css"), s3_event("css/site.css"), "nonsense"))
    varied = World(document(targets=[VARIANTS]))
    varied.invoke(sqs_event(*(s3_event(f"{number}.css") for number in range(17))))
    later = World(document(targets=[target(delay_seconds=60)]))
    later.invoke(sqs_event(s3_event("a")))
    later.aws.script["SendMessage"] = [aws_error(500, "InternalError")]
    later.returned(sqs_event(s3_event("b")))
    verifying = World(document(verify={}))
    verifying.invoke(sqs_event(s3_event("css/site.css", "new.css")))
    fresh = answer(200, b"", last_modified="Mon, 23 Nov 2026 06:00:00 GMT")
    for seen in (answer(200, b"", etag='"a"', age="9"), fresh, TimedOut("No answer.")):
        verifying.transport.edge = _edge(fresh, seen)
        verifying.invoke(sqs_event(verifying.aws.delayed[-1]["MessageBody"]))
    failing = World()
    failing.cloudflare.script = [RuntimeError("boom")]
    failing.returned(sqs_event(s3_event("a")))
    worlds = (plain, varied, later, verifying, failing)
    return [*REPORTS, *(json.loads(line) for world in worlds for line in world.output.splitlines())]


def _edge(new: Reply, other: Reply) -> Callable[[Sent], Reply]:
    return lambda sent: new if "new" in sent.url else other


def flattened(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields that CloudWatch discovers in a JSON line: `a.b`, and `a.0` of a list."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flattened(inner, f"{path}.{name}".removeprefix("."))
    else:
        yield path, value


@pytest.mark.parametrize("title", QUERIES)
def test_a_query_asks_for_fields_and_values_that_the_lines_have(title: str) -> None:
    text = query(title)
    assert len(text) <= 10_000  # CloudWatch's limit
    code = re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE)
    asked = {*re.findall(r"fields (.+)", code)[0].split(", "), *re.findall(r"([@\w.]+) (?:in|like|!?=) ", code)}
    asked |= {*re.findall(r"ispresent\(([\w.]+)\)", code)}
    found = [field for line in lines() for field in flattened(line)]
    assert {name.strip("`") for name in asked} - {"@timestamp", "@message"} <= {name for name, _ in found}
    values = "\n".join(str(value) for _, value in found)
    assert [each for each in re.findall(r'[=[,] ?"([^"]+)"', code) if each not in values] == []
