"""The entry point: an event in, outcomes out."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cf_purge import log
from cf_purge.aws import Aws
from cf_purge.clock import Clock
from cf_purge.cloudflare import Cloudflare
from cf_purge.config import Config
from cf_purge.environment import load
from cf_purge.errors import Misconfigured, words
from cf_purge.events import Message, asked_by, messages_in
from cf_purge.invocation import Invocation, shown
from cf_purge.metrics import Metrics
from cf_purge.progress import Progress
from cf_purge.purger import Purger
from cf_purge.token import Token
from cf_purge.transport import Transport

if TYPE_CHECKING:
    from cf_purge.check import Check
    from cf_purge.drain import Drain
    from cf_purge.queue import Queue

# What few invocations need is imported by them: every module costs a cold start a millisecond or two.

# Kept back from the time that is left, in seconds: to give messages back and park them, and to end.
RESERVE = 5.0
_END = 0.5
# A function made by hand may have Lambda's default of 3 seconds in all: then a share, and the rest is for purging.
_RESERVED_SHARE, _END_SHARE = 0.2, 0.05
_BRAKE = 5.0  # seconds
_WITHOUT_CONTEXT = 60.0  # seconds a shell has

_transport = Transport()
_function: Function | None = None


def lambda_handler(event: Any, context: Any = None) -> dict[str, Any]:
    """Purge what the event asks for.

    Returns:
        For SQS `{"batchItemFailures": [...]}`. For all else a summary: `success` (true), `invalidations` (what was
        purged: URLs, prefixes, tags and hosts as strings, URLs with headers and everything as objects), `skipped`
        (keys that need no purge), `requests` (sent to Cloudflare); `dry_run` if set; `check`, what a check has shown.

    Raises:
        PurgeError: outside SQS, the first thing that went wrong, after everything else was purged.
    """
    global _function
    if _function is None:
        _function = Function.from_environment(os.environ, _transport, Clock())
    return _function.invoke(event, context)


class Function:
    """The function of one configuration; it keeps token, pace and progress between invocations."""

    def __init__(self, config: Config, aws: Aws, transport: Transport, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._aws = aws
        self._made_queue: Queue | None = None
        self._cloudflare, self._token = Cloudflare(config, transport), Token(config, aws, clock)
        self._purger = Purger(config, self._cloudflare, self._token, clock)
        self._progress = Progress()
        self._drain: Drain | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], transport: Transport, clock: Clock) -> Function:
        """Build it from CF_PURGE_CONFIG or the flat variables.

        Raises:
            Misconfigured: also written as a log line and a metric, so that the alarm goes off.
        """
        try:
            config = load(environ)
        except Misconfigured as error:
            log.error(str(error))
            name = environ.get("AWS_LAMBDA_FUNCTION_NAME", "cf_purge")
            metrics = Metrics()
            metrics.misconfigured = 1
            log.emit(metrics.document(name, clock.now()))
            raise
        log.set_level(config.log_level)
        return cls(config, Aws(transport, environ), transport, clock)

    def invoke(self, event: Any, context: Any) -> dict[str, Any]:
        left = context.get_remaining_time_in_millis() / 1000 if context else _WITHOUT_CONTEXT
        end = self._clock.now() + left
        stop_purging = end - min(RESERVE, _RESERVED_SHARE * left)
        invocation = Invocation(self._config, self._purger, self._progress, self._make_check, self._clock, stop_purging)
        last_call = end - min(_END, _END_SHARE * left)
        try:
            messages = messages_in(event)
            if messages is None:
                return self._answer(event, invocation, last_call)
            return self._consume(messages, invocation, last_call)
        finally:
            log.emit(invocation.metrics.document(self._config.name, self._clock.now()))

    def _consume(self, messages: Sequence[Message], invocation: Invocation, deadline: float) -> dict[str, Any]:
        """Purge what a batch of messages asks for; whatever is not known to be done is given back."""
        for message in messages:
            invocation.read(message.id, message.body)
        drained = self._drained(messages, invocation, deadline)
        invocation.purge()
        # Delivered twice it is one message, and the last receipt handle is the one that counts.
        outcomes = {
            message.id: (message, invocation.failure_of(message.id, message.receives))
            for message in [*messages, *drained]
        }
        if not self._config.repurge_after_seconds:
            # First what is done: should the time run out over the rest, it must not come again.
            self._delete([each for each in drained if outcomes[each.id][1] is None], deadline)
            drained = [each for each in drained if outcomes[each.id][1] is not None]
        returned = self._settle(list(outcomes.values()), invocation, deadline)
        accepted = {message_id: invocation.accepted_of(message_id) for message_id in returned}
        self._progress.update(accepted, outcomes.keys() - returned)
        self._delete([message for message in drained if message.id not in returned], deadline)
        if returned and not invocation.metrics.requests:
            # Nothing could be sent: the next batch would fare no better, and each costs its messages a try.
            self._clock.sleep(max(0.0, min(_BRAKE, deadline - self._clock.now())))
        # The mapping deletes the others of what it delivered, and knows nothing of what was drained.
        failed = dict.fromkeys(message.id for message in messages if message.id in returned)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    @property
    def _queue(self) -> Queue:
        if self._made_queue is None:
            from cf_purge.queue import Queue

            config = self._config
            self._made_queue = Queue(self._aws, self._clock, config.queue_arn, config.dead_letter_queue_arn)
        return self._made_queue

    def _delete(self, messages: Sequence[Message], deadline: float) -> None:
        if messages and self._drain is not None:
            self._drain.delete(messages, deadline)

    def _settle(
        self, outcomes: Sequence[tuple[Message, Exception | None]], invocation: Invocation, deadline: float
    ) -> set[str]:
        """Park or give back what is not purged, ask for second purges, and return the ids of what comes again."""
        failures = [(message, error) for message, error in outcomes if error is not None]
        returned = self._queue.settle(failures, deadline, invocation.metrics) if failures else []
        # Not asked for is not done: the change comes again.
        not_asked = self._ask_again(invocation, {message.id for message in returned}, deadline)
        undone = [
            (message, not_asked[message.id]) for message, error in outcomes if not error and message.id in not_asked
        ]
        returned += self._queue.settle(undone, deadline, invocation.metrics) if undone else []
        return {message.id for message in returned}

    def _drained(self, messages: Sequence[Message], invocation: Invocation, deadline: float) -> Sequence[Message]:
        """Receive more if a burst is under way, which a full batch shows, or if there are too few requests for less.

        While Cloudflare does not take anything, what waits in the queue is better left there.
        """
        limit, arn = self._config.drain - len(messages), self._config.queue_arn
        if limit <= 0 or arn is None or self._purger.is_failing or any(each.queue_arn != arn for each in messages):
            return ()
        is_full, is_scarce = 1 < self._config.batch_size <= len(messages), invocation.is_short_of_requests
        if not is_full and not is_scarce and not (self._drain and self._drain.is_burst):
            return ()
        if self._drain is None:
            from cf_purge.drain import Drain

            self._drain = Drain(self._queue, arn, self._clock)
        return self._drain.receive(limit, {each.id: each.body for each in messages}, invocation, is_scarce, deadline)

    def _answer(self, event: Any, invocation: Invocation, deadline: float) -> dict[str, Any]:
        """Purge what a single event asks for and say what was purged; a failure is an exception."""
        asked = asked_by(event)
        invocation.plan("", asked)
        if not asked.dry_run:
            invocation.purge()
            failure = invocation.failure_of("")
            failure = failure or self._ask_again(invocation, (), deadline).get("")
        else:
            invocation.collapse()
            failure = next(iter(invocation.misunderstood("")), None)
        if failure is not None:
            raise failure
        jobs = invocation.jobs
        summary: dict[str, Any] = {
            "success": True,
            "invalidations": shown(jobs),
            "skipped": [job.name for job in jobs if not job.purges],
            "requests": invocation.metrics.requests,
        }
        checked = [purge for job in jobs if job.is_check for purge in job.purges]
        if asked.dry_run:
            summary["dry_run"] = True
        elif checked:
            from cf_purge.check import all_well

            summary["check"] = all_well(checked)
        return summary

    def _ask_again(self, invocation: Invocation, returned: Collection[str], deadline: float) -> dict[str, Exception]:
        """Ask the queue for second purges, if there are to be any; return for which sources that failed, and why."""
        seconds, queue_arn = self._config.repurge_after_seconds, self._config.queue_arn
        failed: dict[str, Exception] = {}
        if not seconds or queue_arn is None:
            return failed
        from cf_purge.repurge import messages_for

        for body, jobs in messages_for(invocation.to_repurge(returned), self._config.urls_per_request):
            try:
                self._queue.send(queue_arn, body, seconds, deadline)
            except Exception as error:
                log.error("second purge not asked for", reason=words(error))
                invocation.metrics.misconfigured += isinstance(error, Misconfigured)
                failed.update((job.source, error) for job in jobs)
        return failed

    def _make_check(self) -> Check:
        from cf_purge.check import Check

        return Check(self._config, self._cloudflare, self._token, self._clock)
