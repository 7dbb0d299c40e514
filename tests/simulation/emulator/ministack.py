"""The modules of MiniStack that are used or changed, which have no types."""

import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Answer]]


def _module(name: str) -> Any:
    return importlib.import_module(f"ministack.{name}")


iam_actions, iam_evaluator = _module("core.iam_actions"), _module("core.iam_evaluator")
responses, router = _module("core.responses"), _module("core.router")
eventbridge, kms, logs = _module("services.eventbridge"), _module("services.kms"), _module("services.cloudwatch_logs")
s3, sqs, ssm = _module("services.s3"), _module("services.sqs"), _module("services.ssm")
