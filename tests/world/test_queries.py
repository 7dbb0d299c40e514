"""How the local AWS keeps saved queries."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.world.account import Account, allow, refusal

QUERY = "fields @timestamp\n| limit 1"


@pytest.fixture
def logs(account: Account) -> Any:
    return account.client("logs")


@pytest.fixture
def folder() -> str:
    return secrets.token_hex(4)


def saved(logs: Any, prefix: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = logs.describe_query_definitions(queryDefinitionNamePrefix=prefix)["queryDefinitions"]
    return found


def test_a_query_is_kept_as_it_was_saved(logs: Any, folder: str) -> None:
    given = {"name": f"{folder}/Was it?", "queryString": QUERY, "logGroupNames": ["/aws/lambda/site"]}
    definition_id = logs.put_query_definition(**given)["queryDefinitionId"]
    [found] = saved(logs, folder)
    assert found.pop("lastModified") > 0
    assert found == {**given, "queryDefinitionId": definition_id, "queryLanguage": "CWLI"}


def test_a_query_is_found_by_how_its_name_begins(logs: Any, folder: str) -> None:
    for name in ("b", "a"):
        logs.put_query_definition(name=f"{folder}/{name}", queryString=QUERY)
    assert [each["name"] for each in saved(logs, folder)] == [f"{folder}/a", f"{folder}/b"]
    assert [each["name"] for each in saved(logs, f"{folder}/b")] == [f"{folder}/b"]


def test_a_query_is_changed_and_deleted_by_its_id(logs: Any, folder: str) -> None:
    definition_id = logs.put_query_definition(name=folder, queryString=QUERY)["queryDefinitionId"]
    logs.put_query_definition(queryDefinitionId=definition_id, name=folder, queryString="fields @message")
    [found] = saved(logs, folder)
    assert (found["queryDefinitionId"], found["queryString"]) == (definition_id, "fields @message")
    assert logs.delete_query_definition(queryDefinitionId=definition_id)["success"] is True
    assert saved(logs, folder) == []


def test_an_unknown_id_is_refused(logs: Any) -> None:
    asked = {"queryDefinitionId": "nothing"}
    assert refusal(logs.delete_query_definition, **asked)[:2] == (400, "ResourceNotFoundException")
    refused = refusal(logs.put_query_definition, name="a", queryString=QUERY, **asked)
    assert refused[:2] == (400, "ResourceNotFoundException")


@pytest.mark.parametrize("wrong", [{"name": "a" * 256}, {"queryString": "f" * 10_001}])
def test_a_query_is_as_long_as_aws_takes(logs: Any, wrong: dict[str, str]) -> None:
    refused = refusal(logs.put_query_definition, **{"name": "a", "queryString": QUERY, **wrong})
    assert refused[:2] == (400, "InvalidParameterException")


def test_who_may_not_save_a_query_is_denied_it(account: Account) -> None:
    somebody = account.assumed("logs", allow("logs:DescribeQueryDefinitions", "*"))
    assert somebody.describe_query_definitions()["queryDefinitions"] is not None
    assert refusal(somebody.put_query_definition, name="a", queryString=QUERY)[1] == "AccessDeniedException"


def test_what_it_knows_besides_is_answered_as_ever(logs: Any, folder: str) -> None:
    logs.create_log_group(logGroupName=folder)
    assert [each["logGroupName"] for each in logs.describe_log_groups(logGroupNamePrefix=folder)["logGroups"]] == [
        folder
    ]
