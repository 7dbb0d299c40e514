"""Whether visitors see what was purged: looks at it, second purges of what they do not see, and the report.

Nothing here delays, repeats or parks a first purge: what cannot be done is left out and counted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from cf_purge import observe
from cf_purge.budget import Invocation
from cf_purge.config import Config, Verify
from cf_purge.errors import PurgeError
from cf_purge.events import MAX_ITEMS, Change, Look, bodies_of
from cf_purge.plan import MAX_PURGES, Task, grouped, job_of, requests_for
from cf_purge.purger import Outcomes, Purger
from cf_purge.sqs import MAX_DELAY, Sqs
from cf_purge.targets import Purge
from cf_purge.visitor import FRESH, MAX_URLS, STALE, SUPERSEDED, UNVERIFIABLE, Copy, Seen, Visitor, copies_of, judge

# Looked at again. An old answer that a slow fill stored looks superseded, too.
_OPEN = (STALE, UNVERIFIABLE, SUPERSEDED)
_VISIT = 3.0  # seconds of all requests to the edge in an invocation
_MAX_CHANGES = 500  # in a message about a first look


class Verifier(NamedTuple):
    """Verifies in one invocation."""

    verify: Verify
    visitor: Visitor
    purger: Purger
    sqs: Sqs
    run: Invocation

    def announce(self, tasks: Iterable[Task], outcomes: Outcomes) -> None:
        """Ask the queue for the first look at the changes of which the last purge was accepted now."""
        changes = {job.change: at for job, at in outcomes.finished(tasks) if job.change}
        known = [change for change in newest(changes) if not self.verify.sample or change.kind]
        count = sum(1 for _ in bodies_of(known, _MAX_CHANGES))
        for place in range(count):  # changes are dealt out in turn, so that each message has some of the sample
            sampled = range(self.verify.sample)[place::count]
            self._send(Look(1, min(changes.values()), len(sampled)), known[place::count])

    def look(self, looks: Iterable[Look]) -> None:
        """Look at what was purged before, and purge again what visitors do not see."""
        asked = [(look, _asked(look, self.visitor.config)) for look in looks]
        seen = self.visitor.ask((copy.page for _, copies in asked for copy in copies), _VISIT, self.run.purge_until)
        told = [each for look, copies in asked for each in self._follow(look, copies, seen)]
        self.run.metrics.news["Verified"] = _news(told)

    def _follow(self, look: Look, asked: Sequence[Copy], seen: Mapping[Purge, Seen]) -> list[Copy]:
        """Judge the copies of one message, purge again, and ask for the next look.

        Returns:
            The copies of the changes that are not looked at again, and that no target purges later.
        """
        is_last, has_sample = not 1 <= look.hop < self.verify.attempts, self.verify.sample != 0
        copies = [self._judged(copy, seen[copy.page], look, is_last=is_last) for copy in asked]
        sampled = {copy.change.key for copy in copies}  # a look has the last change of each
        unsampled = [change for change in look.changes if change.key not in sampled]
        if look.hop == 1 and has_sample:
            self.run.metrics.counts["NotSampled"] += len(unsampled)
        # All copies of an unsettled change that were not fresh are looked at again: the last word is about all of them.
        unsettled = dict.fromkeys(copy.change for copy in copies if copy.verdict in _OPEN and not is_last)
        left = [copy for copy in copies if copy.change in unsettled and copy.verdict != FRESH]

        # A stale copy is purged again after each look, another one unless it was already.
        due = [each for each in left if each.verdict == STALE or (each.verdict in _OPEN and not look.left.get(each.id))]
        again: dict[Copy | Change, list[Purge]] = {copy: copy.purges() for copy in due}
        # Changes outside of a sample only if a copy in it was stale at the first look.
        was_stale = look.hop > 1 or any(copy.verdict == STALE for copy in left)
        if has_sample and (is_last or not was_stale):
            unsampled = []
        wanted = {purge: "" for purges in again.values() for purge in purges}
        for change in unsampled:
            if len(wanted) < MAX_PURGES:  # what does not fit waits for the next look
                again[change] = job_of(change, self.visitor.config, look.purged).purges
                wanted |= dict.fromkeys(again[change], "")
        accepted = self.purger.send_again(requests_for(wanted, self.visitor.config), self.run)
        self.run.metrics.counts["Repurged"] += len(accepted)
        done = {each: purges for each, purges in again.items() if accepted.issuperset(purges)}
        unsampled = [change for change in unsampled if change not in done]

        if not is_last:
            kinds = {each.id: done[each][0].kind if each in done else look.left.get(each.id) for each in left}
            self._send(Look(look.hop + 1, look.purged, len(unsettled), kinds), [*unsettled, *unsampled])
        elif unsampled:
            self._leave_out(unsampled, "Not purged again.")
        return [copy for copy in copies if copy.change not in unsettled and not copy.is_early]

    def _judged(self, copy: Copy, answer: Seen, look: Look, *, is_last: bool) -> Copy:
        """Return the copy with its verdict, which is logged, and counted if it is the last one."""
        change, page = copy.change, copy.page
        verdict, kind = judge(change, answer, look.purged), look.left.get(copy.id)
        helped = f"second purge ({kind})" if kind else "first purge"
        fresh_ms = self.run.metrics.took("Fresh", change.at, answer.at) if verdict == FRESH else None
        if is_last and verdict in _OPEN:
            self.run.metrics.counts[verdict.capitalize()] += 1
        # An alarm leads to these lines.
        write = observe.warn if is_last and verdict in (STALE, UNVERIFIABLE) else observe.info
        asked = {"key": change.key, "url": page.item, "headers": dict(page.headers) or None, "look": look.hop}
        found = {"helped": helped if verdict == FRESH else None, "fresh_ms": fresh_ms, "principal": change.principal}
        write("seen", **asked, verdict=verdict, **found, **answer.reported)
        return copy._replace(verdict=verdict, fresh_ms=fresh_ms)

    def _send(self, look: Look, changes: list[Change]) -> None:
        delay = min(MAX_DELAY, self.verify.after_seconds * 2 ** (look.hop - 1))
        for body, part in bodies_of(changes, MAX_ITEMS, look._asdict()):
            [result] = self.sqs.send_all([(body, delay)], self.run.settle_until)
            if isinstance(result, PurgeError):
                self._leave_out(part, str(result))

    def _leave_out(self, changes: Sequence[Change], reason: str) -> None:
        self.run.metrics.counts["NotSampled"] += len(changes)
        observe.warn("not verified", count=len(changes), first=changes[0].key, reason=reason)


def newest(changes: Iterable[Change]) -> list[Change]:
    """Return the last change of each key, the newest first.

    Sequencers order the changes of one key; the shorter one counts as padded with zeros on the right:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    ordered = sorted(changes, key=lambda change: ((change.sequencer or "").upper().rstrip("0"), change.at or 0.0))
    found = {(change.bucket, change.zone_id, change.key): change for change in ordered}
    return sorted(found.values(), key=lambda change: change.at or 0.0, reverse=True)


def _news(copies: Iterable[Copy]) -> Iterator[tuple[Change, list[Purge], dict[str, object]]]:
    """Yield the result of each change: its proof, or the worst of its copies."""
    for change, group in grouped((copy.change, copy) for copy in copies).items():
        worst = max(group, key=lambda each: (each.verdict == STALE, each.verdict != FRESH))
        reason = None if worst.verdict == FRESH else f"{worst.verdict}: {worst.page.item}"
        yield change, [copy.page for copy in group], {"fresh_ms": worst.fresh_ms, "reason": reason}


def _asked(look: Look, config: Config) -> list[Copy]:
    """Return the copies to ask for: of the sampled changes those that are left, as many as a look may have."""
    found: list[Copy] = []
    for change in look.changes[: look.sample]:
        # Two targets may have the same page.
        pages = {copy.page: copy for copy in copies_of(job_of(change, config, look.purged))}
        copies = [copy for copy in pages.values() if copy.id in look.left] or list(pages.values())
        if found and len(found) + len(copies) > MAX_URLS:
            break
        found += copies[:MAX_URLS]
    return found
