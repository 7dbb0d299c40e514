"""The time-out bounds the whole request, however little of an answer comes now and then."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme

from cf_purge.errors import Transient
from cf_purge.transport import Transport
from tests.unit.servers import LocalServer, by_name, drip, named, tls, trusted, write

Serve = Callable[..., LocalServer]
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
dripping = pytest.mark.parametrize(
    ("at_once", "words"),
    [
        pytest.param(b"", b"HTTP/1.1 200 OK" + b" " * 200, id="the status line"),
        pytest.param(HEAD, b"X: " + b"y" * 200, id="a header"),
        pytest.param(HEAD, b"X: y\r\n" * 50, id="headers"),
        pytest.param(HEAD + b"Content-Length: 200\r\n\r\n", b" " * 200, id="a body of known length"),
        pytest.param(HEAD + b"Connection: close\r\n\r\n", b" " * 200, id="a body until the end"),
        pytest.param(CHUNKED + b"c8\r\n", b" " * 200, id="a chunk"),
        pytest.param(CHUNKED, b"1\r\n \r\n" * 40, id="chunks of one byte"),
        pytest.param(CHUNKED + b"1\r\n \r\n0\r\n", b"X: " + b"y" * 200, id="a trailer"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10, id="answers before the answer"),
    ],
)


@contextlib.contextmanager
def listening() -> Iterator[tuple[str, socket.socket]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", listener


def sockets_to(url: str) -> int:
    """Count this process's connected sockets whose other end is the server's port."""
    port, count = int(url.rpartition(":")[2]), 0
    for each in [thing for thing in gc.get_objects() if isinstance(thing, socket.socket)]:
        with contextlib.suppress(OSError):
            count += each.getpeername()[1] == port
    return count


def given_up(transport: Transport, url: str, timeout: float) -> str:
    with pytest.raises(Transient) as caught:
        transport.post(url, {}, b"{}", timeout)
    return str(caught.value)


def assert_given_up_in_time(transport: Transport, url: str) -> None:
    begun = time.monotonic()
    given_up(transport, url, 0.25)
    assert 0.2 < time.monotonic() - begun < 1.5


@dripping
def test_an_answer_that_drips_is_not_waited_for(
    serve: Serve, transport: Transport, at_once: bytes, words: bytes
) -> None:
    server = serve()
    server.respond = lambda handler: drip(handler, words, at_once)
    assert_given_up_in_time(transport, server.url)
    server.respond = write
    assert transport.post(server.url, {}, b"{}", 2.0).status == 200


def test_a_slow_answer_that_comes_in_time_is_taken(serve: Serve, transport: Transport) -> None:
    server = serve()
    answer = HEAD + b"Content-Length: 2\r\n\r\n{}"
    server.respond = lambda handler: drip(handler, answer, every=0.005)
    assert transport.post(server.url, {}, b"{}", 2.0).body == b"{}"


def test_each_request_has_a_time_of_its_own_on_a_connection_that_is_kept(serve: Serve, transport: Transport) -> None:
    server = serve()

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.2)
        write(handler)

    server.respond = slowly
    for timeout in (0.5, 0.5, 0.5, 2.0):
        assert transport.post(server.url, {}, b"{}", timeout).status == 200
    assert [received.connection for received in server.received] == [1, 1, 1, 1]


def test_the_addresses_of_a_name_share_the_time(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (url, listener), contextlib.ExitStack() as stack:
        for _ in range(2):  # a full queue of connections: the next is neither taken nor refused
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", listener.getsockname())]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found * 8)
        assert_given_up_in_time(transport, url)


def test_a_request_has_more_time_to_be_taken_in_than_a_connection_to_be_made(
    serve: Serve, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cf_purge.connection.CONNECT_TIMEOUT", 0.1)
    server = serve()
    server.before_reading = lambda: time.sleep(0.3)
    assert transport.post(server.url, {}, b"x" * (16 << 20), 5.0).status == 200


def test_an_address_that_refuses_leaves_the_others_to_try(
    serve: Serve, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        addresses = [nobody.getsockname(), ("127.0.0.1", int(server.url.rpartition(":")[2]))]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert transport.post("http://127.0.0.1:9", {}, b"{}", 2.0).status == 200


def test_a_name_that_nobody_knows_is_transient(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert "gaierror" in given_up(transport, "https://api.example.invalid", 2.0)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    assert "OSError" in given_up(transport, "https://api.example.invalid", 2.0)


def test_in_any_thread_each_request_has_its_own_time(serve: Serve, transport: Transport) -> None:
    slow, quick = serve(), serve()
    slow.respond = lambda handler: drip(handler, b" " * 200, HEAD + b"Content-Length: 200\r\n\r\n")
    with ThreadPoolExecutor(2) as threads:
        given_up = threads.submit(assert_given_up_in_time, transport, slow.url)
        for _ in range(20):
            assert transport.post(quick.url, {}, b"{}", 5.0).status == 200
            time.sleep(0.02)
        given_up.result()


def test_nothing_is_left_behind_by_an_answer_that_was_given_up(serve: Serve, transport: Transport) -> None:
    server, threads = serve(), set(threading.enumerate())
    for words, at_once in ((HEAD * 50, b""), (b" " * 200, CHUNKED + b"c8\r\n")):
        server.respond = partial(drip, words=words, at_once=at_once)
        given_up(transport, server.url, 0.1)
    added = {thread.name for thread in set(threading.enumerate()) - threads}
    assert [name for name in added if "process_request" not in name] == []  # the server's own
    assert sockets_to(server.url) == 0


# ---- TLS ----


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return trusted(tmp_path / "ca.pem")


@by_name
@dripping
def test_an_answer_that_drips_over_tls_is_not_waited_for(
    serve: Serve, authority: trustme.CA, at_once: bytes, words: bytes
) -> None:
    server = serve(tls(authority))
    server.respond = lambda handler: drip(handler, words, at_once)
    transport = Transport()
    assert_given_up_in_time(transport, named(server.url))
    server.respond = write
    for _ in range(2):
        assert transport.post(named(server.url), {}, b"{}", 2.0).status == 200
    transport.close()
    assert [received.connection for received in server.received][1:] == [2, 2]


@by_name
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_request_that_is_not_taken_in_is_not_waited_for(authority: trustme.CA, scheme: str) -> None:
    with listening() as (url, listener):
        has_ended = threading.Event()

        def sip() -> None:
            accepted, _ = listener.accept()
            taken = tls(authority).wrap_socket(accepted, server_side=True) if scheme == "https" else accepted
            with taken, contextlib.suppress(OSError):
                words = b""
                while not words.endswith(b"{}"):
                    words += taken.recv(10_000)
                taken.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
                while not has_ended.wait(0.02):
                    taken.recv(100_000)

        taker = threading.Thread(target=sip)
        taker.start()
        transport, url = Transport(), named(url).replace("http", scheme)
        assert transport.post(url, {}, b"{}", 9.0).status == 200
        begun = time.monotonic()
        with pytest.raises(Transient):
            transport.post(url, {}, b"x" * (64 << 20), 0.25)
        assert time.monotonic() - begun < 1.5
        has_ended.set()
        taker.join()


@by_name
@pytest.mark.parametrize("words", [b"", b"\x16\x03\x03\x40\x00" + b"\x02" * 500])
def test_a_handshake_that_drips_or_never_comes_is_not_waited_for(transport: Transport, words: bytes) -> None:
    with listening() as (url, listener):

        def greet() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(10_000)
                for byte in words:
                    connection.send(bytes([byte]))
                    time.sleep(0.02)
                connection.recv(10_000)

        greeter = threading.Thread(target=greet)
        greeter.start()
        assert_given_up_in_time(transport, named(url).replace("http:", "https:"))
        greeter.join()


@by_name
def test_the_parts_of_a_request_share_the_time(serve: Serve, authority: trustme.CA) -> None:
    context = tls(authority)

    def slow(*_: object) -> None:
        time.sleep(0.15)  # in the middle of the handshake

    context.sni_callback = slow
    server = serve(context)

    def respond(handler: BaseHTTPRequestHandler) -> None:
        for words in (HEAD, b"Content-Length: 2\r\n\r\n", b"{}"):
            time.sleep(0.15)
            with contextlib.suppress(OSError):
                handler.connection.sendall(words)
        handler.close_connection = True

    server.respond = respond
    transport = Transport()
    assert_given_up_in_time(transport, named(server.url))
    assert transport.post(named(server.url), {}, b"{}", 5.0).body == b"{}"
    transport.close()
