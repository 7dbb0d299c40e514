"""Events and configurations as AWS and Terraform write them, one function per shape."""

# ruff: noqa: F405
import json
from typing import Any
from urllib.parse import quote_plus

from tests.support.names import *  # noqa: F403 - users of the factories also use the names


def s3_record(
    key: str = "index.html",
    *,
    bucket: str = BUCKET,
    raw_key: str | None = None,
    event: str = "ObjectCreated:Put",
    version: str = "2.6",
    time: str = TIME,
) -> dict[str, Any]:
    """One record of a notification; `key` is form-encoded as S3 does it, `raw_key` is not encoded."""
    there = {"name": bucket, "ownerIdentity": {"principalId": "A3NL1K"}, "arn": f"arn:aws:s3:::{bucket}"}
    raw_key = quote_plus(key, safe="/*") if raw_key is None else raw_key
    what = {"key": raw_key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "0055AED6DCD90281E5"}
    return {
        "eventVersion": version,
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": time,
        "eventName": event,
        "userIdentity": {"principalId": PRINCIPAL},
        "requestParameters": {"sourceIPAddress": "203.0.113.7"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8"},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": "tf-s3-queue-1", "bucket": there, "object": what},
    }


def s3_event(*keys: str, **record: Any) -> dict[str, Any]:
    """A notification with one record per key."""
    return {"Records": [s3_record(key, **record) for key in keys]}


def s3_test_event() -> dict[str, Any]:
    """The test event that S3 sends when a notification is configured."""
    ids = {"RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3e"}
    time = "2026-11-23T06:00:00.089Z"
    return {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": time, "Bucket": BUCKET, **ids}


def sns_body(message: object) -> dict[str, Any]:
    """SNS's envelope of a message that it delivers to a queue."""
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:uploads",
        "Subject": "Amazon S3 Notification",
        "Message": as_text(message),
        "Timestamp": "2026-11-23T06:00:00.500Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
    }


def sns_event(*messages: object) -> dict[str, Any]:
    """The event with which SNS invokes a function."""
    subscription = f"arn:aws:sns:{REGION}:{ACCOUNT}:uploads:c9135db0"
    head = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription}
    return {"Records": [{**head, "Sns": sns_body(message)} for message in messages]}


def eventbridge_event(
    key: str = "index.html", *, bucket: str = BUCKET, kind: str = "Object Created", time: str = TIME
) -> dict[str, Any]:
    """An S3 event from EventBridge: its key is raw."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": time,
        "region": REGION,
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {"key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184"},
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": ACCOUNT,
            "reason": "PutObject",
        },
    }


def failed_invocation(event: object) -> dict[str, Any]:
    """The record that Lambda sends to a destination after the last failure of a direct invocation."""
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:cf-purge:$LATEST"
    request = {"requestId": "e4b46cbf-b738-4880-a5ac-24ef2f9d2b9f", "functionArn": function}
    return {
        "version": "1.0",
        "timestamp": "2026-11-23T06:04:00.000Z",
        "requestContext": {**request, "condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "no", "errorType": "Transient"},
    }


def sqs_record(body: object, message_id: str = "m0", receives: int = 1) -> dict[str, Any]:
    """One message as the event source mapping passes it; its receipt handle is `receipt-<id>`."""
    return {
        "messageId": message_id,
        "receiptHandle": f"receipt-{message_id}",
        "body": as_text(body),
        "attributes": {
            "ApproximateReceiveCount": str(receives),
            "SentTimestamp": "1795413600000",
            "SenderId": "AROAEXAMPLE:S3-PROD-END",
            "ApproximateFirstReceiveTimestamp": "1795413600123",
        },
        "messageAttributes": {},
        "md5OfBody": "da3b569c0b5564a034700cb2fb5ec5df",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE_ARN,
        "awsRegion": REGION,
    }


def sqs_event(*bodies: object, receives: int = 1) -> dict[str, Any]:
    """A batch of messages with the IDs m0, m1, …; a body that is not a string is written as JSON."""
    return {"Records": [sqs_record(body, f"m{index}", receives) for index, body in enumerate(bodies)]}


def as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def target(**changes: Any) -> dict[str, Any]:
    return {"zone_id": ZONE, "hosts": [HOST], **changes}


def document(**changes: Any) -> dict[str, Any]:
    """The configuration as Terraform writes it, by default with one target at `https://www.example.com/`."""
    return {
        "name": "site",
        "bucket": BUCKET,
        "api_token_parameter": PARAMETER,
        "targets": [target()],
        "queue_arn": QUEUE_ARN,
        "dead_letter_queue_arn": DLQ_ARN,
        **changes,
    }


def environment(config: dict[str, Any] | None = None, **changes: str) -> dict[str, str]:
    """The environment of a function inside Lambda."""
    return {
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "session",
        "CF_PURGE_CONFIG": json.dumps(document() if config is None else config),
        **changes,
    }


def flat_environment(**changes: str) -> dict[str, str]:
    """The environment of a function configured by the flat variables."""
    values = environment(CLOUDFLARE_ZONE_ID=ZONE, CLOUDFLARE_API_KEY=TOKEN)
    del values["CF_PURGE_CONFIG"]
    return {**values, **changes}
