"""The check: a harmless purge in every zone and host, and what its refusal means in words."""

from __future__ import annotations

from collections.abc import Iterable

from cf_purge.clock import Clock
from cf_purge.cloudflare import Cloudflare
from cf_purge.config import Config
from cf_purge.errors import FOREIGN_HOST, Misconfigured, PurgeError, Rejected, Transient, Unauthorized
from cf_purge.purge import FILES, PREFIXES, TAGS, Purge, Zone
from cf_purge.targets import checked_bucket, hosts_of, spellings
from cf_purge.token import Token

# Nobody has a page, or a tag, of this name.
_NAME = ".cf-purge-check"
_TIMEOUT = 5.0  # seconds
_MOST_NAMES = 20  # looked up to find out which zone is meant


def purges_for_check(config: Config, bucket: str | None) -> list[Purge]:
    """Return what shows that token, zones and hosts fit together and drops no copy anybody has. Pure.

    By the kind of each target, since an environment may take one and not the other; where the kind itself would
    drop something, by prefix.

    Raises:
        Rejected: the bucket is not the configured one, or not said where any would do.
    """
    bucket = checked_bucket(bucket, config)
    purges = []
    for target in config.targets:
        if target.purge_by == "tag":
            purges.append(Purge(target.zone, TAGS, _NAME))
            continue
        path = spellings(f"{target.path_prefix}{_NAME}")[0]
        for host in hosts_of(target, bucket):
            if target.purge_by == "url":
                purges.append(Purge(target.zone, FILES, f"{target.schemes[0]}://{host}/{path}"))
            else:
                purges.append(Purge(target.zone, PREFIXES, f"{host}/{path}"))
    return list(dict.fromkeys(purges))


def all_well(purges: Iterable[Purge]) -> list[str]:
    """Say of each zone what its accepted purges have shown. Pure."""
    hosts: dict[Zone, list[str]] = {}
    for purge in purges:
        hosts.setdefault(purge.zone, []).extend([purge.host] if purge.kind != TAGS else [])
    return [
        f"The token may purge zone {zone}"
        + (f", and {', '.join(distinct)} belong{'s' if len(distinct) == 1 else ''} to it." if distinct else ".")
        for zone, names in hosts.items()
        for distinct in [list(dict.fromkeys(names))]
    ]


class Check:
    """Asks Cloudflare what it does not say with a refusal."""

    def __init__(self, config: Config, cloudflare: Cloudflare, token: Token, clock: Clock) -> None:
        self._config = config
        self._cloudflare = cloudflare
        self._token = token
        self._clock = clock

    def refresh_token(self, deadline: float) -> None:
        """Read the token from where it is stored; `deadline` is in seconds since the epoch.

        Raises:
            PurgeError: as `Token.get`.
        """
        self._token.refresh(deadline)

    def explained(self, purge: Purge, error: PurgeError, deadline: float) -> PurgeError:
        """Return what is wrong and what to do about it; `deadline` is in seconds since the epoch."""
        if isinstance(error, Rejected) and error.code == FOREIGN_HOST:
            return Misconfigured(
                f"{purge.host} is not a host of zone {purge.zone}: name it in a target with the zone it belongs"
                f" to, or correct targets[*].hosts (Cloudflare: {error})."
            )
        if isinstance(error, Unauthorized):
            try:
                return self._told_apart(purge, error, deadline)
            except PurgeError:
                return error
        return error

    def _told_apart(self, purge: Purge, error: Unauthorized, deadline: float) -> PurgeError:
        """A wrong token, a missing permission, a wrong id and a foreign zone get the same answer to a purge."""
        zone = purge.zone
        if self._config.email is not None:
            return Misconfigured(
                f"Cloudflare does not take the Global API key in {self._token.place} for {self._config.email}, or that"
                f" user has no zone {zone}: store the user's key, or correct cloudflare.email or targets[*].zone_id."
            )
        token = self._token.get(deadline)
        # A token finds a zone by name when it may do anything at all in it.
        found: dict[str, str] = {}
        for name in self._names_of(purge):
            ids = self._cloudflare.zone_ids(name, token, self._timeout(deadline))
            if zone.id in ids:
                return Misconfigured(
                    f"The API token in {self._token.place} has no permission to purge zone {zone} ({name}): add"
                    " Zone → Cache Purge → Purge to it."
                )
            found.update(dict.fromkeys(ids, name))
        for other_id, name in found.items():
            return Misconfigured(
                f"{name} is zone {other_id}, not {zone}: correct targets[*].zone_id, and if the API token in"
                f" {self._token.place} is another zone's, its zone resources."
            )
        status = self._cloudflare.token_status(token, self._timeout(deadline))
        if status in ("disabled", "expired"):
            return Misconfigured(
                f"The API token in {self._token.place} is {status}: create a new one, or enable it, and store it."
            )
        # This endpoint knows no token that belongs to an account rather than a user.
        if status == "unknown" and not token.startswith("cfat_"):
            return Misconfigured(
                f"The API token in {self._token.place} is wrong, Cloudflare does not know it: create one with the"
                " permission Zone → Cache Purge → Purge and store it."
            )
        if status == "active":
            return Misconfigured(
                f"Zone {zone} is foreign to the API token in {self._token.place}, which itself is valid: add the zone"
                " to the token's zone resources, or correct targets[*].zone_id if it is not your account's."
            )
        return error

    def _names_of(self, purge: Purge) -> list[str]:
        """The names the zone can have: its hosts and the domains above them, the shortest first."""
        hosts = [host for target in self._config.targets if target.zone.id == purge.zone.id for host in target.hosts]
        names = {name for host in hosts or [purge.host] for name in _domains(host)}
        return sorted(names, key=lambda name: (len(name), name))[:_MOST_NAMES]

    def _timeout(self, deadline: float) -> float:
        left = deadline - self._clock.now()
        if left < 1:
            raise Transient("No time is left in this invocation.")
        return min(_TIMEOUT, left)


def _domains(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]
