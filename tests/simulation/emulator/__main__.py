"""`python -m tests.simulation.emulator`: MiniStack with what it leaves out put in."""

from __future__ import annotations

import importlib

from tests.simulation.emulator import decryption, delivery, exclusion, lines, moments, moves, queries, starts, waits
from tests.simulation.emulator.ministack import eventbridge, iam_actions, lambda_runtime, lambda_svc, logs, s3, sqs, ssm

_REPLACED = (
    (ssm, "handle_request", decryption.deciphering),
    (s3, "_validate_notification_configs", delivery.checking_functions),
    (s3, "_deliver_event_to_lambda", delivery.invoking_with_permission),
    (eventbridge, "_invoke_target", delivery.sending_with_permission),
    (eventbridge, "_dispatch_to_lambda", delivery.invoking_asynchronously),
    (lambda_runtime, "_PYTHON_WORKER_SCRIPT", starts.bare),
    (lambda_runtime, "_PYTHON_WORKER_SCRIPT", lines.ended),
    (lambda_runtime.Worker, "_drain_stderr_bounded", lines.to_the_end),
    (lambda_runtime.Worker, "invoke", moments.telling_when_handed),
    (lambda_runtime.Worker, "_spawn", moments.telling_when_ready),
    (lambda_svc, "_route_async_failure", delivery.failing_with_permission),
    (sqs, "_queues_lock", exclusion.reentrant),
    (sqs, "_expire_retained", exclusion.alone),
    (sqs, "_dlq_sweep", exclusion.alone),
    (sqs, "_collect_msgs", exclusion.alone),
    (sqs, "handle_request", moves.moving_with_permission),
    (iam_actions, "extract_resource_arn", moves.naming_the_source),
    (logs, "handle_request", queries.Queries().answering),
)
_ACTIONS_REPLACED = (
    ("SendMessage", waits.shortening),
    ("ChangeMessageVisibility", waits.shortening),
    ("ChangeMessageVisibilityBatch", waits.shortening),
    ("DeleteMessage", exclusion.alone),
    ("DeleteMessageBatch", exclusion.alone),
    ("PurgeQueue", exclusion.alone),
)


def main() -> None:
    for module, name, replacement in _REPLACED:
        setattr(module, name, replacement(getattr(module, name)))  # fails at once if a release renames it
    for action, changed in _ACTIONS_REPLACED:
        sqs._HANDLERS[action] = changed(sqs._HANDLERS[action])
    tasks = moves.Moves()
    sqs._HANDLERS.update(StartMessageMoveTask=tasks.start, ListMessageMoveTasks=tasks.recent)
    importlib.import_module("ministack.app").main()


if __name__ == "__main__":
    main()
