"""Purging by hand, through Lambda."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import Site, url
from tests.simulation.aws import ACCOUNT
from tests.simulation.world import HOST

BY_HAND: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "keys": ({"keys": ["by hand.html", "drafts/x.html"]}, "files", [url("by%20hand.html"), url("by+hand.html")]),
    "URLs": ({"urls": [url("a.html?page=2")]}, "files", [url("a.html?page=2")]),
    "prefixes": ({"prefixes": [f"{HOST}/blog/"]}, "prefixes", [f"{HOST}/blog/"]),
    "tags": ({"tags": ["release-7", "Sale"]}, "tags", ["release-7", "Sale"]),
    "hosts": ({"hosts": [HOST]}, "hosts", [HOST]),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_what_is_named_is_purged_and_said(site: Site, name: str) -> None:
    event, kind, items = BY_HAND[name]
    since = time.time()
    answer, error = site.invoke(event)

    assert error is None
    skipped = ["drafts/x.html"] if name == "keys" else []
    assert answer == {"success": True, "invalidations": items, "skipped": skipped, "requests": 1}
    assert site.purges(kind) == items
    site.log_line(since, "purged")
    metrics = site.metrics(since)
    assert (metrics["Requests"], metrics["Skipped"]) == (1, len(skipped))


def test_marketing_may_purge_by_hand_and_nothing_else(deployed: Callable[..., Site]) -> None:
    site = deployed("complete")
    sts = site.world.client("sts")
    role = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/marketing-purge", RoleSessionName="marketing")
    credentials = {
        "aws_access_key_id": role["Credentials"]["AccessKeyId"],
        "aws_secret_access_key": role["Credentials"]["SecretAccessKey"],
        "aws_session_token": role["Credentials"]["SessionToken"],
    }

    def as_marketing(service: str) -> Any:
        return site.world.client(service, **credentials)

    answer = as_marketing("lambda").invoke(FunctionName=site.name, Payload=b'{"keys": ["public/sale.html"]}')
    assert json.loads(answer["Payload"].read())["success"] is True
    assert site.url("sale.html") in site.purges()

    queue_url, parameter = site.outputs["queue_url"], "/prod/cloudflare/corporate-token"
    denied: list[tuple[str, str, dict[str, Any]]] = [
        ("lambda", "invoke", {"FunctionName": "site-purge", "Payload": b"{}"}),
        ("lambda", "get_function", {"FunctionName": site.name}),
        ("lambda", "get_function_configuration", {"FunctionName": site.name}),
        ("lambda", "update_function_code", {"FunctionName": site.name, "ZipFile": b"x"}),
        ("lambda", "update_function_configuration", {"FunctionName": site.name, "Timeout": 900}),
        ("lambda", "delete_function", {"FunctionName": site.name}),
        ("ssm", "get_parameter", {"Name": parameter, "WithDecryption": True}),
        ("ssm", "put_parameter", {"Name": parameter, "Value": "mine", "Overwrite": True}),
        ("sqs", "send_message", {"QueueUrl": queue_url, "MessageBody": "{}"}),
        ("sqs", "receive_message", {"QueueUrl": queue_url}),
        ("s3", "put_object", {"Bucket": site.bucket, "Key": "public/x.html", "Body": b"x"}),
        ("iam", "list_roles", {}),
        ("logs", "describe_log_groups", {}),
        ("kms", "list_keys", {}),
    ]
    allowed = []
    for service, operation, arguments in denied:
        try:
            getattr(as_marketing(service), operation)(**arguments)
        except ClientError as refused:
            if "AccessDenied" in refused.response["Error"]["Code"] or "not authorized" in str(refused):
                continue
        allowed.append(f"{service}:{operation}")
    assert allowed == []
