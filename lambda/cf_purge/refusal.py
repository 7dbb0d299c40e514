"""An answer of Cloudflare's that is no success → what is to be done about it. Pure."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Any

from cf_purge.errors import (
    FOREIGN_HOST,
    Misconfigured,
    PurgeError,
    RateLimited,
    Rejected,
    Transient,
    Unauthorized,
)
from cf_purge.purge import Zone
from cf_purge.transport import Answer

# https://developers.cloudflare.com/fundamentals/api/troubleshooting/ and the purge API's own answers.
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
_RATE_LIMIT = re.compile(r"rate.?limit", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
_LONGEST_WAIT = 86400.0  # seconds; whoever asks for more does not mean it
# https://developers.cloudflare.com/fundamentals/api/reference/limits/#rate-limiting-headers
_RESET_SECONDS = re.compile(r"\bt=([0-9]{1,6})\b")


def error_in(answer: Answer, document: dict[str, Any] | None, zone: Zone, token: str) -> PurgeError:
    """Class an answer; `document` is its body, None where that is no JSON object. The text never holds the token."""
    errors = errors_in(document)
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


def errors_in(document: dict[str, Any] | None) -> list[tuple[int, str]]:
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
        return min(float(retry_after), _LONGEST_WAIT)
    if retry_after:
        try:
            # Against the answer's own date: no clock has to agree with another.
            span = parsedate_to_datetime(retry_after) - parsedate_to_datetime(answer.headers.get("date", ""))
            return max(0.0, span.total_seconds())
        except (ValueError, TypeError, OverflowError):  # of a year that no calendar has
            pass
    reset = _RESET_SECONDS.search(answer.headers.get("ratelimit", "")) if answer.status == 429 else None
    return float(reset[1]) if reset else None
