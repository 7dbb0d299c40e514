"""The process: how it starts, and that it always ends."""

from __future__ import annotations

import copy
import http.client
import json
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.simulation.cloudflare.addresses import Addresses
from tests.simulation.cloudflare.client import Control, Visitor
from tests.simulation.cloudflare.config import ConfigError, parse
from tests.simulation.cloudflare.process import StartError, running
from tests.world.simulation import FREE, World

ROOT = Path(__file__).parents[2]


@contextmanager
def started(config: Any, directory: Path) -> Iterator[tuple[subprocess.Popen[str], Addresses]]:
    path = directory / "config.json"
    path.write_text(json.dumps(config))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.simulation.cloudflare", str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, Addresses(**json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def quiet(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration to change: no log, so that the shared one stays the shared one's."""
    return {**copy.deepcopy(config), "log": None}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_even_in_the_middle_of_a_request(
    quiet: dict[str, Any], tmp_path: Path, number: signal.Signals
) -> None:
    with started(quiet, tmp_path) as (process, addresses):
        control = Control(addresses.control)
        control.add_fault("delay", seconds=60)
        with hanging_request(addresses, quiet["tls"]["origin_ca"], control):
            process.send_signal(number)
            out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")


@contextmanager
def hanging_request(addresses: Addresses, ca_file: str, control: Control) -> Iterator[None]:
    """Have a request of the API under way."""
    api = urlsplit(addresses.api)
    context = ssl.create_default_context(cafile=ca_file)
    connection = http.client.HTTPSConnection(api.netloc, context=context, timeout=10)
    connection.request("POST", f"{api.path}/zones/{FREE}/purge_cache", "{}")
    while not [request for request in control.requests() if request.body is not None]:
        time.sleep(0.01)
    yield
    connection.close()


def test_it_stops_when_its_parent_closes_standard_input(quiet: dict[str, Any], tmp_path: Path) -> None:
    with started(quiet, tmp_path) as (process, _):
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")


def test_it_dies_with_a_parent_that_is_killed(quiet: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(quiet))
    parent = (
        "import subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'tests.simulation.cloudflare', sys.argv[1]]\n"
        "child = subprocess.Popen(command, stdin=subprocess.PIPE)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", parent, str(tmp_path / "config.json")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["api"]
    process.kill()
    process.wait()
    # Its output ends only when the child, which shares it, has ended too.
    assert process.communicate(timeout=10)[0] == ""


def test_it_listens_where_it_is_told_and_prints_all_addresses(quiet: dict[str, Any], tmp_path: Path) -> None:
    with started(quiet, tmp_path) as (_, addresses):
        ports = {name: int(url.split(":")[2].split("/")[0]) for name, url in vars_of(addresses).items()}
    assert addresses.api == f"https://127.0.0.1:{ports['api']}/client/v4"
    quiet["ports"] = ports
    with started(quiet, tmp_path) as (_, again):
        assert again == addresses


def vars_of(addresses: Addresses) -> dict[str, str]:
    return {name: getattr(addresses, name) for name in ("api", "edge_http", "edge_https", "control")}


def test_what_the_configuration_leaves_out_has_a_default(world: World, quiet: dict[str, Any], tmp_path: Path) -> None:
    for name in ("ports", "tokens", "keys", "latency_ms", "log"):
        del quiet[name]
    for zone in quiet["zones"]:
        zone.pop("plan", None)
    world.site.put("/bucket/a.css", "a")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(quiet))
    with running(path) as addresses:
        state = Control(addresses.control).state()
        visit = Visitor(addresses, world.ca_file).visit("https://www.example.test/a.css")
    assert {zone["plan"] for zone in state.zones} == {"free"}
    assert (state.identities, state.latency_ms, visit.text) == ([], 0, "a")


def test_an_initial_latency_is_taken(quiet: dict[str, Any], tmp_path: Path) -> None:
    with started({**quiet, "latency_ms": 12.5}, tmp_path) as (_, addresses):
        assert Control(addresses.control).state().latency_ms == 12.5


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (["tls"], None, "tls"),
        (["tls", "cert"], 5, "cert"),
        (["zones"], {}, "zones"),
        (["zones", 0, "id"], "example.test", "zones[*].id"),
        (["zones", 0, "plan"], "gold", "zones[*].plan"),
        (["zones", 0, "hosts"], [5], "hosts[*]"),
        (["zones", 0, "not_by_url"], ["f" * 32], "zones[*].not_by_url"),
        (["zones", 1, "id"], "a" * 32, "zones"),
        (["zones", 1, "hosts"], ["www.example.test"], "zones"),
        (["origin"], None, "origin"),
        (["ports", "api"], "443", "api"),
        (["ports", "api"], True, "api"),
        (["tokens", 0, "value"], None, "value"),
        (["tokens", 0, "name"], "narrow", "tokens"),
        (["tokens", 0, "status"], "asleep", "tokens[*].status"),
        (["keys", 0, "email"], None, "email"),
        (["keys", 0, "value"], "no-key", "keys[*].value"),
        (["tokens", 0, "value"], "two words", "tokens[*].value"),
        (["tokens", 0, "value"], "0123456789abcdef0123456789abcdef01234", "tokens[*].value"),
    ],
)
def test_a_wrong_configuration_is_an_error_that_names_the_field(
    quiet: dict[str, Any], path: list[Any], value: Any, field: str
) -> None:
    parse(quiet)
    *parents, last = path
    node: Any = quiet
    for part in parents:
        node = node[part]
    node[last] = value
    with pytest.raises(ConfigError) as caught:
        parse(quiet)
    assert str(caught.value).startswith(f"{field}: ")


def test_a_process_that_cannot_start_says_why_and_shows_no_value(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.json"
    for text, reason in (('{"tokens": "secret-value', "not JSON"), ('{"zones": []}', "tls"), (None, "No such file")):
        path.unlink(missing_ok=True) if text is None else path.write_text(text)
        with pytest.raises(StartError, match="1"), running(path):
            pass
        said = capfd.readouterr().err
        assert reason in said
        assert "secret-value" not in said
        assert "Traceback" not in said


def test_nothing_of_a_token_is_kept_in_memory_by_the_configuration(config: dict[str, Any]) -> None:
    assert not any(token["value"] in repr(parse(config)) for token in config["tokens"])
