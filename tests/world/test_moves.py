"""How the local AWS moves dead letters."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulation import aws
from tests.world.account import Account, allow, document, local_account, refusal

QUEUES = f"arn:aws:sqs:{aws.REGION}:{aws.ACCOUNT}"
ATTRIBUTES = {"ReasonCode": {"DataType": "String", "StringValue": "NoTarget"}}
MISSING = f"{QUEUES}:missing"


class Queues:
    """A queue, its dead letters and a third queue."""

    def __init__(self, account: Account) -> None:
        self._sqs = account.sqs
        name = f"queue-{secrets.token_hex(4)}"
        self.main, self.dead, self.third = (f"{QUEUES}:{name}{suffix}" for suffix in ("", "-dlq", "-third"))
        redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": self.dead, "maxReceiveCount": 1})}
        for arn, attributes in ((self.dead, {}), (self.third, {}), (self.main, redrive)):
            self._sqs.create_queue(QueueName=arn.rpartition(":")[2], Attributes=attributes)

    def url(self, arn: str) -> str:
        url: str = self._sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        return url

    def send(self, arn: str, body: str) -> None:
        self._sqs.send_message(QueueUrl=self.url(arn), MessageBody=body, MessageAttributes=ATTRIBUTES)

    def fail(self, *bodies: str) -> None:
        """Send messages that end as dead letters."""
        for body in bodies:
            self.send(self.main, body)
        for _ in range(2):
            self.messages(self.main)

    def messages(self, arn: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._sqs.receive_message(
            QueueUrl=self.url(arn),
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages", [])
        return found

    def bodies(self, arn: str) -> list[str]:
        return [message["Body"] for message in self.messages(arn)]

    def task(self) -> dict[str, Any]:
        task: dict[str, Any]
        [task] = self._sqs.list_message_move_tasks(SourceArn=self.dead)["Results"]
        return task


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with local_account(tmp_path_factory.mktemp("aws")) as account:
        yield account


@pytest.fixture
def queues(account: Account) -> Queues:
    return Queues(account)


@pytest.mark.parametrize("named", [False, True])
def test_dead_letters_move_back_as_new_messages_with_their_attributes(
    account: Account, queues: Queues, named: bool
) -> None:
    queues.fail("one", "two")
    before = {message["MessageId"] for message in queues.messages(queues.dead)}

    account.sqs.start_message_move_task(SourceArn=queues.dead, **{"DestinationArn": queues.main} if named else {})

    after = queues.messages(queues.main)
    assert [message["Body"] for message in after] == ["one", "two"]
    assert not before & {message["MessageId"] for message in after}
    for message in after:
        assert message["MessageAttributes"] == ATTRIBUTES
        assert message["Attributes"]["ApproximateReceiveCount"] == "1"
        assert "DeadLetterQueueSourceArn" not in message["Attributes"]
    assert queues.bodies(queues.dead) == []
    task = queues.task()
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)


def test_a_move_goes_anywhere_and_takes_what_was_sent_to_the_dead_letters_directly(
    account: Account, queues: Queues
) -> None:
    queues.fail("failed")
    queues.send(queues.dead, "sent")

    account.sqs.start_message_move_task(SourceArn=queues.dead, DestinationArn=queues.third)

    assert queues.bodies(queues.third) == ["failed", "sent"]
    assert queues.task()["DestinationArn"] == queues.third


def test_a_message_of_unknown_origin_ends_a_move_without_destination(account: Account, queues: Queues) -> None:
    queues.send(queues.dead, "sent")

    account.sqs.start_message_move_task(SourceArn=queues.dead)

    task = queues.task()
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert queues.bodies(queues.dead) == ["sent"]


def test_a_message_somebody_is_at_work_on_stays(account: Account, queues: Queues) -> None:
    queues.send(queues.dead, "one")
    account.sqs.receive_message(QueueUrl=queues.url(queues.dead), VisibilityTimeout=30)
    queues.send(queues.dead, "two")

    account.sqs.start_message_move_task(SourceArn=queues.dead, DestinationArn=queues.third)

    assert queues.bodies(queues.third) == ["two"]


def test_only_dead_letters_move(account: Account, queues: Queues) -> None:
    asked = {"SourceArn": queues.main, "DestinationArn": queues.third}
    assert refusal(account.sqs.start_message_move_task, **asked) == (
        400,
        "InvalidParameterValue",
        "Source queue must be configured as a Dead Letter Queue.",
    )


def test_both_queues_must_exist(account: Account, queues: Queues) -> None:
    for asked in ({"SourceArn": MISSING}, {"SourceArn": queues.dead, "DestinationArn": MISSING}):
        status, code, message = refusal(account.sqs.start_message_move_task, **asked)
        assert (status, code) == (404, "ResourceNotFoundException")
        assert f"the {list(asked)[-1]} parameter" in message


def test_a_rate_is_within_what_sqs_allows(account: Account, queues: Queues) -> None:
    asked = {"SourceArn": queues.dead, "MaxNumberOfMessagesPerSecond": 501}
    assert refusal(account.sqs.start_message_move_task, **asked)[:2] == (400, "InvalidParameterValue")


# ---- Permissions ----

ON_SOURCE = ["sqs:StartMessageMoveTask", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]


@pytest.mark.parametrize("named", [False, True])
def test_who_may_all_that_moving_takes_moves(account: Account, queues: Queues, named: bool) -> None:
    queues.fail("one")
    mover = account.assumed("sqs", allow(ON_SOURCE, queues.dead), allow("sqs:SendMessage", queues.main))

    mover.start_message_move_task(SourceArn=queues.dead, **{"DestinationArn": queues.main} if named else {})

    assert queues.bodies(queues.main) == ["one"]


@pytest.mark.parametrize("missing", ON_SOURCE)
def test_who_may_not_do_one_thing_to_the_dead_letters_is_denied_it(
    account: Account, queues: Queues, missing: str
) -> None:
    queues.fail("one")
    granted = [action for action in ON_SOURCE if action != missing]
    mover = account.assumed(
        "sqs", allow(granted, queues.dead), allow(missing, queues.third), allow("sqs:SendMessage", "*")
    )

    asked = {"SourceArn": queues.dead, "DestinationArn": queues.main}
    status, code, message = refusal(mover.start_message_move_task, **asked)

    assert (status, code) == (403, "AccessDenied")
    assert missing in message
    assert queues.bodies(queues.dead) == ["one"]


@pytest.mark.parametrize("named", [False, True])
def test_who_may_not_send_to_the_destination_is_denied_the_move(account: Account, queues: Queues, named: bool) -> None:
    queues.fail("one")
    mover = account.assumed("sqs", allow(ON_SOURCE, queues.dead), allow("sqs:SendMessage", queues.third))

    asked = {"SourceArn": queues.dead} | ({"DestinationArn": queues.main} if named else {})

    assert refusal(mover.start_message_move_task, **asked)[:2] == (403, "AccessDenied")
    assert queues.bodies(queues.dead) == ["one"]


def test_a_queues_own_policy_can_deny_the_move(account: Account, queues: Queues) -> None:
    queues.fail("one")
    mover = account.assumed("sqs", allow("sqs:*", "*"))
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queues.main}
    account.sqs.set_queue_attributes(QueueUrl=queues.url(queues.main), Attributes={"Policy": document(deny)})

    assert refusal(mover.start_message_move_task, SourceArn=queues.dead)[:2] == (403, "AccessDenied")


def test_the_tasks_are_listed_for_who_may(account: Account, queues: Queues) -> None:
    account.sqs.start_message_move_task(SourceArn=queues.dead, MaxNumberOfMessagesPerSecond=1)
    account.sqs.start_message_move_task(SourceArn=queues.dead, MaxNumberOfMessagesPerSecond=2)
    actions = ["sqs:ListMessageMoveTasks", "sqs:GetQueueAttributes"]

    tasks = account.assumed("sqs", allow(actions, queues.dead)).list_message_move_tasks(
        SourceArn=queues.dead, MaxResults=10
    )["Results"]

    assert [task["MaxNumberOfMessagesPerSecond"] for task in tasks] == [2, 1]
    for action in actions:
        somebody = account.assumed("sqs", allow(action, queues.dead))
        assert refusal(somebody.list_message_move_tasks, SourceArn=queues.dead)[:2] == (403, "AccessDenied")
