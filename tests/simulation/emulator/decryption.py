"""The decryption of SecureStrings.

On AWS `ssm:GetParameter` of a SecureString under a customer managed key calls `kms:Decrypt` as its caller:
https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html. MiniStack hands the value out
without asking. Here the caller must be allowed to, by the key's policy too, and the key must be in use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.simulation.emulator.ministack import Answer, Handler, kms, router, ssm
from tests.simulation.emulator.permissions import caller_denied

_MANAGED_BY_AWS = "alias/aws/"  # such a key's policy lets everybody in the account through who may use SSM


def deciphering(handle: Handler) -> Handler:
    """Return SSM's handler with a `GetParameter` that decrypts as its caller, or says why it cannot."""

    async def handle_request(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        if headers.get("x-amz-target", "").endswith(".GetParameter"):
            parameter = _to_decrypt(body)
            refused = parameter and _refused(parameter, headers, query)
            if refused:
                return refused
        return await handle(method, path, headers, body, query)

    return handle_request


def _to_decrypt(body: bytes) -> dict[str, Any] | None:
    """Return the parameter that a request asks to decrypt with a customer's key; None for any other request."""
    try:
        asked = json.loads(body)
    except ValueError:
        return None
    if not isinstance(asked, dict) or asked.get("WithDecryption") is not True:
        return None
    found: dict[str, Any] | None = ssm._select_parameter(asked.get("Name"))[0]
    if found is None or found["Type"] != "SecureString" or found["KeyId"].startswith(_MANAGED_BY_AWS):
        return None
    return found


def _refused(parameter: Mapping[str, Any], headers: Mapping[str, str], query: Mapping[str, Any]) -> Answer | None:
    key = kms._resolve_key(parameter["KeyId"])
    if key is None:
        return _error("InvalidKeyId", f"Invalid keyId {parameter['KeyId']}")
    context = {
        "kms:EncryptionContext:PARAMETER_ARN": parameter["ARN"],
        "kms:EncryptionContextKeys": ["PARAMETER_ARN"],
        "kms:ViaService": f"ssm.{router.extract_region(headers, query)}.amazonaws.com",
        "kms:CallerAccount": key["Arn"].split(":")[4],
    }
    denied = caller_denied("kms:Decrypt", key["Arn"], headers, query, context=context, told_by="ssm")
    if denied:
        return denied
    if key["KeyState"] == "Enabled":
        return None
    # KMS's own codes for these states, DisabledException and KMSInvalidStateException, are all one to SSM.
    return _error("InvalidKeyId", json.loads(kms._check_key_state(key)[2])["message"])


def _error(code: str, message: str) -> Answer:
    document = {"__type": code, "message": message}
    return 400, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(document).encode()
