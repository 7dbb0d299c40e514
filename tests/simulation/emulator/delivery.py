"""S3 delivers to a function, and EventBridge to any target, only if the target's policy allows it, as on AWS.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-enable-disable-notification-intro.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html. MiniStack itself checks
only S3 to a queue.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from tests.simulation.emulator.ministack import iam_evaluator, responses, s3

_ACTIONS = {"lambda": "lambda:InvokeFunction", "sns": "sns:Publish", "sqs": "sqs:SendMessage"}
_logger = logging.getLogger(__name__)


def checking_functions(validate: Callable[..., Any]) -> Callable[..., Any]:
    """Return S3's check of a notification configuration, which also checks the functions in it."""

    def validate_configs(
        configs: Sequence[Mapping[str, Any]], region: str, bucket: str = "", skip_destination_validation: bool = False
    ) -> Any:
        rejected = validate(configs, region, bucket, skip_destination_validation)
        if rejected or skip_destination_validation:
            return rejected
        owner = s3._bucket_owner_account(bucket) or responses.get_account_id()
        functions = [config["arn"] for config in configs if config["type"] == "lambda"]
        source = f"arn:aws:s3:::{bucket}"
        denied = ", ".join(arn for arn in functions if not _may_deliver("s3.amazonaws.com", arn, source, owner))
        message = f"Unable to validate the following destination configurations: {denied}"
        return s3._invalid_notification_config(message) if denied else None

    return validate_configs


def sending_with_permission(invoke: Callable[..., None]) -> Callable[..., None]:
    """Return EventBridge's delivery to a target, which now needs the permission of the target's policy."""

    def invoke_target(target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None) -> None:
        if _may_deliver("events.amazonaws.com", target["Arn"], rule["Arn"], rule["Arn"].split(":")[4]):
            invoke(target, event, rule, view)
        else:
            _logger.warning("%s may not deliver to %s", rule["Arn"], target["Arn"])

    return invoke_target


def knowing_places(apply: Callable[..., str]) -> Callable[..., str]:
    """Return EventBridge's input transformer, which now knows paths into lists, such as `$.detail.items[0].key`."""

    def apply_input_transformer(transformer: Mapping[str, Any], rule: Mapping[str, Any], view: Any) -> str:
        paths = {name: re.sub(r"\[(\d+)\]", r".\1", path) for name, path in transformer["InputPathsMap"].items()}
        event = _by_place(view.event_with_detail())
        seen = SimpleNamespace(envelope=view.envelope, event_with_detail=lambda: event)
        return apply({**transformer, "InputPathsMap": paths}, rule, seen)

    return apply_input_transformer


def _by_place(value: Any) -> Any:
    """Return lists as objects whose names are the indexes."""
    if isinstance(value, list):
        value = {str(place): each for place, each in enumerate(value)}
    return {name: _by_place(each) for name, each in value.items()} if isinstance(value, dict) else value


def _may_deliver(service: str, target: str, source: str, account: str) -> bool:
    """Tell whether the policy of a function, queue or topic lets a service deliver to it, for a source in that account.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    kind = target.split(":")[2]
    policy, _ = iam_evaluator._resource_policy(kind, target) or ("", None)
    context = iam_evaluator.EvalContext(
        principal_arn="*",  # no principal of any account
        principal_type="Service",
        principal_account="",
        action=_ACTIONS[kind],
        resource_arn=target,
        region=responses.get_region(),
        secure_transport=True,
        service_context={"aws:sourcearn": source, "aws:sourceaccount": account},
    )
    return bool(iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow")
