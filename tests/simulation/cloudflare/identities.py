"""Who asks: API tokens and Global API keys, known by digest only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from tests.simulation.cloudflare.refusal import AUTHENTICATION, Refusal

# RFC 6750's token syntax; what Cloudflare's gateway refuses before it looks anything up is what does not match.
# 37 hex digits are a Global API key in the token's place.
TOKEN = re.compile(r"(?![0-9a-f]{37}$)[A-Za-z0-9\-._~+/]+=*")
KEY = re.compile(r"[0-9a-f]{37,45}")  # a real one has 37 digits, the one in Cloudflare's documentation 45
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")

Status = Literal["active", "disabled", "expired"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class Identity:
    """A token, or a user with a Global API key, and what it may do.

    A token belongs to a user or to an account; an account's own can do the same, but what is asked about the user's
    tokens does not know it.
    """

    name: str
    zones: frozenset[str]
    permissions: frozenset[str] = frozenset({"cache_purge"})
    is_user: bool = False
    status: Status = "active"  # of a token
    is_account_owned: bool = False

    @property
    def token_id(self) -> str:
        """What the API calls a token by: 32 hex digits that tell nothing of its value."""
        return hashlib.sha256(f"id\n{self.name}".encode()).hexdigest()[:32]

    def has_something_in(self, zone_id: str) -> bool:
        return zone_id in self.zones and bool(self.permissions)


def token_digest(value: str) -> str:
    return hashlib.sha256(f"token\n{value}".encode()).hexdigest()


def key_digest(email: str, value: str) -> str:
    return hashlib.sha256(f"key\n{email.lower()}\n{value}".encode()).hexdigest()


class Identities:
    """Everybody the API knows."""

    def __init__(self, by_digest: Mapping[str, Identity]) -> None:
        self._by_digest = dict(by_digest)

    @property
    def names(self) -> list[str]:
        return [identity.name for identity in self._by_digest.values()]

    def add(self, digest: str, identity: Identity) -> None:
        self._by_digest[digest] = identity

    def revoke(self, name: str | None) -> int:
        """Forget one token, or every token; return how many there were. Users stay."""
        gone = [d for d, i in self._by_digest.items() if not i.is_user and name in (None, i.name)]
        for digest in gone:
            del self._by_digest[digest]
        return len(gone)

    def identify(self, headers: Mapping[str, str]) -> Identity:
        """Return who sent a request.

        Raises:
            Refusal: 400 for headers that cannot be right, 401 for nobody known or a token that is out of use.
        """
        identity = self.find(headers)
        if identity is None or identity.status != "active":
            raise AUTHENTICATION.refusal(401)
        return identity

    def find(self, headers: Mapping[str, str]) -> Identity | None:
        """Return whose credentials a request shows, in use or not; None for nobody known.

        Raises:
            Refusal: 400 for headers that cannot be right, 401 for none.
        """
        return self._by_digest.get(_digest_shown(headers))


def _digest_shown(headers: Mapping[str, str]) -> str:
    if "Authorization" in headers:
        scheme, _, token = headers["Authorization"].partition(" ")
        if scheme != "Bearer" or not TOKEN.fullmatch(token):
            raise _malformed(6111, "Authorization")
        return token_digest(token)
    email, key = headers.get("X-Auth-Email"), headers.get("X-Auth-Key")
    if email is None and key is None:
        raise AUTHENTICATION.refusal(401)
    if not email or not _EMAIL.fullmatch(email):
        raise _malformed(6102, "X-Auth-Email")
    if not key or not KEY.fullmatch(key):
        raise _malformed(6103, "X-Auth-Key")
    return key_digest(email, key)


def _malformed(code: int, header: str) -> Refusal:
    chain = [{"code": code, "message": f"Invalid format for {header} header"}]
    return Refusal(400, [{"code": 6003, "message": "Invalid request headers", "error_chain": chain}])
