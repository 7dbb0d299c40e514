"""Purging by hand, through Lambda."""

from __future__ import annotations

import time

from tests.e2e.conftest import Site, url
from world.world import HOST


def test_keys_are_purged_and_said(site: Site) -> None:
    answer, error = site.invoke({"keys": ["by hand.html", "drafts/x.html"]})

    assert error is None
    assert answer == {
        "success": True,
        "invalidations": [url("by%20hand.html")],
        "skipped": ["drafts/x.html"],
        "requests": 1,
    }
    assert site.purged_urls() == [url("by%20hand.html")]


def test_urls_are_purged_as_they_are(site: Site) -> None:
    answer, error = site.invoke({"urls": [url("a.html?page=2")]})

    assert error is None
    assert answer["invalidations"] == [url("a.html?page=2")]
    assert site.purged_urls() == [url("a.html?page=2")]


def test_an_s3_event_that_comes_without_a_queue_is_purged(site: Site) -> None:
    record = {
        "eventVersion": "2.6",
        "eventSource": "aws:s3",
        "eventTime": "2026-11-23T06:00:00.123Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": HOST}, "object": {"key": "direct+delivery.html"}},
    }

    answer, error = site.invoke({"Records": [record]})

    assert error is None
    assert answer["invalidations"] == [url("direct%20delivery.html")]
    assert site.purged_urls() == [url("direct%20delivery.html")]


def test_a_dry_run_asks_cloudflare_for_nothing(site: Site) -> None:
    answer, error = site.invoke({"keys": ["a.html"], "dry_run": True})

    assert error is None
    assert answer["invalidations"] == [url("a.html")]
    assert answer["dry_run"] is True
    assert site.world.control.requests() == []


def test_a_foreign_host_is_an_error_in_words(site: Site) -> None:
    answer, error = site.invoke({"urls": ["https://www.example.org/a.html"]})

    assert error is not None
    assert "www.example.org" in answer["errorMessage"]
    assert "targets[*].hosts" in answer["errorMessage"]
    assert site.world.control.requests() == []


def test_nothing_to_purge_is_an_error_and_never_everything(site: Site) -> None:
    answer, error = site.invoke({"keys": []})

    assert error is not None
    assert "at least one" in answer["errorMessage"]
    assert site.world.control.requests() == []


def test_an_invocation_leaves_one_metric_line(site: Site) -> None:
    since = time.time()
    site.invoke({"keys": ["a.html", "drafts/b.html"]})
    site.log_line(since, "purged")

    assert site.metrics(since) == {
        "Changes": 2,
        "Purged": 1,
        "Skipped": 1,
        "Parked": 0,
        "Retried": 0,
        "Requests": 1,
        "RateLimited": 0,
        "Misconfigured": 0,
    }
