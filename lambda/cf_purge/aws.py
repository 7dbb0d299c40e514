"""Signed JSON calls to SSM, SQS and EventBridge.

urllib3 sends and botocore signs. No SDK client: creating one takes longer than the rest of a cold start.
"""

import contextlib
import json
import logging
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from cf_purge.errors import Misconfigured, NotTried, Transient
from cf_purge.http_client import HttpClient

TIMEOUT = 3.0  # seconds; these services answer in milliseconds
_MIN_TIMEOUT = 0.2  # seconds; with less left no call is made
# X-Amz-Target prefix and JSON version, from botocore's service models.
_PROTOCOLS = {"ssm": ("AmazonSSM", "1.1"), "sqs": ("AmazonSQS", "1.0"), "events": ("AWSEvents", "1.1")}
# By the beginning of the Region: China and the European Sovereign Cloud. The isolated partitions reach no Cloudflare.
_SUFFIXES = {"cn": "amazonaws.com.cn", "eusc": "amazonaws.eu"}
_THROTTLED = ("Throttl", "TooManyRequests", "LimitExceeded")
_MAX_BYTES = 4 << 20  # of an answer


Json = dict[str, Any]


class Denied(Misconfigured):
    """AWS did not do it; `code` is its own error code."""


class Aws:
    """Calls AWS with the credentials and endpoints of the environment, which are read at each call."""

    def __init__(self, http: HttpClient, environ: Mapping[str, str]) -> None:
        self.http = http
        self.environ = environ

    def call(self, service: str, operation: str, payload: Json, place: str, timeout: float) -> Json:
        """Call an operation of a service in _PROTOCOLS and return its result, in at most `timeout` seconds, or TIMEOUT.

        It is called in the Region of `place`, if that is an ARN, else in the function's own.

        Raises:
            NotTried: `timeout` is too short.
            Transient: throttling, 5xx, no answer.
            Denied: any other error of AWS.
            Misconfigured: there are no credentials, or there is no Region.
        """
        own = self.environ.get("AWS_REGION") or self.environ.get("AWS_DEFAULT_REGION")
        region = place.split(":")[3] if place.count(":") >= 5 else own
        if not region:
            raise Misconfigured("No AWS Region: set AWS_REGION.")
        if timeout < _MIN_TIMEOUT:
            raise NotTried("No time was left.")
        target, version = _PROTOCOLS[service]
        url, body = f"{self.endpoint(service, region)}/", json.dumps(payload).encode()
        headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": f"{target}.{operation}"}
        request = AWSRequest("POST", url, headers, body)
        SigV4Auth(self._credentials(), service, region).add_auth(request)
        answer = self.http.request(url, dict(request.headers.items()), body, min(TIMEOUT, timeout), _MAX_BYTES)
        fields = answer.document
        if answer.status == 200 and (fields or answer.body.strip() in (b"", b"{}")):
            return fields
        code = str(fields.get("__type", "")).rpartition("#")[2] or f"HTTP {answer.status}"
        # Further lines repeat the signed headers, with the session token.
        said = str(fields.get("message") or fields.get("Message") or "no explanation").partition("\n")[0][:500]
        text = f"{code} from {service}:{operation}: {said}"
        if not 400 <= answer.status < 500 or answer.status in (408, 429) or any(word in code for word in _THROTTLED):
            raise Transient(text)
        raise Denied(text, code)

    def endpoint(self, service: str, region: str) -> str:
        """Return the service's base URL without a trailing slash."""
        override = self.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or self.environ.get("AWS_ENDPOINT_URL")
        suffix = _SUFFIXES.get(region.partition("-")[0], "amazonaws.com")
        return (override or f"https://{service}.{region}.{suffix}").rstrip("/")

    def _credentials(self) -> Any:
        """Return an object with the attributes that botocore's signer reads."""
        key, secret = self.environ.get("AWS_ACCESS_KEY_ID"), self.environ.get("AWS_SECRET_ACCESS_KEY")
        if key and secret:  # Lambda sets them
            return SimpleNamespace(access_key=key, secret_key=secret, token=self.environ.get("AWS_SESSION_TOKEN"))
        # A shell: profiles, SSO, instance roles.
        logging.getLogger("botocore").setLevel(logging.WARNING)  # at DEBUG it prints credentials
        from botocore import exceptions, session

        with contextlib.suppress(exceptions.BotoCoreError):
            if found := session.Session().get_credentials():
                return found.get_frozen_credentials()
        raise Misconfigured("No AWS credentials: log in, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret.")
