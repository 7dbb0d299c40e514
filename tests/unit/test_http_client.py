"""The HTTP client against real sockets. Both majors of urllib3 must pass this file."""

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme

from cf_purge.budget import Clock
from cf_purge.errors import TimedOut, Transient
from cf_purge.http_client import CONNECTIONS, Answer, HttpClient
from tests.support.fakes import FakeClock
from tests.support.names import TOKEN
from tests.support.servers import LocalServer, drip, reset, tls, trusted, write

Serve = Callable[..., LocalServer]
Respond = Callable[[BaseHTTPRequestHandler], None]
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
MAX_BYTES = 100_000


def post(http: HttpClient, url: str, timeout: float = 5.0, body: bytes = b"{}") -> Answer:
    return http.request(url, HEADERS, body, timeout, MAX_BYTES)


def failure(http: HttpClient, url: str, timeout: float = 5.0) -> Transient:
    with pytest.raises(Transient) as caught:
        post(http, url, timeout)
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def assert_ends_in_time(http: HttpClient, url: str) -> None:
    began = time.monotonic()
    assert isinstance(failure(http, url, 0.12), TimedOut)
    assert 0.1 < time.monotonic() - began < 3.5


# ---- What is sent, and what comes back ----


def test_a_request_arrives_unchanged_and_its_answer_is_returned(serve: Serve, http: HttpClient) -> None:
    headers = {"X-Tea": "Earl Grey", "RETRY-AFTER": "3"}
    server = serve(lambda handler: write(handler, 418, "ünï".encode(), headers))
    answer = post(http, f"{server.url}/a/b?c=%2F", body='{"ü": 1}'.encode())
    assert (answer.status, answer.body) == (418, "ünï".encode())
    assert (answer.headers["x-tea"], answer.headers["retry-after"]) == ("Earl Grey", "3")
    assert http.request(f"{server.url}/zones?name=a%20b", {}, None, 5.0, MAX_BYTES).status == 418
    sent, asked = server.received
    assert (sent.method, sent.path, sent.body) == ("POST", "/a/b?c=%2F", '{"ü": 1}'.encode())
    assert (asked.method, asked.path, asked.body) == ("GET", "/zones?name=a%20b", b"")
    assert sent.headers["authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["content-type"] == "application/json"
    assert {each.headers["accept-encoding"] for each in (sent, asked)} == {"identity"}
    assert {each.headers["user-agent"] for each in (sent, asked)} == {"cf_purge"}


@pytest.mark.parametrize("body", [None, b"{}"], ids=["GET", "POST"])
@pytest.mark.parametrize("end", ["/steal", ":no-port/"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 413, 429, 503, None])
def test_no_request_is_repeated_or_redirected(
    serve: Serve, http: HttpClient, body: bytes | None, end: str, status: int | None
) -> None:
    elsewhere = serve()
    headers = {"Location": f"{elsewhere.url}{end}", "Retry-After": "0"}
    server = serve(lambda handler: write(handler, status, b"", headers) if status else reset(handler))
    with contextlib.nullcontext() if status else pytest.raises(Transient):
        assert http.request(server.url, HEADERS, body, 5.0, MAX_BYTES).status == status
    assert (len(server.received), elsewhere.accepted) == (1, 0)


def test_an_answer_is_not_inflated(serve: Serve, http: HttpClient) -> None:
    bomb = gzip.compress(b" " * (50 << 20), 1)
    server = serve(lambda handler: write(handler, body=bomb, headers={"Content-Encoding": "gzip"}))
    assert http.request(server.url, {}, None, 5.0, 1 << 20).body == bomb


# ---- Connections ----


@pytest.mark.parametrize(("idle", "connections"), [(0, 1), (59, 1), (61, 2), (86_400, 2)])
def test_a_connection_is_reused_unless_it_was_idle_for_a_minute(serve: Serve, idle: float, connections: int) -> None:
    server, clock = serve(), FakeClock()
    http = HttpClient(clock.clock())
    for _ in range(3):
        post(http, server.url)
    clock.pass_(idle)
    post(http, server.url)
    assert server.accepted == connections


def test_requests_at_the_same_time_keep_their_connections_for_a_minute(serve: Serve) -> None:
    meet = threading.Barrier(CONNECTIONS)

    def respond(handler: BaseHTTPRequestHandler) -> None:
        meet.wait()
        write(handler)

    server, clock = serve(respond), FakeClock()
    http = HttpClient(clock.clock())
    for _ in range(2):
        answers = http.together(lambda url: post(http, url), [server.url] * CONNECTIONS)
        assert [type(each) for each in answers] == [Answer] * CONNECTIONS
    assert server.accepted == CONNECTIONS
    server.respond = write
    for _ in range(4):
        clock.pass_(30)
        post(http, server.url)
    server.respond = respond
    http.together(lambda url: post(http, url), [server.url] * CONNECTIONS)
    assert server.accepted == CONNECTIONS + CONNECTIONS - 1


def test_after_a_failure_the_next_request_has_a_new_connection(serve: Serve, http: HttpClient) -> None:
    """What ended one connection, such as a change of the network, has often ended the others, too."""
    meet, old = threading.Barrier(2), set()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        meet.wait()
        old.add(handler.client_address)
        write(handler)

    server = serve(respond)
    http.together(lambda url: post(http, url), [server.url] * 2)
    server.respond = lambda handler: (reset if handler.client_address in old else write)(handler)
    failure(http, server.url)
    assert post(http, server.url).status == 200


# ---- Answers that cannot be used ----


def flood(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b"x" * (1 << 16))


@pytest.mark.parametrize(
    "respond", [lambda handler: write(handler, body=b"x" * (MAX_BYTES + 1)), flood], ids=["of known length", "endless"]
)
def test_an_answer_above_the_size_limit_is_an_error(serve: Serve, http: HttpClient, respond: Respond) -> None:
    server = serve(respond)
    assert str(failure(http, server.url)) == f"The answer is larger than {MAX_BYTES} bytes."
    server.respond = lambda handler: write(handler, body=b"x" * MAX_BYTES)
    assert len(post(http, server.url).body) == MAX_BYTES


def say(*words: bytes, then: Respond | None = None) -> Respond:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"".join(words))
        handler.close_connection = True
        if then:
            time.sleep(0.02)
            then(handler)

    return respond


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(say(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"success": true}'), id="cut short"),
        pytest.param(say(CHUNKED, b'11\r\n{"success": true}\r\n'), id="no last chunk"),
        pytest.param(reset, id="reset"),
        pytest.param(say(), id="nothing"),
        pytest.param(say(b"220 smtp.example.com ESMTP\r\n"), id="another protocol"),
        pytest.param(say(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 500, b"\r\n"), id="too many headers"),
        *(
            pytest.param(say(b"HTTP/1.1 %d Soon\r\n\r\n" % status, then=write), id=f"{status} before the answer")
            for status in (101, 102, 103, 199)
        ),
    ],
)
def test_a_broken_answer_is_an_error_and_its_connection_is_not_reused(
    serve: Serve, http: HttpClient, respond: Respond
) -> None:
    server = serve(respond)
    assert str(failure(http, server.url)).startswith("No answer (")
    server.respond = lambda handler: write(handler, 400, b"of the second")
    assert post(http, server.url).body == b"of the second"


# ---- Time ----

HEAD = b"HTTP/1.1 200 OK\r\n"
SLOW_BODY = HEAD + b"Content-Length: 200\r\n\r\n", b" " * 200


@pytest.mark.parametrize(
    ("at_once", "words"),
    [
        pytest.param(HEAD[:15], b" " * 200, id="the status line"),
        pytest.param(HEAD, b"X: y\r\n" * 50, id="headers"),
        pytest.param(*SLOW_BODY, id="a body of known length"),
        pytest.param(HEAD + b"Connection: close\r\n\r\n", b" " * 200, id="a body until the end"),
        pytest.param(CHUNKED + b"c8\r\n", b" " * 200, id="a chunk"),
        pytest.param(CHUNKED, b"1\r\n \r\n" * 40, id="chunks of one byte"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10, id="answers before the answer"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_an_answer_that_drips_or_does_not_come_ends_at_the_deadline(
    serve: Serve, http: HttpClient, at_once: bytes, words: bytes | None
) -> None:
    server = serve(lambda handler: drip(handler, words, at_once) if words else time.sleep(4))
    assert_ends_in_time(http, server.url)
    server.respond = write
    assert post(http, server.url).status == 200


def test_each_request_on_a_connection_and_in_a_thread_has_its_own_time(serve: Serve, http: HttpClient) -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.15)
        write(handler)

    slow, quick = serve(lambda handler: drip(handler, SLOW_BODY[1], SLOW_BODY[0])), serve(respond)
    with ThreadPoolExecutor(2) as threads:
        ended = threads.submit(assert_ends_in_time, http, slow.url)
        for _ in range(8):  # together longer than one may take
            assert post(http, quick.url, 1.0).status == 200
        ended.result()
    assert quick.accepted == 1


@contextlib.contextmanager
def full() -> Iterator[tuple[str, int]]:
    """Yield an address that takes no more connections and refuses none."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let the name api.example have these addresses."""
    real = socket.getaddrinfo
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    def look_up(host: str, *rest: int, **options: int) -> object:
        return found if host == "api.example" else real(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_a_name_that_does_not_resolve_has_the_error_of_the_runbook(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(*_: object, **__: object) -> object:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert str(failure(http, "https://api.example")) == "No answer (gaierror): check the network."


def test_a_dead_first_address_leaves_time_for_the_second(
    serve: Serve, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    with full() as dead:
        resolve(monkeypatch, dead, ("127.0.0.1", int(server.url.rpartition(":")[2])))
        assert post(http, "http://api.example", 0.6).status == 200


def test_many_dead_addresses_end_at_the_deadline(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with full() as dead:
        resolve(monkeypatch, *[dead] * 40)
        assert_ends_in_time(http, "http://api.example")


@contextlib.contextmanager
def accepting(serve: Callable[[socket.socket], object]) -> Iterator[str]:
    """Yield host and port of a server that accepts one connection, and wait until it has served it."""

    def accept() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        threads.submit(accept)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_tls_handshake_that_drips_ends_at_the_deadline(http: HttpClient) -> None:
    def greet(connection: socket.socket) -> None:
        for byte in b"\x16\x03\x03\x40\x00" + b"\x02" * 500:
            connection.send(bytes([byte]))
            time.sleep(0.02)

    with accepting(greet) as address:
        assert_ends_in_time(http, f"https://{address}")


def test_a_tls_handshake_that_is_reset_is_no_answer(http: HttpClient) -> None:
    with accepting(lambda connection: connection.recv_into(bytearray(1))) as address:  # reset: not all of it was read
        assert str(failure(http, f"https://{address}")) == "No answer (ConnectionResetError): check the network."


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_request_that_is_not_read_ends_at_the_deadline(authority: trustme.CA, scheme: str) -> None:
    has_ended = threading.Event()

    def sip(connection: socket.socket) -> None:
        if scheme == "https":
            time.sleep(0.8)  # what the handshake takes is not left for the request
        reader = tls(authority).wrap_socket(connection, server_side=True) if scheme == "https" else connection
        with reader:
            while not has_ended.wait(0.02):
                reader.recv(100_000)

    with accepting(sip) as address:
        began = time.monotonic()
        try:
            with pytest.raises(TimedOut):
                post(HttpClient(Clock()), f"{scheme}://{address}", 1.0, b"x" * (16 << 20))
            assert time.monotonic() - began < 1.7
        finally:
            has_ended.set()


# ---- TLS and proxies ----


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A certificate authority that clients made by the test trust."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return trusted(tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("is_trusted", "name"),
    [(False, "127.0.0.1"), (True, "www.example.com")],
    ids=["of an unknown authority", "of another host"],
)
def test_a_certificate_that_does_not_prove_the_host_is_refused_before_anything_is_sent(
    serve: Serve, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_trusted: bool, name: str
) -> None:
    theirs = trusted(tmp_path / "theirs.pem")
    # With these, other programs trust it.
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"):
        monkeypatch.setenv(variable, str(tmp_path / "theirs.pem"))
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    server = serve(context=tls(authority if is_trusted else theirs, name))
    assert str(failure(HttpClient(Clock()), server.url)) == "No answer (SSLCertVerificationError): check the network."
    assert server.received == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_host_is_verified_and_sent_by_its_name_without_the_usual_port(
    serve: Serve, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    server = serve(context=tls(authority, "api.example") if scheme == "https" else None)
    resolve(monkeypatch, ("127.0.0.1", int(server.url.rpartition(":")[2])))
    assert post(HttpClient(Clock()), f"{scheme}://api.example/a").status == 200
    assert server.received[0].headers["host"] == "api.example"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_proxy_of_the_environment_is_used(
    serve: Serve, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    proxy, server = serve(), serve(context=tls(authority) if scheme == "https" else None)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv(name.lower(), proxy.url)
    assert post(HttpClient(Clock()), server.url).status == 200
    assert (len(server.received), proxy.accepted) == (1, 0)
