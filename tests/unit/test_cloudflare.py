from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.batch import Request
from cf_purge.cloudflare import Cloudflare
from cf_purge.config import Config, Target
from cf_purge.errors import Misconfigured, PurgeError, RateLimited, Rejected, Transient, Unauthorized
from cf_purge.pace import Quota
from cf_purge.purge import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge, Zone
from cf_purge.transport import Answer
from tests.unit.factories import TOKEN, ZONE
from tests.unit.fakes import FakeAws, FakeCloudflare, FakeTransport, Reply, answer, refusal, success

URLS = ("https://www.example.com/a", "https://www.example.com/b")
REQUEST = Request(Zone(ZONE), FILES, tuple(Purge(Zone(ZONE), FILES, url) for url in URLS))


def send(
    reply: Reply | None = None, *, token: str = TOKEN, request: Request = REQUEST, **config: Any
) -> FakeCloudflare:
    fake = FakeCloudflare(script=[reply])
    transport: Any = FakeTransport(fake, FakeAws())
    Cloudflare(Config("site", (Target(ZONE),), **config), transport).send(request, token, 7.5)
    return fake


def outcome(reply: Reply) -> PurgeError:
    with pytest.raises(PurgeError) as caught:
        send(reply)
    assert ZONE in str(caught.value)
    return caught.value


def test_a_request_is_what_cloudflare_documents() -> None:
    [sent] = send().requests
    assert sent.url == f"https://api.cloudflare.com/client/v4/zones/{ZONE}/purge_cache"
    assert sent.body == {"files": list(URLS)}
    assert sent.headers == {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    assert sent.timeout == 7.5


@pytest.mark.parametrize(
    ("endpoint", "environment_id", "path"),
    [
        ("purge_cache", None, f"/zones/{ZONE}/purge_cache"),
        ("invalidate_cache", None, f"/zones/{ZONE}/invalidate_cache"),
        ("purge_cache", "5_f-A", f"/zones/{ZONE}/environments/5_f-A/purge_cache"),
        ("invalidate_cache", "staging", f"/zones/{ZONE}/environments/staging/invalidate_cache"),
    ],
)
def test_the_path_names_the_zone_its_environment_and_what_to_do(
    endpoint: str, environment_id: str | None, path: str
) -> None:
    zone = Zone(ZONE, environment_id)
    [sent] = send(request=Request(zone, FILES, (Purge(zone, FILES, URLS[0]),)), endpoint=endpoint).requests
    assert sent.url == f"https://api.cloudflare.com/client/v4{path}"


@pytest.mark.parametrize(
    ("kind", "items", "body"),
    [
        (FILES, URLS, {"files": list(URLS)}),
        (PREFIXES, ("www.example.com/a/",), {"prefixes": ["www.example.com/a/"]}),
        (TAGS, ("a", "b,c"), {"tags": ["a", "b,c"]}),
        (HOSTS, ("www.example.com",), {"hosts": ["www.example.com"]}),
        (EVERYTHING, ("",), {"purge_everything": True}),
    ],
)
def test_every_kind_of_purge_has_the_body_cloudflare_documents(
    kind: str, items: tuple[str, ...], body: dict[str, Any]
) -> None:
    purges = tuple(Purge(Zone(ZONE), kind, item) for item in items)
    fake = send(request=Request(Zone(ZONE), kind, purges))
    assert [sent.body for sent in fake.requests] == [body]


def test_a_url_with_headers_is_an_object_beside_the_plain_one() -> None:
    purges = tuple(
        Purge(Zone(ZONE), FILES, URLS[0], headers)
        for headers in ((), (("Origin", "https://a.example"), ("X-Device", "phone")))
    )
    [sent] = send(request=Request(Zone(ZONE), FILES, purges)).requests
    assert sent.body == {
        "files": [URLS[0], {"url": URLS[0], "headers": {"Origin": "https://a.example", "X-Device": "phone"}}]
    }


def test_an_environment_is_named_in_the_words_of_its_refusal() -> None:
    zone = Zone(ZONE, "staging")
    with pytest.raises(Misconfigured, match=rf"for zone {ZONE} \(environment staging\)") as caught:
        send(refusal(400, 1136), request=Request(zone, FILES, (Purge(zone, FILES, URLS[0]),)))
    assert "index_documents = [] and clean_urls = false" in str(caught.value)


def test_a_global_api_key_is_sent_with_its_email_and_never_as_a_bearer() -> None:
    [sent] = send(email="ops@example.com").requests
    assert sent.headers == {
        "Content-Type": "application/json",
        "X-Auth-Email": "ops@example.com",
        "X-Auth-Key": TOKEN,
    }


def test_another_api_url_is_asked_instead() -> None:
    [sent] = send(api_url="http://127.0.0.1:1/v4").requests
    assert sent.url == f"http://127.0.0.1:1/v4/zones/{ZONE}/purge_cache"


@pytest.mark.parametrize(
    "reply",
    [
        success(),
        answer(200, {"success": True}),
        answer(200, {"success": True, "result": None}),
        answer(202, {"success": True, "errors": None}),
        answer(200, {"success": True, "errors": [{"code": 10000, "message": "rate limit"}]}),
    ],
)
def test_a_2xx_that_says_success_is_one(reply: Reply) -> None:
    assert len(send(reply).requests) == 1


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        (10000, 401, "API token is wrong, lacks the permission Zone → Cache Purge → Purge"),
        (10000, 403, "API token is wrong"),
        (10000, 400, "API token is wrong"),
        (6003, 400, "does not hold a bare API token"),
        (6103, 400, "Global API key is malformed"),
        (6111, 400, "without quotes, line break or Bearer"),
        (7000, 400, "is no zone id"),
        (7003, 404, "not the zone's name"),
        (1001, 404, "no such zone"),
        (1095, 403, "may not touch this zone"),
        (1136, 400, "cannot be purged by URL"),
        (0, 401, "API token is wrong"),
        (0, 403, "API token is wrong"),
        (10000, 200, "API token is wrong"),
        (7003, 200, "is no zone id"),
    ],
)
def test_what_a_person_must_mend_is_misconfigured_and_says_how(code: int, status: int, words: str) -> None:
    error = outcome(refusal(status, code, message="no"))
    assert isinstance(error, Misconfigured)
    assert words in str(error)
    assert f"Cloudflare answered {status}" in str(error)
    assert f"{code} no" in str(error)


@pytest.mark.parametrize(
    ("status", "codes", "is_unauthorized"),
    [
        (401, (10000,), True),
        (403, (10000,), True),
        (400, (10000,), True),
        (200, (10000,), True),
        (401, (), True),
        (403, (), True),
        (401, (0,), True),
        (403, (9109,), True),
        (403, (10000, 7003), True),
        (403, (1095,), False),
        (401, (6111,), False),
        (403, (6103,), False),
        (400, (6003,), False),
        (403, (7003, 7000), False),
        (404, (1001,), False),
        (400, (1136,), False),
    ],
)
def test_only_what_does_not_say_what_is_wrong_is_a_matter_for_the_check(
    status: int, codes: tuple[int, ...], is_unauthorized: bool
) -> None:
    error = outcome(refusal(status, *codes))
    assert isinstance(error, Misconfigured)
    assert isinstance(error, Unauthorized) == is_unauthorized


@pytest.mark.parametrize("code", [6103, 6111])
def test_the_code_in_the_error_chain_counts_too(code: int) -> None:
    chain = [{"code": code, "message": "Invalid format for Authorization header"}]
    errors = [{"code": 6003, "message": "Invalid request headers", "error_chain": chain}]
    error = outcome(answer(400, {"success": False, "errors": errors}))
    assert isinstance(error, Misconfigured)
    assert f"6003 Invalid request headers; {code} Invalid format" in str(error)


@pytest.mark.parametrize("status", [401, 403])
def test_a_401_or_403_without_a_readable_body_is_misconfigured(status: int) -> None:
    assert isinstance(outcome(answer(status, b"<html>no</html>")), Misconfigured)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, 1012),
        (400, 1013),
        (400, 1014),
        (400, 1016),
        (400, 1082),
        (400, 1092),
        (400, 1094),
        (400, 1100),
        (400, 0),
        (400, 424242),
        (404, 424242),
        (405, 0),
        (409, 0),
        (413, 0),
        (422, 0),
        *((200, code) for code in (1012, 1013, 1014, 1016, 1082, 1092, 1094, 1100)),
    ],
)
def test_any_other_4xx_is_about_an_item(status: int, code: int) -> None:
    error = outcome(refusal(status, code, message="bad item"))
    assert isinstance(error, Rejected)
    assert "bad item" in str(error)
    assert error.code == ("ForeignHost" if code in (1016, 1082) else "RejectedByCloudflare")


@pytest.mark.parametrize("codes", [(1016,), (1082,), (1082, 1016)])
def test_a_host_outside_the_zone_is_said_to_be(codes: tuple[int, ...]) -> None:
    error = outcome(refusal(400, *codes, message="You can only purge files for this zone"))
    assert isinstance(error, Rejected)
    assert error.code == "ForeignHost"
    assert "correct targets[*].hosts" in str(error)


@pytest.mark.parametrize("name", ["rate-limit.css", "ratelimit/a.css", "docs/Rate%20Limits.html"])
def test_a_rejected_url_that_reads_like_a_rate_limit_is_about_an_item_all_the_same(name: str) -> None:
    message = f"Unable to purge 'https://www.example.com/{name}', You can only purge files for this zone"
    assert isinstance(outcome(refusal(400, 1016, message=message)), Rejected)


@pytest.mark.parametrize(
    "reply",
    [
        answer(408, {"success": False}),
        answer(500, {"success": False}),
        answer(502, b"<html>Bad Gateway</html>"),
        answer(503, b""),
        answer(520, b"error code: 520"),
        refusal(500, 10000),
        refusal(503, 1016),
        answer(200, b""),
        answer(200, b"<html>"),
        answer(200, b"[]"),
        answer(200, b"\xff\xfe"),
        answer(200, b'{"success": true'),
        answer(200, b"[" * 200_000),
        answer(200, {}),
        answer(200, {"success": False}),
        answer(200, {"success": None}),
        answer(200, {"success": "true"}),
        answer(200, {"success": 1}),
        refusal(200, 424242),
        answer(204, b""),
        answer(301, b""),
        answer(302, {"success": True}),
        answer(307, b"", location="https://evil.example.net/"),
        answer(400, b"<html>a proxy's page</html>"),
        answer(404, b""),
        answer(418, b"[]"),
        answer(600, {"success": True}),
    ],
)
def test_what_says_nothing_about_the_request_is_transient(reply: Reply) -> None:
    error = outcome(reply)
    assert isinstance(error, Transient)
    assert not isinstance(error, RateLimited)
    assert error.retry_after is None


@pytest.mark.parametrize(
    "reply",
    [
        answer(429, b""),
        answer(429, b"error code: 1015"),
        refusal(429, 1134, message="You have reached the purge rate limit"),
        refusal(429, 10000),
        refusal(429, 1016),
        *(refusal(400, code, message="Unable to purge, rate limit reached") for code in (1083, 1102, 1113, 1115, 1134)),
        refusal(200, 0, message="Please wait and consider throttling: Rate-Limit exceeded"),
        refusal(403, 0, message="ratelimited"),
    ],
)
def test_a_rate_limit_is_known_by_429_or_by_its_message(reply: Reply) -> None:
    assert isinstance(outcome(reply), RateLimited)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {}, None),
        (429, {"retry_after": "3"}, 3),
        (429, {"retry_after": " 300 "}, 300),
        (429, {"retry_after": "0"}, 0),
        (429, {"retry_after": "1.5"}, 1.5),
        (429, {"retry_after": "3", "ratelimit": '"default";r=0;t=30'}, 3),
        (429, {"ratelimit": '"default";r=0;t=30'}, 30),
        (429, {"ratelimit": '"default";r=0; t=7;x=t=9'}, 7),
        (429, {"ratelimit": '"t=nothing";r=0'}, None),
        (429, {"retry_after": "Mon, 23 Nov 2026 06:00:00 GMT"}, None),
        (429, {"retry_after": "Mon, 23 Nov 2026 06:00:00 GMT", "ratelimit": '"default";r=0;t=30'}, 30),
        (429, {"retry_after": "-1"}, None),
        (429, {"retry_after": "nan"}, None),
        (429, {"retry_after": "inf"}, None),
        (429, {"retry_after": "1e9"}, None),
        (429, {"retry_after": "9" * 400}, None),
        (429, {"retry_after": "٣"}, None),
        (503, {"retry_after": "12"}, 12),
        (503, {"ratelimit": '"default";r=49;t=30'}, None),
        (200, {"retry_after": "4"}, 4),
    ],
)
def test_the_wait_asked_for_is_read_from_the_headers(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    error = outcome(answer(status, {"success": False}, **headers))
    assert isinstance(error, Transient)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    "errors",
    [
        None,
        [],
        {},
        "text",
        7,
        [None, "text", 7, []],
        [{}],
        [{"code": "ten thousand", "message": None}],
        [{"code": "-1", "message": None}],
        [{"code": 1e300, "message": None}],
        [{"code": None, "message": {"a": []}}],
        [{"code": 1, "message": "x", "error_chain": "text"}],
        [{"code": [], "error_chain": [{"error_chain": [None]}]}],
    ],
)
def test_errors_of_any_shape_are_read_without_surprise(errors: object) -> None:
    assert isinstance(outcome(answer(400, {"success": False, "errors": errors})), Rejected)
    assert isinstance(outcome(answer(500, {"success": False, "errors": errors})), Transient)


def test_a_long_answer_is_cut_in_the_words() -> None:
    many = [{"code": 1012, "message": "x" * 300} for _ in range(5000)]
    assert len(str(outcome(answer(400, {"success": False, "errors": many})))) < 800


def test_without_an_explanation_the_words_say_so() -> None:
    assert "(no explanation)" in str(outcome(answer(500, b"")))


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 408, 429, 500])
@pytest.mark.parametrize("email", [None, "ops@example.com"])
def test_a_token_that_cloudflare_echoes_is_in_no_words(status: int, email: str | None) -> None:
    echo = f"Invalid header Authorization: Bearer {TOKEN}; X-Auth-Key: {TOKEN}"
    chain = [{"code": 6111, "message": "x" * 470 + TOKEN * 3}]
    with pytest.raises(PurgeError) as caught:
        send(
            answer(status, {"errors": [{"code": 1, "message": echo, "error_chain": chain}], "messages": [echo]}),
            email=email,
        )
    assert TOKEN not in str(caught.value)
    assert TOKEN[:8] not in str(caught.value)
    assert "[token]" in str(caught.value)


@given(
    st.integers(200, 599),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.just(f"Bearer {TOKEN}"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["success", "errors", "code", "message", "error_chain"]), inner, max_size=4
            )
        ),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=40),
    st.dictionaries(st.sampled_from(["retry-after", "ratelimit"]), st.text(max_size=20)),
)
def test_any_answer_is_a_success_or_one_of_three_classes(status: int, body: bytes, headers: dict[str, str]) -> None:
    reply = answer(status, body, **headers)
    try:
        send(reply)
    except (Transient, Misconfigured, Rejected) as error:
        assert TOKEN not in str(error)  # noqa: PT017
    else:
        assert 200 <= status < 300
        assert json.loads(body)["success"] is True


def test_a_code_written_as_text_is_the_same_code() -> None:
    error = outcome(answer(400, {"success": False, "errors": [{"code": "10000", "message": "Authentication error"}]}))
    assert isinstance(error, Misconfigured)


@pytest.mark.parametrize("code", [1134, 1083, 1102, 1113, 1115])
def test_a_rate_limit_by_its_code_alone_is_waited_for(code: int) -> None:
    error = outcome(answer(400, {"success": False, "errors": [{"code": code, "message": "slow down"}]}))
    assert isinstance(error, RateLimited)


def test_too_large_a_request_is_halved_whoever_refuses_it() -> None:
    assert isinstance(outcome(Answer(413, {}, b"<html>")), Rejected)


def test_of_two_codes_that_come_together_the_one_that_says_more_is_explained() -> None:
    chain = [{"code": 6111, "message": "Invalid format for Authorization header"}]
    errors = [{"code": 6003, "message": "Invalid request headers", "error_chain": chain}]
    assert "without quotes, line break or Bearer" in str(outcome(answer(400, {"success": False, "errors": errors})))


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("Mon, 23 Nov 2026 06:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 05:59:00 GMT", 0),
        ("soon", None),
        ("Mon, 99 Nov 2026 06:00:30 GMT", None),
        (f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT", None),
        ("Mon, 23 Nov 2026 06:00:30 +99999999999999999999", None),
        ("9999999", 86400),
        ("9" * 15, 86400),
        ("9" * 16, None),
    ],
)
def test_a_retry_after_that_is_a_date_counts_from_the_answers_own(retry_after: str, seconds: float | None) -> None:
    headers = {"retry-after": retry_after, "date": "Mon, 23 Nov 2026 06:00:00 GMT"}
    error = outcome(Answer(503, headers, b'{"success": false}'))
    assert isinstance(error, Transient)
    assert error.retry_after == seconds


def test_a_retry_after_date_without_a_date_to_count_from_is_left_to_our_back_off() -> None:
    error = outcome(Answer(503, {"retry-after": "Mon, 23 Nov 2026 06:00:30 GMT"}, b'{"success": false}'))
    assert isinstance(error, Transient)
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("headers", "quota"),
    [
        ({}, None),
        ({"ratelimit": '"default";r=50;t=30'}, Quota(50, 30)),
        ({"ratelimit": '"default";r=0;t=1', "ratelimit-policy": '"default";q=1200;w=300'}, Quota(0, 1, 1200)),
        ({"ratelimit": '"default";t=30'}, None),
        ({"ratelimit": '"default";r=50'}, None),
        ({"ratelimit": '"default";r=-1;t=30'}, None),
        ({"ratelimit": '"default";r=x;t=30', "ratelimit-policy": '"default";q=1200;w=300'}, None),
        ({"ratelimit": '"default";r=5;t=3', "ratelimit-policy": "nonsense"}, Quota(5, 3)),
        ({"ratelimit-policy": '"default";q=1200;w=300'}, None),
        ({"ratelimit": "r=" + "9" * 5000 + ";t=1"}, None),
    ],
)
def test_what_is_left_of_a_limit_is_read_from_an_accepted_answer(headers: dict[str, str], quota: Quota | None) -> None:
    reply = Answer(200, headers, b'{"success": true}')
    transport: Any = FakeTransport(FakeCloudflare(script=[reply]), FakeAws())
    assert Cloudflare(Config("site", (Target(ZONE),)), transport).send(REQUEST, TOKEN, 7.5) == quota
