"""The modules of MiniStack that are asked or changed: untyped, and known by name only."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, Any]], Awaitable[Answer]]

iam_actions: Any = importlib.import_module("ministack.core.iam_actions")
iam_evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
lambda_runtime: Any = importlib.import_module("ministack.core.lambda_runtime")
responses: Any = importlib.import_module("ministack.core.responses")
router: Any = importlib.import_module("ministack.core.router")

eventbridge: Any = importlib.import_module("ministack.services.eventbridge")
iam: Any = importlib.import_module("ministack.services.iam")
kms: Any = importlib.import_module("ministack.services.kms")
lambda_svc: Any = importlib.import_module("ministack.services.lambda_svc")
logs: Any = importlib.import_module("ministack.services.cloudwatch_logs")
s3: Any = importlib.import_module("ministack.services.s3")
sqs: Any = importlib.import_module("ministack.services.sqs")
ssm: Any = importlib.import_module("ministack.services.ssm")
