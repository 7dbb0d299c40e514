"""The function's own queue, and the dead-letter queue behind it: receive, settle, send.

The event source mapping hands over ten messages at most without a batching window, and a window would delay a quiet
upload. So the function receives the rest of a burst itself.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from sys import getsizeof
from typing import NamedTuple

from cf_purge import observe
from cf_purge.aws import Aws, Json
from cf_purge.budget import Clock, Invocation
from cf_purge.config import Config
from cf_purge.errors import Misconfigured, NotTried, PurgeError, Rejected, Transient
from cf_purge.events import Change, Message, bodies_of, receives_in
from cf_purge.http_client import objects_in
from cf_purge.plan import LEFT_OUT, Plan, Task, grouped
from cf_purge.purger import Failure, Outcomes

_BATCH = 10  # entries in one call
# Messages of one receive: five of 256 KB, escaped as JSON (é as \u00e9), fit into the largest answer that is read.
_RECEIVE = 5
_CALLS = 4  # to receive at the same time, so that memory has room for the answers
_MAX_BYTES = 8_000_000  # of the bodies of one drain
_TIME_SHARE = 0.2  # of the time that is left, for receiving
# Rounds in a row with few messages: SQS asks a sample of its servers, so one does not mean an empty queue.
_MAX_SHORT = 3
_MAX_REASON = 1_000  # characters
_MAX_MESSAGE = 262_144  # bytes; both queues are created with it
# What is wrong with a message, not with the role: characters or a size that the queue does not take.
_REFUSED = frozenset({"InvalidParameterValue", "InvalidParameterValueException", "InvalidMessageContents"})

# How long it takes until a returned message is seen again.
MAX_DELAY = 900  # seconds
_FIRST_DELAY = 5  # seconds; doubled with each receive
_MAX_UNTRIED_DELAY = 40  # seconds, while something of a message was not tried, in the first half of its receives
_LONG = 300  # seconds; after a wait of this length messages come back at an even minute
_JITTER = 0.5  # of a delay, at most


class Sqs(NamedTuple):
    """The function's own queue; deadlines are times of `Clock.now`."""

    config: Config
    aws: Aws
    clock: Clock

    def drain(self, batch: Sequence[Message], deadline: float) -> list[Message]:
        """Return a batch and what else can be received, until there are `queue.drain` messages or 8 MB of bodies.

        A message that is received again is returned once, with its last receipt; another message with the same ID is
        not returned.
        """
        found = {message.id: message for message in batch}
        until = self.clock.now() + _TIME_SHARE * (deadline - self.clock.now())
        short = size = 0
        while short < _MAX_SHORT and size < _MAX_BYTES and len(found) < self.config.drain and self.clock.now() < until:
            received = [*self._receive(min(_CALLS * _RECEIVE, self.config.drain - len(found)), deadline)]
            if not received:
                break
            short = 0 if len(received) >= _RECEIVE else short + 1
            # Anybody who may invoke the function may use any ID: what was not read is not deleted.
            found |= {each.id: each for each in received if found.get(each.id, each).body == each.body}
            # In memory one emoji makes each character of a text four bytes long.
            size += sum(max(len(each.body.encode(errors="surrogatepass")), getsizeof(each.body)) for each in received)
        observe.info("drained", messages=len(found) - len(batch))
        return list(found.values())

    def settle(self, plan: Plan, outcomes: Outcomes, run: Invocation) -> set[str]:
        """Delete what is done, park what can never work, give the rest back to the queue.

        What is done is deleted first: if the time ran out before, it would be purged again. It does no harm that the
        event source mapping deletes its own batch, too.

        Returns:
            The IDs of the messages that come back.
        """
        deadline, counts = run.settle_until, run.metrics.counts
        last, now, chance = self.config.max_receive_count, self.clock.wall(), self.clock.random
        # A message that comes back is planned again, so nothing of it is sent for later. One that is parked can have
        # delayed targets that work.
        delayed = [task for task in plan.tasks if task.delayed and not isinstance(fate_of(task, outcomes, last), list)]
        sent = self.send_delayed(delayed, deadline)
        counts["Misconfigured"] += any(isinstance(task.error, Misconfigured) for task in sent)
        tasks = {task.message: task for task in (*plan.tasks, *sent)}
        fates = {message: fate_of(task, outcomes, last) for message, task in tasks.items()}
        self._batch("DeleteMessageBatch", {each: {} for each, fate in fates.items() if fate is None}, deadline)
        # The other half of the time is for returning messages.
        park_until = self.clock.now() + (deadline - self.clock.now()) / 2
        reasons = {message: fate for message, fate in fates.items() if isinstance(fate, Rejected)}
        results = self.aws.http.together(lambda each: self._park(each, reasons[each], park_until), reasons)
        for (message, error), result in zip(reasons.items(), results, strict=True):
            fields = {"message_id": message.id, "code": error.code}
            if isinstance(result, PurgeError):
                observe.error("not parked", **fields, reason=str(result))
                counts["Misconfigured"] += isinstance(result, Misconfigured) and result.code not in _REFUSED
                fates[message] = [Failure(LEFT_OUT)]  # so it is returned
            else:
                observe.warn("parked", **fields, dead_letter_id=result, reason=str(error))
        parked = [message for message, fate in fates.items() if isinstance(fate, Rejected)]
        self._batch("DeleteMessageBatch", {each: {} for each in parked}, deadline)
        returned = {message: fate for message, fate in fates.items() if isinstance(fate, list)}
        delays = {each: delay_after(fate, each.receives, last, now, chance()) for each, fate in returned.items()}
        # If the call fails they come back as well, after the queue's own visibility timeout.
        timeouts: dict[Message, Json] = {each: {"VisibilityTimeout": delay} for each, delay in delays.items()}
        self._batch("ChangeMessageVisibilityBatch", timeouts, deadline)
        counts.update(Parked=len(parked), Retried=len(returned))
        left = ((reasons[each], entry) for each in parked for entry in tasks[each].left(outcomes.accepted))
        run.metrics.news["Parked"] = ((*entry, {"reason": str(reason)}) for reason, entry in left)
        return {message.id for message in returned}

    def send_delayed(self, tasks: Sequence[Task], deadline: float) -> list[Task]:
        """Put the delayed changes of tasks into the queue.

        Changes that are due in the same second share messages, each of about one request.

        Returns:
            The tasks without their delayed changes. If some of a task were not sent, it keeps all and has an error.
        """
        delayed = [each for task in tasks for each in task.delayed]
        count = max(1, self.config.urls_per_request // max((each.purges for each in delayed), default=1))
        by_second = grouped(dict.fromkeys((each.seconds, each.change) for each in delayed))
        outgoing = [(seconds, *each) for seconds, changes in by_second.items() for each in bodies_of(changes, count)]
        results = self.send_all([(body, seconds) for seconds, body, _ in outgoing], deadline)
        errors: dict[Change, PurgeError] = {}
        for (seconds, _, changes), result in zip(outgoing, results, strict=True):
            keys = observe.listed([change.key for change in changes])
            if isinstance(result, str):
                observe.info("delayed", seconds=seconds, **keys)
            else:
                observe.error("delayed changes not sent", reason=str(result), **keys)
                errors |= dict.fromkeys(changes, result)
        failures = ((task, [errors[each.change] for each in task.delayed if each.change in errors]) for task in tasks)
        return [task._replace(error=found[0]) if found else task._replace(delayed=()) for task, found in failures]

    def send_all(self, messages: Sequence[tuple[str, int]], deadline: float) -> list[str | PurgeError]:
        """Put messages into the own queue, each to be seen after so many seconds (at most 900).

        Returns:
            For each the ID that it has there, or why it is not there.
        """
        payloads = [{"MessageBody": body, "DelaySeconds": delay} for body, delay in messages]
        return self.aws.http.together(lambda each: self._put(self.config.queue_arn, each, deadline), payloads)

    def _receive(self, count: int, deadline: float) -> Iterator[Message]:
        """Yield up to so many messages that are there; none when SQS fails."""
        options = {"WaitTimeSeconds": 0, "MessageSystemAttributeNames": ["ApproximateReceiveCount"]}
        payloads = [{"MaxNumberOfMessages": min(_RECEIVE, count - n), **options} for n in range(0, count, _RECEIVE)]
        answers = self._call_all("ReceiveMessage", payloads, deadline)
        for each in [found for answer in answers for found in objects_in(answer.get("Messages"))]:
            match each:
                case {"MessageId": str(message_id), "Body": str(body), "ReceiptHandle": str(receipt), **more}:
                    yield Message(message_id, body, receipt, receives_in(more.get("Attributes")))

    def _batch(self, operation: str, options: Mapping[Message, Json], deadline: float) -> None:
        """Call an operation for messages, with options. What fails is logged, and comes back in any case."""
        real = [each for each in options if each.receipt]
        entries = [{"Id": str(n), "ReceiptHandle": each.receipt, **options[each]} for n, each in enumerate(real)]
        payloads = [{"Entries": entries[start : start + _BATCH]} for start in range(0, len(entries), _BATCH)]
        self._call_all(operation, payloads, deadline)

    def _park(self, message: Message, error: Rejected, deadline: float) -> str:
        """Put a message into the dead-letter queue and return the ID it has there; errors are those of `_put`.

        The body is unchanged; beside it are `ReasonCode` and `Reason`, if there is room.
        """
        reason = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(error)[:_MAX_REASON])
        texts = {"ReasonCode": error.code, "Reason": reason}
        payload: Json = {"MessageBody": message.body}
        # Attributes, with names and types, count towards the size of a message: without room only the log has the
        # reason.
        whole = message.body + "".join(f"{name}String{text}" for name, text in texts.items())
        if len(whole.encode(errors="surrogatepass")) <= _MAX_MESSAGE:
            payload["MessageAttributes"] = {n: {"DataType": "String", "StringValue": text} for n, text in texts.items()}
        with contextlib.suppress(Transient):  # repeated once: at its last receive it has no other chance
            return self._put(self.config.dead_letter_queue_arn, payload, deadline)
        return self._put(self.config.dead_letter_queue_arn, payload, deadline)

    def _put(self, arn: str | None, payload: Json, deadline: float) -> str:
        """Put a message into a queue and return the ID it has there.

        Raises:
            PurgeError: it is not known to be there.
        """
        message_id = self._call("SendMessage", arn, payload, deadline).get("MessageId")
        if not isinstance(message_id, str) or not message_id:
            raise Transient("SQS answered SendMessage without the ID of the message.")
        return message_id

    def _call(self, operation: str, arn: str | None, payload: Json, deadline: float) -> Json:
        if not arn:
            raise Misconfigured("The configuration does not name this queue: let the module write it.")
        _, _, _, region, account, name = arn.split(":")
        whole = {"QueueUrl": f"{self.aws.endpoint('sqs', region)}/{account}/{name}", **payload}
        return self.aws.call("sqs", operation, whole, arn, deadline - self.clock.now())

    def _call_all(self, operation: str, payloads: Sequence[Json], deadline: float) -> list[Json]:
        """Make calls to the own queue at the same time and return the answers.

        What fails is logged, also single entries of a batch.
        """
        arn = self.config.queue_arn
        results = self.aws.http.together(lambda each: self._call(operation, arn, each, deadline), payloads)
        if failures := [each for each in results if isinstance(each, PurgeError) or each.get("Failed")]:
            observe.warn(f"{operation} failed", calls=len(failures), reason=str(failures[0])[:_MAX_REASON])
        return [result for result in results if not isinstance(result, PurgeError)]


# ---- What happens to a message ----


def fate_of(task: Task, outcomes: Outcomes, last: int) -> Rejected | list[Failure] | None:
    """Choose what happens to the message of a task. Pure.

    `last` is the number of its receives after which SQS gives it up.

    Returns:
        None: it is done. Rejected: it is parked for that reason. Failures: it is returned because of them.
    """
    failures = outcomes.failures_of(task)
    passing = [failure for failure in failures if not isinstance(failure.error, Rejected)]
    if not failures:
        return None
    if passing and task.message.receives < last:
        return failures
    error = (passing or failures)[0].error
    given_up = f"Given up after {task.message.receives} receives: " if passing else ""
    return Rejected(f"{given_up}{error}{outcomes.left_in(task)}", "GaveUp" if passing else error.code)


def delay_after(failures: Sequence[Failure], receives: int, last: int, now: float, chance: float) -> int:
    """Return the seconds after which a message that was received `receives` times is to be seen again. Pure.

    `last` is that of `fate_of`, and `now` is in seconds since the epoch. `chance` is a random number in [0, 1), drawn
    for each message.
    """
    backoff: int = min(MAX_DELAY, _FIRST_DELAY * 2 ** min(receives - 1, 10))
    if hold := max(failure.hold for failure in failures):
        # All messages that wait for a hold come back at a whole minute, so that they share requests.
        least = min(MAX_DELAY, max(hold, backoff))
        unit = 60 if least < _LONG else 120
        return math.ceil(math.ceil((now + least) / unit) * unit - now)
    # In the second half too few receives are left.
    if receives <= last / 2 and any(isinstance(failure.error, NotTried) for failure in failures):
        backoff = min(_MAX_UNTRIED_DELAY, backoff)
    # Messages that failed together come back apart, so that each shares its next request with others.
    named = max(failure.error.retry_after or 0.0 for failure in failures)
    return min(MAX_DELAY, math.ceil(named + backoff * (1 - _JITTER * chance)))
