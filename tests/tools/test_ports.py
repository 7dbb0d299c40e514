"""A port of the local world that somebody else has."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation import aws, certificates, demo
from tools.problems import ROOT


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("name", ["api", "control"])
def test_a_port_that_is_named_and_taken_is_one_sentence_that_says_which(
    tmp_path: Path, taken: int, machine: dict[str, str], name: str
) -> None:
    tls = certificates.issue(tmp_path, "localhost")
    settings = {"tls": {"cert": tls.certificate, "key": tls.private_key}, "ports": {name: taken}, "zones": []}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation.cloudflare", tmp_path / "config.json"],
        env={**machine, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"{tmp_path / 'config.json'}: ports.{name}: {taken} is taken or forbidden, "
        "name another one or 0 for any that is free\n"
    )


def test_the_demo_says_in_a_sentence_that_somebody_took_its_port(
    tmp_path: Path, taken: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It asks for a free one each time; another program may be quicker."""
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    monkeypatch.setattr(aws, "_free_port", lambda: taken)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert demo.main() == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    said, log = capsys.readouterr().err, tmp_path / ".logs" / "demo" / "aws.log"
    assert said == f"\ncf_purge: The local AWS did not start: see {log}, and try again, which takes another port.\n"
    assert f"127.0.0.1:{taken} is already in use" in log.read_text()
