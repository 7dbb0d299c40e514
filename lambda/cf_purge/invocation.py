"""One invocation: what was asked for, what became of it. Fails closed: what is not known to be purged has failed."""

from __future__ import annotations

import traceback

from cf_purge import log
from cf_purge.batch import Job
from cf_purge.clock import Clock
from cf_purge.config import Config
from cf_purge.errors import Misconfigured, PurgeError, Rejected, Transient
from cf_purge.events import Asked, asked_by
from cf_purge.metrics import Metrics
from cf_purge.purger import Purger
from cf_purge.targets import Purge, purges_for, purges_for_url


class Invocation:
    """Jobs by source, a source being a message's id, or "" for an event that is no message."""

    def __init__(self, config: Config, purger: Purger, clock: Clock, deadline: float) -> None:
        self.metrics = Metrics()
        self._jobs: dict[str, list[Job]] = {}
        self._config = config
        self._purger = purger
        self._clock = clock
        self._deadline = deadline  # seconds since the epoch
        self._errors: dict[str, list[Exception]] = {}  # by source: what could not even be planned
        self._accepted_at: dict[Purge, float] = {}
        self._refused: dict[Purge, PurgeError] = {}

    @property
    def jobs(self) -> list[Job]:
        return [job for jobs in self._jobs.values() for job in jobs]

    def read(self, source: str, body: str) -> None:
        """Plan what a message asks for; whatever is wrong with it stays its own fault."""
        try:
            asked = asked_by(body)
            self.plan(source, asked)
            if asked.dry_run:
                log.info("dry run", urls=[purge.url for job in self._jobs.pop(source, ()) for purge in job.purges])
        except Rejected as error:
            self._note(source, error)
        except Exception as error:
            self._note(source, error)
            _report_unexpected(error)

    def plan(self, source: str, asked: Asked) -> None:
        """Turn what is asked for into jobs; what cannot be one is a failure of its source."""
        for error in asked.errors:
            self._note(source, error)
        for change in asked.changes:
            try:
                purges = purges_for(change.key, change.bucket, self._config)
                self._add(Job(source, change.key, change.at, tuple(purges)))
            except Rejected as error:
                self._note(source, error)
        for url in asked.urls:
            try:
                self._add(Job(source, url, None, tuple(purges_for_url(url, self._config))))
            except Rejected as error:
                self._note(source, error)

    def purge(self) -> None:
        """Bring all jobs' purges to Cloudflare, each copy once, and note how each ended."""
        wanted = dict.fromkeys(purge for job in self.jobs for purge in job.purges)
        stopped_zones = set()
        try:
            for request, error in self._purger.run(wanted, self._deadline, self.metrics):
                now = self._clock.now()
                for purge in request.purges:
                    if error is None:
                        self._accepted_at[purge] = now
                    else:
                        self._refused[purge] = error
                if isinstance(error, Misconfigured):
                    stopped_zones.add(request.zone_id)
        except Exception as error:
            _report_unexpected(error)
        self.metrics.purged += len(self._accepted_at)
        self.metrics.misconfigured += len(stopped_zones)
        for job in self.jobs:
            if job.at is not None and job.purges and all(purge in self._accepted_at for purge in job.purges):
                self.metrics.lags.append(max(0.0, max(self._accepted_at[purge] for purge in job.purges) - job.at))

    def misunderstood(self, source: str) -> list[Exception]:
        """Return what a source asks for that cannot even be planned."""
        return list(self._errors.get(source, ()))

    def failure_of(self, source: str) -> Exception | None:
        """Return why a source is not done, None when it is.

        Anything that may still work comes before what never will: a message is parked only when nothing else
        is left to do for it.
        """
        errors = self.misunderstood(source)
        for job in self._jobs.get(source, ()):
            errors += (
                self._refused.get(purge) or Transient("It was not reached.")
                for purge in job.purges
                if purge not in self._accepted_at
            )
        return next((error for error in errors if not isinstance(error, Rejected)), errors[0] if errors else None)

    def _add(self, job: Job) -> None:
        self._jobs.setdefault(job.source, []).append(job)
        self.metrics.changes += 1
        if not job.purges:
            self.metrics.skipped += 1
            log.info("skipped", key=job.name)

    def _note(self, source: str, error: Exception) -> None:
        self._errors.setdefault(source, []).append(error)


def _report_unexpected(error: Exception) -> None:
    # Where, never what: the text of somebody else's error may quote a header.
    log.error("unexpected error", kind=type(error).__name__, where=traceback.format_tb(error.__traceback__, -8))
