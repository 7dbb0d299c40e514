"""`make demo`: an upload becomes visible. Shows every step with its time, and checks what it shows."""

import json
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from tests.simulation import aws
from tests.simulation.cloudflare.journal import ApiRequest
from tests.simulation.cloudflare.visitor import Visit
from tests.simulation.terraform import TerraformError
from tests.simulation.world import HOST, ROOT, World, empty_bucket, local_world, wait_for

_BASE = f"https://{HOST}"
_FILES = 200
# 200 messages in batches of at most 10 need 20 requests; more than one per two files would be no batching at all.
_MOST_REQUESTS = 100


class Surprise(Exception):
    """The demo saw something that should not be."""


def say(line: str) -> None:
    print(f"    {line}", flush=True)


def headline(text: str) -> None:
    print(f"\n{text}", flush=True)


def check(holds: bool, sentence: str) -> None:
    if not holds:
        raise Surprise(sentence)


class Show:
    """One world, shown step by step."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._s3 = world.client("s3")
        self._begun = time.time()

    def upload(self, key: str, text: str) -> float:
        """Upload and return when it was done, in seconds since the epoch."""
        self._s3.put_object(Bucket=HOST, Key=key, Body=text.encode(), ContentType="text/html; charset=utf-8")
        return time.time()

    def visit(self, path: str) -> Visit:
        return self._world.visitor.visit(f"{_BASE}{path}")

    def until(self, path: str, fits: Callable[[Visit], bool], what: str) -> Visit:
        def probe() -> Visit | None:
            seen = self.visit(path)
            return seen if fits(seen) else None

        return wait_for(probe, 30, f"the visitor of {path} did not see {what}")

    def timeline(self, first: str, since: float, request: ApiRequest, last: str) -> None:
        now = time.time()
        say(f"{0:7.0f} ms  {first}")
        say(f"{(request.time - since) * 1000:7.0f} ms  Cloudflare asked to purge {len(request.urls)} URL(s)")
        say(f"{(now - since) * 1000:7.0f} ms  {last}")

    def first_version(self) -> None:
        headline("Version 1 is uploaded and read")
        before = time.time()
        self.upload("prices.html", "price 1")
        self.upload("news.html", "version 1")
        self._world.purge_of(f"{_BASE}/news.html", before)  # of a 404 that Cloudflare may have cached
        first, second = self.visit("/news.html"), self.visit("/news.html")
        say(f"first visitor:  {first.text!r}, {first.cache_status}")
        say(f"second visitor: {second.text!r}, {second.cache_status}")
        check(
            (first.cache_status, second.cache_status) == ("MISS", "HIT") and second.text == "version 1",
            "The edge did not cache version 1.",
        )

    def second_version(self) -> None:
        headline("Version 2 is uploaded: a correction that must be on the site now")
        before = time.time()
        done = self.upload("news.html", "version 2")
        fresh = self.until("/news.html", lambda seen: seen.text == "version 2", "version 2")
        purge = self._world.purge_of(f"{_BASE}/news.html", before)
        self.timeline("upload done", done, purge, f"the visitor reads {fresh.text!r}")

    def kept_copy(self) -> None:
        headline("A price changes; Cloudflare accepts the purge and keeps the old copy")
        # A look can tell versions apart only if their dates differ by more than five seconds.
        time.sleep(max(0.0, self._begun + 8 - time.time()))
        self.visit("/prices.html")
        self._world.control.add_edge_fault("keep", times=1, path="/prices.html")
        before = time.time()
        done = self.upload("prices.html", "price 2")
        purge = self._world.purge_of(f"{_BASE}/prices.html", before)
        kept = self.visit("/prices.html")
        self.timeline("upload done", done, purge, f"the visitor still reads {kept.text!r}, {kept.cache_status}")
        check(kept.text == "price 1", "The edge did not keep the copy.")
        fresh = self.until("/prices.html", lambda seen: seen.text == "price 2", "the new price")
        seen_at = time.time()
        stale = self.looked_at("prices.html", "stale", before)
        again = next(r for r in self._world.control.requests() if r.time > purge.time and "prices.html" in str(r.body))
        say(f"{(again.time - done) * 1000:7.0f} ms  the function looks, sees that it is stale, and purges it again")
        say(f"{(seen_at - done) * 1000:7.0f} ms  the visitor reads {fresh.text!r}")
        say(f"{(self.looked_at('prices.html', 'fresh', stale) - done) * 1000:7.0f} ms  the function looks again: fresh")

    def looked_at(self, key: str, verdict: str, since: float) -> float:
        """Wait for a look at a key with that verdict and return its time, in seconds since the epoch."""

        def probe() -> float | None:
            logs = self._world.client("logs")
            found = logs.filter_log_events(logGroupName="/aws/lambda/cf-purge", startTime=int(since * 1000))["events"]
            lines = [(event, json.loads(event["message"])) for event in found if event["message"].startswith("{")]
            wanted = {"message": "seen", "key": key, "verdict": verdict}
            return next((e["timestamp"] / 1000 for e, line in lines if wanted.items() <= line.items()), None)

        return wait_for(probe, 30, f"the function did not see {key} {verdict}")

    def deletion(self) -> None:
        headline("The page is deleted")
        before = time.time()
        self._s3.delete_object(Bucket=HOST, Key="news.html")
        done = time.time()
        gone = self.until("/news.html", lambda seen: seen.status == 404, "that the page is gone")
        purge = self._world.purge_of(f"{_BASE}/news.html", before)
        self.timeline("delete done", done, purge, f"the visitor gets {gone.status}")

    def nasty_key(self) -> None:
        key = "preise/50% Rabatt (für Käufer)+mehr.html"
        headline(f"A key with spaces, plus, brackets, percent and umlauts: {key}")
        before = time.time()
        self.upload(key, "old price")
        left_alone = {"encodeURIComponent": "/!*'()", "all encoded": "/"}  # S3 would read a bare + as a space
        spellings = {name: f"/{quote(key, safe=safe)}" for name, safe in left_alone.items()}
        for path in spellings.values():
            self._world.purge_of(f"{_BASE}{path}", before)
            self.visit(path)
            check(self.visit(path).cache_status == "HIT", f"The edge did not cache {path}.")
        since = self.upload(key, "new price")
        for name, path in spellings.items():
            seen = self.until(path, lambda seen: seen.text == "new price", "the new price")
            say(f"{(time.time() - since) * 1000:7.0f} ms  {name} reads {seen.text!r} at {path}")

    def many_files(self) -> None:
        headline(f"{_FILES} files are uploaded at once")
        self._world.control.forget_requests()
        since = time.time()
        with ThreadPoolExecutor(16) as uploads:
            list(uploads.map(lambda n: self.upload(f"release/{n:03}.html", "release 1"), range(_FILES)))
        say(f"{(time.time() - since) * 1000:7.0f} ms  uploads done")
        urls = {f"{_BASE}/release/{n:03}.html" for n in range(_FILES)}

        def missing() -> set[str]:
            accepted = [request for request in self._world.control.requests() if request.status == 200]
            return urls.difference(*(request.urls for request in accepted))

        wait_for(lambda: not missing(), 60, f"not all of the {_FILES} files were purged")
        requests = len(self._world.control.requests())
        say(f"{(time.time() - since) * 1000:7.0f} ms  all {_FILES} purged with {requests} purge requests")
        check(requests <= _MOST_REQUESTS, f"{_FILES} files took {requests} purge requests.")

    def by_hand(self) -> None:
        headline("A manual purge: first a check, then a page with all its query strings")
        checked = self.invoke({"check": True})
        say(" ".join(checked["check"]))
        pages = [f"/list.html?page={number}" for number in range(3)]
        before = time.time()
        self.upload("list.html", "list")
        self._world.purge_of(f"{_BASE}/list.html", before)
        for page in pages:
            self.visit(page)
            check(self.visit(page).cache_status == "HIT", f"The edge did not cache {page}.")
        purged = self.invoke({"prefixes": [f"{HOST}/list.html"]})
        say(f"purged: {', '.join(purged['invalidations'])}")
        seen = [self.visit(page).cache_status for page in pages]
        say(f"the visitor of {', '.join(pages)} gets {', '.join(map(str, seen))}")
        check(set(seen) == {"MISS"}, "A query string's copy was not purged.")

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        answer = self._world.client("lambda").invoke(FunctionName="cf-purge", Payload=json.dumps(event).encode())
        document: dict[str, Any] = json.loads(answer["Payload"].read())
        check("FunctionError" not in answer, f"The function failed: {document.get('errorMessage')}")
        return document

    def filtered(self) -> None:
        headline("An excluded key: drafts/plan.html (exclude = drafts/**)")
        self._world.control.forget_requests()
        self.upload("drafts/plan.html", "draft 1")
        self.visit("/drafts/plan.html")
        self.upload("drafts/plan.html", "draft 2")
        before = time.time()
        self.upload("other.html", "a key that is purged, to know when the draft's turn was")
        self._world.purge_of(f"{_BASE}/other.html", before)
        seen = self.visit("/drafts/plan.html")
        purged = [url for request in self._world.control.requests() for url in request.urls]
        say(f"the visitor still reads {seen.text!r}, {seen.cache_status}; purged meanwhile: {', '.join(purged)}")
        check(seen.text == "draft 1" and not any("/drafts/" in url for url in purged), "The excluded key was purged.")


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    started = time.monotonic()
    folder = ROOT / ".logs" / "demo"
    try:
        headline("The local world starts")
        with local_world(folder, say, verify='{"after_seconds": 2}') as world:
            headline("Terraform applies examples/local (the provider watches every queue settle for 25 s)")
            world.terraform.apply()
            show = Show(world)
            for step in (
                show.first_version,
                show.second_version,
                show.deletion,
                show.nasty_key,
                show.kept_copy,
                show.many_files,
                show.by_hand,
                show.filtered,
            ):
                step()
            headline("Terraform destroys everything")
            empty_bucket(world)
            world.terraform.destroy()
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running, and the local AWS took what was applied with it.", flush=True)
        return 130
    except aws.StartError as problem:
        print(f"\ncf_purge: {problem}", file=sys.stderr)
        return 1
    except (Surprise, TimeoutError, TerraformError) as surprise:
        print(f"\nNot as expected: {surprise}. Logs are in {folder.relative_to(ROOT)}.", file=sys.stderr)
        return 1
    headline(f"All is as expected, in {time.monotonic() - started:.0f} s. Logs are in {folder.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
