"""Fakes of the clock, Cloudflare, SSM and SQS, and the function between them."""

import contextlib
import io
import json
import random
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cf_purge import observe
from cf_purge.budget import Clock
from cf_purge.errors import Transient
from cf_purge.handler import Function
from cf_purge.http_client import Answer
from cf_purge.targets import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS
from tests.support.factories import environment
from tests.support.names import AT, QUEUE_ARN, TOKEN

Reply = Answer | Exception
Item = str | tuple[str, tuple[tuple[str, str], ...]]

_OWN_QUEUE = "/" + QUEUE_ARN.rpartition(":")[2]
# Maximum items of a request by kind; for URLs that of the largest plan.
_LIMITS = {FILES: 500, PREFIXES: 100, TAGS: 100, HOSTS: 100, EVERYTHING: 1}


def answer(status: int, document: object = None, **headers: str) -> Answer:
    """An HTTP answer; `retry_after="3"` is the header `retry-after: 3`. Bytes are sent as they are."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def result(value: object) -> Answer:
    """Cloudflare's answer when all is well."""
    return answer(200, {"success": True, "errors": [], "messages": [], "result": value})


def refusal(status: int, *codes: int, message: str = "no", **headers: str) -> Answer:
    """Cloudflare's answer to a request that it refuses."""
    errors = [{"code": code, "message": message} for code in codes]
    return answer(status, {"success": False, "errors": errors, "messages": [], "result": None}, **headers)


def aws_error(status: int, code: str, message: str = "no") -> Answer:
    return answer(status, {"__type": f"com.amazonaws#{code}", "message": message})


def clock_of(
    wall: Callable[[], float],
    monotonic: Callable[[], float],
    sleep: Callable[[float], None] = time.sleep,
    chance: Callable[[], float] = random.random,
) -> Clock:
    """The function's clock, which asks these functions."""
    clock = Clock()
    clock.wall, clock.monotonic, clock.sleep, clock.random = wall, monotonic, sleep, chance
    return clock


@dataclass
class FakeClock:
    """Time passes only in sleep; `chance` is what `random` returns."""

    time: float = AT + 1.0
    chance: float = 0.5
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.time += seconds
        if seconds:
            self.slept.append(round(seconds, 6))

    def pass_(self, seconds: float) -> None:
        self.time += seconds

    def random(self) -> float:
        return self.chance

    def clock(self) -> Clock:
        return clock_of(self.now, self.now, self.sleep, self.random)


@dataclass(frozen=True)
class Sent:
    """One request that reached the fake transport; a GET has no body."""

    url: str
    headers: Mapping[str, str]
    body: Any
    timeout: float
    method: str = "POST"

    @property
    def zone(self) -> str:
        """The zone's ID, followed by `/environments/…` for an environment."""
        return self.url.split("/zones/")[1].rpartition("/")[0]

    @property
    def kind(self) -> str:
        [kind] = self.body
        return str(kind)

    @property
    def items(self) -> list[Item]:
        """The items of the body; a URL with headers as `(url, ((name, value), …))`, everything as ""."""
        value = self.body[self.kind]
        return [""] if self.kind == EVERYTHING else [_item(item) for item in value]

    @property
    def urls(self) -> list[str]:
        """The URLs of the body, with headers or without."""
        return _urls(self.items) if self.kind == FILES else []


def _item(item: Any) -> Item:
    return item if isinstance(item, str) else (item["url"], tuple(item["headers"].items()))


def _urls(items: Iterable[Item]) -> list[str]:
    return [item if isinstance(item, str) else item[0] for item in items]


def _is_valid(sent: Sent) -> bool:
    """Whether Cloudflare's documentation allows a request."""
    if not re.fullmatch(r"[^?#]*/zones/[0-9a-f]{32}(/environments/[^/]+)?/(purge|invalidate)_cache", sent.url):
        return False
    if not isinstance(sent.body, dict) or len(sent.body) != 1 or sent.kind not in _LIMITS:
        return False
    value = sent.body[sent.kind]
    if sent.kind == EVERYTHING:
        return value is True
    if not isinstance(value, list) or not 1 <= len(value) <= _LIMITS[sent.kind]:
        return False
    return all(isinstance(item, str) or (sent.kind == FILES and set(item) == {"url", "headers"}) for item in value)


@dataclass
class FakeCloudflare:
    """Accepts everything that it is not told to refuse; invalid requests are kept in `malformed`.

    `script` answers the next purges, with None as usual; `zones` answers for a zone, by its ID or by
    `<id>/environments/<id>`, and `kinds` for one kind of purge; `bad` are items whose request is refused; `tokens` are
    the valid ones. GETs are in `reads`: `status` is the result of a token's verification, `names` has the zones of a
    name.
    """

    script: list[Reply | None] = field(default_factory=list)
    zones: dict[str, Reply] = field(default_factory=dict)
    kinds: dict[str, Reply] = field(default_factory=dict)
    bad: Callable[[str], bool] = lambda _: False
    bad_reply: Reply = field(default_factory=lambda: refusal(400, 1016))
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    status: str | Reply = "active"  # of a valid token; others are "unknown"
    names: dict[str, list[str] | Reply] = field(default_factory=dict)  # zone IDs by name
    requests: list[Sent] = field(default_factory=list)
    reads: list[Sent] = field(default_factory=list)
    malformed: list[Sent] = field(default_factory=list)
    accepted: list[tuple[str, str, Item]] = field(default_factory=list)  # (zone, kind, item), in order

    @property
    def urls(self) -> list[str]:
        """The accepted URLs, with headers or without."""
        return _urls(item for _, kind, item in self.accepted if kind == FILES)

    def reply(self, sent: Sent) -> Reply:
        if sent.method == "GET":
            return self._read(sent)
        self.requests.append(sent)
        scripted = self.script.pop(0) if self.script else None
        if scripted is not None:
            return scripted
        if not self._knows(sent):
            return refusal(401, 10000, message="Authentication error")
        if not _is_valid(sent):
            self.malformed.append(sent)
            return refusal(400, 1012, message="malformed")
        zone, kind = sent.zone, sent.kind
        if reply := self.zones.get(zone) or self.zones.get(zone.partition("/")[0]) or self.kinds.get(kind):
            return reply
        if any(self.bad(item) for item in _urls(sent.items)):
            return self.bad_reply
        self.accepted += [(zone, kind, item) for item in sent.items]
        return result({"id": "023e105f4ecef8ad9ca3"})

    def _knows(self, sent: Sent) -> bool:
        token = sent.headers.get("X-Auth-Key") or sent.headers["Authorization"].removeprefix("Bearer ")
        return token in self.tokens

    def _read(self, sent: Sent) -> Reply:
        self.reads.append(sent)
        parts = urlsplit(sent.url)
        if parts.path.endswith("/user/tokens/verify"):
            status = self.status if self._knows(sent) else "unknown"
            if status == "unknown":
                return refusal(400, 1000, message="Invalid API Token")
            if not isinstance(status, str):
                return status
            return result({"id": "f267e341f3dd4697bd3b9f71dd96247f", "status": status})
        assert parts.path.endswith("/zones"), sent.url
        [name] = parse_qs(parts.query)["name"]
        found = self.names.get(name, [])
        if not isinstance(found, list):
            return found
        if not self._knows(sent):
            return refusal(403, 9109, message="Invalid access token")
        return result([{"id": zone_id, "name": name, "status": "active"} for zone_id in found])


@dataclass
class FakeAws:
    """SSM, SQS and EventBridge; `script` answers the next calls of an operation, with None as usual.

    `delayed` has messages sent to the function's own queue, `parked` those sent to the dead-letter queue, `waiting`
    those to be received from the own queue, as (id, body), `events` the entries sent to a bus.
    """

    token: str = TOKEN
    script: dict[str, list[Reply | None]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    parked: list[dict[str, Any]] = field(default_factory=list)
    delayed: list[dict[str, Any]] = field(default_factory=list)
    delays: dict[str, int] = field(default_factory=dict)  # seconds, by receipt handle
    waiting: list[tuple[str, str]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)  # receipt handles
    events: list[dict[str, Any]] = field(default_factory=list)

    def fetches(self) -> int:
        return sum(operation == "GetParameter" for operation, _ in self.calls)

    def reply(self, sent: Sent) -> Reply:
        operation = sent.headers["X-Amz-Target"].split(".")[1]
        self.calls.append((operation, sent.body))
        script = self.script.get(operation)
        scripted = script.pop(0) if script else None
        if scripted is not None:
            return scripted
        if operation == "GetParameter":
            return answer(200, {"Parameter": {"Name": sent.body["Name"], "Value": self.token}})
        if operation == "SendMessage":
            assert len(sent.body["MessageBody"].encode(errors="surrogatepass")) <= 1_048_576
            if sent.body["QueueUrl"].endswith(_OWN_QUEUE):
                assert sent.body["DelaySeconds"] in range(901)
                self.delayed.append(sent.body)
            else:
                assert "DelaySeconds" not in sent.body
                self.parked.append(sent.body)
            return answer(200, {"MessageId": "p", "MD5OfMessageBody": "0"})
        if operation == "ReceiveMessage":
            return self._receive(sent)
        entries = sent.body["Entries"]
        assert 1 <= len(entries) <= 10
        if operation == "PutEvents":
            self.events += entries
            return answer(200, {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in entries]})
        assert len({entry["Id"] for entry in entries}) == len(entries)
        if operation == "DeleteMessageBatch":
            assert sent.body["QueueUrl"].endswith(_OWN_QUEUE)
            self.deleted += [entry["ReceiptHandle"] for entry in entries]
            return answer(200, {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []})
        assert operation == "ChangeMessageVisibilityBatch", operation
        assert all(entry["VisibilityTimeout"] in range(43_201) for entry in entries)
        self.delays.update({entry["ReceiptHandle"]: entry["VisibilityTimeout"] for entry in entries})
        return answer(200, {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []})

    def _receive(self, sent: Sent) -> Reply:
        most = sent.body["MaxNumberOfMessages"]
        assert sent.body["QueueUrl"].endswith(_OWN_QUEUE)
        assert most in range(1, 11)
        assert sent.body["WaitTimeSeconds"] == 0
        assert sent.body["MessageSystemAttributeNames"] == ["ApproximateReceiveCount"]
        received, self.waiting = self.waiting[:most], self.waiting[most:]
        system = {"Attributes": {"ApproximateReceiveCount": "1"}}
        messages = [{"MessageId": name, "ReceiptHandle": f"receipt-{name}", "Body": body} for name, body in received]
        return answer(200, {"Messages": [{**message, **system} for message in messages]} if messages else {})


class FakeTransport:
    """Replaces `cf_purge.http_client.HttpClient` and sends nothing."""

    def __init__(self, cloudflare: FakeCloudflare, aws: FakeAws) -> None:
        self.cloudflare = cloudflare
        self.aws = aws
        self.sent: list[Sent] = []
        self.on_post: Callable[[Sent], None] = lambda _: None
        self.visits: list[Sent] = []
        self.edge: Callable[[Sent], Reply] = lambda _: outage()

    def visit(self, url: str, headers: Mapping[str, str], timeout: float, accepts: Callable[[str], bool]) -> Answer:
        sent = Sent(url, dict(headers), None, timeout, "GET")
        self.visits.append(sent)
        return _answered(self.edge(sent))

    def request(self, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float, limit: int) -> Answer:
        assert timeout > 0
        sent = Sent(url, dict(headers), json.loads(body) if body else None, timeout, "POST" if body else "GET")
        self.sent.append(sent)
        self.on_post(sent)
        return _answered((self.aws if "X-Amz-Target" in sent.headers else self.cloudflare).reply(sent))

    def together(self, call: Callable[[Any], Any], items: Iterable[Any], most: int = 8) -> list[Any]:
        results: list[Any] = []
        for item in items:
            try:
                results.append(call(item))
            except Exception as error:
                results.append(observe.understood(error))
        return results


def _answered(reply: Reply) -> Answer:
    if isinstance(reply, Exception):
        raise reply
    return reply


@dataclass
class Context:
    """The part of Lambda's context that the function reads."""

    seconds: float = 60.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


class World:
    """The function with its fakes; `output` has what it prints."""

    def __init__(self, config: dict[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> None:
        self.clock = FakeClock()
        self.cloudflare = FakeCloudflare()
        self.aws = FakeAws()
        self.transport = FakeTransport(self.cloudflare, self.aws)
        self.output = ""
        with self.listening():
            self.function = Function(
                environment(config) if environ is None else environ,
                self.transport,  # type: ignore[arg-type]
                self.clock.clock(),
            )

    def invoke(self, event: object, seconds: float = 60.0) -> dict[str, Any]:
        with self.listening():
            return self.function.invoke(event, Context(seconds))

    def returned(self, event: object, seconds: float = 60.0) -> list[str]:
        """Invoke with an SQS event and return the IDs of the returned messages."""
        [(name, failures)] = self.invoke(event, seconds).items()
        assert name == "batchItemFailures"
        return [failure["itemIdentifier"] for failure in failures]

    @contextlib.contextmanager
    def listening(self) -> Any:
        stream = io.StringIO()
        try:
            with contextlib.redirect_stdout(stream):
                yield
        finally:
            self.output += stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.splitlines()]

    def logged(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("message") == message]

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics of the last invocation."""
        return [line for line in self.lines if "_aws" in line][-1]

    @property
    def parked_reasons(self) -> list[tuple[str, str]]:
        """Code and reason of each message in the dead-letter queue that has room for them."""
        return [
            (m["MessageAttributes"]["ReasonCode"]["StringValue"], m["MessageAttributes"]["Reason"]["StringValue"])
            for m in self.aws.parked
            if len(m["MessageBody"].encode(errors="surrogatepass")) <= 257_144
        ]


def outage() -> Transient:
    """The error that the real transport raises without an answer."""
    return Transient("No answer (TimeoutError).")
