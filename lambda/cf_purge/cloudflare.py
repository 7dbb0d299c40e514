"""One request to Cloudflare → its outcome. The only code that talks to Cloudflare."""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from cf_purge.batch import Request
from cf_purge.config import Config
from cf_purge.errors import Misconfigured, PurgeError, Rejected, Transient
from cf_purge.pace import Quota
from cf_purge.purge import Zone
from cf_purge.transport import Answer, Transport

# https://developers.cloudflare.com/fundamentals/api/reference/troubleshooting/ and the purge API's own answers.
_MISCONFIGURED = {
    10000: "the API token is wrong, lacks the permission Zone → Cache Purge → Purge, or belongs to another account"
    " than the zone: correct the token's parameter or targets[*].zone_id",
    # 6003 comes with one of the other two, which say more.
    6103: "the Global API key is malformed: store it again, or unset cloudflare.email for an API token",
    6111: "the API token is malformed: store the bare token again, without quotes, line break or Bearer",
    6003: "the token's parameter does not hold a bare API token (or holds one while cloudflare.email asks for a"
    " Global API key): store it again",
    7000: "targets[*].zone_id is no zone id: give the 32-digit id, not the zone's name",
    7003: "targets[*].zone_id is no zone id: give the 32-digit id, not the zone's name",
    1001: "no such zone: correct targets[*].zone_id",
    1095: "the token may not touch this zone: add the zone to the token's resources",
    1136: "this zone environment cannot be purged by URL: set another targets[*].purge_by for it, index_documents = []"
    " and clean_urls = false",
}
# Answers that are about the items even when the HTTP status says 200.
_ITEM = frozenset({1012, 1013, 1014, 1016, 1082, 1092, 1094, 1100})
_RATE_LIMIT_CODES = frozenset({1134, 1083, 1102, 1113, 1115})
_KNOWN = _ITEM | _MISCONFIGURED.keys()
_FOREIGN = frozenset({1016, 1082})
FOREIGN_HOST = "ForeignHost"
_RATE_LIMIT = re.compile(r"rate.?limit", re.IGNORECASE)
_INVALID_TOKEN = 1000
_ZONE_ID = re.compile(r"[0-9a-f]{32}")
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
# https://developers.cloudflare.com/fundamentals/api/reference/limits/#rate-limiting-headers
_RESET_SECONDS = re.compile(r"\bt=([0-9]{1,6})\b")
_REMAINING = re.compile(r"\br=([0-9]{1,9})\b")
_QUOTA = re.compile(r"\bq=([0-9]{1,9})\b")


class RateLimited(Transient):
    """429, or a message that says the same."""


class Unauthorized(Misconfigured):
    """401, 403 or 10000: Cloudflare does not say whether it is the token, its permissions or the zone."""


class Cloudflare:
    """The purge API of one account."""

    def __init__(self, config: Config, transport: Transport) -> None:
        self._api_url = config.api_url
        self._endpoint = config.endpoint
        self._email = config.email
        self._transport = transport

    def send(self, request: Request, token: str, timeout: float) -> Quota | None:
        """Ask for one purge; return, when Cloudflare has accepted it, what it says is left of the limit, if it does.

        Raises:
            Transient, Misconfigured, Rejected: as the answer is classed; the text never holds the token.
        """
        zone = request.zone
        environment = f"/environments/{zone.environment_id}" if zone.environment_id else ""
        url = f"{self._api_url}/zones/{zone.id}{environment}/{self._endpoint}"
        headers = {"Content-Type": "application/json", **self._identity(token)}
        answer = self._transport.post(url, headers, json.dumps(request.body).encode(), timeout)
        error = _error_in(answer, zone, token)
        if error is not None:
            raise error
        return _quota(answer)

    def token_status(self, token: str, timeout: float) -> str | None:
        """Return "active", "disabled", "expired", "unknown", or None where Cloudflare does not say.

        https://developers.cloudflare.com/fundamentals/api/troubleshooting/
        """
        status, document = self._read("/user/tokens/verify", token, timeout)
        if status == 401 or any(code == _INVALID_TOKEN for code, _ in _errors(document)):
            return "unknown"
        result = document.get("result")
        return str(result.get("status")) if status == 200 and isinstance(result, dict) else None

    def zone_ids(self, name: str, token: str, timeout: float) -> list[str]:
        """Return the ids of the zones of that name in which the token may do anything at all."""
        _, document = self._read(f"/zones?name={quote(name)}", token, timeout)
        zones = document.get("result")
        ids = [zone.get("id") for zone in zones if isinstance(zone, dict)] if isinstance(zones, list) else []
        return [each for each in ids if isinstance(each, str) and _ZONE_ID.fullmatch(each)]

    def _read(self, path: str, token: str, timeout: float) -> tuple[int, dict[str, Any]]:
        answer = self._transport.get(f"{self._api_url}{path}", self._identity(token), timeout)
        return answer.status, _document(answer.body) or {}

    def _identity(self, token: str) -> dict[str, str]:
        if self._email:
            return {"X-Auth-Email": self._email, "X-Auth-Key": token}
        return {"Authorization": f"Bearer {token}"}


def _error_in(answer: Answer, zone: Zone, token: str) -> PurgeError | None:
    """Class an answer; None when it is a success. `success: false` comes with 200 too."""
    document = _document(answer.body)
    if 200 <= answer.status < 300 and document is not None and document.get("success") is True:
        return None
    errors = list(_errors(document))
    codes = {code for code, _ in errors}
    # Whatever Cloudflare echoes of the request must not carry the token into a log.
    said = "; ".join(f"{code} {text}" for code, text in errors).replace(token, "[token]")[:500] or "no explanation"
    said = f"Cloudflare answered {answer.status} for zone {zone} ({said})"
    # The text counts only where no code is known: messages quote URLs, and a URL may be named rate-limit.css.
    said_so = codes & _RATE_LIMIT_CODES or any(_RATE_LIMIT.search(text) for _, text in errors)
    if answer.status == 429 or (answer.status < 500 and said_so and not codes & _KNOWN):
        return RateLimited(f"{said}.", _wait_asked_for(answer))
    if answer.status == 408 or answer.status >= 500:
        return Transient(f"{said}.", _wait_asked_for(answer))
    known = [code for code in _MISCONFIGURED if code in codes]
    if known and known[0] != 10000:
        return Misconfigured(f"{said}: {_MISCONFIGURED[known[0]]}.")
    if known or answer.status in (401, 403):
        return Unauthorized(f"{said}: {_MISCONFIGURED[10000]}.")
    # A 4xx that is not Cloudflare's JSON says nothing about the items, something stands in between; but for
    # 413, which is about their number whoever says it.
    if (document is not None and 400 <= answer.status < 500) or codes & _ITEM or answer.status == 413:
        hint = ": the host is not in this zone, correct targets[*].hosts" if codes & _FOREIGN else ""
        return Rejected(f"{said}{hint}.", FOREIGN_HOST if codes & _FOREIGN else "RejectedByCloudflare")
    return Transient(f"{said}.", _wait_asked_for(answer))


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _errors(document: dict[str, Any] | None) -> list[tuple[int, str]]:
    """Flatten `errors` and their `error_chain`s to (code, message); tolerate any shape."""
    found: list[tuple[int, str]] = []
    pending = [document.get("errors")] if document else []
    while pending and len(found) < 20:
        items = pending.pop()
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict):
                code = str(item.get("code"))
                known = code.isascii() and code.isdigit()
                found.append((int(code[:9]) if known else 0, str(item.get("message", ""))))
                pending.append(item.get("error_chain"))
    return found


def _wait_asked_for(answer: Answer) -> float | None:
    """Seconds from `Retry-After` (RFC 9110: seconds or a date), else from the `t=` of `Ratelimit`; None for neither."""
    retry_after = answer.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(retry_after):
        return float(retry_after)
    if retry_after:
        try:
            # Against the answer's own date: no clock has to agree with another.
            span = parsedate_to_datetime(retry_after) - parsedate_to_datetime(answer.headers.get("date", ""))
            return max(0.0, span.total_seconds())
        except (ValueError, TypeError):
            pass
    reset = _RESET_SECONDS.search(answer.headers.get("ratelimit", "")) if answer.status == 429 else None
    return float(reset[1]) if reset else None


def _quota(answer: Answer) -> Quota | None:
    """Read `Ratelimit: "default";r=50;t=30` and `Ratelimit-Policy: "default";q=1200;w=300`."""
    limit = answer.headers.get("ratelimit", "")
    remaining, seconds = _REMAINING.search(limit), _RESET_SECONDS.search(limit)
    if not remaining or not seconds:
        return None
    quota = _QUOTA.search(answer.headers.get("ratelimit-policy", ""))
    return Quota(int(remaining[1]), float(seconds[1]), int(quota[1]) if quota else None)
