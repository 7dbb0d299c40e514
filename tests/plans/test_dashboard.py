"""What the dashboard shows and the alarms say, against what the function emits, AWS has and the runbook runs."""

import json
import re
from string import Template
from typing import Any

import pytest

from cf_purge.observe import Metrics
from tests.plans import shared_plans
from tests.plans.cases import RULE_DIRECT, RULED
from tools.problems import ROOT

NAME = "site-purge"  # of the example
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
OF_AWS = {
    ("AWS/SQS", "QueueName", NAME): "ApproximateAgeOfOldestMessage ApproximateNumberOfMessagesDelayed"
    " ApproximateNumberOfMessagesNotVisible ApproximateNumberOfMessagesVisible",
    ("AWS/SQS", "QueueName", f"{NAME}-dlq"): "ApproximateNumberOfMessagesVisible",
    ("AWS/Lambda", "FunctionName", NAME): "ConcurrentExecutions Duration Errors Throttles",
}
LOST = {
    RULED: ("AWS/Events", "InvocationsFailedToBeSentToDlq", "RuleName", NAME),
    RULE_DIRECT: ("AWS/Lambda", "DestinationDeliveryFailures", "FunctionName", NAME),
}


def shown(mode: str) -> set[tuple[str, ...]]:
    """Namespace, metric, dimension and its value of everything in a graph."""
    (dashboard,) = shared_plans.known().planned(mode, "aws_cloudwatch_dashboard")
    widgets = json.loads(dashboard["dashboard_body"])["widgets"]
    graphs = [widget["properties"] for widget in widgets if widget["type"] == "metric"]
    assert {graph["region"] for graph in graphs} == {"eu-west-1"}
    return {tuple(metric[:4]) for graph in graphs for metric in graph["metrics"]}


def alarms(mode: str) -> list[dict[str, Any]]:
    return shared_plans.known().planned(mode, "aws_cloudwatch_metric_alarm")


@pytest.mark.parametrize("mode", LOST)
def test_the_dashboard_shows_all_that_the_function_emits_and_nothing_that_does_not_exist(mode: str) -> None:
    metrics = Metrics(verifies=True)
    metrics.times = {"Lag": [1], "Fresh": [1]}
    emitted: dict[str, Any] = metrics.document(NAME, 0.0)
    (directive,) = emitted["_aws"]["CloudWatchMetrics"]
    ((dimension,),) = directive["Dimensions"]
    own = {(directive["Namespace"], metric["Name"], dimension, emitted[dimension]) for metric in directive["Metrics"]}
    others = {(place[0], name, *place[1:]) for place, names in OF_AWS.items() for name in names.split()}
    assert shown(mode) == own | others | {LOST[mode]}


@pytest.mark.parametrize("mode", LOST)
def test_every_alarm_watches_what_is_shown(mode: str) -> None:
    for alarm in alarms(mode):
        queried = [each for query in alarm["metric_query"] for each in query["metric"]]
        for metric in queried or [alarm]:
            [(dimension, value)] = metric["dimensions"].items()
            assert (metric["namespace"], metric["metric_name"], dimension, value) in shown(mode), alarm["alarm_name"]


@pytest.mark.parametrize("mode", LOST)
def test_every_command_of_an_alarm_is_one_that_the_runbook_runs_in_its_section(mode: str) -> None:
    queue = f"sqs:eu-west-1:123456789012:{NAME}"
    url = f"https://sqs.eu-west-1.amazonaws.com/123456789012/{NAME}"
    names = {"FUNCTION": NAME, "LOG_GROUP": f"/aws/lambda/{NAME}", "BUCKET": "www.example.com", "DLQ_URL": f"{url}-dlq"}
    names |= {"QUEUE_ARN": f"arn:aws:{queue}", "DLQ_ARN": f"arn:aws:{queue}-dlq"}
    text = re.sub(r'"([$]\w+)"', r"\1", (ROOT / "docs" / "operations.md").read_text())
    runbook = Template(text).safe_substitute(names)
    for alarm in alarms(mode):
        name = alarm["alarm_name"].removeprefix(f"{NAME}-")
        section = runbook.split(f"\n### {name}\n")[1].partition("\n##")[0]
        run = re.findall("^aws .+", section, re.MULTILINE)
        told = re.findall("`(aws [^`]+)`", alarm["alarm_description"])
        assert told[0] == run[0]
        assert alarm["alarm_description"].endswith(f"/docs/operations.md#{name}")
        assert all(any(command.startswith(each) for command in run) for each in told)


@pytest.mark.parametrize("mode", LOST)
def test_the_log_that_an_alarm_shows_is_longer_than_the_time_that_raised_it(mode: str) -> None:
    for alarm in alarms(mode):
        periods = [each["period"] for query in alarm["metric_query"] for each in query["metric"]] or [alarm["period"]]
        for hours in re.findall("--since ([0-9]+)h", alarm["alarm_description"]):
            assert int(hours) * 3600 > max(periods) * alarm["evaluation_periods"], alarm["alarm_name"]
