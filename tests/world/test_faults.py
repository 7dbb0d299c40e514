from __future__ import annotations

import json
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from tests.simulation.cloudflare.client import ControlError
from tests.world.simulation import FREE, SHOP, TOKENS, World

A = "https://www.example.test/a.css"
BODY = {"files": [A]}


def raw(world: World, zone: str = FREE, timeout: float = 10) -> urllib3.BaseHTTPResponse:
    return world.pool.request(
        "POST",
        f"{world.addresses.api}/zones/{zone}/purge_cache",
        body=json.dumps(BODY),
        headers={"Authorization": f"Bearer {TOKENS['good']['value']}"},
        timeout=timeout,
    )


def test_a_status_comes_with_its_headers_and_json(world: World) -> None:
    document = {"success": False, "errors": [{"code": 1134, "message": "rate limit reached"}]}
    world.control.add_fault("status", status=429, headers={"Retry-After": "7"}, body=document)
    answer = world.ask(BODY)
    assert (answer.status, answer.document, answer.headers["retry-after"]) == (429, document, "7")
    [request] = world.control.requests()
    assert (request.fault, request.status, request.codes) == ("status", 429, [1134])


def test_a_status_can_come_with_text_that_is_no_json(world: World) -> None:
    world.control.add_fault("status", status=502, headers={"Server": "proxy"}, raw="<h1>Bad gateway</h1>")
    response = raw(world)
    assert (response.status, response.data, response.headers["Server"]) == (502, b"<h1>Bad gateway</h1>", "proxy")


@pytest.mark.parametrize("order", [{"kind": "status", "status": 500}, {"kind": "garbage"}, {"kind": "success_false"}])
@pytest.mark.parametrize("acted", [False, True])
def test_a_fault_purges_only_when_told_to(world: World, order: dict[str, Any], acted: bool) -> None:
    world.visit(A)
    world.control.add_fault(**order, acted=acted)
    raw(world)
    assert world.status(A) == ("MISS" if acted else "HIT")


def test_garbage_is_a_200_that_is_no_json(world: World) -> None:
    world.control.add_fault("garbage")
    response = raw(world)
    assert response.status == 200
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(response.data)


def test_success_false_is_a_200_that_is_none(world: World) -> None:
    errors = [{"code": 1012, "message": "no"}]
    world.control.add_fault("success_false", errors=errors)
    answer = world.ask(BODY)
    assert (answer.status, answer.document["success"], answer.document["errors"]) == (200, False, errors)
    world.control.add_fault("success_false")
    assert world.ask(BODY).codes


@pytest.mark.parametrize("acted", [False, True])
def test_a_reset_cuts_the_connection(world: World, acted: bool) -> None:
    world.visit(A)
    world.control.add_fault("reset", acted=acted)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        raw(world)
    assert world.status(A) == ("MISS" if acted else "HIT")
    [request] = world.control.requests()
    assert (request.fault, request.status, request.answered, request.body) == ("reset", None, None, BODY)


def test_a_reset_is_a_tcp_reset_and_no_orderly_end(world: World) -> None:
    world.control.add_fault("reset")
    api = urlsplit(world.addresses.api)
    # Not through ssl's own sockets: they show ECONNRESET as the end of the stream.
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context(cafile=world.ca_file).wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", int(api.port or 0)), 10) as tcp:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                tcp.sendall(outgoing.read())
                incoming.write(tcp.recv(1 << 16))
        tls.write(f"POST {api.path}/zones/{FREE}/purge_cache HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        tcp.sendall(outgoing.read())
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: tcp.recv(1 << 16), b""))  # behind session tickets, perhaps


def test_a_delay_waits_and_then_goes_on_normally(world: World) -> None:
    world.visit(A)
    world.control.add_fault("delay", seconds=0.3)
    started = time.monotonic()
    world.purge(BODY)
    assert time.monotonic() - started >= 0.3
    assert world.status(A) == "MISS"


def test_a_client_that_gives_up_waiting_is_in_the_journal_at_once_and_its_purge_still_happens(world: World) -> None:
    world.visit(A)
    world.control.add_fault("delay", seconds=0.4)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        raw(world, timeout=0.1)
    assert [request.status for request in world.control.requests()] == [None]
    deadline = time.monotonic() + 5
    while world.control.requests()[0].status is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert world.control.requests()[0].status == 200
    assert world.status(A) == "MISS"


def test_a_fault_happens_as_often_as_ordered(world: World) -> None:
    world.control.add_fault("status", status=500, times=2)
    world.control.add_fault("garbage")
    assert [raw(world).status for _ in range(2)] == [500, 500]
    assert [fault["kind"] for fault in world.control.state().faults] == ["garbage"]
    assert raw(world).headers["Content-Type"] == "text/html"
    world.purge(BODY)
    assert world.control.state().faults == []


def test_a_fault_without_times_lasts_until_it_is_cleared(world: World) -> None:
    world.control.add_fault("status", status=503, times=None)
    assert [raw(world).status for _ in range(5)] == [503] * 5
    world.control.clear_faults()
    world.purge(BODY)


def test_a_fault_of_one_zone_leaves_the_others_alone(world: World) -> None:
    world.control.add_fault("status", status=503, zone_id=SHOP, times=None)
    world.purge(BODY)
    assert raw(world, SHOP).status == 503


def test_a_fault_comes_before_every_check(world: World) -> None:
    world.control.add_fault("status", status=503)
    assert world.pool.request("POST", f"{world.addresses.api}/zones/x/purge_cache").status == 503


def test_a_fault_of_purges_leaves_reads_alone_and_the_other_way_round(world: World) -> None:
    world.control.add_fault("status", status=503)
    world.control.add_fault("status", status=500, reads=True)
    paths = ["/user/tokens/verify", "/zones?name=example.test"]
    headers = {"Authorization": f"Bearer {TOKENS['good']['value']}"}
    urls = [world.addresses.api + path for path in paths]
    answered = [world.pool.request("GET", url, headers=headers).status for url in urls]
    assert answered == [500, 200]
    assert [raw(world).status, raw(world).status] == [503, 200]
    assert [request.fault for request in world.control.requests()] == ["status", None, "status", None]


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "meteor"},
        {"kind": "status", "sttus": 500},
        {"kind": "status", "status": 99},
        {"kind": "status", "times": 0},
        {"kind": "status", "times": "once"},
        {"kind": "status", "headers": {"Retry-After": 5}},
        {"kind": "status", "reads": "both"},
        {"kind": "status", "reads": True, "zone_id": FREE},
        {"kind": "delay", "seconds": -1},
        {"kind": "delay", "seconds": "long"},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(world: World, order: dict[str, Any]) -> None:
    with pytest.raises(ControlError, match="fault"):
        world.control.add_fault(**order)
    assert world.control.state().faults == []
