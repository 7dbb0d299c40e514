"""A large upload: few requests, nothing lost, and a quiet site is as quick as ever afterwards."""

import time
from collections.abc import Iterator

import pytest

from tests.e2e.release import Release
from tests.simulation.site import Site

pytestmark = pytest.mark.usefixtures("leaving")
LATENCY = 200  # milliseconds, of Cloudflare's API
# How many objects share a request depends on how fast they are uploaded; without a drain it would be ten at most.
OBJECTS_PER_REQUEST = 20


@pytest.fixture
def slow(site: Site) -> Iterator[Site]:
    """The website of examples/local with an API that is as quick as Cloudflare's."""
    site.world.control.set_latency(LATENCY)
    yield site
    site.world.control.set_latency(0)


def drained(site: Site, since: float) -> list[int]:
    """Return how many messages the function received by itself, each time it did since then."""
    return [line["messages"] for line in site.log_lines(since) if line.get("message") == "drained"]


def test_a_large_upload_needs_few_requests_and_a_single_one_afterwards_is_not_held_up(
    slow: Site, pytestconfig: pytest.Config
) -> None:
    count, since = pytestconfig.getoption("--objects"), time.time()
    release = Release(slow, [f"bulk/{number}.html" for number in range(count)])
    release.upload("first")
    uploaded = time.time() - since
    slow.empties(180 + count / 50)
    requests, purged = slow.world.control.requests(), slow.purges()
    print(
        f"{count} objects: uploaded in {uploaded:.0f} s, gone in {time.time() - since:.0f} s, {len(requests)} requests"
    )

    assert set(purged) == {slow.url(key) for key in release.keys}
    assert {request.status for request in requests} == {200}
    assert len(requests) <= count / OBJECTS_PER_REQUEST
    assert max(drained(slow, since)) > OBJECTS_PER_REQUEST
    assert slow.dead() == 0

    slow.world.control.forget_requests()
    since = slow.put("quiet.html")
    slow.purge_of(slow.url("quiet.html"))
    slow.empties()
    assert [request.urls for request in slow.world.control.requests()] == [(slow.url("quiet.html"),)]
    slow.log_line(since, "purged")  # its log is there
    assert drained(slow, since) == []
