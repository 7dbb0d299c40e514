"""In virtual time: a visitor reloads a page during a deploy that uploads the page before its assets."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.factories import HOST, document, s3_event, target
from tests.support.virtual.world import START, World

PAGE, HASHED, PLAIN = "index.html", "app.{}.js", "app.js"
ASSETS = target(keys=["*.js"])
PAGES = target(keys=["*.html"])
LATER = target(keys=["*.html"], delay_seconds=60)
MARKER = target(keys=["_released"], purge_by="host")
# Seconds, key and version (None: deleted). The page first is the worst order.
SYNC = [(0, PAGE, "2"), (30, "app.2.js", "2")]
RELEASE = (40, "_released", "")


class Deploy:
    """A page whose text is its version, that version's asset, and a visitor who loads both every second."""

    def __init__(self, targets: Sequence[Any], asset: str, *, is_page_cached: bool) -> None:
        self.world = World(document(targets=list(targets)))
        self.world.cloudflare.on_accepted = self._purge
        self.broken: list[int] = []  # seconds at which page and asset did not match
        self.seen: str | None = None
        self._asset, self._uncached = asset, () if is_page_cached else (PAGE,)
        self._bucket: dict[str, str | None] = {PAGE: "1", asset.format("1"): "1"}
        self._edge: dict[str, str | None] = {}  # by URL; None is a copy of a 404

    def run(self, uploads: Sequence[tuple[int, str, str | None]], seconds: int = 180) -> None:
        for second in range(-1, seconds):
            for at, key, version in uploads:
                if at == second:
                    self.world.hub.at(START + at, self._upload, (key, version))
            self.world.hub.at(START + second + 0.5, self._visit)
        self.world.run(START + seconds)

    def _upload(self, change: tuple[str, str | None]) -> None:
        key, self._bucket[key] = change
        time = datetime.fromtimestamp(self.world.hub.now, UTC).isoformat().replace("+00:00", ".000Z")
        event = "ObjectCreated:Put" if change[1] is not None else "ObjectRemoved:Delete"
        self.world.queue.send(json.dumps(s3_event(key, time=time, event=event)))

    def _visit(self, _: None) -> None:
        self.seen = self._get(PAGE)
        if self._get(self._asset.format(self.seen)) != self.seen:
            self.broken.append(int(self.world.hub.now - START))

    def _get(self, key: str) -> str | None:
        if key in self._uncached:
            return self._bucket.get(key)
        return self._edge.setdefault(f"https://{HOST}/{key}", self._bucket.get(key))

    def _purge(self, _at: float, _zone: str, kind: str, items: list[Any]) -> None:
        for url in items if kind == "files" else list(self._edge):
            self._edge.pop(url, None)


NEVER: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("targets", "uploads", "asset", "is_page_cached", "broken"),
    [
        ([LATER, ASSETS], SYNC, HASHED, True, NEVER),
        ([LATER, ASSETS], [*SYNC, (90, "app.1.js", None)], HASHED, True, NEVER),
        ([MARKER, ASSETS], [*SYNC, RELEASE], HASHED, True, NEVER),
        ([PAGES, ASSETS], SYNC, HASHED, True, (1, 30)),
        ([LATER, ASSETS], [SYNC[0], (90, "app.2.js", "2")], HASHED, True, (61, 90)),
        ([LATER, ASSETS], [*SYNC, (40, "app.1.js", None)], HASHED, True, (41, 60)),
        ([LATER, ASSETS], SYNC, HASHED, False, (0, 30)),
        ([LATER, ASSETS], [SYNC[0], (30, PLAIN, "2")], PLAIN, True, (31, 60)),
    ],
    ids=[
        *("a delay", "a delay, and the old asset is deleted after it", "a release marker"),
        *("no delay", "too long a sync", "the old asset deleted before", "a page that is not cached", "no hash"),
    ],
)
def test_a_deploy_in_the_worst_order_is_broken_only_outside_of_the_limits_of_a_delay(
    targets: Any, uploads: Any, asset: str, is_page_cached: bool, broken: tuple[int, ...]
) -> None:
    """The upload of the asset purges the copies of its 404."""
    deploy = Deploy(targets, asset, is_page_cached=is_page_cached)
    deploy.run(uploads)
    assert deploy.seen == "2"
    assert (deploy.broken[:1] + deploy.broken[-1:]) == pytest.approx(broken, abs=1)


def test_pages_that_come_after_the_release_marker_are_stale() -> None:
    deploy = Deploy([MARKER, ASSETS], HASHED, is_page_cached=True)
    deploy.run([(0, "_released", ""), (10, "app.2.js", "2"), (20, PAGE, "2")])
    assert (deploy.broken, deploy.seen) == ([], "1")
