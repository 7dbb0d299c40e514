"""What the dashboard shows and the alarms say, against what the function emits and AWS has."""

import json
import re
import shlex
from typing import Any

import botocore.session
import pytest

from cf_purge.observe import NAMESPACE, Metrics
from tests.plans.cases import RULE_DIRECT, RULED
from tests.plans.planning import Plan
from tools.problems import ROOT

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
OF_AWS = {
    ("AWS/SQS", "QueueName"): "ApproximateAgeOfOldestMessage ApproximateNumberOfMessagesDelayed"
    " ApproximateNumberOfMessagesNotVisible ApproximateNumberOfMessagesVisible",
    ("AWS/Lambda", "FunctionName"): "ConcurrentExecutions DestinationDeliveryFailures Duration Errors Throttles",
}
NAME = "site-purge"  # of the example
CASES = [RULED, RULE_DIRECT]
# Commands of the AWS CLI that are no operations of an API: what they take.
CUSTOMISED = {("logs", "tail"): {"since", "filter-pattern"}}
OF_THE_CLI = {"cli-binary-format"}


def widgets(plan: Plan, case: str) -> list[dict[str, Any]]:
    [dashboard] = plan.planned(case, "aws_cloudwatch_dashboard")
    found: list[dict[str, Any]] = json.loads(dashboard["dashboard_body"])["widgets"]
    return found


def emitted() -> dict[str, Any]:
    metrics = Metrics(verifies=True)
    metrics.lags.append(1.0)
    metrics.fresh.append(1)
    return metrics.document(NAME, 0.0)


def shown(plan: Plan, case: str) -> set[tuple[str, ...]]:
    """Namespace, metric, dimension, its value and the statistic of everything in a graph."""
    graphs = [each["properties"] for each in widgets(plan, case) if each["type"] == "metric"]
    return {(*metric[:4], metric[4]["stat"]) for graph in graphs for metric in graph["metrics"]}


@pytest.mark.parametrize("case", CASES)
def test_every_metric_is_one_that_the_function_emits_or_aws_has(known: Plan, case: str) -> None:
    [directive] = emitted()["_aws"]["CloudWatchMetrics"]
    own = {metric["Name"] for metric in directive["Metrics"]}
    for namespace, metric, dimension, value, _ in shown(known, case):
        if namespace == NAMESPACE:
            assert [[dimension]] == directive["Dimensions"]
            assert value == emitted()[dimension]
            assert metric in own
        else:
            assert metric in OF_AWS[namespace, dimension].split()


@pytest.mark.parametrize("case", CASES)
def test_all_that_the_function_counts_is_shown(known: Plan, case: str) -> None:
    counted = {metric["Name"] for metric in emitted()["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert counted == {metric for namespace, metric, *_ in shown(known, case) if namespace == NAMESPACE}


@pytest.mark.parametrize("case", CASES)
def test_what_one_looks_for_in_trouble_is_shown(known: Plan, case: str) -> None:
    queue, dead = (("QueueName", name) for name in (NAME, f"{NAME}-dlq"))
    function = ("FunctionName", NAME)
    assert {
        (NAMESPACE, "Lag", "Name", NAME, "p50"),
        (NAMESPACE, "Lag", "Name", NAME, "p99"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", *queue, "Maximum"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", *queue, "Maximum"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", *dead, "Maximum"),
        ("AWS/Lambda", "Duration", *function, "p99"),
        ("AWS/Lambda", "Errors", *function, "Sum"),
        ("AWS/Lambda", "Throttles", *function, "Sum"),
        ("AWS/Lambda", "ConcurrentExecutions", *function, "Maximum"),
    } <= shown(known, case)


@pytest.mark.parametrize("case", CASES)
def test_every_alarm_watches_what_is_shown(known: Plan, case: str) -> None:
    seen = {(namespace, metric, dimension, value) for namespace, metric, dimension, value, _ in shown(known, case)}
    for alarm in known.planned(case, "aws_cloudwatch_metric_alarm"):
        queried = [each for query in alarm["metric_query"] for each in query["metric"]]
        for metric in queried or [alarm]:
            [(dimension, value)] = metric["dimensions"].items()
            assert (metric["namespace"], metric["metric_name"], dimension, value) in seen, alarm["alarm_name"]


def commands(plan: Plan, case: str) -> dict[str, list[str]]:
    """What stands in backticks, by whose description it is in."""
    [text] = [each["properties"]["markdown"] for each in widgets(plan, case) if each["type"] == "text"]
    said = {
        alarm["alarm_name"]: alarm["alarm_description"] for alarm in plan.planned(case, "aws_cloudwatch_metric_alarm")
    }
    return {
        name: [each for each in re.findall("`([^`]*)`", words) if " " in each]
        for name, words in {**said, "the dashboard": text}.items()
    }


@pytest.mark.parametrize("case", CASES)
def test_every_command_is_one_that_the_aws_cli_takes(known: Plan, case: str) -> None:
    session = botocore.session.get_session()
    for name, all_ in commands(known, case).items():
        assert all_, name
        for command in all_:
            program, service, operation, *rest = shlex.split(command)
            assert program == "aws", command
            options = {word.removeprefix("--") for word in rest if word.startswith("--")}
            if (service, operation) in CUSTOMISED:
                assert options <= CUSTOMISED[service, operation], command
                continue
            model = session.get_service_model({"s3api": "s3"}.get(service, service))
            names = {_dashed(each): each for each in model.operation_names}
            assert operation in names, command
            shape: Any = model.operation_model(names[operation]).input_shape
            assert options - OF_THE_CLI <= {_dashed(member) for member in shape.members}, command
            assert {_dashed(member) for member in shape.required_members} <= options, command


def _dashed(name: str) -> str:
    return str(botocore.xform_name(name, "-"))


@pytest.mark.parametrize("case", CASES)
def test_the_first_command_names_what_the_alarm_is_about(known: Plan, case: str) -> None:
    for name, (first, *_) in commands(known, case).items():
        assert NAME in first or first == "aws lambda get-account-settings", name


def test_the_dashboards_name_is_one_that_cloudwatch_takes_whatever_the_modules_is() -> None:
    [allowed] = re.findall(r'can\(regex\("(.*)", var\.name\)\)', (ROOT / "variables.tf").read_text())
    assert allowed == "^[a-zA-Z0-9][a-zA-Z0-9_-]{0,59}$"  # CloudWatch: letters, digits, "-" and "_", at most 255
