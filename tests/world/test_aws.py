"""What the local AWS answers about parameters and the keys they are encrypted with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulation import aws
from tests.world import account as accounts
from tests.world.account import Account, document

NAME, VALUE = "/site/token", "the value"
PARAMETERS = f"arn:aws:ssm:{aws.REGION}:{aws.ACCOUNT}:parameter"
PARAMETER = f"{PARAMETERS}{NAME}"
OTHER_KEY = f"arn:aws:kms:{aws.REGION}:{aws.ACCOUNT}:key/00000000-0000-0000-0000-000000000000"


def allow(action: str, resource: str, effect: str = "Allow", **equal: str) -> dict[str, Any]:
    conditions = {"Condition": {"StringEquals": {f"kms:{key}": value for key, value in equal.items()}}} if equal else {}
    return accounts.allow(action, resource, effect) | conditions


def in_context(value: str) -> dict[str, str]:
    return {"EncryptionContext:PARAMETER_ARN": value}


MAY_READ = allow("ssm:GetParameter", PARAMETER)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with accounts.local_account(tmp_path_factory.mktemp("aws")) as account:
        yield account


def new_key(account: Account, *statements: dict[str, Any]) -> str:
    """Return the ARN of a new key; without statements IAM alone decides who may use it."""
    policy = {"Policy": document(*statements)} if statements else {}
    arn: str = account.kms.create_key(**policy)["KeyMetadata"]["Arn"]
    return arn


def store(account: Account, key: str | None, name: str = NAME) -> None:
    with_key = {"KeyId": key} if key else {}
    account.ssm.put_parameter(Name=name, Value=VALUE, Type="SecureString", Overwrite=True, **with_key)


def reader(account: Account, *statements: dict[str, Any], name: str = "", **options: str) -> Any:
    """Return SSM's client as somebody who may do just that."""
    return account.assumed("ssm", *statements, name=name, **options)


def decrypted(ssm: Any, name: str = NAME) -> str:
    value: str = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    return value


def refusal(ssm: Any, name: str = NAME) -> tuple[int, str, str]:
    """Return status, code and message of a refusal to decrypt."""
    return accounts.refusal(ssm.get_parameter, Name=name, WithDecryption=True)


@pytest.mark.parametrize(
    "grant",
    [
        lambda key: allow("kms:Decrypt", key),
        lambda key: allow("kms:Decrypt", key, **in_context(PARAMETER)),
        lambda key: allow("kms:*", "*", ViaService=f"ssm.{aws.REGION}.amazonaws.com"),
    ],
)
def test_who_may_decrypt_with_the_key_reads_the_parameter(
    account: Account, grant: Callable[[str], dict[str, Any]]
) -> None:
    key = new_key(account)
    store(account, key)
    assert decrypted(reader(account, MAY_READ, grant(key))) == VALUE


@pytest.mark.parametrize(
    "grants",
    [
        lambda key: [],
        lambda key: [allow("kms:Encrypt", key)],
        lambda key: [allow("kms:Decrypt", OTHER_KEY)],
        lambda key: [allow("kms:Decrypt", key, **in_context(f"{PARAMETER}-of-somebody-else"))],
        lambda key: [allow("kms:Decrypt", key, ViaService="s3.us-east-1.amazonaws.com")],
        lambda key: [allow("kms:*", "*"), allow("kms:Decrypt", key, "Deny")],
    ],
)
def test_who_may_not_decrypt_with_the_key_is_denied_it_in_the_words_of_kms(
    account: Account, grants: Callable[[str], list[dict[str, Any]]]
) -> None:
    key = new_key(account)
    store(account, key)
    somebody = reader(account, MAY_READ, *grants(key))
    status, code, message = refusal(somebody)
    assert (status, code) == (400, "AccessDeniedException")
    assert f"is not authorized to perform: kms:Decrypt on resource: {key}" in message
    assert ":assumed-role/reader-" in message
    assert somebody.get_parameter(Name=NAME)["Parameter"]["Value"] != VALUE  # without decryption, so no key is needed


def test_a_key_policy_without_the_account_denies_everybody_it_does_not_name(account: Account) -> None:
    named = f"arn:aws:iam::{aws.ACCOUNT}:role/named"
    key = new_key(account, {"Effect": "Allow", "Principal": {"AWS": named}, "Action": "kms:*", "Resource": "*"})
    store(account, key)
    assert decrypted(reader(account, MAY_READ, name="named")) == VALUE
    assert refusal(reader(account, MAY_READ, allow("kms:*", "*")))[:2] == (400, "AccessDeniedException")


def test_a_permissions_boundary_bounds_what_ssm_does_for_the_role(account: Account) -> None:
    key = new_key(account)
    store(account, key)
    bound = account.iam.create_policy(PolicyName="no-keys", PolicyDocument=document(allow("ssm:*", "*")))
    grants = [MAY_READ, allow("kms:Decrypt", key)]
    assert refusal(reader(account, *grants, PermissionsBoundary=bound["Policy"]["Arn"]))[1] == "AccessDeniedException"


def test_a_key_out_of_use_decrypts_for_nobody(account: Account) -> None:
    key = new_key(account)
    store(account, key)
    somebody = reader(account, MAY_READ, allow("kms:Decrypt", key))
    account.kms.disable_key(KeyId=key)
    for ssm in (somebody, account.ssm):
        assert refusal(ssm) == (400, "InvalidKeyId", f"{key} is disabled.")
    account.kms.enable_key(KeyId=key)
    assert decrypted(somebody) == VALUE
    account.kms.schedule_key_deletion(KeyId=key)
    assert refusal(somebody) == (400, "InvalidKeyId", f"{key} is pending deletion.")


def test_a_key_that_does_not_exist_decrypts_for_nobody(account: Account) -> None:
    store(account, OTHER_KEY)
    assert refusal(account.ssm)[:2] == (400, "InvalidKeyId")


def test_a_key_is_found_by_its_alias(account: Account) -> None:
    key = new_key(account)
    account.kms.create_alias(AliasName="alias/site", TargetKeyId=key)
    store(account, "alias/site")
    assert decrypted(reader(account, MAY_READ, allow("kms:Decrypt", key))) == VALUE
    assert key in refusal(reader(account, MAY_READ))[2]


def test_the_key_that_aws_manages_asks_for_no_permission(account: Account) -> None:
    store(account, None)
    assert decrypted(reader(account, MAY_READ)) == VALUE


def test_the_root_user_decrypts_by_the_default_key_policy(account: Account) -> None:
    store(account, new_key(account))
    assert decrypted(account.ssm) == VALUE


def test_another_parameter_is_denied_whether_it_exists_or_not(account: Account) -> None:
    store(account, None, "/site/other")
    somebody = reader(account, MAY_READ)
    for name in ("/site/other", "/site/missing"):
        status, code, message = refusal(somebody, name)
        assert (status, code) == (400, "AccessDeniedException")
        assert f"is not authorized to perform: ssm:GetParameter on resource: {PARAMETERS}{name}" in message


def test_a_missing_parameter_is_not_found(account: Account) -> None:
    somebody = reader(account, allow("ssm:GetParameter", f"{PARAMETER}-missing"))
    assert refusal(somebody, f"{NAME}-missing")[:2] == (400, "ParameterNotFound")
