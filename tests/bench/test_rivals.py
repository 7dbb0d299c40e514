"""The rivals do what they are said to do, over TLS that is checked, and no purge that is wrong is timed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.bench.cold import URL, subjects_on
from tests.bench.processes.ground import Ground, ground
from tests.bench.processes.process import Command, Failed, function, script
from tests.unit import factories

KEYS = ("a b.css", "css/ü+1.css")
URLS = [f"https://{factories.HOST}/a%20b.css", f"https://{factories.HOST}/css/%C3%BC%2B1.css"]
EVENTS = [json.dumps(factories.s3_event(key)).encode() for key in KEYS]


@pytest.fixture(scope="module")
def place() -> Iterator[Ground]:
    with ground() as place:
        yield place


@pytest.fixture
def calls(place: Ground) -> list[str]:
    """What was asked of the local AWS."""
    place.aws.reset()
    return place.aws.calls


@pytest.mark.parametrize("name", ["naive", "sdk"])
def test_a_rival_reads_the_token_and_sends_one_request_for_every_object(
    place: Ground, calls: list[str], name: str
) -> None:
    run = function(place.rival(name), place.api, EVENTS)
    assert [json.loads(answer) for answer in run.answers] == [{"purged": [url]} for url in URLS]
    assert place.check(URLS) == 2
    assert calls == ["GetParameter"] * 2


def test_ours_reads_the_token_once(place: Ground, calls: list[str]) -> None:
    function(place.ours(), place.api, [json.dumps(factories.s3_event(key)).encode() for key in ("a.css", "b.css")])
    assert place.check([f"https://{factories.HOST}/{name}.css" for name in "ab"]) == 2
    assert calls == ["GetParameter"]


@pytest.mark.parametrize("name", ["limit", "bare"])
def test_the_limit_posts_one_purge_and_asks_nobody_else(place: Ground, calls: list[str], name: str) -> None:
    assert list(script(place.limit(URL, name)).answers) == [b"200"]
    assert place.check([URL]) == 1
    assert calls == []


@pytest.mark.parametrize("name", ["naive", "sdk"])
def test_a_rival_refuses_a_certificate_of_nobody_known(place: Ground, name: str) -> None:
    command = unknowing(place, place.rival(name))  # what reads the token goes on trusting
    code = command.folder / f"{name}.py"
    code.write_text(
        code.read_text().replace("(api_token=token)", "(api_token=token, max_retries=0)")
    )  # or it takes 2 s
    with pytest.raises(Failed, match=r"SSLError|Connection error"):
        function(command, place.api, [EVENTS[0]])
    place.check([])


@pytest.mark.parametrize("name", ["limit", "bare"])
def test_the_limit_refuses_a_certificate_of_nobody_known(place: Ground, name: str) -> None:
    with pytest.raises(Failed):
        script(unknowing(place, place.limit(URL, name)))
    place.check([])


def unknowing(place: Ground, command: Command) -> Command:
    return replace(command, environment={**command.environment, "SSL_CERT_FILE": str(place.usual)})


def with_wrong_token(command: Command) -> Command:
    return replace(command, environment={**command.environment, "TOKEN": "somebody-elses-" + "x" * 25})


def with_wrong_url(command: Command) -> Command:
    return replace(command, environment={**command.environment, "BODY": json.dumps({"files": [URL + "x"]})})


@pytest.mark.parametrize("spoiled", [with_wrong_token, with_wrong_url])
def test_a_purge_that_is_wrong_fails_the_measurement(
    place: Ground, spoiled: Callable[[Command], Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = spoiled(place.limit(URL))
    monkeypatch.setattr(Ground, "limit", lambda *_: limit)
    with pytest.raises(Failed, match="Cloudflare was asked for"):
        subjects_on(place)["limit"]()


def test_a_purge_too_many_fails_the_measurement(place: Ground) -> None:
    script(place.limit(URL))
    script(place.limit(URL))
    with pytest.raises(Failed, match="2 URLs instead of 1"):
        place.check([URL])


def test_the_token_is_told_only_to_who_asks_for_it_decrypted(place: Ground) -> None:
    asked = {"Name": factories.PARAMETER, "WithDecryption": True}
    status, answer = place.aws.call("GetParameter", asked)
    assert (status, answer["Parameter"]["Type"]) == (200, "SecureString")
    for wrong in ({"WithDecryption": False}, {"Name": "/other"}):
        assert place.aws.call("GetParameter", {**asked, **wrong})[0] == 400
