"""What the local AWS delivers from service to service, and what it does not for want of permission."""

from __future__ import annotations

import io
import json
import secrets
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulation import aws
from tests.simulation.world import wait_for
from tests.world.account import Account, allow, document, local_account, refusal

QUEUES = f"arn:aws:sqs:{aws.REGION}:{aws.ACCOUNT}"
RULES = f"arn:aws:events:{aws.REGION}:{aws.ACCOUNT}:rule"
S3, EVENTS = "s3.amazonaws.com", "events.amazonaws.com"
OTHER_ACCOUNT = "111111111111"
FAILING = """
import json, os, time

def handler(event, context):
    time.sleep(float(os.environ["DELAY"]))
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(json.dumps(event) + "\\n")
    raise RuntimeError("as always")
"""


class Stage:
    """One bucket or rule, and the functions and queues it delivers to. Every function fails and says what it saw."""

    def __init__(self, account: Account, folder: Path) -> None:
        self.account, self._folder = account, folder
        self.name = f"stage-{secrets.token_hex(4)}"
        self.bucket_arn, self.rule_arn = f"arn:aws:s3:::{self.name}", f"{RULES}/{self.name}"

    # ---- Functions and queues ----

    def queue(self, suffix: str = "", *statements: dict[str, Any]) -> str:
        name = f"{self.name}{suffix}"
        policy = {"Policy": document(*({"Resource": f"{QUEUES}:{name}", **s} for s in statements))}
        self.account.sqs.create_queue(QueueName=name, Attributes=policy if statements else {})
        return f"{QUEUES}:{name}"

    def function(
        self, suffix: str = "", *statements: dict[str, Any], retries: int = 0, destination: str = "", delay: float = 0
    ) -> str:
        """Make a function that fails, after as many seconds as a witness needs to be the last to say what it saw."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as package:
            package.writestr("failing.py", FAILING)
        name = f"{self.name}{suffix}"
        arn: str = self.account.functions.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=self.account.role(*statements, name=name),
            Handler="failing.handler",
            Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": {"SEEN": str(self._folder / name), "DELAY": str(delay)}},
        )["FunctionArn"]
        where = {"DestinationConfig": {"OnFailure": {"Destination": destination}}} if destination else {}
        self.account.functions.put_function_event_invoke_config(
            FunctionName=name, MaximumRetryAttempts=retries, **where
        )
        return arn

    def permit(self, arn: str, principal: str, **source: str) -> None:
        self.account.functions.add_permission(
            FunctionName=arn, StatementId="it", Action="lambda:InvokeFunction", Principal=principal, **source
        )

    def seen(self, arn: str) -> list[Any]:
        """Return the events a function was invoked with."""
        file = self._folder / arn.rpartition(":")[2]
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def received(self, arn: str) -> list[Any]:
        """Return the bodies of all messages in a queue."""
        url = self.account.sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        answer = self.account.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    # ---- What delivers to them ----

    def notify(self, **arguments: Any) -> None:
        self.account.s3.create_bucket(Bucket=self.name)
        self.account.s3.put_bucket_notification_configuration(Bucket=self.name, **arguments)

    def rule(self, *targets: str) -> None:
        self.account.events.put_rule(Name=self.name, EventPattern=json.dumps({"source": [self.name]}))
        entries = [{"Id": str(i), "Arn": target} for i, target in enumerate(targets)]
        self.account.events.put_targets(Rule=self.name, Targets=entries)

    def invoke(self, function: str) -> None:
        """Invoke a function with its own ARN and wait until it has begun."""
        self.account.functions.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(function))
        wait_for(lambda: self.seen(function), 10, "the function was not invoked")

    def happen(self, what: str) -> None:
        """Put an event on the bus."""
        entry = {"Source": self.name, "DetailType": "it", "Detail": json.dumps({"what": what})}
        self.account.events.put_events(Entries=[entry])


def sending(principal: Any, effect: str = "Allow", operator: str = "ArnEquals", **condition: str) -> dict[str, Any]:
    conditions = {f"aws:{key}": value for key, value in condition.items()}
    statement = {"Effect": effect, "Principal": principal, "Action": "sqs:SendMessage"}
    return statement | ({"Condition": {operator: conditions}} if conditions else {})


def function_events(arn: str) -> dict[str, Any]:
    entry = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    return {"NotificationConfiguration": {"LambdaFunctionConfigurations": [entry]}}


def keys(events: list[Any]) -> list[str]:
    return [event["Records"][0]["s3"]["object"]["key"] for event in events]


def what(events: list[Any]) -> list[str]:
    return [event["detail"]["what"] for event in events]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with local_account(tmp_path_factory.mktemp("aws")) as account:
        yield account


@pytest.fixture
def stage(account: Account, tmp_path: Path) -> Stage:
    return Stage(account, tmp_path)


WITHOUT_TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


# ---- Bucket to function ----


@pytest.mark.parametrize("with_account", [False, True])
def test_a_bucket_invokes_a_function_that_permits_it(stage: Stage, with_account: bool) -> None:
    function = stage.function()
    more = {"SourceAccount": aws.ACCOUNT} if with_account else {}
    stage.permit(function, S3, SourceArn=stage.bucket_arn, **more)

    stage.notify(**function_events(function))
    stage.account.s3.put_object(Bucket=stage.name, Key="a.html")

    wait_for(lambda: keys(stage.seen(function)) == ["a.html"], 10, "the function was not invoked")


@pytest.mark.parametrize(
    ("principal", "condition"),
    [
        (None, {}),
        (EVENTS, {}),
        (S3, {"SourceArn": "arn:aws:s3:::another"}),
        (S3, {"SourceAccount": OTHER_ACCOUNT}),
    ],
)
def test_a_bucket_neither_names_nor_invokes_a_function_that_does_not_permit_it(
    stage: Stage, principal: str | None, condition: dict[str, str]
) -> None:
    closed, witness = stage.function(), stage.function("-witness", delay=0.7)
    if principal:
        stage.permit(closed, principal, **condition)
    stage.permit(witness, S3)
    status, code, message = refusal(stage.notify, **function_events(closed))
    assert (status, code) == (400, "InvalidArgument")
    assert message.startswith("Unable to validate the following destination configurations")

    both = [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]} for arn in (closed, witness)]
    stage.account.s3.put_bucket_notification_configuration(
        Bucket=stage.name,
        NotificationConfiguration={"LambdaFunctionConfigurations": both},
        SkipDestinationValidation=True,
    )
    stage.account.s3.put_object(Bucket=stage.name, Key="a.html")

    wait_for(lambda: stage.seen(witness), 10, "the witness was not invoked")
    assert stage.seen(closed) == []


def test_a_bucket_does_not_name_a_function_that_does_not_exist(stage: Stage) -> None:
    missing = f"arn:aws:lambda:{aws.REGION}:{aws.ACCOUNT}:function:missing"
    assert refusal(stage.notify, **function_events(missing))[:2] == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        ([sending({"Service": S3}, SourceArn="arn:aws:s3:::another")], False),
        ([sending({"Service": S3}, operator="StringEquals", SourceAccount=OTHER_ACCOUNT)], False),
        ([sending({"Service": S3}), sending("*", "Deny")], False),
        ([sending({"Service": S3}, operator="StringEquals", SourceAccount=aws.ACCOUNT), WITHOUT_TLS], True),
    ],
)
def test_a_bucket_names_a_queue_only_if_it_may_send(
    stage: Stage, statements: list[dict[str, Any]], allowed: bool
) -> None:
    entry = {"QueueArn": stage.queue("", *statements), "Events": ["s3:ObjectCreated:*"]}
    arguments = {"NotificationConfiguration": {"QueueConfigurations": [entry]}}
    if allowed:
        stage.notify(**arguments)
    else:
        assert refusal(stage.notify, **arguments)[:2] == (400, "InvalidArgument")


# ---- Rule to queue ----


@pytest.mark.parametrize("with_account", [False, True])
def test_a_rule_sends_to_a_queue_whose_policy_allows_it(stage: Stage, with_account: bool) -> None:
    more = [sending({"Service": EVENTS}, "Deny", "StringNotEquals", SourceAccount=aws.ACCOUNT)] if with_account else []
    queue = stage.queue("", sending({"Service": EVENTS}, SourceArn=stage.rule_arn), WITHOUT_TLS, *more)
    stage.rule(queue)

    stage.happen("first")

    wait_for(lambda: what(stage.received(queue)) == ["first"], 10, "nothing was sent")


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [sending({"Service": S3})],
        [sending({"Service": EVENTS}, SourceArn=f"{RULES}/another")],
        [sending({"Service": EVENTS}, operator="StringEquals", SourceAccount=OTHER_ACCOUNT)],
        [sending({"Service": EVENTS}), sending("*", "Deny", "ArnNotLike", SourceArn=f"{RULES}/another")],
    ],
)
def test_a_rule_sends_nothing_to_a_queue_whose_policy_does_not_allow_it(
    stage: Stage, statements: list[dict[str, Any]]
) -> None:
    closed, witness = stage.queue("", *statements), stage.queue("-witness", sending({"Service": EVENTS}))
    stage.rule(closed, witness)

    stage.happen("first")

    wait_for(lambda: what(stage.received(witness)) == ["first"], 10, "nothing was sent to the witness")
    assert stage.received(closed) == []


# ---- Rule to function ----


def test_a_rule_invokes_a_function_as_often_as_its_retries_say_and_then_its_destination_gets_it(stage: Stage) -> None:
    letters = stage.queue("-letters")
    function = stage.function("", allow("sqs:SendMessage", letters), retries=1, destination=letters)
    stage.permit(function, EVENTS, SourceArn=stage.rule_arn)
    stage.rule(function)

    stage.happen("first")

    [letter] = wait_for(lambda: stage.received(letters), 10, "there is no letter")
    assert letter["requestPayload"]["detail"] == {"what": "first"}
    assert letter["requestContext"]["condition"] == "RetriesExhausted"
    assert what(stage.seen(function)) == ["first", "first"]


@pytest.mark.parametrize(
    ("principal", "condition"),
    [
        (None, {}),
        (S3, {}),
        (EVENTS, {"SourceArn": f"{RULES}/another"}),
        (EVENTS, {"SourceAccount": OTHER_ACCOUNT}),
    ],
)
def test_a_rule_does_not_invoke_a_function_that_does_not_permit_it(
    stage: Stage, principal: str | None, condition: dict[str, str]
) -> None:
    closed, witness = stage.function(), stage.function("-witness", delay=0.7)
    if principal:
        stage.permit(closed, principal, **condition)
    stage.permit(witness, EVENTS)
    stage.rule(closed, witness)

    stage.happen("first")

    wait_for(lambda: stage.seen(witness), 10, "the witness was not invoked")
    assert stage.seen(closed) == []


# ---- Function to its destination ----


@pytest.mark.parametrize("way", ["nothing", "another action", "another queue", "queue denies"])
def test_what_fails_for_good_goes_only_where_the_role_may_send(stage: Stage, way: str) -> None:
    role = {"AWS": f"arn:aws:iam::{aws.ACCOUNT}:role/{stage.name}"}
    letters = stage.queue("-letters", *([sending(role, "Deny")] if way == "queue denies" else []))
    grants = {
        "nothing": [],
        "another action": [allow("sqs:ReceiveMessage", letters)],
        "another queue": [allow("sqs:SendMessage", f"{letters}-2")],
        "queue denies": [allow("sqs:SendMessage", letters)],
    }
    closed = stage.function("", *grants[way], destination=letters)
    witness = stage.function("-witness", allow("sqs:SendMessage", letters), destination=letters)
    for function in (closed, witness):
        stage.invoke(function)

    [letter] = wait_for(lambda: stage.received(letters), 10, "there is no letter of the witness")
    time.sleep(0.2)
    assert letter["requestPayload"] == witness
    assert len(stage.received(letters)) == 1


def test_a_permissions_boundary_bounds_what_lambda_sends_for_the_role(stage: Stage) -> None:
    letters = stage.queue("-letters")
    bound = stage.account.iam.create_policy(PolicyName=stage.name, PolicyDocument=document(allow("logs:*", "*")))
    closed = stage.function("", allow("sqs:SendMessage", letters), destination=letters)
    stage.account.iam.put_role_permissions_boundary(RoleName=stage.name, PermissionsBoundary=bound["Policy"]["Arn"])
    witness = stage.function("-witness", allow("sqs:SendMessage", letters), destination=letters)
    for function in (closed, witness):
        stage.invoke(function)

    [letter] = wait_for(lambda: stage.received(letters), 10, "there is no letter of the witness")
    assert letter["requestPayload"] == witness
