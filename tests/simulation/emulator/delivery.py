"""Deliveries that services make on their own: they need permission, and fail as AWS's do.

Bucket to function, https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-enable-disable-notification-intro.html;
rule to queue or function, https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html;
function to its destination, https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html.
MiniStack itself checks bucket to queue, and asks nobody about the others.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.simulation.emulator.ministack import lambda_svc, responses, s3
from tests.simulation.emulator.permissions import delivers_to, role_may_deliver, service_may_deliver

_logger = logging.getLogger(__name__)


# ---- Bucket to function ----


def checking_functions(validate: Callable[..., Any]) -> Callable[..., Any]:
    """Return S3's check of a notification configuration, of the functions in it too."""

    def validate_configs(
        configs: Sequence[Mapping[str, Any]], region: str, bucket: str = "", skip_destination_validation: bool = False
    ) -> Any:
        refused = validate(configs, region, bucket, skip_destination_validation)
        if refused or skip_destination_validation:
            return refused
        functions = [config["arn"] for config in configs if config["type"] == "lambda"]
        closed = ", ".join(arn for arn in functions if not _bucket_may_invoke(bucket, arn))
        message = f"Unable to validate the following destination configurations: {closed}"
        return s3._invalid_notification_config(message) if closed else None

    return validate_configs


def invoking_with_permission(deliver: Callable[..., None]) -> Callable[..., None]:
    """Return S3's delivery to a function, made only where the function's policy allows it."""

    def deliver_event(arn: str, payload: Mapping[str, Any], region: str) -> None:
        bucket = payload["Records"][0]["s3"]["bucket"]["name"]
        if _bucket_may_invoke(bucket, arn):
            deliver(arn, payload, region)
        else:
            _logger.warning("s3://%s may not invoke %s", bucket, arn)

    return deliver_event


def _bucket_may_invoke(bucket: str, arn: str) -> bool:
    owner = s3._bucket_owner_account(bucket) or responses.get_account_id()
    return service_may_deliver("s3.amazonaws.com", arn, f"arn:aws:s3:::{bucket}", owner)


# ---- Rule to queue or function ----


def sending_with_permission(invoke: Callable[..., None]) -> Callable[..., None]:
    """Return EventBridge's delivery to a target, made only where the queue's or function's policy allows it."""

    def invoke_target(
        target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: Any = None
    ) -> None:
        source, arn = rule["Arn"], target["Arn"]
        account = source.split(":")[4]
        if not delivers_to(arn) or service_may_deliver("events.amazonaws.com", arn, source, account):
            invoke(target, event, rule, view)
        else:
            _logger.warning("%s may not deliver to %s", source, arn)

    return invoke_target


def invoking_asynchronously(_: Callable[..., None]) -> Callable[..., None]:
    """Return EventBridge's invocation of a function with Lambda's retries and destination, not once and for all."""

    def dispatch(arn: str, payload: str) -> None:
        function, config, _name = lambda_svc._get_func_record_for_ref(arn)
        if function and config:
            record = lambda_svc._execution_record_for_config(function, config)
            lambda_svc.invoke_async_with_retry(record, json.loads(payload))

    return dispatch


# ---- Function to its destination ----


def failing_with_permission(route: Callable[..., None]) -> Callable[..., None]:
    """Return Lambda's delivery of what failed for good, made to a queue only where the function's role may send."""

    def route_failure(target: str, function: str, event: Any, result: Any) -> None:
        record = lambda_svc._functions.get(function)
        if ":sqs:" not in target or (record and role_may_deliver(record["config"]["Role"], function, target)):
            route(target, function, event, result)
        else:
            _logger.warning("the role of %s may not send to %s", function, target)

    return route_failure
