"""The API token: where it is, how long it is believed, what it must look like. Nothing here prints it."""

from __future__ import annotations

import math
import re

from cf_purge.aws import TIMEOUT, Aws, Refused
from cf_purge.clock import Clock
from cf_purge.config import Config
from cf_purge.errors import Misconfigured, OutOfTime, Transient

TTL = 300.0  # seconds
_VARIABLE = "CLOUDFLARE_API_KEY"
_SHORTEST_CALL = 0.2  # seconds; with less left than this none is begun
_STALE_TTL = 30.0  # seconds a stale token is served before SSM is asked again

_REMEDIES = {
    "ParameterNotFound": "create it as a SecureString, in the function's Region, or correct api_token_parameter",
    "ParameterVersionNotFound": "name a version that exists, or none",
    "AccessDeniedException": "allow the function's role ssm:GetParameter on it",
    "InvalidKeyId": "enable the KMS key that encrypts it",
}
_UNDECRYPTABLE = "set api_token_kms_key_arn to the key that encrypts it, and let that key's policy allow the role"
# What KMS refuses, SSM passes on under its own code.
_KMS = re.compile(r"\bkms:[A-Z]|ciphertext refers")


class Token:
    """The token, from the environment or cached from SSM."""

    def __init__(self, config: Config, aws: Aws, clock: Clock) -> None:
        self._config = config
        self._aws = aws
        self._clock = clock
        self._value: str | None = None
        self._fetch_after = 0.0

    @property
    def place(self) -> str:
        """Where it is stored, for people."""
        return f"SSM parameter {self._config.api_token_parameter}" if self._config.api_token is None else _VARIABLE

    def get(self, deadline: float = math.inf) -> str:
        """Return the token, at most TTL old; older while SSM has a fault of its own.

        `deadline`, in seconds since the epoch, bounds the wait for SSM.

        Raises:
            Transient: SSM does not answer and nothing is cached.
            Misconfigured: no such parameter, no right to read it, or a value that cannot be a token.
        """
        if self._value is None or self._clock.now() >= self._fetch_after:
            try:
                self.refresh(deadline)
            except Transient:
                if self._value is None:
                    raise
                self._fetch_after = self._clock.now() + _STALE_TTL
        assert self._value is not None
        return self._value

    def refresh(self, deadline: float = math.inf) -> None:
        """Fetch the token anew; raises as `get` does, whatever is cached: that one has been refused, or is too old."""
        now = self._clock.now()
        if self._config.api_token is not None:
            self._value, self._fetch_after = _checked(self._config.api_token, self.place), now + TTL
            return
        name = self._config.api_token_parameter or ""
        # Another Region's parameter is named by its ARN.
        region = name.split(":")[3] if name.startswith("arn:") and name.count(":") >= 5 else None
        try:
            left = deadline - now
            if left < _SHORTEST_CALL:
                raise OutOfTime("No time is left to read the API token.")
            payload = {"Name": name, "WithDecryption": True}
            result = self._aws.call("ssm", "GetParameter", payload, region, min(TIMEOUT, left))
        except Refused as error:
            remedy = _REMEDIES.get(error.code, "check it and the function's role")
            if error.code == "AccessDeniedException" and _KMS.search(str(error)):
                remedy = _UNDECRYPTABLE
            said = str(error).replace(self._value, "[token]") if self._value else str(error)
            raise Misconfigured(f"SSM parameter {name} cannot be read ({said}): {remedy}.") from None
        parameter = result.get("Parameter")
        value = parameter.get("Value") if isinstance(parameter, dict) else None
        self._value = _checked(value if isinstance(value, str) else "", self.place)
        self._fetch_after = now + TTL


def _checked(value: str, place: str) -> str:
    """Refuse what could not be sent as a header; http.client would quote it in its error text."""
    if not value:
        fault = "is empty"
    elif re.match(r"\s*bearer\b", value, re.IGNORECASE):
        fault = 'begins with the word "Bearer"'
    elif "\n" in value or "\r" in value:
        fault = "has a line break in it"
    elif re.search(r"[\s\"']", value):
        fault = "has a space or a quote in it"
    elif not value.isascii() or not value.isprintable():
        fault = "has characters in it that no token has"
    else:
        return value
    raise Misconfigured(f"The API token in {place} {fault}: store the bare token again, nothing around it.")
