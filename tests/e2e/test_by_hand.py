"""Purging by hand, through Lambda."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import Site, url
from tests.simulation.aws import ACCOUNT
from tests.simulation.world import HOST, ZONE_ID


def test_keys_are_purged_and_said(site: Site) -> None:
    answer, error = site.invoke({"keys": ["by hand.html", "drafts/x.html"]})

    assert error is None
    assert answer == {
        "success": True,
        "invalidations": [url("by%20hand.html"), url("by+hand.html")],
        "skipped": ["drafts/x.html"],
        "requests": 1,
    }
    assert site.purged_urls() == [url("by%20hand.html"), url("by+hand.html")]


def test_urls_are_purged_as_they_are(site: Site) -> None:
    answer, error = site.invoke({"urls": [url("a.html?page=2")]})

    assert error is None
    assert answer["invalidations"] == [url("a.html?page=2")]
    assert site.purged_urls() == [url("a.html?page=2")]


def test_an_s3_event_that_comes_without_a_queue_is_purged(site: Site) -> None:
    record = {
        "eventVersion": "2.6",
        "eventSource": "aws:s3",
        "eventTime": "2026-11-23T06:00:00.123Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": HOST}, "object": {"key": "direct+delivery.html"}},
    }

    answer, error = site.invoke({"Records": [record]})

    assert error is None
    assert answer["invalidations"] == [url("direct%20delivery.html"), url("direct+delivery.html")]
    assert site.purged_urls() == [url("direct%20delivery.html"), url("direct+delivery.html")]


def test_a_dry_run_asks_cloudflare_for_nothing(site: Site) -> None:
    answer, error = site.invoke({"keys": ["a.html"], "dry_run": True})

    assert error is None
    assert answer["invalidations"] == [url("a.html")]
    assert answer["dry_run"] is True
    assert site.world.control.requests() == []


def test_a_foreign_host_is_an_error_in_words(site: Site) -> None:
    answer, error = site.invoke({"urls": ["https://www.example.org/a.html"]})

    assert error is not None
    assert "www.example.org" in answer["errorMessage"]
    assert "targets[*].hosts" in answer["errorMessage"]
    assert site.world.control.requests() == []


def test_nothing_to_purge_is_an_error_and_never_everything(site: Site) -> None:
    answer, error = site.invoke({"keys": []})

    assert error is not None
    assert "at least one" in answer["errorMessage"]
    assert site.world.control.requests() == []


def test_an_invocation_leaves_one_metric_line(site: Site) -> None:
    since = time.time()
    site.invoke({"keys": ["a.html", "drafts/b.html"]})
    site.log_line(since, "purged")

    assert site.metrics(since) == {
        "Changes": 2,
        "Purged": 1,
        "Skipped": 1,
        "Parked": 0,
        "Retried": 0,
        "Requests": 1,
        "RateLimited": 0,
        "Misconfigured": 0,
    }


@pytest.mark.parametrize(
    ("event", "kind", "items"),
    [
        ({"prefixes": [f"{HOST}/blog/"]}, "prefixes", [f"{HOST}/blog/"]),
        ({"tags": ["release-7", "Sale"]}, "tags", ["release-7", "Sale"]),
        ({"hosts": [HOST]}, "hosts", [HOST]),
    ],
)
def test_prefixes_tags_and_hosts_are_purged(site: Site, event: Any, kind: str, items: list[str]) -> None:
    answer, error = site.invoke(event)

    assert error is None
    assert answer["invalidations"] == items
    assert site.purges(kind) == items


def test_everything_is_purged_only_when_it_is_said(site: Site) -> None:
    for number in range(3):
        site.put_and_purge(f"{number}.html", "text")
        assert [site.reads(f"{number}.html")[2] for _ in range(2)] == ["MISS", "HIT"]

    _, error = site.invoke({"everything": True})
    assert error is not None
    _, error = site.invoke({"everything": True, "zone_id": "0" * 32})
    assert error is not None
    assert site.reads("0.html")[2] == "HIT"

    answer, error = site.invoke({"everything": True, "zone_id": ZONE_ID})

    assert error is None
    assert answer["invalidations"] == [{"everything": True, "zone_id": ZONE_ID}]
    assert [site.reads(f"{number}.html")[2] for number in range(3)] == ["MISS"] * 3


def test_manual_events_work_as_messages(site: Site) -> None:
    site.send(json.dumps({"prefixes": [f"{HOST}/by-message/"], "tags": ["by-message"]}))

    site.purge_of(f"{HOST}/by-message/", "prefixes")
    site.purge_of("by-message", "tags")


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
