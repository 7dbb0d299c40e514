"""What Cloudflare is sent, and what each of its answers means."""

from typing import Any

import pytest

from cf_purge.cloudflare import Cloudflare
from cf_purge.config import Config, Target, Zone
from cf_purge.errors import PurgeError, RateLimited, Rejected, Transient, Unauthorized, Unexplained
from cf_purge.plan import Request
from cf_purge.targets import FILES, Purge
from tests.support.fakes import FakeAws, FakeCloudflare, FakeTransport, Reply, Sent, answer, refusal
from tests.support.names import TOKEN, ZONE

API = "https://api.cloudflare.com/client/v4"
URLS = ("https://www.example.com/a", "https://www.example.com/b")


def cloudflare(fake: FakeCloudflare, **config: Any) -> Cloudflare:
    transport: Any = FakeTransport(fake, FakeAws())
    return Cloudflare(Config("site", (Target(Zone(ZONE)),), **config), transport)


def send(reply: Reply | None = None, environment_id: str | None = None, **config: Any) -> Sent:
    """Send a request that is answered so, and return what was sent."""
    fake, zone = FakeCloudflare(script=[reply]), Zone(ZONE, environment_id)
    request = Request(zone, FILES, (tuple(Purge(zone, FILES, url) for url in URLS),))
    cloudflare(fake, **config).send(request, TOKEN, 7.5)
    [sent] = fake.requests
    return sent


def error_of(reply: Reply) -> PurgeError:
    with pytest.raises(PurgeError) as caught:
        send(reply)
    assert ZONE in str(caught.value)
    assert TOKEN not in str(caught.value)
    return caught.value


# ---- What is sent ----


@pytest.mark.parametrize(
    ("operation", "environment_id", "path"),
    [
        ("purge", None, f"/zones/{ZONE}/purge_cache"),
        ("invalidate", "staging", f"/zones/{ZONE}/environments/staging/invalidate_cache"),
    ],
)
def test_the_path_names_the_zone_its_environment_and_the_operation(
    operation: str, environment_id: str | None, path: str
) -> None:
    sent = send(environment_id=environment_id, operation=operation)
    assert sent == Sent(
        f"{API}{path}",
        {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"},
        {"files": list(URLS)},
        7.5,
    )


def test_a_global_api_key_is_sent_with_its_email_and_never_as_a_bearer() -> None:
    headers = {"Content-Type": "application/json", "X-Auth-Email": "ops@example.com", "X-Auth-Key": TOKEN}
    assert send(email="ops@example.com").headers == headers
    fake = FakeCloudflare(names={"example.com": [ZONE]})
    assert cloudflare(fake, email="ops@example.com").zone_ids("example.com", TOKEN, 1.0) == [ZONE]
    assert [sent.headers for sent in fake.reads] == [headers]


# ---- What an answer means ----


@pytest.mark.parametrize(
    "reply",
    [
        answer(200, {"success": True}),
        answer(200, {"success": True, "result": None}),
        answer(202, {"success": True, "errors": None}),
        answer(200, {"success": True, "errors": [{"code": 10000, "message": "rate limit"}]}),
        answer(200, {"success": True}, retry_after="9"),
    ],
)
def test_a_2xx_with_success_true_is_accepted(reply: Reply) -> None:
    send(reply)


HTML, NOT_CLOUDFLARES, NO_CODE = b"<html>no</html>", {"message": "Forbidden"}, {"success": False, "errors": []}
UNKNOWN = 424242
THROTTLE = (1134, 1083, 1102, 1113, 1115, 971, 10429)
ACCESS = (10000, 6003, 6102, 6103, 6111, 9103, 9106, 9107, 9109, 10001, 1000, 7003, 7000, 1001, 1095, 1136)
ITEM = (1082, 1016, 1012, 1013, 1014, 1092, 1094, 1100)
WAIT = {"retry_after": "7"}
# Status, codes or body, headers, what it means.
MEANINGS: list[tuple[int, tuple[int, ...] | dict[str, Any] | bytes, dict[str, str], type[PurgeError]]] = [
    # Throttled: 429, or a code that says so under any status.
    *((429, body, {}, RateLimited) for body in ((1134,), (10000,), (1016,), (UNKNOWN,), NO_CODE, HTML, b"")),
    *((status, (code,), {}, RateLimited) for status in (200, 400, 403, 503) for code in THROTTLE),
    # Of several codes the first class counts: throttle, access, item, unknown.
    (400, (1016, 10000, 971), {}, RateLimited),
    (400, (1016, 10000), {}, Unauthorized),
    (400, (UNKNOWN, 1012), {}, Rejected),
    # Any other answer that names a wait.
    (503, NO_CODE, WAIT, Transient),
    (400, (10000,), WAIT, Transient),
    (400, (1016,), WAIT, Transient),
    (403, HTML, WAIT, Transient),
    (413, NO_CODE, {"retry_after": "0"}, Transient),
    # The token or the zone, under any status that does not blame the server.
    *((status, (code,), {}, Unauthorized) for status in (200, 400, 401, 403, 404) for code in ACCESS),
    *((401, body, {}, Unauthorized) for body in ((UNKNOWN,), NO_CODE, HTML, b"")),
    *((403, body, {}, Unauthorized) for body in ((UNKNOWN,), NO_CODE)),
    # The items.
    *((status, (code,), {}, Rejected) for status in (200, 400, 404) for code in ITEM),
    *((413, body, {}, Rejected) for body in ((UNKNOWN,), NO_CODE, HTML, b"")),
    # A 4xx of Cloudflare's that is not documented: evidence decides.
    *((status, (UNKNOWN,), {}, Unexplained) for status in (400, 404, 405, 409, 422)),
    (400, NO_CODE, {}, Unexplained),
    (400, {"success": False}, {}, Unexplained),
    (400, {"errors": "text"}, {}, Unexplained),
    (400, {"errors": [None, "text", 7, []]}, {}, Unexplained),
    (400, {"errors": [{"code": "ten", "message": None}, {"code": -1}, {"code": 1e300}, {}]}, {}, Unexplained),
    (400, {"errors": [{"code": "9" * 5000}, {"code": "²"}]}, {}, Unexplained),
    (400, {"errors": [{"code": [], "error_chain": [{"error_chain": [None]}]}]}, {}, Unexplained),
    # Everything else: the server, or something between it and us.
    *((status, NO_CODE, {}, Transient) for status in (200, 302, 408, 500, 502, 503, 520, 600)),
    *((status, HTML, {}, Transient) for status in (200, 204, 301, 307, 400, 403, 404, 418, 502, 530)),
    *((status, NOT_CLOUDFLARES, {}, Transient) for status in (200, 400, 403, 404, 409)),
    *((status, (code,), {}, Transient) for status in (408, 500, 503) for code in (10000, 1016, 1012, 7003, UNKNOWN)),
    (200, (UNKNOWN,), {}, Transient),
    (200, {"success": "true"}, {}, Transient),
    (200, {"success": 1}, {}, Transient),
    (302, {"success": True}, {}, Transient),
    *((200, body, {}, Transient) for body in (b"", b"[]", b"\xff\xfe", b'{"success": true', b"[" * 200_000)),
    (400, b"[" * 200_000, {}, Transient),
]


@pytest.mark.parametrize(("status", "body", "headers", "meaning"), MEANINGS)
def test_an_answer_means_what_its_status_codes_and_headers_say(
    status: int, body: tuple[int, ...] | dict[str, Any] | bytes, headers: dict[str, str], meaning: type[PurgeError]
) -> None:
    reply = refusal(status, *body, **headers) if isinstance(body, tuple) else answer(status, body, **headers)
    error = error_of(reply)
    assert type(error) is meaning
    assert f"Cloudflare answered {status}" in str(error)
    if isinstance(error, Transient):
        assert error.retry_after == (float(headers["retry_after"]) if headers else None)


@pytest.mark.parametrize("code", ["10000", 10000])
def test_a_code_counts_in_an_error_chain_and_as_text(code: object) -> None:
    chain = [{"code": UNKNOWN, "message": "inside", "error_chain": [{"code": code, "message": "innermost"}]}]
    error = error_of(answer(400, {"success": False, "errors": [{"code": 1016, "message": "no", "error_chain": chain}]}))
    assert isinstance(error, Unauthorized)
    assert "1016 no; 424242 inside; 10000 innermost" in str(error)


def test_the_place_and_the_page_that_cloudflare_names_are_reported() -> None:
    error = {"code": 1012, "message": "no", "documentation_url": "https://a.example/b"}
    error = {**error, "source": {"pointer": "/files/3"}}
    text = str(error_of(answer(400, {"success": False, "errors": [error, {**error, "source": "odd"}]})))
    assert "(1012 no at /files/3, see https://a.example/b; 1012 no, see https://a.example/b)" in text


@pytest.mark.parametrize(
    ("status", "code", "meaning"), [(400, UNKNOWN, Unexplained), (400, 1012, Rejected), (500, UNKNOWN, Transient)]
)
def test_texts_are_reported_and_never_read(status: int, code: int, meaning: type[PurgeError]) -> None:
    text = "Authentication error: rate-limit.css; please consider throttling, you can only purge files for this zone"
    error = error_of(refusal(status, code, message=text))
    assert type(error) is meaning
    assert f"({code} {text})" in str(error)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (10000, "the API token is wrong, or lacks Zone → Cache Purge → Purge"),
        *((code, "store the bare token again, and omit cloudflare.email") for code in (6003, 6102, 6103, 6111)),
        *((code, "use its 32-digit ID, not its name") for code in (7000, 7003, 1001)),
        (1095, "for the zone: correct it or"),
        (1136, "index_documents = [] and clean_urls = false"),
        (9109, "allow the function's egress address"),
        (UNKNOWN, "the API token is wrong"),
    ],
)
def test_an_error_that_a_person_must_correct_has_a_remedy(code: int, remedy: str) -> None:
    assert remedy in str(error_of(refusal(403, code)))


DATE = "Mon, 23 Nov 2026 06:00:00 GMT"


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {}, None),
        (429, {"retry_after": "3"}, 3),
        (429, {"retry_after": " 300 "}, 300),
        (429, {"retry_after": "0"}, 0),
        (429, {"retry_after": "1.5"}, 1.5),
        (429, {"retry_after": "9999999"}, 900),
        (429, {"retry_after": "9" * 400}, None),
        *((429, {"retry_after": text}, None) for text in ("-1", "nan", "inf", "1e9", "soon", "٣", "")),
        # A date counts from the answer's own.
        (503, {"retry_after": "Mon, 23 Nov 2026 06:00:30 GMT", "date": DATE}, 30),
        (503, {"retry_after": "Mon, 23 Nov 2026 05:59:00 GMT", "date": DATE}, 0),
        (503, {"retry_after": "Tue, 24 Nov 2026 06:00:00 GMT", "date": DATE}, 900),
        (503, {"retry_after": "Mon, 23 Nov 2026 06:00:30 GMT"}, None),
        (503, {"retry_after": "Mon, 99 Nov 2026 06:00:30 GMT", "date": DATE}, None),
        (503, {"retry_after": f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT", "date": DATE}, None),
        (503, {"retry_after": "Mon, 23 Nov 2026 06:00:30 +99999999999999999999", "date": DATE}, None),
        # The rate limit's own header, of a 429 only.
        (429, {"ratelimit": '"default";r=0;t=30'}, 30),
        (429, {"ratelimit": '"default";r=0;t=9999'}, 900),
        (429, {"ratelimit": '"t=nothing";r=0'}, None),
        (429, {"retry_after": "3", "ratelimit": '"default";r=0;t=30'}, 3),
        (429, {"retry_after": DATE, "ratelimit": '"default";r=0;t=30'}, 30),
        (503, {"ratelimit": '"default";r=49;t=30'}, None),
        (200, {"retry_after": "4"}, 4),
    ],
)
def test_the_wait_that_an_answer_names_is_read_from_its_headers(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    error = error_of(answer(status, {"success": False}, **headers))
    assert isinstance(error, Transient)
    assert error.retry_after == seconds


def test_a_long_answer_is_cut() -> None:
    errors = [{"code": 1012, "message": "x" * 300} for _ in range(5000)]
    assert len(str(error_of(answer(400, {"success": False, "errors": errors})))) < 800
    assert "(no explanation)" in str(error_of(answer(500, b"")))
