"""Tags, several zones and kinds at once, verification, an e-mail."""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.release import paths_of
from tests.simulation.aws import ACCOUNT
from tests.simulation.site import Site
from tests.simulation.terraform import Terraform
from tests.simulation.world import wait_for

Deployed = Callable[..., Site]

PAGES_ZONE, MEDIA_ZONE = "2a000000000000000000000000000001", "2b000000000000000000000000000002"


@pytest.fixture
def tagged(deployed: Deployed, roots: Terraform) -> Iterator[Site]:
    """The images' zone with the Cache Response Rules that the module gives for it."""
    site = deployed("multi-zone", "img.example.net")
    site.world.control.set_cache_rules(MEDIA_ZONE, roots.outputs()["multi-zone"]["cache_response_rules"][MEDIA_ZONE])
    yield site
    site.world.control.set_cache_rules(MEDIA_ZONE, [])


def test_a_tag_of_the_path_takes_every_query_of_every_spelling_of_a_nasty_key(tagged: Site) -> None:
    # In two keys only: by tag the function may send a few requests at once.
    names = ("A b+c,d (1)/50%25 ü&日本;'.jpg", "a b/index.html")
    tags = {f"images/{name}": f"{tagged.bucket}/{quote(f'images/{name}')}" for name in names}
    paths = {path: key for key in tags for path in paths_of(key)} | {"images/a+b/": "images/a b/index.html"}
    paths |= {f"{path}?w=100": key for path, key in paths.items()}
    origin = {"Origin": "https://a.example"}
    for key, tag in tags.items():
        tagged.put(key, "old")
        tagged.purge_of(tag, "tags")
    for path in paths:
        assert [tagged.reads(path, **origin)[1:] for _ in range(2)] == [("old", "MISS"), ("old", "HIT")]
    tagged.world.control.forget_requests()

    for key, tag in tags.items():
        tagged.put(key, "new")
        tagged.purge_of(tag, "tags")

    assert {tagged.reads(path, **origin)[1] for path in paths} == {"new"}


def test_a_tag_of_the_metadata_takes_every_copy_that_carries_it(tagged: Site) -> None:
    for folder in ("cats", "dogs"):
        tag = f"gallery-galleries/{folder}"
        tagged.world.client("s3").put_object(
            Bucket=tagged.bucket, Key=f"galleries/{folder}/1.jpg", Body=b"old", Metadata={"cache-tag": tag}
        )
        tagged.purge_of(tag, "tags")
    tagged.world.control.forget_requests()
    for folder in ("cats", "dogs"):
        assert [tagged.reads(f"galleries/{folder}/1.jpg?w=100")[2] for _ in range(2)] == ["MISS", "HIT"]

    tagged.put("galleries/cats/2.jpg")
    tagged.purge_of("gallery-galleries/cats", "tags")

    assert tagged.reads("galleries/cats/1.jpg?w=100")[2] == "MISS"
    assert tagged.reads("galleries/dogs/1.jpg?w=100")[2] == "HIT"


def test_several_kinds_and_zones_of_one_bucket_at_once(deployed: Deployed) -> None:
    site = deployed("multi-zone")
    keys = ["pages/about.html", "scripts/a.js", "images/x.jpg", "galleries/x/y.jpg", "feeds/news.xml", "elsewhere/z"]
    answer, error = site.invoke({"keys": keys})

    assert error is None, answer
    origin = {"Origin": "https://www.example.org"}
    by_scheme = [f"{scheme}://feeds.example.net/news.xml" for scheme in ("https", "http")]
    expected = [
        *(
            f"https://{host}/{page}"
            for page in ("about.html", "about")
            for host in ("www.example.org", "m.example.org")
        ),
        "www.example.org/static/js/a.js",
        "media.example.com/images/x.jpg",
        "gallery-galleries/x",
        *(item for url in by_scheme for item in (url, {"url": url, "headers": origin})),
    ]
    assert answer == {"success": True, "invalidations": expected, "skipped": ["elsewhere/z"], "requests": 4}
    assert {(request.zone, next(iter(request.body))) for request in site.accepted()} == {
        (PAGES_ZONE, "files"),
        (PAGES_ZONE, "prefixes"),
        (MEDIA_ZONE, "tags"),
        (MEDIA_ZONE, "files"),
    }


def test_with_verify_a_copy_that_purges_by_url_miss_ends_fresh(deployed: Deployed) -> None:
    site = deployed("complete")
    edge_url, page = site.world.control.edge_url, "kept.css"

    def ask_the_edge(document: dict[str, Any]) -> None:
        cloudflare = {**document["cloudflare"], "edge_url": edge_url}
        document.update(verify={"after_seconds": 1}, cloudflare=cloudflare)

    with site.reconfigured(ask_the_edge):
        site.put(f"public/{page}", "old")
        site.purge_of(site.url(page))
        time.sleep(7)  # what is at most five seconds older may be the new version
        assert [site.reads(page)[1] for _ in range(2)] == ["old", "old"]
        site.world.control.forget_requests()
        site.world.control.keep_copies(by="files")
        since = site.put(f"public/{page}", "new")
        site.purge_of(site.url(page))
        wait_for(lambda: _seen(site, since, page)[1:], 30, "nobody saw the new version")
        stale, fresh = _seen(site, since, page)
        assert (stale["verdict"], fresh["verdict"]) == ("stale", "fresh")
        assert fresh["helped"] == "second purge (prefixes)"
        print(f"from the upload to the proof: {fresh['fresh_ms']} ms")  # docs/benchmarks.md
        assert site.reads(page)[1] == "new"


def _seen(site: Site, since: float, page: str) -> list[dict[str, Any]]:
    """What the looks found, of the copy for visitors without an Origin."""
    lines = [line for line in site.log_lines(since) if line.get("url") == site.url(page)]
    return [line for line in lines if "headers" not in line]


def test_editors_get_an_e_mail_when_a_change_is_live(deployed: Deployed) -> None:
    site = deployed("notify")
    by_sns = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**by_sns, "Resource": "*"}]})
    mailbox = site.sqs.create_queue(QueueName="mailbox", Attributes={"Policy": policy})["QueueUrl"]
    site.world.client("sns").subscribe(
        TopicArn=f"arn:aws:sns:us-east-1:{ACCOUNT}:news-editors",
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:mailbox",
        Attributes={"RawMessageDelivery": "true"},
    )

    site.put("news.html")

    [mail] = wait_for(lambda: site.sqs.receive_message(QueueUrl=mailbox).get("Messages"), 40, "there was no mail")
    text = r'"The change of news\.html is live \d+ ms after \S+ made it\. Files in this event: 1\."'
    assert re.fullmatch(text, mail["Body"]), mail["Body"]
