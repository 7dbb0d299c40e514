"""The API token: where it is stored, how long it is cached, what it must look like. Nothing here prints it."""

import re
from typing import Any

from cf_purge.aws import Aws, Denied
from cf_purge.budget import Clock
from cf_purge.config import Config
from cf_purge.errors import Misconfigured, Transient

TTL = 300.0  # seconds
_STALE_TTL = 30.0  # seconds for which an old token is used before SSM is asked again
_MIN_INTERVAL = 60.0  # seconds between two reads because the token was refused

_REMEDIES = {
    "ParameterNotFound": "create it as a SecureString in the function's Region, or correct api_token_parameter",
    "AccessDeniedException": "allow the function's role ssm:GetParameter on it and kms:Decrypt (api_token_kms_key_arn)",
    "InvalidKeyId": "enable the KMS key that encrypts it",
}
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1


class ApiToken:
    """The token, from the environment or cached from SSM; times are those of `Clock.now`."""

    def __init__(self, config: Config, aws: Aws, clock: Clock) -> None:
        self._name = name = config.api_token_parameter
        self._aws = aws
        self._clock = clock
        self.place = f"SSM parameter {name}" if name else "CLOUDFLARE_API_KEY"  # where it is stored, for people
        self._value, self._expires_at = "", 0.0
        self._not_before = 0.0  # no read because of a refusal before this time

    def get(self, deadline: float) -> str:
        """Return the token, at most TTL old; older while SSM does not answer.

        Raises:
            Transient: SSM does not answer and nothing is cached.
            Misconfigured: no such parameter, no permission to read it, or a value that cannot be a token.
        """
        now = self._clock.now()
        if now >= self._expires_at:
            try:
                self._value, self._expires_at = self._read(deadline), now + TTL
            except Transient:
                if not self._value:
                    raise
                self._expires_at = now + _STALE_TTL
        return self._value

    def expire(self) -> None:
        """Read it again at its next use."""
        self._expires_at = 0.0

    def expire_refused(self) -> bool:
        """Expire it because Cloudflare refused it, at most once a minute; tell whether this was done.

        The minute ends when a token is accepted, so that a second rotation is noticed at once.
        """
        now = self._clock.now()
        if is_due := now >= self._not_before:
            self._expires_at, self._not_before = 0.0, now + _MIN_INTERVAL
        return is_due

    def note_accepted(self) -> None:
        """Note that Cloudflare accepted the token."""
        self._not_before = 0.0

    def _read(self, deadline: float) -> str:
        value: Any = self._aws.environ.get("CLOUDFLARE_API_KEY")
        if name := self._name:
            payload = {"Name": name, "WithDecryption": True}
            try:
                result = self._aws.call("ssm", "GetParameter", payload, name, deadline - self._clock.now())
            except Denied as error:
                remedy = _REMEDIES.get(error.code, "check it and the function's role")
                raise Misconfigured(f"{self.place} cannot be read ({error}): {remedy}.") from None
            parameter = result.get("Parameter")
            value = parameter.get("Value") if isinstance(parameter, dict) else None
        # An HTTP library would quote what cannot be sent as a header in its error.
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            fault = "is empty, or contains a space, a quote or another character that no token has"
            raise Misconfigured(f"The API token in {self.place} {fault}: store the bare token, with nothing around it.")
        return value
