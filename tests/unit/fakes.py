"""A world of fakes: time, Cloudflare, SSM and SQS, and the function in the middle of them."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cf_purge.clock import Clock
from cf_purge.errors import Transient
from cf_purge.handler import Function
from cf_purge.transport import Answer
from tests.unit.factories import AT, TOKEN, environment

Reply = Answer | Exception


def answer(status: int, document: object = None, **headers: str) -> Answer:
    """An HTTP answer; `retry_after="3"` is the header `retry-after: 3`. Bytes are sent as they are."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def success() -> Answer:
    return answer(200, {"success": True, "errors": [], "messages": [], "result": {"id": "023e105f4ecef8ad9ca3"}})


def refusal(status: int, *codes: int, message: str = "no", **headers: str) -> Answer:
    """Cloudflare's answer to a request it does not take."""
    errors = [{"code": code, "message": message} for code in codes]
    return answer(status, {"success": False, "errors": errors, "messages": [], "result": None}, **headers)


def aws_error(status: int, code: str, message: str = "no") -> Answer:
    return answer(status, {"__type": f"com.amazonaws#{code}", "message": message})


@dataclass
class FakeClock:
    """Time that passes only in sleep; with `chance` at one half, jitter changes nothing."""

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

    def random(self) -> float:
        return self.chance

    def clock(self) -> Clock:
        return Clock(self.now, self.sleep, self.random)


@dataclass(frozen=True)
class Sent:
    """One POST that reached the fake transport."""

    url: str
    headers: Mapping[str, str]
    body: Any
    timeout: float

    @property
    def zone_id(self) -> str:
        return self.url.split("/zones/")[1].split("/")[0]

    @property
    def urls(self) -> list[str]:
        return list(self.body["files"])


@dataclass
class FakeCloudflare:
    """Accepts what it is not told to refuse.

    `script` answers the next requests, None in it meaning "as always"; `zones` answers for a zone; `bad` are
    URLs that spoil their request; `tokens` are the valid ones.
    """

    script: list[Reply | None] = field(default_factory=list)
    zones: dict[str, Reply] = field(default_factory=dict)
    bad: Callable[[str], bool] = lambda _: False
    bad_reply: Reply = field(default_factory=lambda: refusal(400, 1016))
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    requests: list[Sent] = field(default_factory=list)
    accepted: list[tuple[str, str]] = field(default_factory=list)  # (zone, URL), in order

    @property
    def urls(self) -> list[str]:
        return [url for _, url in self.accepted]

    def reply(self, sent: Sent) -> Reply:
        self.requests.append(sent)
        scripted = self.script.pop(0) if self.script else None
        if scripted is not None:
            return scripted
        token = sent.headers.get("X-Auth-Key") or sent.headers["Authorization"].removeprefix("Bearer ")
        if token not in self.tokens:
            return refusal(401, 10000, message="Authentication error")
        if sent.zone_id in self.zones:
            return self.zones[sent.zone_id]
        if any(self.bad(url) for url in sent.urls):
            return self.bad_reply
        self.accepted += [(sent.zone_id, url) for url in sent.urls]
        return success()


@dataclass
class FakeAws:
    """SSM and SQS; `script` answers the next calls of an operation, None in it meaning "as always"."""

    token: str = TOKEN
    script: dict[str, list[Reply | None]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    parked: list[dict[str, Any]] = field(default_factory=list)
    delays: dict[str, int] = field(default_factory=dict)  # seconds, by receipt handle

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
            self.parked.append(sent.body)
            return answer(200, {"MessageId": "p", "MD5OfMessageBody": "0"})
        assert operation == "ChangeMessageVisibilityBatch", operation
        entries = sent.body["Entries"]
        assert 1 <= len(entries) <= 10
        assert len({entry["Id"] for entry in entries}) == len(entries)
        assert all(isinstance(e["VisibilityTimeout"], int) and 0 <= e["VisibilityTimeout"] <= 43200 for e in entries)
        self.delays.update({entry["ReceiptHandle"]: entry["VisibilityTimeout"] for entry in entries})
        return answer(200, {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []})


class FakeTransport:
    """Stands where `cf_purge.transport.Transport` does and sends nothing anywhere."""

    def __init__(self, cloudflare: FakeCloudflare, aws: FakeAws) -> None:
        self.cloudflare = cloudflare
        self.aws = aws
        self.sent: list[Sent] = []
        self.on_post: Callable[[Sent], None] = lambda _: None

    def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
        assert timeout > 0
        sent = Sent(url, dict(headers), json.loads(body), timeout)
        self.sent.append(sent)
        self.on_post(sent)
        reply = (self.aws if "X-Amz-Target" in headers else self.cloudflare).reply(sent)
        if isinstance(reply, Exception):
            raise reply
        return reply


@dataclass
class Context:
    """Lambda's context, as much of it as the function reads."""

    seconds: float = 60.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


class World:
    """The function with its neighbours; what it prints is kept in `output`."""

    def __init__(self, config: dict[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> None:
        self.clock = FakeClock()
        self.cloudflare = FakeCloudflare()
        self.aws = FakeAws()
        self.transport = FakeTransport(self.cloudflare, self.aws)
        self.output = ""
        with self.listening():
            self.function = Function.from_environment(
                environment(config) if environ is None else environ,
                self.transport,  # type: ignore[arg-type]
                self.clock.clock(),
            )

    def invoke(self, event: object, seconds: float = 60.0) -> dict[str, Any]:
        with self.listening():
            return self.function.invoke(event, Context(seconds))

    def returned(self, event: object, seconds: float = 60.0) -> list[str]:
        """Invoke with an SQS event and return the ids of the messages given back."""
        result = self.invoke(event, seconds)
        assert set(result) == {"batchItemFailures"}
        assert all(set(failure) == {"itemIdentifier"} for failure in result["batchItemFailures"])
        return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]

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
        """Code and reason of what lies in the dead-letter queue."""
        return [
            (m["MessageAttributes"]["ReasonCode"]["StringValue"], m["MessageAttributes"]["Reason"]["StringValue"])
            for m in self.aws.parked
        ]


def outage(seconds: float | None = None) -> Transient:
    """What the real transport raises when nobody answers."""
    return Transient("No answer (ReadTimeoutError).", seconds)


def distinct(items: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(items))
