"""Names that AWS gives to events, runtimes and the like, against botocore's models: no provider checks all of them."""

import re

import botocore.session
import pytest

from tools.problems import ROOT

VARIABLES = (ROOT / "variables.tf").read_text()
EVENTS = VARIABLES[VARIABLES.index("condition = length(setsubtract(var.events") : VARIABLES.index("} : [for type in")]


def names(service: str, shape: str) -> set[str]:
    model = botocore.session.get_session().get_service_model(service)
    return set(model.shape_for(shape).metadata["enum"])


def test_the_variable_takes_every_event_of_the_kinds_it_takes_and_no_other() -> None:
    taken = set(re.findall(r'"(s3:[A-Z]\w+(?::\w+)?)"', EVENTS))
    taken |= {
        f"s3:{kind}:{name}"
        for kind, types in re.findall(r"^ +([A-Z]\w+) += \[(.+)\]$", EVENTS, re.MULTILINE)
        for name in re.findall(r'"([^"]+)"', types)
    }
    kinds = {event.split(":")[1] for event in taken}
    assert {"ObjectCreated", "ObjectRemoved", "LifecycleExpiration", "ReducedRedundancyLostObject"} <= kinds
    assert taken == {event for event in names("s3", "Event") if event.split(":")[1] in kinds}


def test_eventbridge_has_a_name_for_every_kind_but_the_one_that_is_refused() -> None:
    (types,) = re.findall(r"detail_types = \{\n(.+?)\n  \}", (ROOT / "triggers.tf").read_text(), re.DOTALL)
    kinds = set(re.findall(r"^ +([A-Z]\w+) += \[", EVENTS, re.MULTILINE)) | {"ObjectAcl"}
    assert set(re.findall(r"^ +(\w+) +=", types, re.MULTILINE)) == kinds


@pytest.mark.parametrize(
    ("field", "shape"), [("runtime", "Runtime"), ("architecture", "Architecture"), ("tracing", "TracingMode")]
)
def test_what_a_validation_lists_is_what_lambda_takes(field: str, shape: str) -> None:
    listed = re.findall(rf"contains\(\[(.+?)\], var\.lambda\.{field}\)", VARIABLES)
    (default,) = re.findall(rf'^ +{field} += optional\(string, "([^"]+)"\)', VARIABLES, re.MULTILINE)
    assert {default, *re.findall(r'"([^"]+)"', "".join(listed))} <= names("lambda", shape)


@pytest.mark.parametrize(("field", "shape"), [("memory_size", "MemorySize"), ("timeout", "Timeout")])
def test_the_most_that_a_validation_takes_is_what_lambda_takes(field: str, shape: str) -> None:
    model = botocore.session.get_session().get_service_model("lambda")
    most = str(model.shape_for(shape).metadata["max"])
    assert re.findall(rf"\b{field} = \[\d+, (\d+)\]", VARIABLES) == [most]
