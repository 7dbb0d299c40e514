"""The API token: where it is stored, how long it is cached, what it must look like. Nothing here prints it."""

from __future__ import annotations

import re

from cf_purge.aws import Aws, Denied
from cf_purge.budget import Clock
from cf_purge.config import Config
from cf_purge.errors import Misconfigured, Transient

TTL = 300.0  # seconds
_STALE_TTL = 30.0  # seconds for which an old token is used before SSM is asked again
_MIN_INTERVAL = 60.0  # seconds between two reads because the token was refused
_VARIABLE = "CLOUDFLARE_API_KEY"

_REMEDIES = {
    "ParameterNotFound": "create it as a SecureString in the function's Region, or correct api_token_parameter",
    "ParameterVersionNotFound": "name a version that exists, or none",
    "AccessDeniedException": "allow the function's role ssm:GetParameter on it",
    "InvalidKeyId": "enable the KMS key that encrypts it",
}
_UNDECRYPTABLE = "set api_token_kms_key_arn to the key that encrypts it, and allow the role in that key's policy"
# SSM passes on what KMS denies under its own code.
_KMS = re.compile(r"\bkms:[A-Z]|ciphertext refers")
# What no token contains, with the sentence about it.
_FAULTS = {
    r"\A\Z": "is empty",
    r"(?i)\A\s*bearer\b": 'begins with the word "Bearer"',
    r"[\r\n]": "contains a line break",
    r"\A\s*[{\[]": "is JSON",
    r"[\s\"']": "contains a space or a quote",
    r"[^!-~]": "contains characters that no token has",
}


class ApiToken:
    """The token, from the environment or cached from SSM; times are those of `Clock.now`."""

    def __init__(self, config: Config, aws: Aws, clock: Clock) -> None:
        self._config = config
        self._aws = aws
        self._clock = clock
        self._value: str | None = None
        self._expires_at = 0.0
        self._read_at = -_MIN_INTERVAL

    @property
    def place(self) -> str:
        """Where it is stored, for people."""
        return f"SSM parameter {self._config.api_token_parameter}" if self._config.api_token is None else _VARIABLE

    def get(self, deadline: float) -> str:
        """Return the token, at most TTL old; older while SSM does not answer.

        Raises:
            Transient: SSM does not answer and nothing is cached.
            Misconfigured: no such parameter, no permission to read it, or a value that cannot be a token.
        """
        if self._value is None or self._clock.now() >= self._expires_at:
            try:
                self._value, self._expires_at = self._read(deadline), self._clock.now() + TTL
            except Transient:
                if self._value is None:
                    raise
                self._expires_at = self._clock.now() + _STALE_TTL
        return self._value

    def read_again(self, deadline: float, *, at_once: bool = False) -> bool:
        """Read a token that was refused again, unless `at_once` at most once a minute; tell whether it was read.

        The minute ends when a token is accepted, so that a second rotation is noticed at once.

        Raises:
            PurgeError: as `get`, whatever is cached.
        """
        now = self._clock.now()
        if not at_once:
            if now - self._read_at < _MIN_INTERVAL:
                return False
            self._read_at = now
        try:
            self._value, self._expires_at = self._read(deadline), self._clock.now() + TTL
        except Misconfigured:
            self._value = None  # it must not be used again
            raise
        return True

    def note_accepted(self) -> None:
        """Note that Cloudflare accepted the token."""
        self._read_at = -_MIN_INTERVAL

    def _read(self, deadline: float) -> str:
        if self._config.api_token is not None:
            return _checked(self._config.api_token, self.place)
        name = self._config.api_token_parameter or ""
        # The parameter of another Region is named by its ARN.
        region = name.split(":")[3] if name.startswith("arn:") and name.count(":") >= 5 else None
        payload = {"Name": name, "WithDecryption": True}
        try:
            result = self._aws.call("ssm", "GetParameter", payload, region, deadline - self._clock.now())
        except Denied as error:
            is_kms = error.code == "AccessDeniedException" and _KMS.search(str(error))
            remedy = _UNDECRYPTABLE if is_kms else _REMEDIES.get(error.code, "check it and the function's role")
            raise Misconfigured(f"SSM parameter {name} cannot be read ({error}): {remedy}.") from None
        parameter = result.get("Parameter")
        value = parameter.get("Value") if isinstance(parameter, dict) else None
        return _checked(value if isinstance(value, str) else "", self.place)


def _checked(value: str, place: str) -> str:
    """Refuse what could not be sent as a header; an HTTP library would quote it in its error."""
    for pattern, fault in _FAULTS.items():
        if re.search(pattern, value):
            raise Misconfigured(f"The API token in {place} {fault}: store the bare token, with nothing around it.")
    return value
