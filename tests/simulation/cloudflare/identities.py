"""API tokens and Global API keys, stored as digests."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.simulation.cloudflare import refusal

# RFC 6750's token syntax: `cfut_…` of a user, `cfat_…` of an account, `cfoat_…` of OAuth, and 40 characters without a
# prefix, of any of them, from before 2026. A Global API key, or anything else, is refused before it is looked up.
_KEY = re.compile(r"[0-9a-f]{37,45}|cfk_[A-Za-z0-9_-]+")
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")

Status = Literal["active", "disabled", "expired"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A token, or a user with a Global API key, and what it may do.

    A token of an account can do the same as a user's, but the endpoint that verifies tokens does not know it.
    """

    name: str
    zones: frozenset[str]
    permissions: frozenset[str] = frozenset({"cache_purge"})
    is_user: bool = False
    status: Status = "active"  # of a token
    is_account_owned: bool = False
    addresses: frozenset[str] = frozenset()  # the clients that the token's IP filter lets through; empty: all

    @property
    def token_id(self) -> str:
        """The ID of a token in answers: 32 hex digits that do not depend on its value."""
        return _digest("id", self.name)[:32]

    def has_something_in(self, zone_id: str) -> bool:
        return zone_id in self.zones and bool(self.permissions)


class Identities:
    """All tokens and users."""

    def __init__(self) -> None:
        self._by_digest: dict[str, Identity] = {}

    def add_token(
        self,
        name: str,
        value: str,
        zones: Sequence[str],
        permissions: Sequence[str] = ("cache_purge",),
        status: Status = "active",
        addresses: Sequence[str] = (),
    ) -> None:
        """Add a token. Its prefix says whether it is the account's."""
        owned = value.startswith(("cfat_", "cfoat_"))
        self._by_digest[_digest("token", value)] = Identity(
            name, frozenset(zones), frozenset(permissions), False, status, owned, frozenset(addresses)
        )

    def add_key(self, email: str, value: str, zones: Sequence[str]) -> None:
        self._by_digest[_digest("key", email.lower(), value)] = Identity(
            f"user {email}", frozenset(zones), is_user=True
        )

    def revoke(self, name: str | None) -> None:
        """Forget one token, or every token. Users stay."""
        for digest, identity in list(self._by_digest.items()):
            if not identity.is_user and name in (None, identity.name):
                del self._by_digest[digest]

    def identify(self, headers: Mapping[str, str], address: str | None) -> Identity:
        """Return who sent a request.

        Raises:
            Refusal: as `find`, and for a token that is unknown, disabled or expired.
        """
        identity = self.find(headers, address)
        if identity is None:
            if "Authorization" not in headers:
                raise refusal.NO_SUCH_KEY.refusal(403)
            has_prefix = headers["Authorization"].startswith("Bearer cf")
            raise refusal.INVALID_TOKEN.refusal(403) if has_prefix else refusal.AUTHENTICATION.refusal(401)
        if identity.status != "active":
            raise refusal.OUT_OF_USE.refusal(403)
        return identity

    def find(self, headers: Mapping[str, str], address: str | None) -> Identity | None:
        """Return whose credentials a request has, also if they are disabled or expired; None if they are unknown.

        Raises:
            Refusal: for headers that are missing or invalid, and for a token from outside its IP filter.
        """
        identity = self._by_digest.get(_digest_shown(headers))
        if identity and identity.addresses and address not in identity.addresses:
            raise refusal.wrong_location(address)
        return identity


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _digest_shown(headers: Mapping[str, str]) -> str:
    if "Authorization" in headers:
        scheme, _, token = headers["Authorization"].partition(" ")
        if scheme != "Bearer" or not _TOKEN.fullmatch(token) or _KEY.fullmatch(token):
            raise refusal.malformed_header(6111, "Authorization")
        return _digest("token", token)
    email, key = headers.get("X-Auth-Email"), headers.get("X-Auth-Key")
    if email is None and key is None:
        raise refusal.NO_CREDENTIALS.refusal()
    if not email or not _EMAIL.fullmatch(email):
        raise refusal.malformed_header(6102, "X-Auth-Email")
    if not key or not _KEY.fullmatch(key):
        raise refusal.malformed_header(6103, "X-Auth-Key")
    return _digest("key", email.lower(), key)
