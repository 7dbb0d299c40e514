"""One request to Cloudflare → its outcome. The only code that talks to Cloudflare."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from cf_purge.batch import Request
from cf_purge.config import Config
from cf_purge.pace import Quota
from cf_purge.transport import Answer, Transport

_INVALID_TOKEN = 1000
_ZONE_ID = re.compile(r"[0-9a-f]{32}")
# https://developers.cloudflare.com/fundamentals/api/reference/limits/#rate-limiting-headers
_RESET_SECONDS = re.compile(r"\bt=([0-9]{1,6})\b")
_REMAINING = re.compile(r"\br=([0-9]{1,9})\b")
_QUOTA = re.compile(r"\bq=([0-9]{1,9})\b")


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
        document = _document(answer.body)
        if not _is_success(answer, document):
            from cf_purge.refusal import error_in  # few invocations see one

            raise error_in(answer, document, zone, token)
        return _quota(answer)

    def token_status(self, token: str, timeout: float) -> str | None:
        """Return "active", "disabled", "expired", "unknown", or None where Cloudflare does not say.

        https://developers.cloudflare.com/fundamentals/api/troubleshooting/
        """
        status, document = self._read("/user/tokens/verify", token, timeout)
        from cf_purge.refusal import errors_in

        if status == 401 or any(code == _INVALID_TOKEN for code, _ in errors_in(document)):
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


def _is_success(answer: Answer, document: dict[str, Any] | None) -> bool:
    # `success: false` comes with 200 too.
    return 200 <= answer.status < 300 and document is not None and document.get("success") is True


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _quota(answer: Answer) -> Quota | None:
    """Read `Ratelimit: "default";r=50;t=30` and `Ratelimit-Policy: "default";q=1200;w=300`."""
    limit = answer.headers.get("ratelimit", "")
    remaining, seconds = _REMAINING.search(limit), _RESET_SECONDS.search(limit)
    if not remaining or not seconds:
        return None
    quota = _QUOTA.search(answer.headers.get("ratelimit-policy", ""))
    return Quota(int(remaining[1]), float(seconds[1]), int(quota[1]) if quota else None)
