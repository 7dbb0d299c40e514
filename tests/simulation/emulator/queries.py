"""Saved queries of CloudWatch Logs, which are stored and listed in one page.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from tests.simulation.emulator.ministack import Answer, Handler

_saved: dict[str, dict[str, Any]] = {}  # by queryDefinitionId


def answering(handle: Handler) -> Handler:
    """Return CloudWatch Logs' handler with the three actions on query definitions."""

    async def handle_request(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Answer:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        asked = json.loads(body or b"{}")
        if action == "PutQueryDefinition":
            id_ = asked.get("queryDefinitionId") or str(uuid.uuid4())
            _saved[id_] = {"queryLanguage": "CWLI", **asked, "queryDefinitionId": id_}
            return _answer({"queryDefinitionId": id_})
        if action == "DescribeQueryDefinitions":
            prefix = asked.get("queryDefinitionNamePrefix", "")
            return _answer({"queryDefinitions": [each for each in _saved.values() if each["name"].startswith(prefix)]})
        if action == "DeleteQueryDefinition":
            return _answer({"success": _saved.pop(asked["queryDefinitionId"], None) is not None})
        return await handle(method, path, headers, body, query)

    return handle_request


def _answer(document: Mapping[str, Any]) -> Answer:
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(document).encode()
