"""One invocation: what was asked for, what became of it. Fails closed: what is not known to be purged has failed."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from cf_purge import log
from cf_purge.batch import Job, Load
from cf_purge.clock import Clock
from cf_purge.config import Config
from cf_purge.errors import Misconfigured, OutOfTime, PurgeError, Rejected, Transient, foremost, joined
from cf_purge.events import Asked, Change, Named, asked_by
from cf_purge.metrics import Metrics
from cf_purge.progress import Progress
from cf_purge.purge import Purge
from cf_purge.purger import Purger
from cf_purge.targets import purges_for, within

if TYPE_CHECKING:
    from cf_purge.check import Check


_PATIENT_RECEIVES = 3
_MANY = 1024  # items of one message: each time they double from here on it is asked whether they fit


class Invocation:
    """Jobs by source, a source being a message's id, or "" for an event that is no message."""

    def __init__(
        self,
        config: Config,
        purger: Purger,
        progress: Progress,
        make_check: Callable[[], Check],
        clock: Clock,
        deadline: float,
    ) -> None:
        self.metrics = Metrics()
        self._jobs: dict[str, list[Job]] = {}
        self._config = config
        self._purger = purger
        self._progress = progress
        self._make_check = make_check
        self._check: Check | None = None
        self._has_checks = False
        self._clock = clock
        self._deadline = deadline  # seconds since the epoch
        self._seconds = deadline - clock.now()  # in all
        self._errors: dict[str, list[Exception]] = {}  # by source: what is wrong apart from its purges
        self._repurges: set[str] = set()  # sources that are second purges themselves
        self._load = Load(config.urls_per_request)  # of what was read
        self._accepted_at: dict[Purge, float] = {}
        self._refused: dict[Purge, PurgeError] = {}
        self._is_over = False  # nothing more will be accepted
        self._undone: dict[str, list[Purge]] = {}  # by source: what was not accepted then

    @property
    def jobs(self) -> list[Job]:
        return [job for jobs in self._jobs.values() for job in jobs]

    def room_for(self, most: int) -> int:
        """Return how many of so many more messages can be purged well before the deadline, going by those read."""
        each = self._load.size / max(1, len(self._jobs))
        while most:
            beyond = max(0.0, most * each - self._load.free_places)
            more_requests = math.ceil(beyond / self._load.urls_per_request)
            if self._purger.has_time_for(self._load, more_requests, self._deadline):
                break
            most //= 2
        return most

    @property
    def free_places(self) -> int:
        """How many more purges would fill the requests."""
        return self._load.free_places

    @property
    def is_short_of_requests(self) -> bool:
        """Tell whether requests have become so few that none should go half empty."""
        return self._load.size > 0 and self._purger.is_short_of_requests(self._load)

    @property
    def _checks(self) -> list[Job]:
        return [job for job in self.jobs if job.is_check] if self._has_checks else []

    def keep_back(self, seconds: float) -> None:
        """End purging so much earlier."""
        self._deadline -= seconds

    def read(self, source: str, body: str) -> None:
        """Plan what a message asks for; whatever is wrong with it stays its own fault."""
        try:
            asked = asked_by(body)
            self.plan(source, asked)
            if asked.dry_run:
                for part in log.parts(shown(self._collapsed(self._jobs.pop(source, [])))):
                    log.info("dry run", invalidations=part)
            jobs = self._jobs.get(source, ())
            purges = [purge for job in jobs for purge in job.purges]
            if len(purges) > self._load.urls_per_request:
                self._refuse_too_large(source, len(jobs))
            self._load.add(purges)
        except Rejected as error:
            self.fail(source, error)
        except Exception as error:
            self.fail(source, error)
            _report_unexpected(error)

    def plan(self, source: str, asked: Asked) -> None:
        """Turn what is asked for into jobs; what cannot be one is a failure of its source."""
        if asked.is_repurge:
            self._repurges.add(source)
        for error in asked.errors:
            self.fail(source, error)
        items: list[Change | Named] = [*asked.changes, *asked.named]
        # Half of a message that is too large anyhow need not be held in memory; more URLs may collapse to fewer.
        looked_at = _MANY if source and not asked.dry_run and self._config.collapse_above is None else math.inf
        for count, item in enumerate(items):
            if count >= looked_at:
                looked_at *= 2
                self._refuse_too_large(source, len(items))
            try:
                job = self._job_of(source, item) if isinstance(item, Change) else self._job_named(source, item)
            except Rejected as error:
                self.fail(source, error)
                continue
            self._jobs.setdefault(source, []).append(job)
            self._has_checks |= job.is_check
            self.metrics.changes += 1
            if not job.purges:
                self.metrics.skipped += 1
                log.info("skipped", key=job.name)

    def collapse(self) -> None:
        """Replace the URLs of targets that have too many of them, as `purge` does before it begins."""
        if self._config.collapse_above is None:
            return
        jobs, self._jobs = self._collapsed(self.jobs), {}
        for job in jobs:
            self._jobs.setdefault(job.source, []).append(job)

    def purge(self) -> None:
        """Bring all jobs' purges to Cloudflare, each copy once, and note how each ended."""
        self.collapse()
        jobs, accepted = self.jobs, self._accepted_at
        wanted = dict.fromkeys(purge for job in jobs for purge in self._progress.without(job.purges, job.source))
        stopped_zones = set()
        try:
            self._begin_checks()
            for request, error in self._purger.run(wanted, self._deadline, self.metrics):
                if error is None:
                    accepted.update(dict.fromkeys(request.purges, self._clock.now()))
                else:
                    self._refused.update(dict.fromkeys(request.purges, error))
                if isinstance(error, Misconfigured):
                    stopped_zones.add(request.zone)
            self._explain()
        except Exception as error:
            _report_unexpected(error)
        self.metrics.purged += len(accepted)
        self.metrics.misconfigured += len(stopped_zones)
        self._is_over = True
        for job in jobs:
            times = [accepted[purge] for purge in job.purges if purge in accepted]
            undone = self._not_accepted(job) if len(times) < len(job.purges) else ()
            if undone:
                self._undone.setdefault(job.source, []).extend(undone)
            elif times and job.change is not None and job.change.at is not None:
                self.metrics.lags.append(max(0.0, max(times) - job.change.at))

    def to_repurge(self, returned: Collection[str]) -> list[Job]:
        """Return the changes that are purged and wait for their second purge, but for those of returned sources.

        What is given back comes again as a whole, and its second purge with it.
        """
        return [
            job
            for source in self._jobs
            if source not in self._repurges and source not in returned
            for job in self._jobs[source]
            if job.change is not None and self._is_done(job)
        ]

    def fail(self, source: str, error: Exception) -> None:
        """Note what is wrong with a source."""
        self._errors.setdefault(source, []).append(error)

    def misunderstood(self, source: str) -> list[Exception]:
        """Return what is wrong with a source apart from its purges."""
        return list(self._errors.get(source, ()))

    def accepted_of(self, source: str) -> set[Purge]:
        """Return what Cloudflare has accepted of a source, in this invocation or in one before."""
        purges = {purge for job in self._jobs.get(source, ()) for purge in job.purges if purge in self._accepted_at}
        return purges.union(self._progress.of(source))

    def failure_of(self, source: str, receives: int = 1) -> Exception | None:
        """Return why a source is not done, None when it is.

        Anything that may still work comes before what never will: a message is parked only when nothing else
        is left to do for it. But one in which something is refused, and the rest of which never finds the time in
        several `receives`, would go on for hours. A check names all that it found.
        """
        if self._is_over and source not in self._undone and source not in self._errors:
            return None
        errors, undone = self.misunderstood(source), self._undone.get(source, ())
        if not self._is_over:
            undone = [purge for job in self._jobs.get(source, ()) for purge in job.purges]
        errors += (self._refused.get(purge) or Transient("It was not reached.") for purge in undone)
        if receives >= _PATIENT_RECEIVES and all(isinstance(error, Rejected | OutOfTime) for error in errors):
            errors = [error for error in errors if isinstance(error, Rejected)] or errors
        is_check = any(job.source == source for job in self._checks)
        return joined(errors) if is_check else foremost(errors)

    def _job_of(self, source: str, change: Change) -> Job:
        config = self._config
        if change.zone_id is not None:
            config = within(config, change.zone_id)
        return Job(source, change.key, tuple(purges_for(change.key, change.bucket, config)), change)

    def _job_named(self, source: str, named: Named) -> Job:
        from cf_purge.by_hand import purges_named
        from cf_purge.check import purges_for_check

        if named.kind != "check":
            return Job(source, named.item or named.kind, tuple(purges_named(named, self._config)))
        config = within(self._config, named.zone_id)
        return Job(source, named.kind, tuple(purges_for_check(config, named.bucket)), is_check=True)

    def _collapsed(self, jobs: list[Job]) -> list[Job]:
        if self._config.collapse_above is None:
            return jobs
        from cf_purge.collapse import collapsed

        return collapsed(jobs, self._config, self._config.collapse_above)

    def _refuse_too_large(self, source: str, items: int) -> None:
        """A message is done when all of it is: one that no invocation can get through would come again for ever."""
        jobs = self._collapsed(self._jobs.get(source, []))
        if not self._purger.fits(list(dict.fromkeys(purge for job in jobs for purge in job.purges)), self._seconds):
            del self._jobs[source]
            raise Rejected(f"It asks for more than one invocation can purge ({items} items): split it.", "TooLarge")

    def _begin_checks(self) -> None:
        """Read the parameter anew: a check is about what is stored, not about what is remembered."""
        for source in {job.source for job in self._checks}:
            self._check = self._check or self._make_check()
            try:
                self._check.refresh_token(self._deadline)
            except Transient:
                pass  # the purges will try again
            except PurgeError as error:
                self.fail(source, error)
                self.metrics.misconfigured += 1
                log.error("check", reason=str(error))

    def _explain(self) -> None:
        """Say of a check's refusals what they mean, once for each zone."""
        said: dict[tuple[object, str], PurgeError] = {}
        for purge in (purge for job in self._checks for purge in job.purges):
            error = self._refused.get(purge)
            if error is not None and self._check is not None:
                about = (purge if isinstance(error, Rejected) else purge.zone, str(error))
                if about not in said:
                    said[about] = self._check.explained(purge, error, self._deadline)
                    log.error("check", reason=str(said[about]))
                self._refused[purge] = said[about]

    def _not_accepted(self, job: Job) -> list[Purge]:
        purges = self._progress.without(job.purges, job.source)
        return [purge for purge in purges if purge not in self._accepted_at]

    def _is_done(self, job: Job) -> bool:
        return bool(job.purges) and not self._not_accepted(job)


def shown(jobs: Iterable[Job]) -> list[object]:
    """Return what the jobs purge, each once, as Cloudflare is sent it."""
    return list({repr(purge.shown): purge.shown for job in jobs for purge in job.purges}.values())


def _report_unexpected(error: Exception) -> None:
    # Where, never what: the text of somebody else's error may quote a header.
    log.error("unexpected error", kind=type(error).__name__, where=traceback.format_tb(error.__traceback__, -8))
