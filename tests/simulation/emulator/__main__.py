"""`python -m tests.simulation.emulator`: MiniStack with what it lacks, until standard input ends.

The parent holds the other end of standard input, so MiniStack and the functions that it runs end with the parent.
"""

import importlib
import os
import signal
import threading

from hypercorn.config import Config

from tests.simulation.emulator import actions, decryption, delivery, queries, queues
from tests.simulation.emulator.ministack import eventbridge, iam_actions, logs, s3, sqs, ssm

_REPLACED = (
    (iam_actions, "_action_from_target", actions.without_batches),
    (ssm, "handle_request", decryption.deciphering),
    (s3, "_validate_notification_configs", delivery.checking_functions),
    (eventbridge, "_invoke_target", delivery.sending_with_permission),
    (eventbridge, "_apply_input_transformer", delivery.knowing_places),
    (sqs, "_dlq_sweep", queues.alone),
    (sqs, "_collect_msgs", queues.alone),
    (logs, "handle_request", queries.answering),
)


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    for module, name, replacement in _REPLACED:
        setattr(module, name, replacement(getattr(module, name)))  # fails at once if a release renames it
    sqs._queues_lock = threading.RLock()  # taken again by a thread that has it
    sqs._HANDLERS.update(
        DeleteMessageBatch=queues.alone(sqs._HANDLERS["DeleteMessageBatch"]),
        ChangeMessageVisibilityBatch=queues.shortening(sqs._HANDLERS["ChangeMessageVisibilityBatch"]),
        StartMessageMoveTask=queues.start_move,
        ListMessageMoveTasks=queues.list_moves,
    )
    threading.Thread(target=_end_with_parent, daemon=True).start()
    Config.alpn_protocols = ["http/1.1"]  # with HTTP/2 Terraform's requests sometimes hang for 75 seconds
    importlib.import_module("ministack.app").main()


if __name__ == "__main__":
    main()
