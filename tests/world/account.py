"""What the tests of the local AWS get: its account's root user at work, and the policies it writes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulation import aws, certificates

ROOT = f"arn:aws:iam::{aws.ACCOUNT}:root"


class Account:
    """The account's root user at work, and the roles it makes."""

    def __init__(self, url: str, tls: certificates.Certificates) -> None:
        self._url, self._tls = url, tls
        services = ("ssm", "kms", "iam", "sts", "s3", "sqs", "lambda", "events")
        self.ssm, self.kms, self.iam, self._sts, self.s3, self.sqs, self.functions, self.events = (
            self.client(name) for name in services
        )

    def client(self, service: str, **credentials: str) -> Any:
        return aws.client(service, self._url, self._tls, **credentials)

    def role(self, *statements: dict[str, Any], name: str = "", **options: str) -> str:
        """Make a role that may do just that, and return its ARN."""
        name = name or f"reader-{secrets.token_hex(4)}"
        trust = document(
            {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
        )
        arn: str = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **options)["Role"]["Arn"]
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=document(*statements))
        return arn

    def assumed(self, service: str, *statements: dict[str, Any], name: str = "", **options: str) -> Any:
        """Return a service's client as somebody who has assumed a role that may do just that."""
        arn = self.role(*statements, name=name, **options)
        given = self._sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return self.client(
            service,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )


@contextmanager
def local_account(folder: Path) -> Iterator[Account]:
    tls = certificates.issue(folder)
    with aws.running(folder, tls) as url:
        yield Account(url, tls)


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(action: str | list[str], resource: str, effect: str = "Allow") -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource}


def refusal(call: Any, **arguments: Any) -> tuple[int, str, str]:
    """Return status, code and message of a call's refusal."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer: Any = caught.value.response
    error = answer["Error"]
    return answer["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error.get("Message") or answer["message"]
