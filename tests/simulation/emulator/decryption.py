"""`ssm:GetParameter` of a SecureString under a customer managed key, which calls `kms:Decrypt` as its caller.

https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html. MiniStack returns
the value to everybody.
"""

import json
from collections.abc import Mapping
from typing import Any

from tests.simulation.emulator.ministack import Answer, Handler, iam_actions, iam_evaluator, kms, router, ssm


def deciphering(handle: Handler) -> Handler:
    """Return SSM's handler, whose `GetParameter` now needs the permission to decrypt."""

    async def handle_request(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        if headers.get("x-amz-target", "").endswith(".GetParameter"):
            asked = json.loads(body)
            found = ssm._select_parameter(asked.get("Name"))[0]
            if asked.get("WithDecryption") and found and not found.get("KeyId", "alias/aws/").startswith("alias/aws/"):
                rejected = _rejected(found, headers, query)
                if rejected:
                    return rejected
        return await handle(method, path, headers, body, query)

    return handle_request


def _rejected(parameter: Mapping[str, Any], headers: Mapping[str, str], query: Mapping[str, Any]) -> Answer | None:
    """Return the answer to a caller who may not use the parameter's key."""
    key = kms._resolve_key(parameter["KeyId"])
    caller, region = router.extract_access_key_id(headers, query), router.extract_region(headers, query)
    context = {
        "kms:EncryptionContext:PARAMETER_ARN": parameter["ARN"],
        "kms:EncryptionContextKeys": ["PARAMETER_ARN"],
        "kms:ViaService": f"ssm.{region}.amazonaws.com",
        "kms:CallerAccount": key["Arn"].split(":")[4],
    }
    denied = iam_evaluator.enforce(
        caller, "kms:Decrypt", "kms", region, resource_arn=key["Arn"], service_context=context
    )
    if not denied:
        return None
    answer: Answer = iam_actions.access_denied_response(
        "ssm", "kms:Decrypt", denied.principal_arn, "", headers=headers, resource_arn=key["Arn"]
    )
    return answer
