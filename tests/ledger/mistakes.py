"""Mistakes somebody could make in the function, each as a change of its code."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from cf_purge import cloudflare, errors, events, invocation, queue
from cf_purge.batch import Request
from cf_purge.cloudflare import Cloudflare
from cf_purge.drain import Drain
from cf_purge.errors import Misconfigured, PurgeError, Rejected, Transient
from cf_purge.events import Asked, Message
from cf_purge.handler import Function
from cf_purge.invocation import Invocation
from cf_purge.progress import Progress
from cf_purge.purger import Purger
from cf_purge.queue import Queue

Patch = pytest.MonkeyPatch
_READ = Invocation.read


def nothing_is_returned(patch: Patch) -> None:
    consume = Function._consume
    patch.setattr(Function, "_consume", lambda *rest: {**consume(*rest), "batchItemFailures": []})


def one_failure_is_dropped(patch: Patch) -> None:
    consume = Function._consume
    patch.setattr(Function, "_consume", lambda *rest: {"batchItemFailures": consume(*rest)["batchItemFailures"][1:]})


def failures_of_the_drained_are_forgotten(patch: Patch) -> None:
    receive, delete = Drain.receive, Drain.delete
    drained: list[Message] = []

    def remembered(self: Drain, *rest: Any) -> list[Message]:
        drained[:] = receive(self, *rest)
        return drained

    patch.setattr(Drain, "receive", remembered)
    patch.setattr(Drain, "delete", lambda self, _, deadline: delete(self, drained, deadline))


def the_drained_are_deleted_before_they_are_purged(patch: Patch) -> None:
    receive = Drain.receive

    def eager(self: Drain, *rest: Any) -> list[Message]:
        messages = receive(self, *rest)
        self.delete(messages, rest[-1])  # the deadline
        return messages

    patch.setattr(Drain, "receive", eager)


def the_drained_are_not_read(patch: Patch) -> None:
    receive = Drain.receive

    def blind(self: Drain, *rest: Any) -> list[Message]:
        patch.setattr(Invocation, "read", lambda *_: None)
        try:
            return receive(self, *rest)
        finally:
            patch.setattr(Invocation, "read", _READ)

    patch.setattr(Drain, "receive", blind)


def what_was_purged_once_is_not_purged_again(patch: Patch) -> None:
    send, sent = Cloudflare.send, set()

    def thrifty(self: Cloudflare, request: Request, *rest: Any) -> Any:
        quota = None if request.purges in sent else send(self, request, *rest)
        sent.add(request.purges)
        return quota

    patch.setattr(Cloudflare, "send", thrifty)


def what_one_message_had_purged_counts_for_all(patch: Patch) -> None:
    update = Progress.update
    kept: list[Any] = []

    def shared(self: Progress, given_back: Any, done: Any) -> None:
        kept.extend(purge for accepted in given_back.values() for purge in accepted)
        update(self, given_back, done)

    patch.setattr(Progress, "update", shared)
    patch.setattr(Progress, "of", lambda *_: kept)


def no_answer_is_a_good_answer(patch: Patch) -> None:
    send = Cloudflare.send

    def hopeful(self: Cloudflare, *rest: Any) -> Any:
        try:
            return send(self, *rest)
        except Transient as error:
            if "No answer" not in str(error):
                raise

    patch.setattr(Cloudflare, "send", hopeful)


def a_status_of_200_is_success(patch: Patch) -> None:
    patch.setattr(cloudflare, "_is_success", lambda answer, _: answer.status == 200)


def a_refused_request_counts_as_purged(patch: Patch) -> None:
    send = Cloudflare.send

    def lenient(self: Cloudflare, request: Request, *rest: Any) -> Any:
        with contextlib.suppress(Rejected):
            return send(self, request, *rest)

    patch.setattr(Cloudflare, "send", lenient)


def what_cannot_be_parked_is_dropped(patch: Patch) -> None:
    park = Queue._park

    def careless(self: Queue, *rest: Any) -> None:
        with contextlib.suppress(PurgeError):
            park(self, *rest)

    patch.setattr(Queue, "_park", careless)


def it_is_parked_in_other_words(patch: Patch) -> None:
    park = Queue._park
    patch.setattr(
        Queue, "_park", lambda self, message, *rest: park(self, Message(message.id, message.body.strip()), *rest)
    )


def what_may_still_work_is_parked(patch: Patch) -> None:
    foremost = errors.foremost

    def impatient(found: Any) -> Exception | None:
        error = foremost(found)
        return Rejected(str(error), "Gone") if isinstance(error, Misconfigured) else error

    patch.setattr(invocation, "foremost", impatient)


def it_comes_again_at_once(patch: Patch) -> None:
    patch.setattr(queue, "delay_after", lambda *_: 0)


def the_second_purge_is_forgotten(patch: Patch) -> None:
    patch.setattr(Invocation, "to_repurge", lambda *_: [])


def a_dry_run_purges(patch: Patch) -> None:
    asked_by = events.asked_by

    def wet(body: object) -> Asked:
        asked = asked_by(body)
        asked.dry_run = False
        return asked

    patch.setattr(invocation, "asked_by", wet)


def no_deadline_is_kept(patch: Patch) -> None:
    run = Purger.run
    patch.setattr(Purger, "run", lambda self, purges, deadline, metrics: run(self, purges, deadline + 1e6, metrics))


def the_token_is_printed(patch: Patch) -> None:
    identity = Cloudflare._identity

    def talkative(self: Cloudflare, token: str) -> dict[str, str]:
        print(headers := identity(self, token))
        return headers

    patch.setattr(Cloudflare, "_identity", talkative)


# With what the ledger says of them.
MISTAKES: dict[Callable[[Patch], None], str] = {
    nothing_is_returned: "lost",
    one_failure_is_dropped: "lost",
    what_was_purged_once_is_not_purged_again: "lost",
    what_one_message_had_purged_counts_for_all: "lost",
    no_answer_is_a_good_answer: "lost|no second purge",
    a_status_of_200_is_success: "lost|no second purge",
    a_refused_request_counts_as_purged: "lost",
    what_cannot_be_parked_is_dropped: "not parked|lost",
    it_is_parked_in_other_words: "never sent like this",
    what_may_still_work_is_parked: "nothing was wrong with it",
    it_comes_again_at_once: "given up by the queue",
    the_second_purge_is_forgotten: "no second purge",
    a_dry_run_purges: "nobody asked for it",
    no_deadline_is_kept: "ran into its time-out",
    the_token_is_printed: "the token is in the output",
    failures_of_the_drained_are_forgotten: "lost|not parked",
    the_drained_are_deleted_before_they_are_purged: "lost|not parked",
    the_drained_are_not_read: "lost|not parked",
}
