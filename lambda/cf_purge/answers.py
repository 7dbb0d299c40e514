"""What an answer of Cloudflare's that is no success means. Imported when there is one."""

from __future__ import annotations

import contextlib
import re
from email.utils import parsedate_to_datetime
from typing import Any

from cf_purge.config import Zone
from cf_purge.errors import PurgeError, RateLimited, Rejected, Transient, Unauthorized, Unexplained
from cf_purge.http_client import Answer, json_object, objects_in

_MAX_WAIT = 900.0  # seconds; no answer stops a zone for longer
_CODE = re.compile(r"[0-9]+")
_SECONDS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
# https://developers.cloudflare.com/fundamentals/api/reference/limits/#rate-limiting-headers
_RESET_SECONDS = re.compile(r"\bt=([0-9]{1,6})\b")

# The codes by what they are about; https://developers.cloudflare.com/fundamentals/api/troubleshooting/ and the purge
# API's own answers. Of several codes the first class in this order counts.
THROTTLE_CODES = frozenset({1134, 1083, 1102, 1113, 1115, 971, 10429})
_BAD_ACCESS = (
    "the API token is wrong, lacks the permission Zone → Cache Purge → Purge, or belongs to another account than the"
    " zone: correct the token's parameter or targets[*].zone_id"
)
AUTHENTICATION_CODES = {
    # 6003 comes with one of the next three, which say more.
    6102: "the e-mail address is malformed: correct cloudflare.email",
    6103: "the Global API key is malformed: store it again, or omit cloudflare.email for an API token",
    6111: "the API token is malformed: store the bare token again, without quotes, line break or Bearer",
    6003: "the parameter does not hold a bare API token, or cloudflare.email asks for a Global API key: store it again",
    **dict.fromkeys((7000, 7003), "targets[*].zone_id is not a zone ID: use the 32-digit ID, not the zone's name"),
    1001: "there is no such zone: correct targets[*].zone_id",
    1095: "the token has no access to this zone: add the zone to the token's resources",
    1136: "this environment accepts no URLs: set another purge_by for it, index_documents = [] and clean_urls = false",
    9109: "the API token is invalid, or its client IP filter refuses the function: allow the function's egress address",
    **dict.fromkeys((10000, 10001, 1000, 9103, 9106, 9107), _BAD_ACCESS),
}
FOREIGN_HOST = 1082
ITEM_CODES = frozenset({1012, 1013, 1014, 1016, FOREIGN_HOST, 1092, 1094, 1100})


def error_in(answer: Answer, zone: Zone, token: str) -> PurgeError:
    """Return what an answer that is no success means. Pure; the text never contains the token.

    Codes and the status decide; texts are reported, never read, since they quote URLs.

    Returns:
        RateLimited, or Transient with a wait: the answer asks to wait.
        Unauthorized: the token or the zone.
        Rejected: the items.
        Unexplained: a 4xx of Cloudflare's with an unknown code.
        Transient: everything else, such as a 5xx, or a page of something between us and Cloudflare.
    """
    document = json_object(answer.body)
    is_cloudflares = document is not None and ("success" in document or "errors" in document)
    errors = errors_in(document)
    codes = {code for code, _ in errors}
    # Cloudflare may echo parts of the request.
    said = "; ".join(f"{code} {text}" for code, text in errors).replace(token, "[token]")[:500] or "no explanation"
    said = f"Cloudflare answered {answer.status} for zone {zone} ({said})"
    wait = _wait_named(answer)
    if answer.status == 429 or codes & THROTTLE_CODES:
        return RateLimited(f"{said}.", wait)
    if wait is not None or answer.status == 408 or answer.status >= 500:  # the server's fault, whatever the codes say
        return Transient(f"{said}.", wait)
    remedy = next((remedy for code, remedy in AUTHENTICATION_CODES.items() if code in codes), None)
    if remedy is not None or answer.status == 401 or (answer.status == 403 and is_cloudflares):
        return Unauthorized(f"{said}: {remedy or _BAD_ACCESS}.")
    if FOREIGN_HOST in codes:
        return Rejected(f"{said}: the host is not in this zone, correct targets[*].hosts.", "ForeignHost")
    if codes & ITEM_CODES or answer.status == 413:
        return Rejected(f"{said}.", "RejectedByCloudflare")
    kind = Unexplained if is_cloudflares and answer.status >= 400 else Transient
    return kind(f"{said}.")


def errors_in(document: dict[str, Any] | None) -> list[tuple[int, str]]:
    """Flatten `errors` and their `error_chain`s to (code, message with place and page), whatever their shape."""
    found: list[tuple[int, str]] = []
    pending = objects_in(document.get("errors")) if document else []
    for error in pending:  # which grows meanwhile
        code, text, source, page = (error.get(name) for name in ("code", "message", "source", "documentation_url"))
        place = source.get("pointer") if isinstance(source, dict) else None
        text = f"{text or ''}{f' at {place}' if place else ''}{f', see {page}' if page else ''}"
        found.append((int(str(code)[:9]) if _CODE.fullmatch(str(code)) else 0, text))
        pending += objects_in(error.get("error_chain"))
    return found


def _wait_named(answer: Answer) -> float | None:
    """Return the seconds of `Retry-After` (RFC 9110: seconds or a date), of a 429 else the `t=` of `Ratelimit`."""
    retry_after = answer.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(retry_after):
        return min(float(retry_after), _MAX_WAIT)
    with contextlib.suppress(ValueError, TypeError, OverflowError):  # no date, or of a year that no calendar has
        # Compared with the answer's own date, so that no clock has to agree with another.
        span = parsedate_to_datetime(retry_after) - parsedate_to_datetime(answer.headers.get("date", ""))
        return min(max(0.0, span.total_seconds()), _MAX_WAIT)
    reset = _RESET_SECONDS.search(answer.headers.get("ratelimit", "")) if answer.status == 429 else None
    return min(float(reset[1]), _MAX_WAIT) if reset else None
