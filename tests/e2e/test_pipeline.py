"""An object changes and a visitor behind Cloudflare sees it."""

import json

from tests.e2e.conftest import Site, url
from tests.e2e.release import Release

NASTY = [
    "red flower.html", "a+b (1).html", "50% off!.html", "größe/übersicht.html", "日本語.html",
    "what?#not-a-fragment.html", "it's;a,list&more=1:2@3$.html", "100%25.html",
]  # fmt: skip


def test_a_correction_reaches_the_visitor(site: Site) -> None:
    site.put_and_purge("page.html", "version 1")
    assert site.reads("page.html") == (200, "version 1", "MISS")
    assert site.reads("page.html") == (200, "version 1", "HIT")

    site.put_and_purge("page.html", "version 2")

    assert site.reads("page.html") == (200, "version 2", "MISS")


def test_a_deleted_object_is_gone_for_the_visitor(site: Site) -> None:
    site.put_and_purge("old.html", "still here")
    assert site.reads("old.html")[1] == "still here"

    site.world.purge_of(url("old.html"), site.delete("old.html"))

    assert site.reads("old.html")[0] == 404


def test_a_new_object_replaces_the_cached_404(site: Site) -> None:
    assert site.reads("soon.html")[0] == 404
    assert site.reads("soon.html")[2] == "HIT"

    site.put_and_purge("soon.html", "here now")

    assert site.reads("soon.html")[:2] == (200, "here now")


def test_an_index_document_is_fresh_under_its_folder_too(site: Site) -> None:
    site.put_and_purge("blog/index.html", "first")
    assert site.reads("blog/")[1] == "first"
    assert site.reads("blog/")[2] == "HIT"

    site.put_and_purge("blog/index.html", "second")

    assert site.reads("blog/")[1] == "second"
    assert site.reads("blog/index.html")[1] == "second"


def test_every_spelling_of_a_nasty_key_is_fresh(site: Site) -> None:
    release = Release(site, NASTY)
    release.upload("old")
    release.settles()
    release.visit()
    assert {visit.cache_status for visit in release.visit().values()} == {"HIT"}

    release.upload("new")
    release.settles()

    assert release.stale() == []


def test_an_excluded_key_is_left_alone(site: Site) -> None:
    site.put("drafts/plan.html", "draft 1")
    site.reads("drafts/plan.html")
    before = site.put("drafts/plan.html", "draft 2")
    site.put_and_purge("other.html", "whatever")  # its turn came after the draft's

    assert site.reads("drafts/plan.html") == (200, "draft 1", "HIT")
    assert site.purges() == [url("other.html")]
    assert site.log_line(before, "skipped")["keys"] == ["drafts/plan.html"]


def test_the_message_s3_sends_at_every_change_of_its_notification_is_acknowledged(site: Site) -> None:
    site.send(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "www.example.test"}))
    site.put_and_purge("after.html", "text")

    site.empties()
