"""One request to Cloudflare → its outcome. The only module that talks to Cloudflare."""

import json
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from cf_purge.config import Config, Zone
from cf_purge.errors import PurgeError, RateLimited, Rejected, Transient, Unauthorized, Unexplained
from cf_purge.events import epoch
from cf_purge.http_client import Answer, HttpClient, objects_in
from cf_purge.plan import Request

_MAX_BYTES = 256 << 10  # of an answer
_MAX_WAIT = 900.0  # seconds; no answer stops a zone for longer

# The codes by what they are about; https://developers.cloudflare.com/fundamentals/api/troubleshooting/ and the purge
# API's own answers. Of several codes the first class in this order counts.
_THROTTLED = {"1134", "1083", "1102", "1113", "1115", "971", "10429"}
_ACCESS = "the API token is wrong, or lacks Zone → Cache Purge → Purge for the zone: correct it or targets[*].zone_id"
_REMEDIES = (
    ({"6003", "6102", "6103", "6111"}, "store the bare token again, and omit cloudflare.email with an API token"),
    ({"7000", "7003", "1001"}, "targets[*].zone_id is not the ID of a zone: use its 32-digit ID, not its name"),
    ({"1136"}, "the environment accepts no URLs: set another purge_by, index_documents = [] and clean_urls = false"),
    ({"9109"}, "the token is invalid, or refused by its client IP filter: allow the function's egress address"),
    ({"10000", "10001", "1000", "1095", "9103", "9106", "9107"}, _ACCESS),
)
_ITEM = {"1012", "1013", "1014", "1016", "1082", "1092", "1094", "1100"}


class Cloudflare(NamedTuple):
    """The purge API of one account."""

    config: Config
    http: HttpClient

    def send(self, request: Request, token: str, timeout: float) -> None:
        """Send one purge request and return when Cloudflare has accepted it; `timeout` is in seconds.

        Raises:
            PurgeError: any other answer, as `error_in` has it, or none. The text never contains the token.
        """
        zone = request.zone
        environment = f"/environments/{zone.environment_id}" if zone.environment_id else ""
        path = f"/zones/{zone.id}{environment}/{self.config.operation}_cache"
        answer = self._ask(path, json.dumps(request.body).encode(), token, timeout)
        # Cloudflare also answers 200 with `success: false`.
        if not (200 <= answer.status < 300 and answer.document.get("success") is True):
            raise error_in(answer, zone, token)

    def token_status(self, token: str, timeout: float) -> str | None:
        """Return "active", "disabled", "expired", "unknown", "filtered", or None where Cloudflare does not say.

        https://developers.cloudflare.com/fundamentals/api/troubleshooting/
        """
        answer = self._ask("/user/tokens/verify", None, token, timeout)
        codes = {code for code, _ in _errors_in(answer.document)}
        if "9109" in codes:  # the token must not be used from this address
            return "filtered"
        if answer.status == 401 or "1000" in codes:
            return "unknown"
        result = answer.document.get("result")
        return str(result.get("status")) if answer.status == 200 and isinstance(result, dict) else None

    def zone_ids(self, name: str, token: str, timeout: float) -> list[str]:
        """Return the IDs of the zones of that name, a host, in which the token has any permission."""
        answer = self._ask(f"/zones?name={name}", None, token, timeout)
        ids = [str(zone.get("id")) for zone in objects_in(answer.document.get("result"))]
        return [each for each in ids if re.fullmatch(r"[0-9a-f]{32}", each)]

    def _ask(self, path: str, body: bytes | None, token: str, timeout: float) -> Answer:
        email = self.config.email
        identity = {"X-Auth-Email": email, "X-Auth-Key": token} if email else {"Authorization": f"Bearer {token}"}
        headers = {"Content-Type": "application/json", **identity}
        return self.http.request(self.config.api_url + path, headers, body, timeout, _MAX_BYTES)


def error_in(answer: Answer, zone: Zone, token: str) -> PurgeError:
    """Return the error that an unsuccessful answer stands for. Pure; the text never contains the token.

    Codes and the status decide; texts are reported, never read, since they quote URLs.

    Returns:
        RateLimited, or Transient with a wait: the answer asks to wait.
        Unauthorized: the token or the zone.
        Rejected: the items.
        Unexplained: a 4xx of Cloudflare's with an unknown code.
        Transient: everything else, such as a 5xx, or a page of something between us and Cloudflare.
    """
    document = answer.document
    is_cloudflares = "success" in document or "errors" in document
    errors = [*_errors_in(document)]
    codes = {code for code, _ in errors}
    texts = " ".join("; ".join(f"{code} {text}" for code, text in errors).split())  # one line
    # Cloudflare may echo parts of the request, so the token too.
    explanation = texts.replace(token, "[token]")[:500] or "no explanation"
    said = f"Cloudflare answered {answer.status} for zone {zone} ({explanation})"
    wait = _wait_named(answer)
    if answer.status == 429 or codes & _THROTTLED:
        return RateLimited(f"{said}.", retry_after=wait)
    if wait is not None or answer.status == 408 or answer.status >= 500:  # the server's fault, whatever the codes say
        return Transient(f"{said}.", retry_after=wait)
    remedy = next((remedy for meant, remedy in _REMEDIES if codes & meant), None)
    if remedy is not None or answer.status == 401 or (answer.status == 403 and is_cloudflares):
        return Unauthorized(f"{said}: {remedy or _ACCESS}.")
    if "1082" in codes:
        return Rejected(f"{said}: the host is not in this zone, correct targets[*].hosts.", "ForeignHost")
    if codes & _ITEM or answer.status == 413:
        return Rejected(f"{said}.", "RejectedByCloudflare")
    kind = Unexplained if is_cloudflares and answer.status >= 400 else Transient
    return kind(f"{said}.")


def _errors_in(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Flatten `errors` and their `error_chain`s to (code, message with place and page), whatever their shape."""
    pending = objects_in(document.get("errors"))
    for error in pending:  # which grows meanwhile
        source, page = error.get("source"), error.get("documentation_url")
        place = source.get("pointer") if isinstance(source, dict) else None
        text = f"{error.get('message') or ''}{f' at {place}' if place else ''}{f', see {page}' if page else ''}"
        yield str(error.get("code") or ""), text
        pending += objects_in(error.get("error_chain"))


def _wait_named(answer: Answer) -> float | None:
    """Return the seconds of `Retry-After` (RFC 9110: seconds or a date), of a 429 else the `t=` of `Ratelimit`.

    https://developers.cloudflare.com/fundamentals/api/reference/limits/#rate-limiting-headers
    """
    named = re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*", answer.headers.get("retry-after", ""))
    if named is None and answer.status == 429:
        named = re.search(r"\bt=([0-9]{1,6})\b", answer.headers.get("ratelimit", ""))
    if named:
        return min(float(named[1]), _MAX_WAIT)
    # Compared with the answer's own date, so that no clock has to agree with another.
    until, now = (epoch(answer.headers.get(name), parsedate_to_datetime) for name in ("retry-after", "date"))
    return None if until is None or now is None else min(max(0.0, until - now), _MAX_WAIT)
