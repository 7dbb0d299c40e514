"""Saved queries of CloudWatch Logs: the actions on query definitions, which MiniStack does not know.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html. They are kept and
listed, all in one page; running a query is MiniStack's own affair, and saving one does not read it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from tests.simulation.emulator.ministack import Answer, Handler, responses

_LONGEST_NAME, _LONGEST_QUERY = 255, 10_000  # characters
_KEPT = ("name", "queryString", "logGroupNames", "queryLanguage")


class Queries:
    """The saved queries of each account and Region."""

    def __init__(self) -> None:
        self._definitions = responses.AccountRegionScopedDict()
        self._actions = {
            "PutQueryDefinition": self._put,
            "DescribeQueryDefinitions": self._described,
            "DeleteQueryDefinition": self._delete,
        }

    def answering(self, handle: Handler) -> Handler:
        """Return CloudWatch Logs' handler with these actions put in."""

        async def handle_request(
            method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
        ) -> Answer:
            action = self._actions.get(headers.get("x-amz-target", "").rpartition(".")[2])
            if action is None:
                return await handle(method, path, headers, body, query)
            try:
                asked = json.loads(body or b"{}")
            except ValueError:
                return _answer(400, {"__type": "SerializationException", "message": "Invalid JSON"})
            return action(asked)

        return handle_request

    def _put(self, asked: Mapping[str, Any]) -> Answer:
        name, text = asked.get("name", ""), asked.get("queryString", "")
        if not 1 <= len(name) <= _LONGEST_NAME or not 1 <= len(text) <= _LONGEST_QUERY:
            message = f"A name has 1 to {_LONGEST_NAME} characters and a query 1 to {_LONGEST_QUERY}."
            return _answer(400, {"__type": "InvalidParameterException", "message": message})
        known = asked.get("queryDefinitionId")
        if known is not None and known not in self._definitions:
            return _unknown(known)
        definition_id = known or str(uuid.uuid4())
        self._definitions[definition_id] = {
            "queryLanguage": "CWLI",
            **{field: asked[field] for field in _KEPT if field in asked},
            "queryDefinitionId": definition_id,
            "lastModified": int(time.time() * 1000),
        }
        return _answer(200, {"queryDefinitionId": definition_id})

    def _described(self, asked: Mapping[str, Any]) -> Answer:
        prefix = asked.get("queryDefinitionNamePrefix", "")
        found = [each for each in self._definitions.values() if each["name"].startswith(prefix)]
        return _answer(200, {"queryDefinitions": sorted(found, key=lambda each: str(each["name"]))})

    def _delete(self, asked: Mapping[str, Any]) -> Answer:
        definition_id = asked.get("queryDefinitionId", "")
        if definition_id not in self._definitions:
            return _unknown(definition_id)
        del self._definitions[definition_id]
        return _answer(200, {"success": True})


def _unknown(definition_id: str) -> Answer:
    message = f"The specified query definition does not exist: {definition_id}"
    return _answer(400, {"__type": "ResourceNotFoundException", "message": message})


def _answer(status: int, document: Mapping[str, Any]) -> Answer:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(document).encode()
