"""Events → changes and items. The only module that knows the envelopes."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_plus

from cf_purge.config import HOST, MAX_SLASHES
from cf_purge.errors import Rejected, TooLarge, UnknownEvent

MAX_ITEMS = 1_000  # changes and manual items of one event or message
_MAX_DEPTH = 8  # of envelopes and records: S3 in SNS to a function, failed and sent by SNS to a function again
_MAX_KEY_BYTES = 1024  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
# Manual events: lists of strings, and switches that are `true`.
LISTS = ("keys", "urls", "prefixes", "tags", "hosts")
SWITCHES = ("everything", "check")
DIRECT = ("explain", "wait", "since")  # by direct invocation only
_MAX_BODY = 200_000  # bytes of an own message; the queue takes 262,144
_LAST_TIME = 1e12  # seconds since the epoch, in the year 33658
PUT, DELETE = "put", "delete"


class Change(NamedTuple):
    """One object that changed, or one key of a manual event."""

    key: str  # decoded
    bucket: str | None = None  # None: a manual event that does not name it
    at: float | None = None  # seconds since the epoch; None when the event does not say
    zone_id: str | None = None  # purge in this zone only; None: in every zone that serves it
    etag: str | None = None
    sequencer: str | None = None  # hexadecimal; orders the changes of one key
    principal: str | None = None  # who changed it; EventBridge says the account only
    kind: str | None = None  # PUT or DELETE; None: unknown, or something else, such as the deletion of one version


class Item(NamedTuple):
    """One manual item other than a key, by its field: one of LISTS, or one of SWITCHES with an empty text."""

    kind: str
    text: str  # as it is purged, percent-encoded
    host: str = ""  # of a URL, prefix or host
    path: str = ""  # of a URL or prefix, without the query
    bucket: str | None = None
    zone_id: str | None = None


class Look(NamedTuple):
    """The part of the function's own message that asks for a look: do visitors see its changes?"""

    hop: int  # the first is 1
    purged: float  # seconds since the epoch
    sample: int | None = None  # so many of the changes are asked about, the first ones; None: all
    left: Mapping[str, Any] = {}  # of their copies only these, by ID, with the kind of their second purge; none: all
    changes: tuple[Change, ...] = ()


class Event(NamedTuple):
    """What one event or message asks for."""

    entries: tuple[Change | Item | Rejected, ...] = ()  # Rejected: why a record or a key is invalid
    dry_run: bool = False
    look: Look | None = None
    is_own: bool = False  # of a message that the function wrote: nobody could split it

    @property
    def is_check(self) -> bool:
        return any(isinstance(entry, Item) and entry.kind == "check" for entry in self.entries)


class Message(NamedTuple):
    """One SQS message; or an event that came without a queue."""

    id: str
    body: Any  # a text; without a queue the event itself, and the ID is ""
    receipt: str = ""  # "" when the event has none; its visibility timeout then stays as it is
    receives: int = 1  # 1 the first time

    @property
    def is_look(self) -> bool:
        return isinstance(self.body, str) and '"hop":' in self.body


def messages_in(event: Any) -> list[Message] | None:
    """Return the messages of an SQS event, or None for any other event.

    Raises:
        UnknownEvent: a record without ID or body, or "dry_run" beside the records, which SQS never sends; nothing of
            the batch is acknowledged.
    """
    match event:
        case {"Records": [{"eventSource": "aws:sqs"}, *_] as records}:
            if "dry_run" in event:
                raise UnknownEvent('In an event from SQS "dry_run" belongs in the body of each message.')
            # Of one that is delivered twice the last receipt is the valid one.
            return list({message.id: message for message in map(_message, records)}.values())
    return None


def receives_in(attributes: object) -> int:
    """Return how often a message was received, from its system attributes; 1 when they do not say."""
    count = str(attributes.get("ApproximateReceiveCount")) if isinstance(attributes, dict) else ""
    return max(1, int(count[:9])) if count.isascii() and count.isdigit() else 1


def parse(document: object) -> Event:
    """Read any event the function can be invoked with, except from SQS, or the body of a message (a string).

    Notification keys are form-encoded and decoded here, once; EventBridge keys are raw
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).

    Raises:
        UnknownEvent: the document as a whole has none of the documented shapes. An invalid record becomes an entry
            instead, so that its neighbours are still purged.
        TooLarge: more than MAX_ITEMS items.
    """
    event = Event()
    for part in _parts_of(document):  # one of the function's own messages has one part, which is kept whole
        event = part._replace(entries=event.entries + part.entries, dry_run=event.dry_run or part.dry_run)
        if len(event.entries) > MAX_ITEMS:
            raise TooLarge(f"It has more than {MAX_ITEMS} items: split it.")
    return event


def _message(record: object) -> Message:
    match record:
        case {"messageId": str(message_id), "body": str(body), **more} if message_id:
            return Message(message_id, body, str(more.get("receiptHandle") or ""), receives_in(more.get("attributes")))
    raise UnknownEvent("An SQS record has no messageId or no body.")


def _parts_of(document: object, depth: int = 0) -> Iterator[Event]:
    """Yield what a document asks for: what is in its envelope, each of its records, or the event that it is."""
    if isinstance(document, str):
        with contextlib.suppress(ValueError, RecursionError):
            document = json.loads(document)
    if not isinstance(document, dict) or depth > _MAX_DEPTH:
        raise UnknownEvent("The event is not a JSON object, or in too many envelopes.")
    # At each level, and beside any other field: a dry run must not purge.
    if "dry_run" in document:
        if not isinstance(document["dry_run"], bool):
            raise UnknownEvent('"dry_run" must be true or false.')
        yield Event(dry_run=document["dry_run"])
    match document:
        case {"Records": list(records)}:
            for record in records:
                try:
                    yield from _parts_of(record, depth + 1)
                except Rejected as error:
                    yield Event((error.with_traceback(None),))
        # SNS to a function, SNS elsewhere, and the destination of a failed asynchronous invocation.
        case {"Sns": event} | {"Message": event} | {"requestPayload": event}:
            yield from _parts_of(event, depth + 1)
        case {"s3": _}:
            yield Event((_s3_change(document),))
        case {"source": "aws.s3"}:
            yield Event((_eventbridge_change(document),))
        case _ if not document.keys().isdisjoint((*LISTS, *SWITCHES, *DIRECT)):
            yield from _manual_parts(document)
        case {"changes": _} if not depth:  # nobody wraps the function's own messages
            yield _own_event(document)
        case _ if document.get("Event") != "s3:TestEvent":
            known = ", ".join((*LISTS, *SWITCHES, "explain"))
            raise UnknownEvent(f"The event is none of: S3 notification, SNS, SQS, EventBridge from S3, {known}.")


def _s3_change(record: dict[str, Any]) -> Change:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""
    if not str(record.get("eventVersion", "2.1")).startswith("2."):
        raise UnknownEvent("The record's eventVersion is not 2.x.")
    change, described = _change(record["s3"], record.get("eventTime"), encoded=True)
    name, _, method = str(record.get("eventName")).removeprefix("s3:").partition(":")
    is_version = method == "Delete" and described.get("versionId")
    removed = None if is_version else DELETE
    kinds = {"ObjectCreated": PUT, "ObjectRemoved": removed, "LifecycleExpiration": removed}
    user = record.get("userIdentity")
    principal = user.get("principalId") if isinstance(user, dict) else None
    return change._replace(kind=kinds.get(name), etag=_text(described.get("eTag")), principal=_text(principal))


def _eventbridge_change(document: dict[str, Any]) -> Change:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""
    detail: Any = document.get("detail")
    change, described = _change(detail, document.get("time"), encoded=False)
    is_version = detail.get("deletion-type") == "Permanently Deleted" and described.get("version-id")
    kinds = {"Object Created": PUT, "Object Deleted": None if is_version else DELETE}
    kind = kinds.get(str(document.get("detail-type")))
    return change._replace(kind=kind, etag=_text(described.get("etag")), principal=_text(detail.get("requester")))


def _change(detail: Any, time: object, *, encoded: bool) -> tuple[Change, dict[str, Any]]:
    """Return the fields that both formats share, and the format's own description of the object."""
    match detail:
        case {"bucket": {"name": str(bucket)}, "object": {"key": str(key)} as described} if bucket and key:
            # What is not UTF-8 becomes surrogates, which `_checked_key` refuses.
            key = _checked_key(unquote_plus(key, errors="surrogateescape") if encoded else key)
            return Change(key, bucket, epoch(time), sequencer=_text(described.get("sequencer"))), described
    raise UnknownEvent("The record has no bucket or no object key.")


def _text(value: object) -> str | None:
    """Return a string that is not empty; None for anything else."""
    return value if isinstance(value, str) and value else None


def _checked_key(key: str) -> str:
    with contextlib.suppress(UnicodeError):
        if len(key.encode()) <= _MAX_KEY_BYTES:
            return key
    raise UnknownEvent(f"The object key {key[:256]!r} is not UTF-8, or longer than the {_MAX_KEY_BYTES} bytes of S3.")


def epoch(time: Any, read: Callable[[str], datetime] = datetime.fromisoformat) -> float | None:
    """Return a time as seconds since the epoch, or None if `read` cannot parse it, which by default takes ISO 8601."""
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        return read(time).timestamp()
    return None


# ---- Manual events ----

# A pattern for each field, with three groups: scheme, host, and what follows. Credentials and a port do not match. A
# fragment is dropped, since no client sends it.
_HOST, _STEP = r"([^/?#@:\s]+)", r"(?:/[^/?#\x00-\x1f\x7f\ud800-\udfff]*)"
_ADDRESSES = {
    "urls": rf"(https?://){_HOST}({_STEP}*(?:\?[^#\x00-\x1f\x7f\ud800-\udfff]*)?)(?:#.*)?",
    "prefixes": rf"(){_HOST}({_STEP}{{1,{MAX_SLASHES}}})",
    "hosts": rf"(){_HOST}()",
}
_KEPT = "%/:=&;@!$'()*+,~[]?"  # what else a URL may contain is percent-encoded
# https://developers.cloudflare.com/support/troubleshooting/http-status-codes/4xx-client-error/error-414/
_MAX_URL = 32_768  # characters
_PREFIX = "a prefix such as www.example.com/blog/: a host and a path, no scheme, port or query"
# By field: the code of a refusal, and what each of its items must be.
_FORMS = {
    "urls": ("MalformedUrl", "a URL such as https://www.example.com/a.css, without a port, of at most 32 KB"),
    "prefixes": ("MalformedPrefix", f"{_PREFIX}, at most {MAX_SLASHES} slashes and 32 KB"),
    "tags": ("MalformedTag", "a tag: 1 to 1024 printable ASCII characters without spaces"),
    "hosts": ("MalformedHost", "a host such as www.example.com"),
}


def _manual_parts(document: dict[str, Any]) -> Iterator[Event]:
    """Yield each item of a manual event as an event.

    Raises:
        UnknownEvent: something else than an item is wrong with the event.
    """
    for name, value in document.items():
        if name in LISTS and not (isinstance(value, list) and value and all(map(_text, value))):
            raise UnknownEvent(f'"{name}" must be a list of at least one non-empty string.')
        if name in SWITCHES and value is not True:
            raise UnknownEvent(f'"{name}" must be true; omit it to disable it.')
        if name in ("bucket", "zone_id") and _text(value) != value:
            raise UnknownEvent(f'"{name}" must be a non-empty string.')
        if name not in (*LISTS, *SWITCHES, "bucket", "zone_id", "dry_run"):
            only = ", ".join(DIRECT)
            raise UnknownEvent(f"A manual event has no field {name[:64]!r}; by direct invocation only: {only}.")
    bucket, zone_id = document.get("bucket"), document.get("zone_id")
    if "everything" in document and zone_id is None:
        raise UnknownEvent('"everything" needs the "zone_id" of the zone to purge.')
    for name in (*LISTS, *SWITCHES):
        texts = document.get(name, ())
        for text in [""] if texts is True else texts:
            try:
                if name == "keys":
                    yield Event((Change(_manual_key(text), bucket, zone_id=zone_id),))
                else:
                    yield Event((Item(name, *address_of(name, text), bucket, zone_id),))
            except Rejected as error:
                yield Event((error.with_traceback(None),))


def _manual_key(key: str) -> str:
    """Return a key of a manual event.

    Raises:
        Rejected: it looks like a path or a URL, and would purge something else without an error.
    """
    if match := re.match(r"/+|(?:https?|s3)://+(?=.)[^/]*/*", key, re.IGNORECASE):
        right = f", such as {key[match.end() :][:256]!r}" if match.end() < len(key) else ""
        raise Rejected(f'{key[:256]!r} is a path or a URL: write it as in S3{right}, or use "urls".', "MalformedKey")
    return _checked_key(key)


def address_of(field: str, text: str) -> tuple[str, str, str]:
    """Return an item as it is purged, percent-encoded; of a URL, prefix or host then its host, and its path.

    Raises:
        Rejected: a purge of that kind cannot have it.
    """
    if field in _ADDRESSES:
        match = re.fullmatch(_ADDRESSES[field], text.strip(), re.IGNORECASE | re.DOTALL | re.ASCII)
        scheme, host, rest = match.groups() if match else ("", "", "")
        scheme, host = scheme.lower(), host.lower()
        if scheme and not rest.startswith("/"):  # a URL without a path
            rest = f"/{rest}"
        rest = quote(rest, safe=_KEPT)
        if HOST.fullmatch(host) and len(rest) <= _MAX_URL:
            return f"{scheme}{host}{rest}", host, rest.partition("?")[0]
    elif field != "tags" or re.fullmatch("[!-~]{1,1024}", text):
        return text, "", ""
    code, form = _FORMS[field]
    raise Rejected(f"{text[:256]!r} is not {form}.", code)


# ---- The function's own messages: changes that it puts into its queue for later ----


def bodies_of(changes: list[Change], most: int, head: Mapping[str, Any] = {}) -> Iterator[tuple[str, list[Change]]]:
    """Yield the bodies of the function's own messages, with at most so many changes each, and the changes of each.

    A body also has at most _MAX_BODY bytes. `head` stands before its changes: the fields of a look.
    """
    for start in range(0, len(changes), most):
        part = changes[start : start + most]
        body = json.dumps({**head, "changes": [change._asdict() for change in part]})
        if len(body) > _MAX_BODY and len(part) > 1:
            yield from bodies_of(part, len(part) // 2, head)
        else:
            yield body, part


def _own_event(document: dict[str, Any]) -> Event:
    """Return what a message with a body of `bodies_of` asks for. Its keys come from S3, so they have any form.

    Raises:
        UnknownEvent: the function did not write it.
    """
    with contextlib.suppress(AttributeError, LookupError, TypeError):  # a field is missing, unknown or of another type
        changes = tuple(Change(**entry) for entry in document["changes"][: MAX_ITEMS + 1])
        look = Look(**{**document, "changes": changes}) if len(document) > 1 else None
        if changes and all(map(_is_sound, changes)) and (look is None or _is_sound_look(look)):
            return Event(look=look) if look else Event(changes, is_own=True)
    raise UnknownEvent('A message with "changes" is written by the function alone, and this one is malformed.')


def _is_sound(change: Change) -> bool:
    """Tell whether a change is as the function writes it.

    Raises:
        UnknownEvent: its key cannot be one of S3.
        AttributeError, TypeError: its key is no string, or its time no number.
    """
    _checked_key(change.key)
    are_texts = all(field is None or _text(field) for field in change._replace(at=None))
    return are_texts and (change.at is None or abs(change.at) < _LAST_TIME)


def _is_sound_look(look: Look) -> bool:
    is_typed = isinstance(look.hop, int) and isinstance(look.sample, int | None) and isinstance(look.left, dict)
    return is_typed and abs(look.purged) < _LAST_TIME
