"""Mistakes somebody could make in the function, each as a change of its code."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from cf_purge import events, plan, settle, verify, visitor
from cf_purge.cloudflare import Cloudflare
from cf_purge.config import Config
from cf_purge.errors import PurgeError, Rejected, TimedOut, Transient
from cf_purge.events import Event, Message
from cf_purge.handler import Function
from cf_purge.plan import Plan, Request
from cf_purge.purger import Failure, Outcomes, Purger
from cf_purge.sqs import Sqs

Patch = pytest.MonkeyPatch


def nothing_is_returned(patch: Patch) -> None:
    consume = Function._consume
    patch.setattr(Function, "_consume", lambda *rest: {**consume(*rest), "batchItemFailures": []})


def one_failure_is_dropped(patch: Patch) -> None:
    consume = Function._consume
    patch.setattr(Function, "_consume", lambda *rest: {"batchItemFailures": consume(*rest)["batchItemFailures"][1:]})


def drained_failures_are_deleted(patch: Patch) -> None:
    drain, delete = Sqs.drain, Sqs.delete
    drained: list[Message] = []

    def remembered(self: Sqs, *rest: Any, **options: Any) -> list[Message]:
        drained[:] = drain(self, *rest, **options)
        return drained

    patch.setattr(Sqs, "drain", remembered)
    patch.setattr(Sqs, "delete", lambda self, _, deadline: delete(self, drained, deadline))


def drained_messages_are_deleted_before_the_purge(patch: Patch) -> None:
    drain = Sqs.drain

    def eager(self: Sqs, known: Any, limit: int, deadline: float, **options: Any) -> list[Message]:
        messages = drain(self, known, limit, deadline, **options)
        self.delete(messages, deadline)
        return messages

    patch.setattr(Sqs, "drain", eager)


def drained_messages_are_not_planned(patch: Patch) -> None:
    make = Function._plan

    def blind(self: Function, messages: Any, deadline: float) -> Plan:
        planned = make(self, messages[:10], deadline)
        return planned._replace(tasks=(*planned.tasks, *(plan.Task(message.id) for message in messages[10:])))

    patch.setattr(Function, "_plan", blind)


def a_purge_is_sent_once_in_an_environment(patch: Patch) -> None:
    send, sent = Cloudflare.send, set()

    def thrifty(self: Cloudflare, request: Request, *rest: Any) -> None:
        purges = tuple(request.purges)
        if purges not in sent:
            send(self, request, *rest)
        sent.add(purges)

    patch.setattr(Cloudflare, "send", thrifty)


def what_is_done_of_one_message_counts_for_all(patch: Patch) -> None:
    make = plan.make_plan

    def shared(messages: Any, config: Config, done: Any, *rest: Any) -> Plan:
        groups = frozenset(group for each in done.values() for group in each)
        done.update({message.id: groups for message in messages})
        return make(messages, config, done, *rest)

    patch.setattr("cf_purge.handler.make_plan", shared)


def no_answer_counts_as_success(patch: Patch) -> None:
    send = Cloudflare.send

    def hopeful(self: Cloudflare, *rest: Any) -> None:
        with contextlib.suppress(TimedOut):
            send(self, *rest)

    patch.setattr(Cloudflare, "send", hopeful)


def a_status_of_200_counts_as_success(patch: Patch) -> None:
    send = Cloudflare.send

    def lenient(self: Cloudflare, *rest: Any) -> None:
        try:
            send(self, *rest)
        except PurgeError as error:
            if "answered 200" not in str(error):
                raise

    patch.setattr(Cloudflare, "send", lenient)


def a_rejected_request_counts_as_purged(patch: Patch) -> None:
    send = Cloudflare.send

    def lenient(self: Cloudflare, request: Request, *rest: Any) -> None:
        with contextlib.suppress(Rejected):
            send(self, request, *rest)

    patch.setattr(Cloudflare, "send", lenient)


def a_message_that_cannot_be_parked_is_dropped(patch: Patch) -> None:
    park = Sqs._park

    def careless(self: Sqs, *rest: Any) -> str:
        try:
            return park(self, *rest)
        except PurgeError:
            return "lost"

    patch.setattr(Sqs, "_park", careless)


def a_parked_body_is_changed(patch: Patch) -> None:
    park = Sqs._park
    patch.setattr(
        Sqs, "_park", lambda self, message, *rest: park(self, Message(message.id, message.body.strip()), *rest)
    )


def a_message_on_hold_is_parked(patch: Patch) -> None:
    decide = settle.fate_of

    def impatient(*rest: Any) -> Rejected | int | None:
        fate = decide(*rest)
        return Rejected("No.", "Gone") if isinstance(fate, int) and fate > 30 else fate

    patch.setattr(settle, "fate_of", impatient)


def a_message_comes_back_at_once(patch: Patch) -> None:
    patch.setattr(settle, "delay_after", lambda *_: 0)


def an_innocent_is_condemned_with_the_guilty(patch: Patch) -> None:
    send = Purger.send

    def unjust(self: Purger, *rest: Any) -> Outcomes:
        outcomes = send(self, *rest)
        guilty = [failure for failure in outcomes.failures.values() if isinstance(failure.error, Rejected)]
        if not guilty:
            return outcomes
        return outcomes._replace(failures={purge: Failure(*guilty[0]) for purge in outcomes.failures})

    patch.setattr(Purger, "send", unjust)


def whatever_is_there_is_called_fresh(patch: Patch) -> None:
    judge = visitor.judge
    patch.setattr(verify, "judge", lambda change, seen, *rest: "fresh" if seen.etag else judge(change, seen, *rest))


def what_is_stale_is_not_purged_again(patch: Patch) -> None:
    patch.setattr(verify.Copy, "purges", lambda *_: [])
    patch.setattr(verify.Verifier, "_report", lambda *_, **__: None)


def the_first_change_of_a_key_counts(patch: Patch) -> None:
    newest = verify.newest
    patch.setattr(verify, "newest", lambda changes: [change._replace(at=0.0) for change in newest(changes)])


def a_look_comes_before_the_purges(patch: Patch) -> None:
    send = Function._send

    def late(self: Function, planned: Plan, run: Any) -> Outcomes:
        self._verify(planned.tasks, Outcomes({}, {}), run)
        return send(self, planned, run)

    patch.setattr(Function, "_send", late)


def a_look_is_tried_again(patch: Patch) -> None:
    failures = settle.failures_of
    again = Failure(Transient("Again."))
    patch.setattr(
        settle, "failures_of", lambda task, *rest: [again] if task.look is not None else failures(task, *rest)
    )


def a_change_is_delayed_only_once(patch: Patch) -> None:
    make = plan.make_task

    def forgetful(id_: str, body: Any, *rest: Any) -> plan.Task:
        task = make(id_, body, *rest)
        return task._replace(delayed=()) if '"changes"' in body else task

    patch.setattr(plan, "make_task", forgetful)


def a_delayed_change_is_due_at_once(patch: Patch) -> None:
    due = plan.due_of
    patch.setattr(plan, "due_of", lambda jobs, now: due(jobs, now + 60))


def a_dry_run_purges(patch: Patch) -> None:
    patch.setattr(plan, "parse", lambda body: wet(events.parse(body)))

    def wet(event: Event) -> Event:
        return event._replace(dry_run=False)


def no_deadline_is_kept(patch: Patch) -> None:
    send = Purger.send
    patch.setattr(Purger, "send", lambda self, what, deadline, *rest: send(self, what, deadline + 1e6, *rest))


def the_token_is_printed(patch: Patch) -> None:
    identity = Cloudflare._identity

    def talkative(self: Cloudflare, token: str) -> dict[str, str]:
        print(headers := identity(self, token))
        return headers

    patch.setattr(Cloudflare, "_identity", talkative)


# With what the ledger says of them.
MISTAKES: dict[Callable[[Patch], None], str] = {
    nothing_is_returned: "lost",
    one_failure_is_dropped: "lost|not parked",
    a_purge_is_sent_once_in_an_environment: "lost",
    what_is_done_of_one_message_counts_for_all: "lost",
    no_answer_counts_as_success: "lost",
    a_status_of_200_counts_as_success: "lost",
    a_rejected_request_counts_as_purged: "lost",
    a_message_that_cannot_be_parked_is_dropped: "not parked|lost",
    a_parked_body_is_changed: "never sent like this",
    a_message_on_hold_is_parked: "nothing was wrong with it",
    a_message_comes_back_at_once: "nothing was wrong with it|given up by the queue",
    an_innocent_is_condemned_with_the_guilty: "nothing was wrong with it|lost",
    whatever_is_there_is_called_fresh: "was called fresh",
    what_is_stale_is_not_purged_again: "old in silence",
    the_first_change_of_a_key_counts: "old in silence",
    a_look_comes_before_the_purges: "waited for a look",
    a_look_is_tried_again: "a look came back|never sent like this",
    a_change_is_delayed_only_once: "lost",
    a_delayed_change_is_due_at_once: "purged too early|lost",
    a_dry_run_purges: "nobody asked for it",
    no_deadline_is_kept: "ran into its time-out",
    the_token_is_printed: "the token is in the output",
    drained_failures_are_deleted: "lost|not parked",
    drained_messages_are_deleted_before_the_purge: "lost|not parked",
    drained_messages_are_not_planned: "lost|not parked",
}
