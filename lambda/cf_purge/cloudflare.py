"""One request to Cloudflare → its outcome. The only module that talks to Cloudflare."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from cf_purge.config import Config
from cf_purge.http_client import HttpClient, json_object, objects_in
from cf_purge.plan import Request

_MAX_BYTES = 256 << 10  # of an answer
_ZONE_ID = re.compile(r"[0-9a-f]{32}")


class Cloudflare:
    """The purge API of one account."""

    def __init__(self, config: Config, http: HttpClient) -> None:
        self._config = config
        self._http = http

    def send(self, request: Request, token: str, timeout: float) -> None:
        """Send one purge request and return when Cloudflare has accepted it; `timeout` is in seconds.

        Raises:
            PurgeError: any other answer, as `answers.error_in` has it, or none. The text never contains the token.
        """
        zone = request.zone
        environment = f"/environments/{zone.environment_id}" if zone.environment_id else ""
        url = f"{self._config.api_url}/zones/{zone.id}{environment}/{self._config.endpoint}"
        headers = {"Content-Type": "application/json", **self._identity(token)}
        answer = self._http.request("POST", url, headers, json.dumps(request.body).encode(), timeout, _MAX_BYTES)
        document = json_object(answer.body)
        # `success: false` has been seen with 200 too.
        if not (200 <= answer.status < 300 and document is not None and document.get("success") is True):
            from cf_purge.answers import error_in

            raise error_in(answer, zone, token)

    def token_status(self, token: str, timeout: float) -> str | None:
        """Return "active", "disabled", "expired", "unknown", "filtered", or None where Cloudflare does not say.

        https://developers.cloudflare.com/fundamentals/api/troubleshooting/
        """
        from cf_purge.answers import errors_in

        status, document = self._read("/user/tokens/verify", token, timeout)
        codes = {code for code, _ in errors_in(document)}
        if 9109 in codes:  # from this location
            return "filtered"
        if status == 401 or 1000 in codes:
            return "unknown"
        result = document.get("result")
        return str(result.get("status")) if status == 200 and isinstance(result, dict) else None

    def zone_ids(self, name: str, token: str, timeout: float) -> list[str]:
        """Return the IDs of the zones of that name in which the token has any permission."""
        _, document = self._read(f"/zones?name={quote(name)}", token, timeout)
        ids = [str(zone.get("id")) for zone in objects_in(document.get("result"))]
        return [each for each in ids if _ZONE_ID.fullmatch(each)]

    def _read(self, path: str, token: str, timeout: float) -> tuple[int, dict[str, Any]]:
        url = f"{self._config.api_url}{path}"
        answer = self._http.request("GET", url, self._identity(token), None, timeout, _MAX_BYTES)
        return answer.status, json_object(answer.body) or {}

    def _identity(self, token: str) -> dict[str, str]:
        if self._config.email:
            return {"X-Auth-Email": self._config.email, "X-Auth-Key": token}
        return {"Authorization": f"Bearer {token}"}
