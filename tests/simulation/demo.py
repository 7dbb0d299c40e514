"""`make demo`: uploads become visible. It prints every step with its time, and checks what it prints."""

import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from tests.simulation.cloudflare.journal import ApiRequest
from tests.simulation.cloudflare.visitor import Visit
from tests.simulation.site import Site, time_of
from tests.simulation.terraform import TerraformError
from tests.simulation.world import HOST, ROOT, local_world, wait_for
from tools.problems import Problem

_NASTY_KEY = "preise/50% Rabatt (für Käufer)+mehr.html"
_FILES = 200
# 200 messages in batches of at most 10 need 20 requests; more than one for two files is no batching.
_MOST_REQUESTS = 100


class Surprise(Exception):
    """The demo saw something unexpected."""


def say(line: str) -> None:
    print(f"    {line}", flush=True)


def say_after(since: float, line: str, at: float | None = None) -> None:
    """Print a line with the time after `since` in milliseconds."""
    say(f"{((time.time() if at is None else at) - since) * 1000:7.0f} ms  {line}")


def headline(text: str) -> None:
    print(f"\n{text}", flush=True)


def check(holds: bool, sentence: str) -> None:
    if not holds:
        raise Surprise(sentence)


def wait_until_seen(site: Site, path: str, text: str | None) -> Visit:
    """Visit until the answer has this text, or for None until it is a 404."""

    def probe() -> Visit | None:
        visit = site.visit(path)
        return visit if (visit.text if visit.status == 200 else None) == text else None

    return wait_for(probe, 30, f"the visitor of /{path} did not see {text or 'that the page is gone'}")


def fill(site: Site, path: str) -> None:
    """Let the edge cache a page."""
    site.visit(path)
    check(site.visit(path).cache_status == "HIT", f"The edge did not cache /{path}.")


def timeline(first: str, since: float, request: ApiRequest, last: str) -> None:
    now = time.time()
    say_after(since, first, since)
    say_after(since, f"Cloudflare asked to purge {len(request.urls)} URL(s)", request.time)
    say_after(since, last, now)


def first_version(site: Site) -> None:
    headline("Version 1 is uploaded and read")
    site.put("prices.html", "price 1")
    site.put_and_purge("news.html", "version 1")  # it purges a 404 that Cloudflare may have cached
    first, second = site.visit("news.html"), site.visit("news.html")
    say(f"first visitor:  {first.text!r}, {first.cache_status}")
    say(f"second visitor: {second.text!r}, {second.cache_status}")
    check(
        (first.cache_status, second.cache_status) == ("MISS", "HIT") and second.text == "version 1",
        "The edge did not cache version 1.",
    )


def second_version(site: Site) -> None:
    headline("Version 2 is uploaded: a correction that must be on the site now")
    before, done = site.put("news.html", "version 2"), time.time()
    fresh = wait_until_seen(site, "news.html", "version 2")
    purge = site.purge_of(site.url("news.html"), since=before)
    timeline("upload done", done, purge, f"the visitor reads {fresh.text!r}")


def deletion(site: Site) -> None:
    headline("The page is deleted")
    before, done = site.delete("news.html"), time.time()
    gone = wait_until_seen(site, "news.html", None)
    purge = site.purge_of(site.url("news.html"), since=before)
    timeline("delete done", done, purge, f"the visitor gets {gone.status}")


def nasty_key(site: Site) -> None:
    headline(f"A key with spaces, plus, brackets, percent and umlauts: {_NASTY_KEY}")
    before = site.put(_NASTY_KEY, "old price")
    unescaped = {"encodeURIComponent": "/!*'()", "all encoded": "/"}  # S3 would read a bare + as a space
    spellings = {name: quote(_NASTY_KEY, safe=safe) for name, safe in unescaped.items()}
    for path in spellings.values():
        site.purge_of(site.url(path), since=before)
        fill(site, path)
    site.put(_NASTY_KEY, "new price")
    since = time.time()
    for name, path in spellings.items():
        seen = wait_until_seen(site, path, "new price")
        say_after(since, f"{name} reads {seen.text!r} at /{path}")


def kept_copy(site: Site) -> None:
    headline("A price changes; Cloudflare accepts the purge and keeps the old copy")
    # `verify` can tell versions apart only if their dates differ by more than five seconds.
    time.sleep(6)
    site.visit("prices.html")
    site.world.control.keep_copies(times=1, path="/prices.html")
    before, done = site.put("prices.html", "price 2"), time.time()
    purge = site.purge_of(site.url("prices.html"), since=before)
    kept = site.visit("prices.html")
    timeline("upload done", done, purge, f"the visitor still reads {kept.text!r}, {kept.cache_status}")
    check(kept.text == "price 1", "The edge did not keep the copy.")
    fresh = wait_until_seen(site, "prices.html", "price 2")
    seen_at = time.time()
    stale = time_of(site.log_line(before, "seen", key="prices.html", verdict="stale"))
    again = next(r for r in site.accepted() if r.time > purge.time and "prices.html" in str(r.body))
    say_after(done, "the function looks, sees that it is stale, and purges it again", again.time)
    say_after(done, f"the visitor reads {fresh.text!r}", seen_at)
    looked = time_of(site.log_line(stale, "seen", key="prices.html", verdict="fresh"))
    say_after(done, "the function looks again: fresh", looked)


def many_files(site: Site) -> None:
    headline(f"{_FILES} files are uploaded at once")
    site.world.control.forget_requests()
    since = time.time()
    with ThreadPoolExecutor(16) as uploads:
        list(uploads.map(lambda number: site.put(f"release/{number:03}.html", "release 1"), range(_FILES)))
    say_after(since, "uploads done")
    urls = {site.url(f"release/{number:03}.html") for number in range(_FILES)}
    wait_for(lambda: urls <= set(site.purges()), 60, f"not all of the {_FILES} files were purged")
    requests = len(site.world.control.requests())
    say_after(since, f"all {_FILES} purged with {requests} purge requests")
    check(requests <= _MOST_REQUESTS, f"{_FILES} files took {requests} purge requests.")


def manual_purge(site: Site) -> None:
    headline("A manual purge: first a check, then a page with all its query strings")
    say(" ".join(invoke(site, {"check": True})["check"]))
    site.put_and_purge("list.html", "list")
    pages = [f"list.html?page={number}" for number in range(3)]
    for page in pages:
        fill(site, page)
    purged = invoke(site, {"prefixes": [f"{HOST}/list.html"]})
    say(f"purged: {', '.join(purged['invalidations'])}")
    seen = [site.visit(page).cache_status for page in pages]
    say(f"the visitor of {', '.join(f'/{page}' for page in pages)} gets {', '.join(map(str, seen))}")
    check(set(seen) == {"MISS"}, "A query string's copy was not purged.")


def invoke(site: Site, event: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any]
    answer, error = site.invoke(event)
    check(error is None, f"The function failed: {answer.get('errorMessage')}")
    return answer


def filtered(site: Site) -> None:
    headline("An excluded key: drafts/plan.html (exclude = drafts/**)")
    site.world.control.forget_requests()
    site.put("drafts/plan.html", "draft 1")
    site.visit("drafts/plan.html")
    site.put("drafts/plan.html", "draft 2")
    site.put_and_purge("other.html", "purged after the draft would have been")
    seen, purged = site.visit("drafts/plan.html"), site.purges()
    say(f"the visitor still reads {seen.text!r}, {seen.cache_status}; purged meanwhile: {', '.join(purged)}")
    check(seen.text == "draft 1" and not any("/drafts/" in url for url in purged), "The excluded key was purged.")


STEPS = (first_version, second_version, deletion, nasty_key, kept_copy, many_files, manual_purge, filtered)


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    started = time.monotonic()
    folder = ROOT / ".logs" / "demo"
    try:
        headline("The local world starts")
        with local_world(folder, say, verify='{"after_seconds": 2}') as world:
            headline("Terraform applies examples/local (the provider watches every queue settle for 25 s)")
            world.terraform.apply()
            site = Site(world)
            for step in STEPS:
                step(site)
            headline("Terraform destroys everything")
            # The provider never ends to delete a key with a space or a plus from the emulator.
            site.delete(_NASTY_KEY)
            world.terraform.destroy()
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running, and the local AWS took what was applied with it.", flush=True)
        return 130
    except Problem as problem:
        print(f"\ncf_purge: {problem}", file=sys.stderr)
        return 1
    except (Surprise, TimeoutError, TerraformError) as surprise:
        print(f"\nNot as expected: {surprise}. Logs are in {folder.relative_to(ROOT)}.", file=sys.stderr)
        return 1
    headline(f"All is as expected, in {time.monotonic() - started:.0f} s. Logs are in {folder.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
