from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from cf_purge.aws import Aws
from cf_purge.clock import Clock
from cf_purge.drain import Drain
from cf_purge.environment import load
from cf_purge.errors import Misconfigured, Rejected, Transient
from cf_purge.events import messages_in
from cf_purge.metrics import Metrics
from cf_purge.queue import Queue
from cf_purge.signature import Credentials, signed
from cf_purge.token import Token
from cf_purge.transport import Transport
from tests.unit.factories import REGION, TOKEN, document, environment, sqs_record
from tests.unit.fakes import FakeAws, FakeCloudflare, FakeTransport, Reply, answer, aws_error
from tests.unit.servers import LocalServer, Received, write

SOON = 2e9  # seconds since the epoch; far from any deadline
SECRET = environment()["AWS_SECRET_ACCESS_KEY"]
CREDENTIALS = {
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": SECRET,
    "aws_session_token": "session",
    "region_name": REGION,
}


# ---- The signature ----


def recomputed_signature(received: Received, service: str, host: str) -> str:
    """SigV4 from the specification, over what came out of the wire.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    signed = received.headers["authorization"].split("SignedHeaders=")[1].split(",")[0]
    assert received.headers["host"] == host
    canonical = "\n".join(
        [
            "POST",
            received.path,
            "",
            *(f"{name}:{received.headers[name]}" for name in signed.split(";")),
            "",
            signed,
            hashlib.sha256(received.body).hexdigest(),
        ]
    )
    stamp = received.headers["x-amz-date"]
    scope = f"{stamp[:8]}/{REGION}/{service}/aws4_request"
    assert f"Credential=AKIDEXAMPLE/{scope}" in received.headers["authorization"]
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(
    host=st.sampled_from(
        ["https://sqs.eu-west-1.amazonaws.com", "http://localhost:4566", "https://Local:443", "http://a:80"]
    ),
    path=st.sampled_from(["/", "", "/a/b%20c/", "/~x/(1)"]),
    headers=st.dictionaries(st.sampled_from(["Content-Type", "X-Amz-Target", "x-other"]), TEXT),
    body=st.binary(max_size=50),
    token=st.none() | TEXT,
    secret=TEXT,
    at=st.integers(0, 2**32),
)
def test_the_signature_is_botocore_s(
    host: str, path: str, headers: dict[str, str], body: bytes, token: str | None, secret: str, at: int
) -> None:
    credentials = Credentials("AKIDEXAMPLE", secret, token)
    request = AWSRequest(method="POST", url=host + path, data=body, headers=headers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: datetime.fromtimestamp(at, UTC))
        botocore.auth.SigV4Auth(credentials, "sqs", REGION).add_auth(request)
    ours = signed(host + path, headers, body, credentials, REGION, "sqs", at)
    assert {k.lower(): v for k, v in ours.items()} == {k.lower(): v for k, v in request.headers.items()}


CALLS = [
    ("ssm", "GetParameter", "get_parameter", {"Name": "/cf/ünï", "WithDecryption": True}),
    ("sqs", "SendMessage", "send_message", {"QueueUrl": "https://q/1/dlq", "MessageBody": "ünï"}),
    (
        "sqs",
        "ChangeMessageVisibilityBatch",
        "change_message_visibility_batch",
        {"QueueUrl": "https://q/1/q", "Entries": [{"Id": "0", "ReceiptHandle": "r", "VisibilityTimeout": 5}]},
    ),
]


@pytest.mark.parametrize(("service", "operation", "method", "payload"), CALLS)
def test_a_call_on_the_wire_is_signed_as_aws_specifies_and_says_what_botocore_s_own_client_says(
    serve: Callable[..., LocalServer],
    transport: Transport,
    service: str,
    operation: str,
    method: str,
    payload: dict[str, Any],
) -> None:
    server = serve()
    server.respond = lambda handler: write(handler, 200, b"{}")
    aws = Aws(transport, environment(AWS_ENDPOINT_URL=f"{server.url}/"))
    assert aws.call(service, operation, payload) == {}
    client = boto3.client(service, endpoint_url=server.url, **CREDENTIALS)
    try:
        getattr(client, method)(**payload)
    finally:
        client.close()
    ours, theirs = server.received
    host = server.url.removeprefix("http://")
    assert ours.headers["authorization"].endswith(f"Signature={recomputed_signature(ours, service, host)}")
    assert (ours.method, ours.path) == (theirs.method, theirs.path) == ("POST", "/")
    assert json.loads(ours.body) == json.loads(theirs.body) == payload
    for header in ("content-type", "x-amz-target", "x-amz-security-token", "host"):
        assert ours.headers[header] == theirs.headers[header]
    for header in ("content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"):
        assert header in ours.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")


# ---- Against moto ----


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def client(endpoint: str) -> Iterator[Callable[[str], Any]]:
    clients: list[Any] = []

    def client(service: str) -> Any:
        clients.append(boto3.client(service, endpoint_url=endpoint, **CREDENTIALS))
        return clients[-1]

    yield client
    for each in clients:
        each.close()


@pytest.fixture
def aws(endpoint: str, transport: Transport) -> Aws:
    return Aws(transport, environment(AWS_ENDPOINT_URL=endpoint))


@pytest.mark.parametrize("name", ["cf-token", "/cf/token"])
@pytest.mark.parametrize("by_arn", [False, True])
def test_a_secure_string_is_read_by_name_with_and_without_a_slash_and_by_arn(
    client: Callable[[str], Any], aws: Aws, name: str, by_arn: bool
) -> None:
    ssm = client("ssm")
    ssm.put_parameter(Name=name, Value=TOKEN, Type="SecureString", Overwrite=True)
    asked = ssm.get_parameter(Name=name)["Parameter"]["ARN"] if by_arn else name
    config = load(environment(document(api_token_parameter=asked)))
    assert Token(config, aws, Clock()).get() == TOKEN


def test_a_missing_parameter_is_misconfigured_and_named(aws: Aws) -> None:
    config = load(environment(document(api_token_parameter="/no/such")))
    with pytest.raises(Misconfigured, match=r"SSM parameter /no/such cannot be read \(ParameterNotFound"):
        Token(config, aws, Clock()).get()


def received_from(sqs: Any, url: str, **options: Any) -> list[dict[str, Any]]:
    result = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"], **options
    )
    return list(result.get("Messages", []))


def test_a_parked_message_lies_in_the_real_queue_untouched_with_its_reason(
    client: Callable[[str], Any], aws: Aws
) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="parked")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    body = '{ "keys" : ["ünï 🎉"], "x":1 }\n'
    [message] = messages_in({"Records": [sqs_record(body)]}) or []
    metrics = Metrics()
    assert (
        Queue(aws, Clock(), None, arn).settle([(message, Rejected("because\x00 ünï", "ForeignHost"))], SOON, metrics)
        == []
    )
    assert metrics.parked == 1
    [parked] = received_from(sqs, url)
    assert parked["Body"] == body
    assert {name: value["StringValue"] for name, value in parked["MessageAttributes"].items()} == {
        "ReasonCode": "ForeignHost",
        "Reason": "because\ufffd ünï",
    }


def test_returned_messages_are_seen_again_when_they_should_be(client: Callable[[str], Any], aws: Aws) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="returned", Attributes={"VisibilityTimeout": "3600"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for body in ("soon", "late"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    records = [
        {
            **sqs_record(each["Body"], each["MessageId"]),
            "receiptHandle": each["ReceiptHandle"],
            "eventSourceARN": arn,
        }
        for each in received_from(sqs, url)
    ]
    messages = messages_in({"Records": records}) or []
    assert received_from(sqs, url) == []
    failures = [(m, Transient("no", 1 if m.body == "soon" else 600)) for m in messages]
    assert Queue(aws, Clock(), arn, None).settle(failures, SOON, Metrics()) == messages
    [again] = received_from(sqs, url, WaitTimeSeconds=4)
    assert again["Body"] == "soon"
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"


def test_a_burst_is_received_and_deleted(client: Callable[[str], Any], aws: Aws) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="burst", Attributes={"VisibilityTimeout": "3600"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for number in range(23):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    read: list[str] = []

    class Reading:
        free_places = 0

        def room_for(self, most: int) -> int:
            return most

        def read(self, source: str, body: str) -> None:
            read.append(body)

        def keep_back(self, seconds: float) -> None:
            assert seconds >= 0

    clock = Clock()
    drain = Drain(Queue(aws, clock, arn, None), arn, clock)
    deadline = clock.now() + 60
    messages = drain.receive(100, {}, Reading(), False, deadline)  # type: ignore[arg-type]
    assert sorted(read, key=int) == [str(number) for number in range(23)]
    assert {message.receives for message in messages} == {1}
    drain.delete(messages[:20], deadline)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] == dict.fromkeys(names) | {
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "3",
    }


def test_a_missing_queue_is_misconfigured(aws: Aws) -> None:
    with pytest.raises(Misconfigured, match=r"^\S*(NonExistentQueue|QueueDoesNotExist) from sqs:SendMessage"):
        aws.call("sqs", "SendMessage", {"QueueUrl": f"{aws.endpoint('sqs', REGION)}/1/none", "MessageBody": "x"})


# ---- Endpoints, credentials, errors ----


@pytest.mark.parametrize(
    ("environ", "service", "region", "url"),
    [
        ({}, "sqs", "eu-west-1", "https://sqs.eu-west-1.amazonaws.com"),
        ({}, "ssm", "us-gov-west-1", "https://ssm.us-gov-west-1.amazonaws.com"),
        ({}, "sqs", "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn"),
        ({}, "ssm", "eusc-de-east-1", "https://ssm.eusc-de-east-1.amazonaws.eu"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1/"}, "ssm", "eu-west-1", "http://127.0.0.1:1"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_SSM": "http://b"}, "ssm", "eu-west-1", "http://b"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_SSM": "http://b"}, "sqs", "eu-west-1", "http://a"),
        ({"AWS_ENDPOINT_URL_SQS": "http://q/"}, "sqs", "cn-north-1", "http://q"),
        ({"AWS_ENDPOINT_URL_SQS": "http://q"}, "ssm", "eu-west-1", "https://ssm.eu-west-1.amazonaws.com"),
        ({"AWS_ENDPOINT_URL": ""}, "ssm", "eu-west-1", "https://ssm.eu-west-1.amazonaws.com"),
    ],
)
def test_the_endpoint_is_the_region_s_unless_the_environment_names_another(
    transport: Transport, environ: dict[str, str], service: str, region: str, url: str
) -> None:
    assert Aws(transport, environ).endpoint(service, region) == url


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, "a"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "b"}, "b"),
        ({"AWS_DEFAULT_REGION": "b"}, "b"),
    ],
)
def test_the_region_is_the_environment_s(transport: Transport, environ: dict[str, str], region: str) -> None:
    assert Aws(transport, environ).region() == region


def call(reply: Reply | None = None, environ: dict[str, str] | None = None) -> tuple[dict[str, Any], FakeTransport]:
    fake = FakeTransport(FakeCloudflare(), FakeAws(script={"GetParameter": [reply]}))
    aws = Aws(fake, environment() if environ is None else environ)  # type: ignore[arg-type]
    return aws.call("ssm", "GetParameter", {"Name": "x"}), fake


def test_without_a_session_token_none_is_sent() -> None:
    environ = environment()
    del environ["AWS_SESSION_TOKEN"]
    _, fake = call(environ=environ)
    assert "X-Amz-Security-Token" not in fake.sent[0].headers
    _, fake = call()
    assert fake.sent[0].headers["X-Amz-Security-Token"] == "session"


def test_in_a_shell_botocore_s_credential_chain_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    file = tmp_path / "credentials"
    file.write_text("[work]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = s3cret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "work")
    _, fake = call(environ={"AWS_REGION": REGION})
    assert "Credential=AKIDPROFILE/" in fake.sent[0].headers["Authorization"]
    for name in ("botocore", "botocore.credentials"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO), "at DEBUG it prints credentials"


@pytest.mark.parametrize("half", [{}, {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"}, {"AWS_SECRET_ACCESS_KEY": SECRET}])
def test_without_whole_credentials_the_words_say_what_to_set(half: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match="set AWS_PROFILE or AWS_ACCESS_KEY_ID"):
        call(environ={"AWS_REGION": REGION, **half})


@pytest.mark.parametrize(
    "reply",
    [
        aws_error(500, "InternalServerError"),
        aws_error(503, "ServiceUnavailable"),
        aws_error(429, "Anything"),
        aws_error(408, "Anything"),
        aws_error(400, "ThrottlingException"),
        aws_error(400, "TooManyRequestsException"),
        aws_error(400, "KmsThrottled"),
        aws_error(403, "RequestThrottled"),
        aws_error(400, "RequestLimitExceeded"),
        answer(200, b"<html>"),
        answer(200, b"[]"),
        answer(200, b"[" * 200_000),
        answer(302, b""),
        answer(502, b"<html>"),
    ],
)
def test_what_may_pass_is_transient(reply: Reply) -> None:
    with pytest.raises(Transient, match="from ssm:GetParameter"):
        call(reply)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            aws_error(400, "AccessDeniedException", "not yours"),
            "AccessDeniedException from ssm:GetParameter: not yours",
        ),
        (answer(400, {"__type": "ParameterNotFound"}), "ParameterNotFound from ssm:GetParameter: no explanation"),
        (answer(400, {"__type": "a#B", "Message": "capital"}), "B from ssm:GetParameter: capital"),
        (answer(403, b"<html>"), "HTTP 403 from ssm:GetParameter: no explanation"),
        (answer(400, b""), "HTTP 400 from ssm:GetParameter: no explanation"),
        (answer(404, ["list"]), "HTTP 404 from ssm:GetParameter: no explanation"),
    ],
)
def test_what_aws_refuses_is_misconfigured_and_begins_with_its_code(reply: Reply, words: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        call(reply)
    assert str(caught.value) == words


def test_a_long_message_of_aws_is_cut() -> None:
    with pytest.raises(Misconfigured) as caught:
        call(aws_error(400, "X", "y" * 5000))
    assert len(str(caught.value)) < 600


def test_an_empty_answer_is_an_empty_result() -> None:
    assert call(answer(200, b""))[0] == {}


def test_no_secret_is_in_the_text_of_an_error() -> None:
    for reply in (aws_error(403, "AccessDenied"), aws_error(500, "X")):
        with pytest.raises((Misconfigured, Transient)) as caught:
            call(reply)
        assert SECRET not in str(caught.value)
