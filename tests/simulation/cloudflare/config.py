"""What the simulation is started with, checked once; every complaint names the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.simulation.cloudflare.identities import KEY, STATUSES, TOKEN, Identity, key_digest, token_digest
from tests.simulation.cloudflare.plans import PLANS
from tests.simulation.cloudflare.zone import ZONE_ID, OriginSite, Zone

_ACCOUNT_OWNED = "cfat_"  # how the value of such a token begins
_PORTS = ("api", "edge_http", "edge_https", "control")
_T = TypeVar("_T")


class ConfigError(ValueError):
    """The configuration cannot be used; the text is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Config:
    certificate: str
    private_key: str
    origin_ca: str | None
    ports: Mapping[str, int]
    zones: Mapping[str, Zone]  # by id
    identities: Mapping[str, Identity]  # by the digest of what they show
    latency_ms: float
    log: str | None


def parse(document: object) -> Config:
    """Check a decoded JSON document. Of tokens and keys only digests are kept.

    Raises:
        ConfigError: a field is missing, of the wrong type, or contradicts another.
    """
    root = _typed(document, dict, "the configuration")
    tls, ports = _get(root, "tls", dict), _get(root, "ports", dict, {})
    site = root.get("origin")
    zones = [_zone(_typed(z, dict, f"zones[{i}]"), site) for i, z in enumerate(_get(root, "zones", list))]
    hosts = [host for zone in zones for host in zone.hosts]
    if len(set(hosts)) < len(hosts) or len({zone.id for zone in zones}) < len(zones):
        raise ConfigError("zones: every id and every host may appear once only.")
    identities: dict[str, Identity] = {}
    for number, token in enumerate(_get(root, "tokens", list, []), 1):
        digest, identity = token_in(_typed(token, dict, f"tokens[{number - 1}]"), f"token-{number}")
        identities[digest] = identity
    if len({identity.name for identity in identities.values()}) < len(_get(root, "tokens", list, [])):
        raise ConfigError("tokens: every value and every name may appear once only.")
    for key in _get(root, "keys", list, []):
        email, value = _get(key, "email", str), _get(key, "value", str)
        if not KEY.fullmatch(value):
            raise ConfigError("keys[*].value: a Global API key is 37 lower-case hex digits.")
        identities[key_digest(email, value)] = Identity(f"user {email}", _strings(key, "zones"), is_user=True)
    return Config(
        certificate=_get(tls, "cert", str),
        private_key=_get(tls, "key", str),
        origin_ca=_get(tls, "origin_ca", str, None),
        ports={name: _get(ports, name, int, 0) for name in _PORTS},
        zones={zone.id: zone for zone in zones},
        identities=identities,
        latency_ms=float(_get(root, "latency_ms", (int, float), 0)),
        log=_get(root, "log", str, None),
    )


def token_in(document: Mapping[str, Any], default_name: str) -> tuple[str, Identity]:
    """Return the digest of a token and who shows it.

    Raises:
        ConfigError: as `parse`.
    """
    name = _get(document, "name", str, None) or default_name
    permissions, value = _strings(document, "permissions", ["cache_purge"]), _get(document, "value", str)
    if not TOKEN.fullmatch(value):
        raise ConfigError("tokens[*].value: an API token is letters, digits and -._~+/ and no Global API key.")
    status = _get(document, "status", str, "active")
    if status not in STATUSES:
        raise ConfigError(f"tokens[*].status: {status!r} is none of {', '.join(STATUSES)}.")
    zones, is_account_owned = _strings(document, "zones"), value.startswith(_ACCOUNT_OWNED)
    return token_digest(value), Identity(name, zones, permissions, status=status, is_account_owned=is_account_owned)


def _zone(document: Mapping[str, Any], default_site: object) -> Zone:
    zone_id, plan = _get(document, "id", str), _get(document, "plan", str, "free")
    if not ZONE_ID.fullmatch(zone_id):
        raise ConfigError(f"zones[*].id: {zone_id!r} is not 32 hex digits.")
    if plan not in PLANS:
        raise ConfigError(f"zones[*].plan: {plan!r} is none of {', '.join(PLANS)}.")
    environments, not_by_url = _strings(document, "environments", []), _strings(document, "not_by_url", [])
    if not_by_url - environments:
        raise ConfigError("zones[*].not_by_url: only what is among the zone's environments can be named.")
    site = _typed(document.get("origin") or default_site, dict, "origin")
    return Zone(
        id=zone_id,
        name=_get(document, "name", str).lower(),
        hosts=tuple(host.lower() for host in sorted(_strings(document, "hosts"))),
        plan=PLANS[plan],
        environments=tuple(sorted(environments)),
        not_by_url=not_by_url,
        origin=OriginSite(_get(site, "url", str).rstrip("/"), _get(site, "index_document", str, "index.html")),
    )


def _get(document: Mapping[str, Any], field: str, kind: type[_T] | tuple[type[_T], ...], *default: Any) -> Any:
    value = document.get(field)
    return default[0] if value is None and default else _typed(value, kind, field)


def _strings(document: Mapping[str, Any], field: str, *default: Sequence[str]) -> frozenset[str]:
    return frozenset(_typed(item, str, f"{field}[*]") for item in _get(document, field, list, *default))


def _typed(value: Any, kind: type[_T] | tuple[type[_T], ...], field: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(f"{field}: {type(value).__name__} is not what belongs here.")
    return value
