"""Faults of calls, by operation and name."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import inf
from random import Random

from cf_purge.http_client import Answer
from tests.support.fakes import answer, aws_error
from tests.support.virtual.network import Call, Fault

Trouble = Callable[[Call, Random], Fault]

_RETRY_AFTER = ["0", "1", "7", "45", "300", "3600", "999999", "99999999999", "-5", "soon", "1.5", "", "\u0663"]
_HTML = b"<html><h1>Bad gateway</h1></html>"
_GARBAGE = [
    b"", _HTML, b'{"success": tru', b"[]", b"null", b"[" * 5000, b"\xff\xfe", b'{"success": "true"}',
    b'{"success": 1}', b'{"errors": 7}', b'{"success": false, "errors": {"code": 1}}',
    b'{"success": false, "errors": [[], {"code": null, "message": null}, {"code": "\xc2\xb2"}]}',
]  # fmt: skip


def _refusal(status: int, code: int, call: Call) -> Answer:
    # Quotes the credentials, which the function must not repeat anywhere.
    message = f"no, not for {call.headers.get('Authorization', '')}"
    errors = [{"code": code, "message": message, "error_chain": [{"code": code, "message": message}]}]
    return answer(status, {"success": False, "errors": errors, "messages": [], "result": None})


def _perhaps_acted(fault: Fault, chance: Random) -> Fault:
    """Let the call take effect nevertheless, every second time."""
    return replace(fault, acts=chance.random() < 0.5)


def _limited(call: Call, chance: Random) -> Fault:
    refused = _refusal(429, chance.choice([1134, 971, 0]), call)
    return Fault(refused._replace(headers={"ratelimit": f'"default";r=0;t={chance.choice([0, 4, 300])}'}))


def _told_to_wait(call: Call, chance: Random) -> Fault:
    status, body = chance.choice([(429, _refusal(429, 1134, call).body), (429, _HTML), (503, _HTML)])
    headers = {"retry-after": chance.choice(_RETRY_AFTER), "date": "Mon, 23 Nov 2026 06:00:00 GMT"}
    if chance.random() < 0.1:
        headers["retry-after"] = "Mon, 23 Nov 2026 09:00:00 GMT"
    return Fault(Answer(status, headers, body))


def _told_to_come_soon(call: Call, _: Random) -> Fault:
    return Fault(_refusal(429, 1134, call)._replace(headers={"retry-after": "1"}))


def _broken(_: Call, chance: Random) -> Fault:
    return _perhaps_acted(Fault(Answer(chance.choice([500, 502, 503, 504, 520, 524, 408]), {}, _HTML)), chance)


def _garbled(_: Call, chance: Random) -> Fault:
    status = chance.choice([200, 200, 200, 204, 302, 404])
    body = chance.choice(_GARBAGE)
    return _perhaps_acted(Fault(Answer(status, {}, _HTML if status == 404 else body)), chance)


def _unsuccessful(call: Call, chance: Random) -> Fault:
    return _perhaps_acted(Fault(_refusal(200, chance.choice([0, 1134, 9999]), call)), chance)


def _unauthorised(call: Call, chance: Random) -> Fault:
    answers = [(401, 10000), (403, 10000), (403, 0), (400, 6003), (400, 6111), (400, 7003), (404, 1001)]
    return Fault(_refusal(*chance.choice(answers), call))


def _aws(status: int, code: str, _: Call, chance: Random) -> Fault:
    return Fault(aws_error(status, code), acts=status >= 500 and chance.random() < 0.5)


def _odd_token(_: Call, chance: Random) -> Fault:
    values = ["", "Bearer x", "a b", "line\nbreak", None, 7]
    return Fault(answer(200, chance.choice([{"Parameter": {"Value": chance.choice(values)}}, {}, {"Parameter": 1}])))


def _nonsense(_: Call, chance: Random) -> Fault:
    body = chance.choice([b"", b"{}", b"[]", b"null", _HTML, b'{"Messages": 1, "Successful": {}, "Failed": "x"}'])
    return _perhaps_acted(Fault(Answer(200, {}, body)), chance)


def _partial(call: Call, chance: Random) -> Fault:
    entries = range(len(call.body["Entries"]))
    return Fault(failed=frozenset(place for place in entries if chance.random() < 0.5))


# The fault that one item causes for its request, by the item's name.
PROVOKED: dict[str, Callable[[Call], Fault]] = {
    "page": lambda _: Fault(Answer(403, {}, _HTML)),
    "forbidden": lambda call: Fault(_refusal(403, 10000, call)),
    "unknown": lambda call: Fault(_refusal(400, 4711, call)),
    "broken": lambda _: Fault(Answer(500, {}, _HTML)),
    "wait": lambda _: Fault(Answer(524, {"retry-after": "120"}, _HTML)),
    "hang": lambda _: Fault(is_lost=True, seconds=inf),
    "garbage": lambda _: Fault(Answer(200, {}, _HTML)),
}

_NETWORK: dict[str, Trouble] = {
    "slow": lambda call, chance: Fault(seconds=chance.uniform(0, 1.1 * call.timeout)),
    "silent": lambda _, chance: _perhaps_acted(Fault(is_lost=True, seconds=inf), chance),
    "reset": lambda _, chance: _perhaps_acted(Fault(is_lost=True), chance),
}
_AWS: dict[str, Trouble] = {
    **_NETWORK,
    "throttled": partial(_aws, 400, "ThrottlingException"),
    "denied": partial(_aws, 400, "AccessDeniedException"),
    "down": partial(_aws, 503, "ServiceUnavailable"),
}

WEATHER: dict[str, dict[str, Trouble]] = {
    "purge": {
        **_NETWORK,
        "limited": _limited,
        "told to wait": _told_to_wait,
        "told to come soon": _told_to_come_soon,
        "broken": _broken,
        "garbled": _garbled,
        "unsuccessful": _unsuccessful,
        "unauthorised": _unauthorised,
    },
    "GetParameter": {**_AWS, "odd token": _odd_token, "gone": partial(_aws, 400, "ParameterNotFound")},
    "SendMessage": _AWS,
    "ReceiveMessage": {**_AWS, "nonsense": _nonsense},
    "DeleteMessageBatch": {**_AWS, "nonsense": _nonsense, "partial": _partial},
    "ChangeMessageVisibilityBatch": {**_AWS, "nonsense": _nonsense, "partial": _partial},
}
