"""The check: a harmless purge for every zone and host, and what its rejection means. Also the probe of a zone."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence

from cf_purge import observe
from cf_purge.api_token import ApiToken
from cf_purge.budget import Clock
from cf_purge.cloudflare import Cloudflare
from cf_purge.config import Config, Target
from cf_purge.errors import Misconfigured, NotTried, PurgeError, Rejected, Transient, Unauthorized
from cf_purge.plan import Request, Task
from cf_purge.purger import Outcomes
from cf_purge.targets import FILES, PREFIXES, TAGS, Purge, hosts_of, spellings_of

# No page and no tag has this name.
_NAME = ".cf-purge-check"
_TIMEOUT = 5.0  # seconds
_MAX_NAMES = 20  # looked up to find out which zone is meant
# By the status of a token.
_FAULTS = {
    **dict.fromkeys(("disabled", "expired"), "is {status}: create a new one, or enable it, and store it."),
    "filtered": "is not accepted from here: allow the function's egress address in the token's client IP filter.",
    "unknown": "is wrong, Cloudflare does not know it: create one with the permission Zone → Cache Purge → Purge and"
    " store it.",
    "active": "is valid but has no access to zone {zone}: add the zone to the token's zone resources, or correct"
    " targets[*].zone_id if it is not your account's.",
}


def purges_for_check(targets: Iterable[Target], bucket: str) -> Iterator[Purge]:
    """Yield purges that show that token, zones and hosts fit together and that drop no copy. Pure.

    Each is of its target's own kind, since an environment may accept one and not the other; where that kind would drop
    something, it is a prefix.
    """
    for target in targets:
        if target.purge_by == "tag":
            yield Purge(target.zone, TAGS, _NAME)
        else:
            kind = FILES if target.purge_by == "url" else PREFIXES
            yield from (page_at(target, host, kind) for host in hosts_of(target, bucket))


def probe_for(request: Request, config: Config) -> Request:
    """Return a request of the same zone and kind that a zone that works accepts, and that drops no copy. Pure."""
    probe = Purge(request.zone, TAGS, _NAME)
    if request.kind == FILES:
        target = next(each for each in config.targets if each.zone == request.zone)
        # With the flat variables the bucket's name is the host.
        probe = page_at(target, hosts_of(target, request.purges[0].host)[0], FILES)
    return Request(request.zone, probe.kind, ((probe,),))


def summary_of(purges: Collection[Purge], config: Config) -> list[str]:
    """Return what accepted purges of a check have shown, a sentence for each zone and each target with rules. Pure."""
    sentences = []
    for zone in dict.fromkeys(purge.zone for purge in purges):
        hosts = dict.fromkeys(purge.host for purge in purges if purge.zone == zone and purge.host)
        belong = f", and {', '.join(hosts)} belong{'s' if len(hosts) == 1 else ''} to it" if hosts else ""
        sentences.append(f"The token may purge zone {zone}{belong}.")
        sentences += [
            rules for target in config.targets if target.zone == zone and (rules := _rules_of(target, config))
        ]
    return sentences


def _rules_of(target: Target, config: Config) -> str:
    """Return which changes a target is about, and what else they purge and when; "" for all, nothing and at once."""
    rules = [f"only keys that match {', '.join(target.keys)}"] if target.keys else []
    if target.related:
        rate = f" (100 prefixes in a request, {60 * config.plan.requests_per_second:g} requests a minute)"
        has_prefix = any(path.endswith("*") for path in target.related)
        rules.append(f"also the related pages {', '.join(target.related)}{rate if has_prefix else ''}")
    if target.delay_seconds:
        rules.append(f"{target.delay_seconds} seconds after the change")
    return f"On {', '.join(target.hosts)}, by {target.purge_by}: {'; '.join(rules)}." if rules else ""


class Doctor:
    """Asks Cloudflare for what it does not say when it rejects a check; deadlines are times of `Clock.now`."""

    def __init__(self, config: Config, cloudflare: Cloudflare, token: ApiToken, clock: Clock) -> None:
        self._config = config
        self._cloudflare = cloudflare
        self._token = token
        self._clock = clock

    def read_token(self, deadline: float) -> None:
        """Read the token from where it is stored, since a check is about that one."""
        with contextlib.suppress(PurgeError):  # the purges will say it
            self._token.read_again(deadline, at_once=True)

    def diagnosed(self, tasks: Sequence[Task], outcomes: Outcomes, deadline: float) -> Outcomes:
        """Return the outcomes, what the checks among the tasks have found explained: all of it with each purge."""
        purges = [purge for task in tasks if task.is_check for purge in task.purges if purge.item.endswith(_NAME)]
        failed = [purge for purge in purges if purge in outcomes.failures]
        said: dict[str, PurgeError] = {}
        for purge in failed:
            error = outcomes.failures[purge].error
            about = f"{purge if isinstance(error, Rejected) else purge.zone} {error}"
            if about not in said:
                said[about] = self._explained(purge, error, deadline)
                observe.error("check", reason=str(said[about]))
        found = _joined(list(said.values()))
        explained = {purge: outcomes.failures[purge]._replace(error=found) for purge in failed} if found else {}
        return outcomes._replace(failures={**outcomes.failures, **explained})

    def _explained(self, purge: Purge, error: PurgeError, deadline: float) -> PurgeError:
        """Return what is wrong and what to do about it."""
        if isinstance(error, Rejected) and error.code == "ForeignHost":
            return Misconfigured(
                f"{purge.host} is not a host of zone {purge.zone}: configure it in a target with the zone it belongs"
                f" to, or correct targets[*].hosts (Cloudflare: {error})."
            )
        if isinstance(error, Unauthorized):
            with contextlib.suppress(PurgeError):
                return Misconfigured(self._told_apart(purge, deadline) or str(error))
        return error

    def _told_apart(self, purge: Purge, deadline: float) -> str | None:
        """A wrong token, a missing permission, a wrong ID and a foreign zone get the same answer to a purge."""
        zone, place = purge.zone, self._token.place
        if self._config.email is not None:
            return (
                f"Cloudflare does not accept the Global API key in {place} for {self._config.email}, or that user has"
                f" no zone {zone}: store the user's key, or correct cloudflare.email or targets[*].zone_id."
            )
        token, it = self._token.get(deadline), f"The API token in {place}"
        # A token finds a zone by name when it has any permission in it.
        found: dict[str, str] = {}
        for name in self._names_of(purge):
            ids = self._cloudflare.zone_ids(name, token, self._timeout(deadline))
            if zone.id in ids:
                return f"{it} has no permission to purge zone {zone} ({name}): add Zone → Cache Purge → Purge to it."
            found.update(dict.fromkeys(ids, name))
        for other_id, name in found.items():
            return (
                f"{name} is zone {other_id}, not {zone}: correct targets[*].zone_id, and if the API token in {place} is"
                " another zone's, its zone resources."
            )
        status = self._cloudflare.token_status(token, self._timeout(deadline))
        # This endpoint knows users' tokens only. Before 2026 those of an account looked the same.
        if status not in _FAULTS or (status == "unknown" and not token.startswith("cfut_")):
            return None
        return f"{it} {_FAULTS[status].format(status=status, zone=zone)}"

    def _names_of(self, purge: Purge) -> list[str]:
        """The names the zone can have: its hosts and the domains above them, the shortest first."""
        hosts = [host for target in self._config.targets if target.zone.id == purge.zone.id for host in target.hosts]
        domains = (host.split(".") for host in hosts or [purge.host])
        names = {".".join(labels[start:]) for labels in domains for start in range(len(labels) - 1)}
        return sorted(names, key=lambda name: (len(name), name))[:_MAX_NAMES]

    def _timeout(self, deadline: float) -> float:
        left = deadline - self._clock.now()
        if left < 1:
            raise NotTried("No time was left.")
        return min(_TIMEOUT, left)


def _joined(errors: Sequence[PurgeError]) -> PurgeError | None:
    """Return one error with the text of all, of the kind that most needs a person."""
    said = " ".join(dict.fromkeys(str(error) for error in errors))
    if any(isinstance(error, Misconfigured) for error in errors):
        return Misconfigured(said)
    first = next((error for error in errors if isinstance(error, Transient)), None)
    return Transient(said, first.retry_after) if first else next(iter(errors), None)


def page_at(target: Target, host: str, kind: str) -> Purge:
    """Return the purge of a page that does not exist, on a host of a target."""
    address = f"{host}/{spellings_of(f'{target.path_prefix}{_NAME}')[0]}"
    return Purge(target.zone, kind, f"{target.schemes[0]}://{address}" if kind == FILES else address)
