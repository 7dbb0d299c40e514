"""Calls to SSM, SQS and EventBridge: on the wire, against moto, and their answers. Both majors of urllib3 must pass."""

import contextlib
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.server import ThreadedMotoServer

from cf_purge.api_token import ApiToken
from cf_purge.aws import TIMEOUT, Aws, Denied
from cf_purge.budget import Clock
from cf_purge.config import load
from cf_purge.errors import Misconfigured, PurgeError, Transient
from cf_purge.http_client import HttpClient
from tests.support.factories import document, environment
from tests.support.fakes import FakeAws, FakeCloudflare, FakeTransport, Reply, answer, aws_error, outage
from tests.support.names import REGION, TOKEN
from tests.support.servers import LocalServer, Received

SECRET = environment()["AWS_SECRET_ACCESS_KEY"]
CREDENTIALS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": SECRET}
CREDENTIALS |= {"aws_session_token": "session", "region_name": REGION}
CHANGE = {"Id": "0", "ReceiptHandle": "r", "VisibilityTimeout": 5}


def client_of(service: str, url: str) -> contextlib.closing[Any]:
    sdk: Any = boto3
    return contextlib.closing(sdk.client(service, endpoint_url=url, **CREDENTIALS))


# ---- On the wire ----


def signed_headers(received: Received) -> list[str]:
    return received.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")


def signature_of(received: Received, service: str) -> str:
    """Sign what came over the wire."""
    headers = {name: received.headers[name] for name in signed_headers(received)}
    url = f"http://{received.headers['host']}{received.path}"
    request: Any = AWSRequest(received.method, url, headers, received.body)
    request.context["timestamp"] = received.headers["x-amz-date"]
    auth: Any = SigV4Auth(Credentials("AKIDEXAMPLE", SECRET), service, REGION)
    signature: str = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return signature


@pytest.mark.parametrize(
    ("service", "operation", "payload"),
    [
        ("ssm", "GetParameter", {"Name": "/cf/ünï", "WithDecryption": True}),
        ("events", "PutEvents", {"Entries": [{"EventBusName": "a/b", "Detail": '{"key": "ünï"}'}]}),
        ("sqs", "SendMessage", {"QueueUrl": "https://q/1/dlq", "MessageBody": "ünï"}),
        ("sqs", "ChangeMessageVisibilityBatch", {"QueueUrl": "https://q/1/q", "Entries": [CHANGE]}),
    ],
)
def test_a_call_is_signed_and_is_what_boto3_sends(
    serve: Callable[..., LocalServer], http: HttpClient, service: str, operation: str, payload: dict[str, Any]
) -> None:
    server = serve()
    aws = Aws(http, environment(AWS_ENDPOINT_URL=f"{server.url}/"))
    assert aws.call(service, operation, payload, "", TIMEOUT) == {"success": True}
    with client_of(service, server.url) as client:
        getattr(client, xform_name(operation))(**payload)
    ours, theirs = server.received
    assert ours.headers["authorization"].endswith(f"Signature={signature_of(ours, service)}")
    assert (ours.method, ours.path) == (theirs.method, theirs.path) == ("POST", "/")
    assert json.loads(ours.body) == json.loads(theirs.body) == payload
    for header in ("content-type", "x-amz-target", "x-amz-security-token", "host"):
        assert ours.headers[header] == theirs.headers[header]
        assert header in signed_headers(ours)


# ---- Against moto ----


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    with client_of("sqs", f"http://{host}:{port}") as sqs:
        sqs.list_queues()  # moto imports a service at its first call, which can take longer than the function waits
    yield f"http://{host}:{port}"
    server.stop()


@pytest.mark.parametrize("is_named_by_arn", [False, True])
def test_a_secure_string_is_read_by_name_and_by_arn(moto: str, http: HttpClient, is_named_by_arn: bool) -> None:
    with client_of("ssm", moto) as ssm:
        ssm.put_parameter(Name="/cf/token", Value=TOKEN, Type="SecureString", Overwrite=True)
        arn = ssm.get_parameter(Name="/cf/token")["Parameter"]["ARN"]
    config = load(environment(document(api_token_parameter=arn if is_named_by_arn else "/cf/token")))
    clock = Clock()
    token = ApiToken(config, Aws(http, environment(AWS_ENDPOINT_URL=moto)), clock)
    assert token.get(clock.now() + 5) == TOKEN


def test_a_queue_that_does_not_exist_is_misconfigured(moto: str, http: HttpClient) -> None:
    aws = Aws(http, environment(AWS_ENDPOINT_URL=moto))
    with pytest.raises(Misconfigured, match=r"^\S*(NonExistentQueue|QueueDoesNotExist) from sqs:SendMessage"):
        aws.call("sqs", "SendMessage", {"QueueUrl": f"{moto}/1/none"}, "", TIMEOUT)


# ---- Endpoints and credentials ----


@pytest.mark.parametrize(
    ("environ", "service", "region", "url"),
    [
        ({}, "sqs", "eu-west-1", "https://sqs.eu-west-1.amazonaws.com"),
        ({}, "sqs", "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn"),
        ({}, "ssm", "eusc-de-east-1", "https://ssm.eusc-de-east-1.amazonaws.eu"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1/"}, "ssm", "eu-west-1", "http://127.0.0.1:1"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_SSM": "http://b"}, "ssm", "eu-west-1", "http://b"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_SSM": "http://b"}, "sqs", "eu-west-1", "http://a"),
        ({"AWS_ENDPOINT_URL": ""}, "ssm", "eu-west-1", "https://ssm.eu-west-1.amazonaws.com"),
    ],
)
def test_the_endpoint_is_that_of_the_region_unless_the_environment_names_another(
    http: HttpClient, environ: dict[str, str], service: str, region: str, url: str
) -> None:
    assert Aws(http, environ).endpoint(service, region) == url


def call(reply: Reply | None = None, environ: dict[str, str] | None = None) -> tuple[dict[str, Any], FakeTransport]:
    fake = FakeTransport(FakeCloudflare(), FakeAws(script={"GetParameter": [reply]}))
    aws = Aws(fake, environment() if environ is None else environ)  # type: ignore[arg-type]
    return aws.call("ssm", "GetParameter", {"Name": "x"}, "", TIMEOUT), fake


@pytest.mark.parametrize(("lambdas", "region"), [("a", "a"), ("", "b")])
def test_the_region_is_that_of_the_environment(lambdas: str, region: str) -> None:
    [sent] = call(environ=environment(AWS_REGION=lambdas, AWS_DEFAULT_REGION="b"))[1].sent
    assert sent.url == f"https://ssm.{region}.amazonaws.com/"
    assert f"/{region}/ssm/aws4_request" in sent.headers["Authorization"]
    with pytest.raises(Misconfigured, match="set AWS_REGION"):
        call(environ=environment(AWS_REGION=""))


def test_a_session_token_is_sent_if_there_is_one() -> None:
    _, fake = call(environ=environment(AWS_SESSION_TOKEN=""))
    assert "X-Amz-Security-Token" not in fake.sent[0].headers


def test_in_a_shell_credentials_come_from_a_profile_and_are_not_logged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "credentials"
    file.write_text("[work]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = s3cret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "work")
    _, fake = call(environ={"AWS_REGION": REGION})
    assert "Credential=AKIDPROFILE/" in fake.sent[0].headers["Authorization"]
    assert not logging.getLogger("botocore.credentials").isEnabledFor(logging.INFO)  # at DEBUG it prints credentials


@pytest.mark.parametrize("half", [{}, {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"}, {"AWS_SECRET_ACCESS_KEY": SECRET}])
@pytest.mark.parametrize("profile", ["", "nobody"])
def test_without_credentials_the_error_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, half: dict[str, str], profile: str
) -> None:
    monkeypatch.setenv("AWS_PROFILE", profile)
    with pytest.raises(Misconfigured, match="set AWS_PROFILE, or AWS_ACCESS_KEY_ID"):
        call(environ={"AWS_REGION": REGION, **half})


# ---- Answers ----


@pytest.mark.parametrize("body", [b"", b"{}", b"{}\n"])
def test_an_answer_without_a_result_is_empty(body: bytes) -> None:
    assert call(answer(200, body))[0] == {}


@pytest.mark.parametrize(
    "reply",
    [
        *(aws_error(status, "Anything") for status in (408, 429, 500, 503)),
        *(aws_error(400, code) for code in ("ThrottlingException", "TooManyRequestsException", "KmsThrottled")),
        *(aws_error(400, code) for code in ("RequestThrottled", "RequestLimitExceeded")),
        *(answer(200, body) for body in (b"<html>", b"[]", b"[" * 200_000)),
        *(answer(302, b""), answer(502, b"<html>"), outage()),
    ],
)
def test_throttling_and_faults_of_aws_are_transient(reply: Reply) -> None:
    with pytest.raises(Transient) as caught:
        call(reply)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "code", "text"),
    [
        (aws_error(400, "AccessDeniedException", "not yours"), "AccessDeniedException", "not yours"),
        (aws_error(403, "InvalidClientTokenId"), "InvalidClientTokenId", "no"),
        (answer(400, {"__type": "ParameterNotFound"}), "ParameterNotFound", "no explanation"),
        (answer(400, {"__type": "a#B", "Message": "capital"}), "B", "capital"),
        (answer(403, b"<html>"), "HTTP 403", "no explanation"),
        (answer(404, ["list"]), "HTTP 404", "no explanation"),
        (aws_error(400, "X", "y" * 5000), "X", "y" * 500),
        (aws_error(403, "Mismatch", "No.\n\nThe Canonical String\nx-amz-security-token:session"), "Mismatch", "No."),
    ],
)
def test_a_denial_by_aws_is_misconfigured_and_keeps_its_code(reply: Reply, code: str, text: str) -> None:
    with pytest.raises(Denied) as caught:
        call(reply)
    assert isinstance(caught.value, PurgeError)
    assert (caught.value.code, str(caught.value)) == (code, f"{code} from ssm:GetParameter: {text}")
