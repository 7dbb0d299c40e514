"""Names that AWS gives to events, runtimes and the like, as module and docs write them, against botocore's models."""

from __future__ import annotations

import re
from pathlib import Path

import botocore.session
import pytest

from tests.examples import EXAMPLES
from tools.problems import ROOT

WRITTEN = [
    *ROOT.glob("*.tf"),
    *EXAMPLES.glob("*/*.tf"),
    *EXAMPLES.glob("*/README.md"),
    *(ROOT / "docs").glob("*.md"),
    ROOT / "README.md",
    ROOT / "tests" / "plans" / "modes.py",
]
VARIABLES = (ROOT / "variables.tf").read_text()


def names(service: str, shape: str) -> set[str]:
    model = botocore.session.get_session().get_service_model(service)
    return set(model.shape_for(shape).metadata["enum"])


def events_in(text: str) -> set[str]:
    """What looks like the type of an S3 event: not s3:TestEvent, which is none, nor a pattern of them."""
    return set(re.findall(r"\bs3:[A-Z]\w+:(?:\w+|\*)", text))


def listed(variable: str) -> set[str]:
    """What the validation of a variable takes."""
    (values,) = re.findall(r"contains\(\[(.+?)\], " + re.escape(variable) + r"\)", VARIABLES)
    return set(re.findall(r'"([^"]+)"', values))


@pytest.mark.parametrize("file", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_event_that_is_named_is_one_of_s3(file: Path) -> None:
    assert events_in(file.read_text()) <= names("s3", "Event")


def test_events_are_found_where_they_are_named() -> None:
    assert events_in('events = ["s3:ObjectCreated:*", "s3:ObjectCreate:Putt"] s3:TestEvent') == {
        "s3:ObjectCreated:*",
        "s3:ObjectCreate:Putt",
    }
    assert {"s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"} <= events_in(VARIABLES)


def test_the_variable_takes_every_event_of_the_kinds_it_takes_and_no_other() -> None:
    (pattern,) = re.findall(r'can\(regex\("(\^s3:.+?\$)", event\)\)', VARIABLES)
    pattern = pattern.replace("\\\\", "\\")
    every = names("s3", "Event")
    taken = {event for event in every if re.fullmatch(pattern, event)}
    kinds = {event.split(":")[1] for event in taken}
    assert kinds == {
        "LifecycleExpiration",
        "ObjectAcl",
        "ObjectCreated",
        "ObjectRemoved",
        "ObjectRestore",
        "ObjectTagging",
        "ReducedRedundancyLostObject",
    }
    assert taken == {event for event in every if event.split(":")[1] in kinds}
    # What the pattern spells out besides them would be refused by S3.
    spelled = {
        f"s3:{kind}:{name}"
        for kind, types in re.findall(r"(\w+):\(([^)]*)\)", pattern.removeprefix("^s3:("))
        for name in types.replace("\\", "").split("|")
    }
    assert spelled <= every


def test_eventbridge_names_only_kinds_that_s3_has() -> None:
    (types,) = re.findall(r"detail_types = \{\n(.+?)\n  \}", (ROOT / "triggers.tf").read_text(), re.DOTALL)
    kinds = set(re.findall(r"^ +(\w+) +=", types, re.MULTILINE))
    assert kinds
    assert kinds <= {event.split(":")[1] for event in names("s3", "Event")}


@pytest.mark.parametrize(
    ("variable", "service", "shape"),
    [
        ("var.lambda.runtime", "lambda", "Runtime"),
        ("var.lambda.architecture", "lambda", "Architecture"),
        ("var.lambda.tracing", "lambda", "TracingMode"),
    ],
)
def test_what_a_validation_lists_is_what_lambda_takes(variable: str, service: str, shape: str) -> None:
    assert listed(variable)
    assert listed(variable) <= names(service, shape)


@pytest.mark.parametrize(
    ("field", "shape"),
    [("runtime", "Runtime"), ("architecture", "Architecture"), ("tracing", "TracingMode")],
)
def test_defaults_are_what_lambda_takes(field: str, shape: str) -> None:
    (default,) = re.findall(rf'^ +{field} += optional\(string, "([^"]+)"\)', VARIABLES, re.MULTILINE)
    assert default in names("lambda", shape)


def test_what_the_function_is_set_to_is_what_lambda_takes() -> None:
    text = (ROOT / "main.tf").read_text()
    for value, shape in [
        *((one, "FunctionResponseType") for one in re.findall(r'function_response_types += \["(\w+)"\]', text)),
        *((one, "LogFormat") for one in re.findall(r'log_format += "(\w+)"', text)),
        *((one, "SystemLogLevel") for one in re.findall(r'system_log_level += "(\w+)"', text)),
        *((one, "ApplicationLogLevel") for one in re.findall(r'"DEBUG" \? "(\w+)" : "INFO"', text)),
    ]:
        assert value in names("lambda", shape)
