"""The entry point: read, plan, send, settle, one phase after the other."""

from __future__ import annotations

import gc

# Imported modules stay: not searching them for garbage, now or later, saves a thirtieth of a cold start.
gc.disable()

import os
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cf_purge import observe
from cf_purge.aws import Aws
from cf_purge.budget import Clock, Invocation
from cf_purge.config import load
from cf_purge.errors import Misconfigured, PurgeError, Rejected, Transient
from cf_purge.events import DIRECT, Message, messages_in
from cf_purge.http_client import HttpClient
from cf_purge.plan import Plan, Task, make_plan
from cf_purge.purger import Failure, Outcomes, Purger

if TYPE_CHECKING:
    from cf_purge.sqs import Sqs
    from cf_purge.visitor import Visitor

# Modules that few invocations need are imported inside functions: each adds a millisecond or two to a cold start.

# Seconds before the time-out after which nothing more is purged, and nothing more is deleted, parked or returned.
_RESERVE, _END = 5.0, 0.5
# At most these shares of the time: a function without the module may have Lambda's default of 3 seconds.
_RESERVE_SHARE, _END_SHARE = 0.2, 0.05
# One message may ask for what full buckets can send in so many seconds, at most this share of the time to purge.
_MESSAGE_SECONDS, _MESSAGE_SHARE = 30.0, 0.6
_MAX_REMEMBERED = 50_000  # messages and purges
# Characters of JSON for the purges in an answer: with it, Lambda takes an answer of 6 MB.
_MAX_SHOWN = 2_000_000

gc.freeze()
gc.enable()

_clock = Clock()
_http = HttpClient(_clock)
_function: Function | None = None


def lambda_handler(event: Any, context: Any = None) -> dict[str, Any]:
    """Purge what the event asks for.

    Returns:
        For SQS `{"batchItemFailures": [...]}`. Otherwise a summary: `success` (true), `invalidations` (what was purged:
        URLs, prefixes, tags and hosts as strings, URLs with headers and everything as objects; of many the first ones),
        `skipped` (keys that need no purge), `requests` (sent to Cloudflare); `dry_run` if set; `check`, what a check
        has shown. `explain` and `wait` have answers of their own.

    Raises:
        PurgeError: outside SQS, the first thing that went wrong, after everything else was purged.
    """
    global _function
    if _function is None:
        _function = Function(os.environ, _http, _clock)
    return _function.invoke(event, context)


class Function:
    """The function with one configuration; what it holds lives as long as the environment is warm."""

    def __init__(self, environ: Mapping[str, str], http: HttpClient, clock: Clock) -> None:
        """Read the configuration from CF_PURGE_CONFIG or the flat variables.

        Raises:
            Misconfigured: also written as a log line and a metric, so that the alarm goes off.
        """
        try:
            self._config = config = load(environ)
        except Misconfigured as error:
            observe.error(str(error))
            document = observe.Metrics().document(environ.get("AWS_LAMBDA_FUNCTION_NAME", "cf_purge"), clock.wall())
            observe.emit({**document, "Misconfigured": 1})
            raise
        observe.threshold = config.log_level
        self._clock = clock
        self._aws = Aws(http, environ)
        self._purger = Purger(config, self._aws, clock)
        # What `plan.Ended` describes, of messages that were returned: each receive leaves less for the next one. Hashes
        # are small, and no two purges of a message have the same 64 bits.
        self._ended: dict[str, dict[int, PurgeError | None]] = {}

    def invoke(self, event: Any, context: Any) -> dict[str, Any]:
        metrics = observe.Metrics(verifies=self._config.verify is not None)
        left = context.get_remaining_time_in_millis() / 1000 if context else 60.0  # seconds; a shell has no context
        end, reserve = self._clock.now() + left, min(_RESERVE, _RESERVE_SHARE * left)
        # An invocation must be able to finish what one message asks for.
        largest = self._purger.budget.capacity(min(_MESSAGE_SECONDS, _MESSAGE_SHARE * (left - reserve)))
        run = Invocation(end - reserve, end - min(_END, _END_SHARE * left), largest, metrics)
        try:
            if (messages := messages_in(event)) is not None:
                return self._consume(messages, run)
            if isinstance(event, dict) and any(name in event for name in DIRECT):
                return self._explain_or_wait(event, run, left)
            return self._answer(self._plan([Message("", event)], run), run)
        finally:
            observe.emit(metrics.document(self._config.name, self._clock.wall()))
            if metrics.news and (arn := self._config.event_bus_arn):
                from cf_purge import notify

                notify.send(metrics.news, self._config.name, arn, self._aws, run.settle_until - self._clock.now())

    def _consume(self, batch: list[Message], run: Invocation) -> dict[str, Any]:
        """Purge what a batch of messages asks for; what is not known to be done is returned to the queue."""
        # A full batch of changes, without looks, shows a burst.
        drains = 1 < self._config.batch_size <= sum(not message.is_look for message in batch) < self._config.drain
        messages = self._sqs.drain(batch, run.purge_until) if drains else batch
        plan = self._plan(messages, run)
        outcomes = self._send(plan, run)
        # If nothing failed, was drained or is delayed, the event source mapping deletes the batch.
        is_done = messages == batch and not any(task.delayed or outcomes.failures_of(task) for task in plan.tasks)
        returned = set() if is_done else self._sqs.settle(plan, outcomes, run)
        self._remember(plan, outcomes, returned)
        self._verify(plan.tasks, outcomes, run)
        # The event source mapping does not know the drained messages.
        return {"batchItemFailures": [{"itemIdentifier": each.id} for each in batch if each.id in returned]}

    def _plan(self, messages: Sequence[Message], run: Invocation) -> Plan:
        return make_plan(messages, self._config, self._ended, run.largest, self._clock.wall())

    def _send(self, plan: Plan, run: Invocation) -> Outcomes:
        """Send the requests of a plan. After an unexpected error all its purges have that error."""
        for task in plan.tasks:
            run.metrics.counts["Changes"] += len(task.event.entries)
            run.metrics.counts["Skipped"] += len(task.skipped)
            if task.skipped:  # at most one line for each message
                observe.info("skipped", **observe.listed(task.skipped))
            if task.event.dry_run:
                observe.info_all("dry run", "invalidations", [purge.shown for purge in task.purges])
        checks = [task for task in plan.tasks if task.event.is_check and not task.event.dry_run]
        try:
            if checks:
                self._purger.token.expire()  # a check is about what is stored now
            outcomes = self._purger.send(plan, run)
            if checks:
                from cf_purge.doctor import diagnosed

                outcomes = diagnosed(checks, outcomes, self._purger, run.purge_until)
        except Exception as error:
            return Outcomes({}, dict.fromkeys(plan.owners, Failure(observe.understood(error))), {})
        others = [task for task in plan.tasks if not task.event.is_check]
        lags = [(job, run.metrics.took("Lag", job.due, at)) for job, at in outcomes.finished(others)]
        # A change is not done before its delayed targets are.
        run.metrics.news["Purged"] = ((job.change, job.purges, {"lag_ms": lag}) for job, lag in lags if not job.later)
        return outcomes

    def _remember(self, plan: Plan, outcomes: Outcomes, returned: Container[str]) -> None:
        """Keep how purges ended of the messages that come back; forget the other messages."""
        for task in plan.tasks:
            ended = self._ended.pop(task.message.id, {})
            # A delayed change is purged again, all of it, when it is due.
            if task.message.id in returned and not task.delayed:
                self._ended[task.message.id] = ended | outcomes.ends_of(task.purges)
        excess = sum(1 + len(ended) for ended in self._ended.values()) - _MAX_REMEMBERED
        while excess > 0:  # the oldest first
            excess -= 1 + len(self._ended.pop(next(iter(self._ended))))

    def _explain_or_wait(self, event: dict[str, Any], run: Invocation, left: float) -> dict[str, Any]:
        """Explain a URL, or purge and look until visitors see it; `left` is the function's time in seconds."""
        if "explain" in event:
            from cf_purge.doctor import explain

            return explain(event, self._visitor)
        from cf_purge.visitor import pages_for, wait, wait_in

        event, seconds, since = wait_in(event, left, self._clock.wall())
        plan = self._plan([Message("", event)], run)
        [task] = plan.tasks
        pages = [] if task.error else pages_for(task.jobs)
        began = self._clock.wall()
        self._answer(plan, run)
        until = min(self._clock.now() + seconds, run.purge_until)
        return wait(pages, until, began, since, self._visitor, list(task.skipped))

    def _verify(self, tasks: Sequence[Task], outcomes: Outcomes, run: Invocation) -> None:
        """Look at what was purged before, and ask for a look at what is purged now."""
        if self._config.verify is None:
            return
        try:
            from cf_purge.verify import Verifier

            verifier = Verifier(self._config.verify, self._visitor, self._purger, self._sqs, run)
            verifier.announce(tasks, outcomes)
            verifier.look([task.event.look for task in tasks if task.event.look])
        except Exception as error:  # what is purged must not be repeated because of it
            observe.warn("not verified", reason=str(observe.understood(error)))

    def _answer(self, plan: Plan, run: Invocation) -> dict[str, Any]:
        """Purge what a single event asks for and return the summary; a failure is an exception."""
        outcomes = self._send(plan, run)
        [task] = plan.tasks
        [sent] = self._sqs.send_delayed([task], run.settle_until) if task.delayed else [task]
        if errors := [failure.error for failure in outcomes.failures_of(sent)]:
            # The error that helps most: one that needs a person, then one that can pass, then a rejected item.
            error = min(errors, key=lambda each: (isinstance(each, Rejected), isinstance(each, Transient)))
            undone = "" if task.event.is_check else outcomes.left_in(sent)  # a check says it itself
            raise type(error)(f"{error}{undone}", error.code)
        self._verify([task], outcomes, run)
        shown = observe.fitting([purge.shown for purge in task.purges], _MAX_SHOWN)
        summary: dict[str, Any] = {"success": True, "invalidations": shown, "skipped": list(task.skipped)}
        summary["requests"] = run.metrics.counts["Requests"]
        if task.event.dry_run:
            summary["dry_run"] = True
        elif task.event.is_check:
            from cf_purge.doctor import summary_of

            summary["check"] = summary_of(task.purges, self._visitor, run.settle_until)
        return summary

    # Created only by the few invocations that need them.

    @property
    def _sqs(self) -> Sqs:
        from cf_purge.sqs import Sqs

        return Sqs(self._config, self._aws, self._clock)

    @property
    def _visitor(self) -> Visitor:
        from cf_purge.visitor import Visitor

        return Visitor(self._config, self._aws.http, self._clock)
