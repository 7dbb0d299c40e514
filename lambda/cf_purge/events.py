"""Events → what they ask for. The one place that knows the envelopes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from cf_purge.errors import Rejected, UnknownEvent

# Deeper than S3 in SNS in SQS in a dead letter ever gets.
_MAX_DEPTH = 5
_MAX_ERRORS = 20  # of one event: each holds the stack it was raised from, and a message has room for 500,000
_MAX_KEY_BYTES = 1024  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
# Manual events: lists of strings, and what is asked for by a `true`.
_LISTS = ("keys", "urls", "prefixes", "tags", "hosts")
_SWITCHES = ("everything", "check")
_OPTIONS = ("bucket", "zone_id", "dry_run", "hop")
_JSON_SPACE = " \t\n\r"
_decode_first = json.JSONDecoder().raw_decode


class Change(NamedTuple):
    """One object that changed."""

    key: str  # decoded
    bucket: str | None = None  # None when a manual event leaves it to the configuration
    at: float | None = None  # seconds since the epoch, None when the event does not say
    zone_id: str | None = None  # purge in this zone only; None: in every zone that serves it


class Named(NamedTuple):
    """One item named by hand: of "urls", "prefixes", "tags" or "hosts", or "everything" or "check" with no item."""

    kind: str
    item: str
    bucket: str | None = None
    zone_id: str | None = None


class Asked:
    """All that one event or one message body asks for; `errors` are parts that cannot be understood."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.named: list[Named] = []
        self.errors: list[Rejected] = []
        self.dry_run = False
        self.is_repurge = False  # the second purge of something: there is no third


class Message(NamedTuple):
    """One SQS message, as the event source mapping hands it over."""

    id: str
    body: str
    receipt: str = ""  # "" when the event names none; its visibility then stays the queue's
    receives: int = 1  # 1 the first time
    queue_arn: str = ""


def messages_in(event: object) -> list[Message] | None:
    """Return the messages of an SQS event, or None for every other event.

    Raises:
        UnknownEvent: a record without its id or body, which SQS never sends; nothing of the batch is acknowledged.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not records:
        return None
    if not all(isinstance(record, dict) and record.get("eventSource") == "aws:sqs" for record in records):
        return None
    return [_message(record) for record in records]


def _message(record: dict[str, Any]) -> Message:
    message_id, body = record.get("messageId"), record.get("body")
    if not isinstance(message_id, str) or not message_id or not isinstance(body, str):
        raise UnknownEvent("An SQS record has no messageId or no body.")
    receipt, queue_arn = record.get("receiptHandle"), record.get("eventSourceARN")
    return Message(
        id=message_id,
        body=body,
        receipt=receipt if isinstance(receipt, str) else "",
        receives=receives_in(record.get("attributes")),
        queue_arn=queue_arn if isinstance(queue_arn, str) else "",
    )


def receives_in(attributes: object) -> int:
    """Return how often a message was received, by its system attributes; 1 when they do not say."""
    count = attributes.get("ApproximateReceiveCount") if isinstance(attributes, dict) else None
    if count == "1":
        return 1
    count = str(count)
    return max(1, int(count[:9])) if count.isascii() and count.isdigit() else 1


def asked_by(document: object) -> Asked:
    """Read any event the function is invoked with, SQS apart, or the body of a message (a string).

    Notification keys are form-encoded and decoded here, once; EventBridge keys are raw
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).

    Raises:
        UnknownEvent: the document as a whole is none of the documented shapes. What is wrong with single
            records is in `errors`, so that their neighbours are still purged.
    """
    asked = Asked()
    _collect(document, asked, 0)
    return asked


def _collect(document: object, asked: Asked, depth: int) -> None:
    if isinstance(document, str):
        try:
            document = _decoded(document)
        except (ValueError, RecursionError):
            raise UnknownEvent("The message is not JSON.") from None
    if not isinstance(document, dict):
        raise UnknownEvent("The event is not a JSON object.")
    if depth > _MAX_DEPTH:
        raise UnknownEvent("The event is wrapped in too many envelopes.")
    if document.get("Event") == "s3:TestEvent":
        return
    # Before anything of it counts: what was meant to be a dry run must not purge.
    if "dry_run" in document:
        if not isinstance(document["dry_run"], bool):
            raise UnknownEvent('"dry_run" must be true or false.')
        asked.dry_run = asked.dry_run or document["dry_run"]
    records = document.get("Records")
    if isinstance(records, list):
        for record in records:
            try:
                _collect_record(record, asked, depth)
            except Rejected as error:
                if len(asked.errors) < _MAX_ERRORS:
                    asked.errors.append(error)
    elif document.get("Type") == "Notification" and "Message" in document:
        _collect(document["Message"], asked, depth + 1)
    elif "requestPayload" in document:  # the destination of a failed asynchronous invocation
        _collect(document["requestPayload"], asked, depth + 1)
    elif document.get("source") == "aws.s3":
        detail = document.get("detail")
        asked.changes.append(_change(detail, document.get("time"), encoded=False))
    elif any(name in document for name in (*_LISTS, *_SWITCHES)):
        _collect_manual(document, asked)
    else:
        raise UnknownEvent(
            "The event is none of: S3 notification, SNS, SQS, EventBridge from S3, "
            + ", ".join([f'{{"{name}": [...]}}' for name in _LISTS] + [f'{{"{name}": true}}' for name in _SWITCHES])
            + "."
        )
    if "hop" in document:  # whatever it says: a mark that could be wrong could make a loop
        asked.is_repurge = True


def _decoded(text: str) -> object:
    """As `json.loads`, which takes a third longer for a notification."""
    text = text.strip(_JSON_SPACE)
    document, end = _decode_first(text)
    if end < len(text):
        raise ValueError
    return document


def _collect_record(record: object, asked: Asked, depth: int) -> None:
    if not isinstance(record, dict):
        raise UnknownEvent("A record is not a JSON object.")
    if isinstance(record.get("Sns"), dict):
        _collect(record["Sns"].get("Message"), asked, depth + 1)
    elif "s3" in record:
        version = str(record.get("eventVersion", "2.1"))
        if not version.startswith("2."):
            raise UnknownEvent(f"S3 event version {version[:16]!r} is not 2.x.")
        asked.changes.append(_change(record["s3"], record.get("eventTime"), encoded=True))
    else:
        raise UnknownEvent("A record is neither from S3 nor from SNS.")


def _change(detail: Any, time: object, *, encoded: bool) -> Change:
    try:
        key, bucket = detail["object"]["key"], detail["bucket"]["name"]
    except (KeyError, TypeError):
        raise UnknownEvent("The record names no bucket and object key.") from None
    if not isinstance(bucket, str) or not bucket:
        raise UnknownEvent("The record's bucket name is not a string.")
    return Change(_checked_key(key, encoded=encoded), bucket, _epoch(time))


def _checked_key(key: object, *, encoded: bool) -> str:
    if not isinstance(key, str) or not key:
        raise UnknownEvent("The object key is not a string, or empty.")
    try:
        key = unquote_plus(key, errors="strict") if encoded else key
        length = len(key.encode())
    except UnicodeError:
        raise UnknownEvent("The object key is not UTF-8.") from None
    if length > _MAX_KEY_BYTES:
        raise UnknownEvent(f"The object key is longer than the {_MAX_KEY_BYTES} bytes S3 allows.")
    return key


def _epoch(time: object) -> float | None:
    """Seconds since the epoch of an ISO 8601 time; a time nobody can read only costs the lag metric."""
    try:
        return datetime.fromisoformat(time).timestamp() if isinstance(time, str) else None
    except ValueError:
        return None


def _collect_manual(document: dict[str, Any], asked: Asked) -> None:
    unknown = set(document) - {*_LISTS, *_SWITCHES, *_OPTIONS}
    if unknown:
        raise UnknownEvent(f"A manual event has no field {sorted(unknown)[0][:64]!r}.")
    bucket, zone_id = (_optional_text(document, name) for name in ("bucket", "zone_id"))
    if "everything" in document and zone_id is None:
        raise UnknownEvent('"everything" needs the "zone_id" of the zone to empty.')
    # All of it is read before any of it counts: half an event would be purged, parked, and purged again.
    changes, named = [], []
    for name in (name for name in _LISTS if name in document):
        items = document[name]
        if not isinstance(items, list) or not items or not all(isinstance(item, str) and item for item in items):
            raise UnknownEvent(f'"{name}" must be a list of at least one non-empty string.')
        if name == "keys":
            changes += [Change(_checked_key(item, encoded=False), bucket, None, zone_id) for item in items]
        else:
            named += [Named(name, item, bucket, zone_id) for item in items]
    for name in (name for name in _SWITCHES if name in document):
        if document[name] is not True:
            raise UnknownEvent(f'"{name}" must be true: leave it out to not ask for it.')
        named.append(Named(name, "", bucket, zone_id))
    asked.changes += changes
    asked.named += named


def _optional_text(document: dict[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise UnknownEvent(f'"{name}" must be a non-empty string.')
    return value
