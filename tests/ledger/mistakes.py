"""Seeded mistakes, each as a change of one of the function's functions."""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

from cf_purge import plan, settle, verify
from cf_purge.cloudflare import Cloudflare
from cf_purge.errors import PurgeError, Rejected, TimedOut, Transient
from cf_purge.events import Message
from cf_purge.handler import Function
from cf_purge.plan import Plan, Request
from cf_purge.purger import Failure, Outcomes, Purger
from cf_purge.sqs import Sqs


class Mistake(NamedTuple):
    """`owner.name` is replaced by `instead`, which gets the original function before its arguments."""

    owner: Any
    name: str
    said: str  # what the ledger says of it
    instead: Callable[..., Any]


MISTAKES: list[Mistake] = []


def mistake(owner: Any, name: str, said: str) -> Callable[[Callable[..., Any]], None]:
    return lambda instead: MISTAKES.append(Mistake(owner, name, said, instead))


# ---- Messages ----


@mistake(Function, "_consume", "lost|not parked")
def nothing_is_returned(consume: Any, *rest: Any) -> dict[str, Any]:
    return {**consume(*rest), "batchItemFailures": []}


@mistake(Function, "_consume", "lost|not parked")
def one_failure_is_dropped(consume: Any, *rest: Any) -> dict[str, Any]:
    return {"batchItemFailures": consume(*rest)["batchItemFailures"][1:]}


@mistake(Sqs, "drain", "lost|not parked")
def drained_messages_are_deleted_before_the_purge(
    drain: Any, sqs: Sqs, batch: Any, limit: int, deadline: float
) -> list[Message]:
    messages: list[Message] = drain(sqs, batch, limit, deadline)
    sqs.delete(messages, deadline)
    return messages


@mistake(Function, "_plan", "lost|not parked")
def drained_messages_are_not_planned(make: Any, function: Function, messages: Any, deadline: float) -> Plan:
    planned: Plan = make(function, messages[:10], deadline)
    return planned._replace(tasks=(*planned.tasks, *(plan.Task(message.id) for message in messages[10:])))


@mistake(Sqs, "_park", "not parked|lost")
def a_message_that_cannot_be_parked_is_dropped(park: Any, *rest: Any) -> Any:
    try:
        return park(*rest)
    except PurgeError:
        return "lost"


@mistake(Sqs, "_park", "never sent like this")
def a_parked_body_is_changed(park: Any, sqs: Sqs, message: Message, *rest: Any) -> Any:
    return park(sqs, message._replace(body=message.body.strip()), *rest)


@mistake(settle, "fate_of", "nothing was wrong with it|never sent like this")
def a_message_on_hold_is_parked(decide: Any, *rest: Any) -> Rejected | int | None:
    fate: Rejected | int | None = decide(*rest)
    return Rejected("No.", "Gone") if isinstance(fate, int) and fate > 30 else fate


@mistake(settle, "delay_after", "nothing was wrong with it|given up by the queue|never sent like this")
def a_message_comes_back_at_once(*_: Any) -> int:
    return 0


# ---- Requests ----


@mistake(Cloudflare, "send", "lost")
def a_purge_is_sent_once_in_an_environment(send: Any, cloudflare: Cloudflare, request: Request, *rest: Any) -> None:
    sent, purges = vars(cloudflare).setdefault("sent", set()), tuple(request.purges)
    if purges not in sent:
        send(cloudflare, request, *rest)
    sent.add(purges)


@mistake(Outcomes, "ends_of", "lost")
def one_accepted_purge_counts_for_its_message(_: Any, outcomes: Outcomes, purges: Any) -> dict[int, None]:
    return {hash(each): None for each in purges} if any(each in outcomes.accepted for each in purges) else {}


@mistake(Cloudflare, "send", "lost")
def no_answer_counts_as_success(send: Any, *rest: Any) -> None:
    with contextlib.suppress(TimedOut):
        send(*rest)


@mistake(Cloudflare, "send", "lost")
def a_status_of_200_counts_as_success(send: Any, *rest: Any) -> None:
    try:
        send(*rest)
    except PurgeError as error:
        if "answered 200" not in str(error):
            raise


@mistake(Cloudflare, "send", "lost")
def a_rejected_request_counts_as_purged(send: Any, *rest: Any) -> None:
    with contextlib.suppress(Rejected):
        send(*rest)


@mistake(Purger, "send", "nothing was wrong with it|lost")
def good_items_are_parked_with_bad_ones(send: Any, *rest: Any) -> Outcomes:
    outcomes: Outcomes = send(*rest)
    guilty = [failure for failure in outcomes.failures.values() if isinstance(failure.error, Rejected)]
    return outcomes._replace(failures=dict.fromkeys(outcomes.failures, guilty[0])) if guilty else outcomes


@mistake(Purger, "send", "ran into its time-out")
def no_deadline_is_kept(send: Any, purger: Purger, requests: Any, run: Any) -> Any:
    return send(purger, requests, run._replace(purge_until=run.purge_until + 1e6))


@mistake(Cloudflare, "_identity", "the token is in the output")
def the_token_is_printed(identity: Any, *rest: Any) -> Any:
    print(headers := identity(*rest))
    return headers


# ---- Dry runs, delays and looks ----


@mistake(plan, "parse", "purged without a request")
def a_dry_run_purges(parse: Any, *rest: Any) -> Any:
    return parse(*rest)._replace(dry_run=False)


@mistake(plan, "make_task", "lost")
def a_change_is_delayed_only_once(make: Any, id_: str, body: Any, *rest: Any) -> plan.Task:
    task: plan.Task = make(id_, body, *rest)
    return task._replace(delayed=()) if '"changes"' in body else task


@mistake(plan, "due_of", "purged too early|lost")
def a_delayed_change_is_due_at_once(due: Any, jobs: Any, now: float) -> Any:
    return due(jobs, now + 60)


@mistake(verify, "judge", "was called fresh")
def every_copy_is_called_fresh(judge: Any, change: Any, seen: Any, *rest: Any) -> Any:
    return "fresh" if seen.etag else judge(change, seen, *rest)


@mistake(verify.Verifier, "_follow", "old in silence")
def nothing_follows_from_a_look(*_: Any) -> list[Any]:
    return []


@mistake(verify, "newest", "old in silence")
def the_first_change_of_a_key_counts(newest: Any, changes: Any) -> Any:
    return [change._replace(at=0.0) for change in newest(changes)]


@mistake(Function, "_send", "waited for a look")
def a_look_comes_before_the_purges(send: Any, function: Function, planned: Plan, run: Any) -> Any:
    function._verify(planned.tasks, Outcomes({}, {}), run)
    return send(function, planned, run)


@mistake(settle, "failures_of", "a look came back|never sent like this")
def a_look_is_tried_again(failures: Any, task: plan.Task, *rest: Any) -> Any:
    return [Failure(Transient("Again."))] if task.look is not None else failures(task, *rest)
