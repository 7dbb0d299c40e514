"""Who may do what, asked of MiniStack's own IAM engine for callers it does not ask about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.simulation.emulator.ministack import Answer, iam, iam_actions, iam_evaluator, responses, router

_DELIVERY = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage"}


def caller_denied(
    action: str,
    resource: str,
    headers: Mapping[str, str],
    query: Mapping[str, Any],
    *,
    context: Mapping[str, Any] | None = None,
    told_by: str = "",
) -> Answer | None:
    """Return the denial of a request's caller, as `told_by` words it (or the action's service); None if it may."""
    service = action.partition(":")[0]
    caller, region = router.extract_access_key_id(headers, query), router.extract_region(headers, query)
    denied = iam_evaluator.enforce(caller, action, service, region, resource_arn=resource, service_context=context)
    if not denied:
        return None
    denial: Answer = iam_actions.access_denied_response(
        told_by or service,
        action,
        denied.principal_arn,
        "",
        headers=headers,
        resource_arn=resource,
        explicit_deny=denied.decision == "Deny",
        resource_policy_arn=denied.resource_policy_arn,
    )
    return denial


def service_may_deliver(service: str, target: str, source: str, account: str) -> bool:
    """Whether a function's or queue's policy lets a service deliver to it, for a source in that account.

    Such a request has aws:SourceArn and aws:SourceAccount, and comes over TLS:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    kind = _service_of(target)
    policy, _ = iam_evaluator._resource_policy(kind, target) or ("", None)
    context = iam_evaluator.EvalContext(
        principal_arn="*",  # no principal of any account
        principal_type="Service",
        principal_account="",
        action=_DELIVERY[kind],
        resource_arn=target,
        region=responses.get_region(),
        secure_transport=True,
        service_context={
            "aws:sourcearn": source,
            "aws:sourceaccount": account,
            "aws:principalisawsservice": "true",
            "aws:principalservicename": service,
        },
    )
    return bool(iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow")


def role_may_deliver(role_arn: str, session: str, target: str) -> bool:
    """Whether a role may send to a queue: its policies within its boundary, and the queue's policy."""
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    kind = _service_of(target)
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        principal_type="AssumedRole",
        principal_account=account,
        action=_DELIVERY[kind],
        resource_arn=target,
        region=responses.get_region(),
        secure_transport=True,
    )
    limits = iam_evaluator._permissions_boundary(iam._roles, name, account)
    result = iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(name, account), *limits)
    policy, owner = iam_evaluator._resource_policy(kind, target) or ("", account)
    result = iam_evaluator.combine_resource_policy(result, context, policy, owner, limits=limits)
    return bool(result.decision == "Allow")


def delivers_to(target: str) -> bool:
    """Whether it is known how a target is delivered to."""
    return _service_of(target) in _DELIVERY


def _service_of(arn: str) -> str:
    return arn.split(":")[2] if arn.startswith("arn:") else ""
