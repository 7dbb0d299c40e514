"""The errors of the API. One code can come with several statuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class Refusal(Exception):
    """An answer that is not a success; nothing is purged."""

    def __init__(self, status: int, errors: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(status, [error["code"] for error in errors])
        self.status = status
        self.errors = list(errors)
        self.headers: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Reason:
    """One of Cloudflare's error codes with its text."""

    code: int
    message: str

    def refusal(self, status: int = 400, *others: Reason) -> Refusal:
        return Refusal(status, [{"code": r.code, "message": r.message} for r in (self, *others)])


AUTHENTICATION = Reason(10000, "Authentication error")
INVALID_TOKEN = Reason(9109, "Invalid access token")
NO_SUCH_KEY = Reason(9103, "Unknown X-Auth-Key or X-Auth-Email")
NO_CREDENTIALS = Reason(9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
OUT_OF_USE = Reason(10001, "Unable to authenticate request")
NO_USERS_TOKEN = Reason(1000, "Invalid API Token")
NO_TOKEN = Reason(1001, 'Missing "Authorization" header')
METHOD = Reason(10405, "Method not allowed for this endpoint")
NO_ROUTE = Reason(7000, "No route for that URI")
NO_ZONE = Reason(1001, "Invalid zone identifier")
NO_ENVIRONMENT = Reason(1001, "Invalid environment identifier")
NO_ACCESS = Reason(1095, "You do not have access to this zone")
MALFORMED_JSON = Reason(6007, "Malformed JSON in request body")
NOTHING = Reason(1012, 'Request must contain one of "purge_everything", "files", "tags", "hosts" or "prefixes"')
NOT_TRUE = Reason(1013, '"purge_everything" must be a boolean')
NOT_A_LIST = Reason(1014, '"files", "tags", "hosts" or "prefixes" must be an array of strings')
MIXED = Reason(1092, 'Request cannot contain "purge_everything" and any of "files", "tags", "hosts" or "prefixes"')
TOO_MANY = Reason(1094, "Request contains more items than the limit of the zone's plan")
BAD_TAG = Reason(1100, "Tags are printable ASCII without spaces, at most 1024 characters long")
FOREIGN = Reason(1016, "One or more cache purge errors")
ONLY_THIS_ZONE = Reason(1082, "You can only purge files for this zone")
RATE_LIMIT = Reason(1134, "Unable to purge, rate limit reached. Please wait and consider throttling your request speed")
THROTTLED = Reason(
    971, "More than 1200 requests per 300 seconds reached. Please wait and consider throttling your request speed"
)


def no_zone_list(token_id: str) -> Refusal:
    """A token has no permission in any of the zones it asks for."""
    actor, permission = f"com.cloudflare.api.token.{token_id}", "com.cloudflare.api.account.zone.list"
    return Reason(0, f"Actor '{actor}' requires permission '{permission}' to list zones").refusal(403)


def unroutable(path: str) -> Refusal:
    """A path below /zones has an invalid identifier."""
    return Reason(7003, f"Could not route to {path}, perhaps your object identifier is invalid?").refusal(400, NO_ROUTE)


def wrong_location(address: str | None) -> Refusal:
    """A token is used from outside its IP filter."""
    return Reason(9109, f"Cannot use the access token from location: {address}").refusal(403)


def malformed_header(code: int, header: str) -> Refusal:
    """A credential has an invalid format."""
    chain = [{"code": code, "message": f"Invalid format for {header} header"}]
    return Refusal(400, [{"code": 6003, "message": "Invalid request headers", "error_chain": chain}])
