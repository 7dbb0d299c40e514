from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme

from cf_purge.connection import CONNECT_TIMEOUT, MOST_IDLE, _Timed
from cf_purge.errors import Transient
from cf_purge.transport import CONNECTIONS, MAX_ANSWER_BYTES, Transport
from tests.unit.factories import TOKEN
from tests.unit.servers import LocalServer, by_name, named, reset, tls, trusted, write

Serve = Callable[..., LocalServer]
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


def fault(transport: Transport, url: str, timeout: float = 2.0) -> str:
    with pytest.raises(Transient) as caught:
        transport.post(url, HEADERS, b"{}", timeout)
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_a_post_arrives_as_it_was_given_and_the_answer_comes_back(serve: Serve, transport: Transport) -> None:
    server = serve()
    server.respond = lambda handler: write(handler, 418, "ünï".encode(), {"X-Tea": "Earl Grey", "RETRY-AFTER": "3"})
    answer = transport.post(f"{server.url}/a/b?c=%2F", HEADERS, '{"ü": 1}'.encode(), 2.0)
    assert (answer.status, answer.body) == (418, "ünï".encode())
    assert (answer.headers["x-tea"], answer.headers["retry-after"]) == ("Earl Grey", "3")
    [received] = server.received
    assert (received.method, received.path, received.body) == ("POST", "/a/b?c=%2F", '{"ü": 1}'.encode())
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["accept-encoding"] == "identity"
    assert received.headers["user-agent"] == "cf_purge"


def test_a_get_arrives_without_a_body_and_the_answer_comes_back(serve: Serve, transport: Transport) -> None:
    server = serve()
    server.respond = lambda handler: write(handler, 403, b"{}", {"X-Tea": "Earl Grey"})
    answer = transport.get(f"{server.url}/zones?name=a%20b", {"Authorization": f"Bearer {TOKEN}"}, 2.0)
    assert (answer.status, answer.body, answer.headers["x-tea"]) == (403, b"{}", "Earl Grey")
    [received] = server.received
    assert (received.method, received.path, received.body) == ("GET", "/zones?name=a%20b", b"")
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert received.headers["accept-encoding"] == "identity"
    assert received.headers["user-agent"] == "cf_purge"
    assert "content-type" not in received.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_get_follows_no_redirect_either(serve: Serve, transport: Transport, status: int) -> None:
    elsewhere, server = serve(), serve()
    server.respond = lambda handler: write(handler, status, b"", {"Location": f"{elsewhere.url}/steal"})
    assert transport.get(server.url, HEADERS, 2.0).status == status
    assert (len(server.received), elsewhere.received) == (1, [])


@pytest.mark.parametrize("respond", [reset, lambda handler: write(handler, body=b"x" * (MAX_ANSWER_BYTES + 1))])
def test_a_get_without_a_readable_answer_is_transient(
    serve: Serve, transport: Transport, respond: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    server = serve()
    server.respond = respond
    with pytest.raises(Transient) as caught:
        transport.get(server.url, HEADERS, 2.0)
    assert TOKEN not in str(caught.value)
    assert len(server.received) == 1


def test_a_get_that_is_not_answered_is_not_waited_for(serve: Serve, transport: Transport) -> None:
    server = serve()
    server.respond = lambda handler: time.sleep(1.0)
    begun = time.monotonic()
    with pytest.raises(Transient, match="TimeoutError"):
        transport.get(server.url, HEADERS, 0.2)
    assert time.monotonic() - begun < 0.9


def test_a_connection_is_kept_and_used_again(serve: Serve, transport: Transport) -> None:
    server = serve()
    for _ in range(3):
        transport.post(server.url, HEADERS, b"{}", 2.0)
    assert [received.connection for received in server.received] == [1, 1, 1]


def test_a_connection_in_which_more_was_said_than_asked_for_is_not_used_again(
    serve: Serve, transport: Transport
) -> None:
    server = serve()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        write(handler)
        time.sleep(0.05)  # in the same segment it is thrown away with the answer
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")

    server.respond = respond
    for _ in range(2):
        assert transport.post(server.url, HEADERS, b"{}", 2.0).body == b'{"success": true}'
        time.sleep(0.15)
    assert [received.connection for received in server.received] == [1, 2]


@pytest.mark.parametrize(("idle", "connections"), [(MOST_IDLE - 5, 1), (MOST_IDLE + 5, 2), (-5, 2)])
def test_a_connection_that_stood_still_for_long_is_not_used_again(
    serve: Serve, transport: Transport, idle: float, connections: int
) -> None:
    """It may lead nowhere without anybody having said so: then it is the time-out that would find out."""
    server = serve()
    transport.post(server.url, HEADERS, b"{}", 2.0)
    for each in [each for kept in transport._idle.values() for each in kept]:
        each.idle_since -= idle
    assert transport.post(server.url, HEADERS, b"{}", 2.0).status == 200
    assert server.accepted == connections


@pytest.mark.parametrize("status", [101, 102, 103, 199])
def test_an_answer_before_the_answer_is_none_and_its_connection_is_not_used_again(
    serve: Serve, transport: Transport, status: int
) -> None:
    server = serve()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 %d Soon\r\n\r\n" % status)
        time.sleep(0.1)
        write(handler, 200, b"of the first")

    server.respond = respond
    assert fault(transport, server.url) == "No answer (HTTPException)."
    server.respond = lambda handler: write(handler, 400, b"of the second")
    assert transport.post(server.url, HEADERS, b"{}", 2.0).body == b"of the second"


def test_who_answers_before_all_of_the_request_is_there_has_answered(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    sendall = _Timed.sendall

    def broken(self: _Timed, data: bytes, flags: int = 0) -> None:
        if len(data) > 1000:
            raise BrokenPipeError
        sendall(self, data, flags)

    monkeypatch.setattr(_Timed, "sendall", broken)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            taken, _ = listener.accept()
            with taken:
                taken.recv(1000)
                taken.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
                taken.recv(1)  # until the other side closes

        refusing = threading.Thread(target=refuse)
        refusing.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        answer = transport.post(url, HEADERS, b"x" * 2000, 2.0)
        refusing.join()
    assert (answer.status, answer.body) == (413, b"no")
    assert not any(transport._idle.values())


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://[::1]/a", "::1", 80),
        ("https://[2001:db8::443]/a", "2001:db8::443", 443),
        ("http://[::1]:8080/a", "::1", 8080),
        ("https://API.example/a", "api.example", 443),
        ("https://api.example:8443", "api.example", 8443),
    ],
)
def test_it_is_the_url_s_host_and_port_that_are_connected_to(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, url: str, host: str, port: int
) -> None:
    asked: list[tuple[str, int]] = []

    def look_up(host: str, port: int, *_: object) -> list[object]:
        asked.append((host, port))
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert fault(transport, url) == "No answer (OSError)."
    assert asked == [(host, port)]


def test_no_more_connections_are_kept_than_are_used_at_once(serve: Serve, transport: Transport) -> None:
    server = serve()
    meet = threading.Barrier(CONNECTIONS)
    server.respond = lambda handler: (meet.wait(), write(handler))[1]
    for _ in range(2):
        transport.together([lambda: transport.post(server.url, HEADERS, b"{}", 5.0)] * CONNECTIONS)
    assert server.accepted == CONNECTIONS


def test_what_a_header_says_several_times_is_joined(serve: Serve, transport: Transport) -> None:
    server = serve()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nRatelimit: a\r\nContent-Length: 0\r\nratelimit: b\r\n\r\n")

    server.respond = respond
    assert transport.post(server.url, HEADERS, b"{}", 2.0).headers["ratelimit"] == "a, b"


def test_a_connection_that_the_server_has_closed_meanwhile_is_replaced(serve: Serve, transport: Transport) -> None:
    server = serve()
    server.respond = lambda handler: write(handler, headers={"Connection": "close"})
    for _ in range(2):
        assert transport.post(server.url, HEADERS, b"{}", 2.0).status == 200
    assert [received.connection for received in server.received] == [1, 2]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(serve: Serve, transport: Transport, status: int) -> None:
    elsewhere, server = serve(), serve()
    server.respond = lambda handler: write(handler, status, b"", {"Location": f"{elsewhere.url}/steal"})
    assert transport.post(server.url, HEADERS, b"{}", 2.0).status == status
    assert len(server.received) == 1
    assert elsewhere.received == []


@pytest.mark.parametrize("status", [413, 429, 503])
def test_nothing_is_tried_again_down_here(serve: Serve, transport: Transport, status: int) -> None:
    server = serve()
    server.respond = lambda handler: write(handler, status, b"{}", {"Retry-After": "0"})
    assert transport.post(server.url, HEADERS, b"{}", 2.0).status == status
    assert len(server.received) == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_an_answer_longer_than_any_real_one_is_not_read_to_its_end(
    serve: Serve, transport: Transport, chunked: bool
) -> None:
    server, written = serve(), []

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        if chunked:
            handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        block = b"x" * (1 << 16)
        try:
            for _ in range(1 << 11):  # 128 MB, if anyone would take it
                handler.wfile.write(b"10000\r\n" + block + b"\r\n" if chunked else block)
                written.append(len(block))
        except OSError:
            pass
        handler.close_connection = True

    server.respond = flood
    assert "longer than any real one" in fault(transport, server.url)
    assert sum(written) < 64 << 20
    server.respond = write
    assert transport.post(server.url, HEADERS, b"{}", 2.0).status == 200


def test_an_answer_of_the_largest_size_is_read_whole(serve: Serve, transport: Transport) -> None:
    server = serve()
    server.respond = lambda handler: write(handler, body=b"x" * MAX_ANSWER_BYTES)
    assert len(transport.post(server.url, HEADERS, b"{}", 2.0).body) == MAX_ANSWER_BYTES


def cut(handler: BaseHTTPRequestHandler) -> None:
    write(handler, body=b'{"success": true}', length=99)
    handler.close_connection = True


def say(*words: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"".join(words))
        handler.close_connection = True

    return respond


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(cut, id="a body cut short"),
        pytest.param(
            say(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{"success": true}\r\n'), id="no last chunk"
        ),
        pytest.param(
            say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"), id="a chunk of zz bytes"
        ),
        pytest.param(say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 4\r\n\r\nokok"), id="two lengths"),
        pytest.param(reset, id="a reset"),
        pytest.param(say(), id="nothing at all"),
        pytest.param(say(b"220 smtp.example.com ESMTP\r\n"), id="another protocol"),
        pytest.param(say(b"HTTP/1.1 nope OK\r\n\r\n"), id="a status that is no number"),
        pytest.param(say(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 500, b"\r\n"), id="too many headers"),
        pytest.param(say(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 100_000, b"\r\n\r\n"), id="too long a header"),
    ],
)
def test_an_answer_that_cannot_be_read_to_its_end_is_transient(
    serve: Serve, transport: Transport, respond: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    server = serve()
    server.respond = respond
    assert fault(transport, server.url).startswith(("No answer (", "The answer is cut short"))
    assert len(server.received) == 1
    server.respond = write
    assert transport.post(server.url, HEADERS, b"{}", 2.0).status == 200


def test_an_answer_that_does_not_come_is_not_waited_for(serve: Serve, transport: Transport) -> None:
    server = serve()
    server.respond = lambda handler: time.sleep(1.0)
    begun = time.monotonic()
    assert "TimeoutError" in fault(transport, server.url, timeout=0.2)
    assert time.monotonic() - begun < 0.9


def test_a_body_that_stops_half_way_is_not_waited_for(serve: Serve, transport: Transport) -> None:
    server = serve()

    def stop(handler: BaseHTTPRequestHandler) -> None:
        write(handler, body=b'{"success"', length=99)
        time.sleep(1.0)
        handler.close_connection = True

    server.respond = stop
    begun = time.monotonic()
    assert "TimeoutError" in fault(transport, server.url, timeout=0.2)
    assert time.monotonic() - begun < 0.9


def test_a_server_that_does_not_accept_is_not_waited_for(transport: Transport) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # bound, not listening
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert "ConnectionRefusedError" in fault(transport, url)
    assert 0 < CONNECT_TIMEOUT <= 5


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:99999/", "http://", "nonsense://x/", f"http://{'a' * 64}.x/", "http://..x/"]
)
def test_a_url_that_leads_nowhere_is_transient(transport: Transport, url: str) -> None:
    assert fault(transport, url)


def test_no_proxy_of_the_environment_sees_the_token(
    serve: Serve, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, server = serve(), serve()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    assert transport.post(server.url, HEADERS, b"{}", 2.0).status == 200
    assert proxy.received == []


# ---- TLS ----


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A certificate authority that the machine trusts while the test runs."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return trusted(tmp_path / "ca.pem")


def post(url: str) -> int:
    transport = Transport()
    try:
        return transport.post(named(url), HEADERS, b"{}", 2.0).status
    finally:
        transport.close()


@by_name
def test_a_certificate_of_a_trusted_authority_is_taken(serve: Serve, authority: trustme.CA) -> None:
    server = serve(tls(authority))
    assert post(server.url) == 200
    assert len(server.received) == 1


@by_name
def test_an_encrypted_connection_is_kept_and_used_again(serve: Serve, authority: trustme.CA) -> None:
    server, transport = serve(tls(authority)), Transport()
    for _ in range(3):
        assert transport.post(named(server.url), HEADERS, b"{}", 2.0).status == 200
    transport.close()
    assert [received.connection for received in server.received] == [1, 1, 1]


@by_name
def test_more_than_was_asked_for_is_seen_inside_of_an_encrypted_connection_too(
    serve: Serve, authority: trustme.CA
) -> None:
    server, transport = serve(tls(authority)), Transport()
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    rest = b" " * 9_000 + forged  # beyond what the reader of the first answer has taken in
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    server.respond = lambda handler: (handler.wfile.write(answer + rest), None)[1]
    assert transport.post(named(server.url), HEADERS, b"{}", 2.0).body == b"ok"
    server.respond = lambda handler: write(handler, 400, b"second")
    assert transport.post(named(server.url), HEADERS, b"{}", 2.0).body == b"second"
    transport.close()


@by_name
def test_a_certificate_nobody_vouches_for_is_refused_before_the_token_is_sent(
    serve: Serve, authority: trustme.CA
) -> None:
    server = serve(tls(trustme.CA()))
    with pytest.raises(Transient, match="SSL"):
        post(server.url)
    assert server.received == []


@by_name
def test_a_certificate_of_another_host_is_refused(serve: Serve, authority: trustme.CA) -> None:
    server = serve(tls(authority, "api.cloudflare.com"))
    with pytest.raises(Transient, match="SSL"):
        post(server.url)
    assert server.received == []


@by_name
def test_plain_text_where_tls_is_due_is_refused(serve: Serve) -> None:
    server = serve()
    with pytest.raises(Transient, match="SSL"):
        post(server.url.replace("http:", "https:"))
    assert server.received == []


# ---- The suite itself ----


def test_no_test_of_this_suite_reaches_another_machine() -> None:
    with socket.socket() as client, pytest.raises((RuntimeError, UserWarning), match=r"192\.0\.2\.1"):
        client.connect(("192.0.2.1", 443))
