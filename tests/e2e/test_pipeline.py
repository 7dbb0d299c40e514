"""An object changes and a visitor behind Cloudflare sees it."""

from tests.e2e.release import Release
from tests.simulation.site import Site

NASTY = [
    "red flower.html", "a+b (1).html", "50% off!.html", "größe/übersicht.html", "日本語.html", "blog/index.html",
    "what?#not-a-fragment.html", "it's;a,list&more=1:2@3$.html", "100%25.html",
]  # fmt: skip


def test_a_deleted_object_is_gone_for_the_visitor(site: Site) -> None:
    site.put_and_purge("old.html", "still here")
    assert site.reads("old.html")[1] == "still here"

    site.purge_of(site.url("old.html"), since=site.delete("old.html"))

    assert site.reads("old.html")[0] == 404


def test_every_spelling_of_a_nasty_key_and_of_a_folder_is_fresh_but_not_an_excluded_key(site: Site) -> None:
    release = Release(site, [*NASTY, "drafts/plan.html"])
    release.upload("old")
    site.empties()
    release.visit()
    assert {visit.cache_status for visit in release.visit().values()} == {"HIT"}

    release.upload("new")
    site.empties()

    assert release.stale() == ["drafts/plan.html"]
