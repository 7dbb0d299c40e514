"""Signed JSON calls to SSM and SQS.

No SDK client: importing and building one costs more than everything else on the cold path.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from cf_purge.errors import Misconfigured, Transient
from cf_purge.signature import Credentials, signed
from cf_purge.transport import Answer, Transport

T = TypeVar("T")

# X-Amz-Target prefix and JSON version, from botocore's service models.
_PROTOCOLS = {"ssm": ("AmazonSSM", "1.1"), "sqs": ("AmazonSQS", "1.0")}
# By the beginning of the region: China and the European Sovereign Cloud. The isolated partitions reach no Cloudflare.
_SUFFIXES = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}
_THROTTLED = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "RequestThrottled", "LimitExceeded")
TIMEOUT = 3.0  # seconds; both services answer in milliseconds


class Refused(Misconfigured):
    """AWS answered no; `code` is its own word for why."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Aws:
    """The caller's identity and endpoints, read from the environment at each call."""

    def __init__(self, transport: Transport, environ: Mapping[str, str]) -> None:
        self._transport = transport
        self._environ = environ

    def call(
        self,
        service: str,
        operation: str,
        payload: dict[str, Any],
        region: str | None = None,
        timeout: float = TIMEOUT,
    ) -> dict[str, Any]:
        """Call one operation of "ssm" or "sqs" and return its result; `timeout` is in seconds.

        Raises:
            Transient: throttling, 5xx, no answer.
            Refused: everything else that AWS does not do.
            Misconfigured: there are no credentials, or there is no region.
        """
        region = region or self.region()
        target, version = _PROTOCOLS[service]
        url, body = f"{self.endpoint(service, region)}/", json.dumps(payload).encode()
        headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": f"{target}.{operation}"}
        headers = signed(url, headers, body, self._credentials(), region, service, time.time())
        answer = self._transport.post(url, headers, body, timeout)
        return _result(answer, f"{service}:{operation}")

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Carry out calls at the same time, as `Transport.together`."""
        return self._transport.together(calls)

    def endpoint(self, service: str, region: str) -> str:
        """Return the service's base URL without a trailing slash."""
        override = self._environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or self._environ.get("AWS_ENDPOINT_URL")
        suffix = _SUFFIXES.get(region.partition("-")[0], "amazonaws.com")
        return (override or f"https://{service}.{region}.{suffix}").rstrip("/")

    def region(self) -> str:
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION")
        if not region:
            raise Misconfigured("No AWS region: set AWS_REGION.")
        return region

    def _credentials(self) -> Credentials:
        environ = self._environ
        if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
            token = environ.get("AWS_SESSION_TOKEN") or None
            return Credentials(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], token)
        # A shell: profiles, SSO, instance roles. Slow to import, and never needed inside Lambda.
        logging.getLogger("botocore").setLevel(logging.WARNING)  # at DEBUG it prints credentials
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session

        try:
            found = Session().get_credentials()
            frozen = None if found is None else found.get_frozen_credentials()
            if frozen is not None and frozen.access_key and frozen.secret_key:
                return Credentials(frozen.access_key, frozen.secret_key, frozen.token)
        except BotoCoreError as error:
            raise Misconfigured(f"No AWS credentials ({type(error).__name__}): check AWS_PROFILE.") from None
        raise Misconfigured("No AWS credentials: set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")


def _result(answer: Answer, action: str) -> dict[str, Any]:
    try:
        document = json.loads(answer.body or b"{}")
    except (ValueError, RecursionError):
        document = None
    if answer.status == 200 and isinstance(document, dict):
        return document
    fields = document if isinstance(document, dict) else {}
    code = str(fields.get("__type", "")).rpartition("#")[2] or f"HTTP {answer.status}"
    text = str(fields.get("message") or fields.get("Message") or "no explanation")[:500]
    if not 400 <= answer.status < 500 or answer.status in (408, 429) or any(word in code for word in _THROTTLED):
        raise Transient(f"{code} from {action}: {text}")
    raise Refused(f"{code} from {action}: {text}", code)
