"""Whether visitors see what was purged: looks at it, second purges of what they do not see, and the report.

Nothing here delays, repeats or parks a first purge: what cannot be done is left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import NamedTuple

from cf_purge import observe
from cf_purge.budget import Clock
from cf_purge.config import MAX_SLASHES, Config, Target, Verify
from cf_purge.deferred import messages
from cf_purge.errors import Rejected, describe
from cf_purge.events import DELETE, PUT, Change, Event, Look
from cf_purge.observe import Metrics
from cf_purge.plan import MAX_PURGES, Job, Task, due_of, jobs_of, requests_for
from cf_purge.purger import Outcomes, Purger
from cf_purge.sqs import Sqs
from cf_purge.targets import PREFIXES, Purge, checked_bucket, hosts_of, pages_of, path_of, spellings_of, urls_of
from cf_purge.visitor import FRESH, STALE, UNVERIFIABLE, Question, Seen, Visitor, judge

_SECONDS = 3.0  # for all questions of an invocation
_MAX_DELAY = 900  # seconds
_MAX_URLS = 100  # of a look
_MOST = 500  # changes in one message, so that they fit


class Copy(NamedTuple):
    """One copy that a visitor can ask for."""

    change: Change
    target: Target
    host: str
    path: str  # decoded
    is_page: bool  # a folder or a clean URL, not the object's own path
    question: Question

    def purges(self, verdict: str) -> list[Purge]:
        """Return what purges it again: a stale one by the prefix of its path, which takes copies that its URL misses.

        A page or a folder as a prefix would take what lies below it, and its neighbours.
        """
        addresses = [f"{self.host}/{spelling}" for spelling in spellings_of(self.path)]
        is_wide = self.is_page or not self.path or self.path.endswith("/") or addresses[0].count("/") > MAX_SLASHES
        if verdict != STALE or is_wide:
            return list(urls_of(self.target, (self.host,), [self.path]))
        return [Purge(self.target.zone, PREFIXES, address) for address in addresses]


class Finding(NamedTuple):
    """The last word on one copy."""

    change: Change
    zone_id: str
    question: Question
    verdict: str
    fresh_ms: int | None  # from the change to the proof


class Verifier(NamedTuple):
    """Verifies in one invocation; deadlines are times of `Clock.now`."""

    config: Config
    verify: Verify
    visitor: Visitor
    purger: Purger
    sqs: Sqs
    clock: Clock
    metrics: Metrics
    purge_until: float
    send_until: float

    def announce(self, changes: Mapping[Change, float]) -> None:
        """Ask the queue for the first look at changes; with each, when it was purged (seconds since the epoch)."""
        sample = self.verify.sample
        known = newest(change for change in changes if not sample or change.kind in (PUT, DELETE))
        shares = ceil(len(known) / _MOST)
        for share in range(shares):  # each message has its part of the newest
            look = Look(1, min(changes.values()), len(range(share, sample, shares)))
            self._send(look, known[share::shares])

    def look(self, events: Sequence[Event]) -> list[Finding]:
        """Look at what was purged before, and purge again what visitors do not see.

        Returns:
            The last word on the copies of the changes that are not looked at again.
        """
        if self.clock.now() + _SECONDS > self.purge_until:
            self._leave_out([change for event in events for change in event.changes], "No time was left.")
            return []
        asked = [(event, event.look, _asked(event.changes, event.look, self.config)) for event in events if event.look]
        questions = list(dict.fromkeys(copy.question for *_, copies in asked for copy in copies))
        seen = self.visitor.ask(questions, _SECONDS)
        return [each for event, look, copies in asked for each in self._follow(event, look, copies, seen)]

    def _follow(
        self, event: Event, look: Look, copies: Mapping[Copy, str | None], seen: Mapping[Question, Seen]
    ) -> list[Finding]:
        now, is_last, is_blind = self.clock.wall(), not 1 <= look.hop < self.verify.attempts, not self.verify.sample
        settled: list[Finding] = []
        again: dict[Copy, list[Purge]] = {}
        has_stale = False
        for copy, helped in copies.items():
            answer, at = seen[copy.question], copy.change.at
            verdict = judge(copy.change, answer, now, look.purged)
            fresh_ms = None if verdict != FRESH or at is None else max(0, round((now - at) * 1000))
            finding = Finding(copy.change, copy.target.zone.id, copy.question, verdict, fresh_ms)
            is_open = verdict in (STALE, UNVERIFIABLE) and not is_last
            self._report(finding, answer, look, helped, is_open=is_open)
            if is_open:
                again[copy] = copy.purges(verdict) if verdict == STALE or look.hop == 1 else []
                has_stale = has_stale or verdict == STALE
            else:
                settled.append(finding)
        asked = {copy.change for copy in copies}
        unasked = [change for change in event.changes if change not in asked]
        if look.hop == 1 and not is_blind:
            self.metrics.counts["NotSampled"] += len(unasked)
        is_owed = is_blind or (not is_last and (has_stale or look.hop > 1))
        rest: dict[Change, list[Purge]] = {}
        room = MAX_PURGES
        for change in unasked if is_owed else ():
            purges = [purge for job in _jobs_of(change, look, self.config) for purge in job.purges]
            room -= len(purges)
            rest[change] = purges if room >= 0 else []
        wanted = {purge: "" for purges in (*again.values(), *rest.values()) for purge in purges}
        accepted = self.purger.send_again(requests_for(wanted, self.config), self.purge_until, self.metrics)
        self.metrics.counts["Repurged"] += len(accepted)
        left = {
            copy: purges[0].kind if purges and accepted.issuperset(purges) else copies[copy]
            for copy, purges in again.items()
        }
        pending = [change for change, purges in rest.items() if not (purges and accepted.issuperset(purges))]
        if is_last:
            self._leave_out(pending, "Not purged again.")
        elif left or pending:
            changes = list(dict.fromkeys(copy.change for copy in left))
            self._send(look._replace(hop=look.hop + 1, sample=len(changes)), [*changes, *pending], left)
        reopened = {copy.change for copy in again}
        return [finding for finding in settled if finding.change not in reopened]

    def _report(self, finding: Finding, answer: Seen, look: Look, helped: str | None, *, is_open: bool) -> None:
        change, _, question, verdict, fresh_ms = finding
        fields: dict[str, object] = {"key": change.key, "url": question.url, "verdict": verdict, "look": look.hop}
        if question.headers:
            fields["headers"] = dict(question.headers)
        if change.principal:
            fields["principal"] = change.principal
        if verdict == FRESH:
            fields["helped"] = f"second purge ({helped})" if helped else "first purge"
        if fresh_ms is not None:
            fields["fresh_ms"] = fresh_ms
            self.metrics.fresh.append(fresh_ms)
        elif not is_open and verdict.capitalize() in self.metrics.counts:
            self.metrics.counts[verdict.capitalize()] += 1
        write = observe.warn if verdict == STALE and not is_open else observe.info
        write("seen", **fields, **answer.reported)

    def _send(self, look: Look, changes: Sequence[Change], left: Mapping[Copy, str | None] | None = None) -> None:
        head: dict[str, object] = {"hop": look.hop, "purged": look.purged, "sample": look.sample}
        if left is not None:
            copies = _asked(changes, look._replace(left=None), self.config)
            head["left"] = {str(place): left[copy] for place, copy in enumerate(copies) if copy in left}
        delay = min(_MAX_DELAY, self.verify.after_seconds * 2 ** (look.hop - 1))
        outgoing = list(messages(changes, head=head))
        results = self.sqs.send_all([(body, delay) for body, _ in outgoing], self.send_until)
        for (_, part), error in zip(outgoing, results, strict=True):
            if error is not None:
                self._leave_out(part, describe(error))

    def _leave_out(self, changes: Sequence[Change], reason: str) -> None:
        if changes:
            self.metrics.counts["NotSampled"] += len(changes)
            observe.warn("not verified", count=len(changes), first=changes[0].key, reason=reason)


def accepted_changes(tasks: Iterable[Task], outcomes: Outcomes) -> dict[Change, float]:
    """Return the changes of which all purges were accepted, with the time (seconds since the epoch)."""
    found: dict[Change, float] = {}
    for task in tasks:
        for result in task.results(outcomes.accepted):
            if result.is_done and (change := result.change):
                found[change] = result.at or change.at or 0.0  # without the first it was done at an earlier receive
    return found


def newest(changes: Iterable[Change]) -> list[Change]:
    """Return the last change of each key, the newest first.

    Sequencers order the changes of one key; the shorter one counts as padded with zeros on the right:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """

    def order(change: Change) -> tuple[str, float]:
        return (change.sequencer or "").upper().rstrip("0"), change.at or 0.0

    found: dict[object, Change] = {}
    for change in sorted(changes, key=order):
        found[change.bucket, change.zone_id, change.key] = change
    return sorted(found.values(), key=lambda change: change.at or 0.0, reverse=True)


def _asked(changes: Sequence[Change], look: Look, config: Config) -> dict[Copy, str | None]:
    """Return the copies to ask for, each with the kind of its second purge, if there was one."""
    found: list[Copy] = []
    for change in changes[: config.verify.sample if look.sample is None and config.verify else look.sample]:
        copies = [copy for job in _jobs_of(change, look, config) for copy in copies_of(change, job, config)]
        if len(found) + len(copies) > _MAX_URLS:
            found += [] if found else copies[:_MAX_URLS]
            break
        found += copies
    left = look.left
    return {
        copy: left.get(str(place)) if left else None
        for place, copy in enumerate(found)
        if left is None or str(place) in left
    }


def copies_of(change: Change, job: Job, config: Config) -> Iterable[Copy]:
    """Yield the object's own URL and its pages, in one spelling, on each host and with each header variant."""
    target = job.target
    path = path_of(change.key, target) if target else None
    if target is None or path is None:
        return
    scheme = "https" if "https" in target.schemes else "http"
    for host in hosts_of(target, checked_bucket(change.bucket, config)):
        for each in [path, *pages_of(path, target)]:
            for headers in ((), *target.header_variants):
                question = Question(f"{scheme}://{host}/{spellings_of(each)[0]}", headers)
                yield Copy(change, target, host, each, each != path, question)


def _jobs_of(change: Change, look: Look, config: Config) -> list[Job]:
    """Return the jobs that were due when the change was purged."""
    try:
        jobs = [job for job in jobs_of(change, config) if job.purges]
    except Rejected:  # the configuration has changed since
        return []
    return due_of(jobs, look.purged)[0] if jobs else []
