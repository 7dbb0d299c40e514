"""The other event sources: EventBridge, a notification with another owner, direct delivery."""

import json
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from tests.e2e.roots import OTHER_CONSUMER
from tests.simulation.aws import ACCOUNT, REGION
from tests.simulation.site import Site
from tests.simulation.world import wait_for

Deployed = Callable[..., Site]


# ---- EventBridge ----


def test_a_rule_sends_raw_keys_that_match_its_pattern_and_deletions(deployed: Deployed) -> None:
    site = deployed("eventbridge")
    for key in ("guides/a.css", "other/a.html", "api/any.thing", "guides/50%+1 (ü).html"):
        site.put(key)
    site.purge_of(site.url("guides/50%25+1%20(%C3%BC).html"))
    site.purge_of(site.url("api/any.thing"))
    assert not {site.url("guides/a.css"), site.url("other/a.html")} & set(site.purges())
    site.world.control.forget_requests()

    site.delete("api/any.thing")

    site.purge_of(site.url("api/any.thing"))


# ---- The permission that the module gives its event source ----


def test_neither_rule_nor_bucket_invokes_a_function_that_does_not_allow_it(deployed: Deployed) -> None:
    by_rule, by_bucket = deployed("rule"), deployed("direct")
    function = by_rule.world.client("lambda").get_function(FunctionName="site-purge")["Configuration"]["FunctionArn"]
    notification = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"]}]}
    with pytest.raises(ClientError, match="Unable to validate"):
        by_bucket.world.client("s3").put_bucket_notification_configuration(
            Bucket=by_bucket.bucket, NotificationConfiguration=notification
        )

    events, log = by_rule.world.client("events"), by_rule.world.folder / "aws.log"
    events.put_targets(Rule=by_rule.name, Targets=[{"Id": "foreign", "Arn": function}])
    by_rule.put("any.html")
    wait_for(lambda: f"may not deliver to {function}" in log.read_text(), 60, "the rule may deliver")
    by_rule.purge_of(by_rule.bucket, "hosts")  # of the module's function, which allows it
    events.remove_targets(Rule=by_rule.name, Ids=["foreign"])


# ---- A notification with another owner ----


def test_a_foreign_owner_pastes_the_notification_and_keeps_the_other_consumer(deployed: Deployed) -> None:
    site = deployed("external-notification")
    site.put("page.html")
    site.put("photo.jpg")
    site.put("style.css")
    site.purge_of(site.url("page.html"))
    site.purge_of(site.url("style.css"))

    other: list[str] = []

    def received() -> bool:
        answer = site.sqs.receive_message(QueueUrl=f"{site.world.aws_url}/{ACCOUNT}/{OTHER_CONSUMER}")
        bodies = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
        other.extend(r["s3"]["object"]["key"] for body in bodies for r in body.get("Records", []))
        return "photo.jpg" in other

    wait_for(received, 60, "the other consumer saw no photo")
    assert other == ["photo.jpg"]
    assert site.url("photo.jpg") not in site.purges()


# ---- Direct delivery ----


def test_the_bucket_invokes_the_function(deployed: Deployed) -> None:
    site = deployed("direct")
    path = "new%2Bs.html"
    site.put("new+s.html", "1")
    site.purge_of(site.url(path))
    assert site.reads(path)[1] == "1"

    site.purge_of(site.url(path), since=site.put("new+s.html", "2"))

    assert site.reads(path)[1] == "2"
    assert {request.kind for request in site.accepted()} == {"invalidate_cache"}


def test_what_fails_three_times_is_parked_and_purged_after_it_is_moved_back(deployed: Deployed) -> None:
    site = deployed("direct")
    # Longer than an invocation waits.
    site.world.control.add_fault("answer", times=None, status=503, headers={"Retry-After": "6"})
    site.put("dead/let ter.html")
    wait_for(lambda: site.dead() == 1, 60, "there is no dead letter")
    assert site.accepted() == []
    site.world.control.clear_faults()

    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{site.name}"
    with site.hurried(60):
        site.sqs.start_message_move_task(SourceArn=f"{arn}-dlq", DestinationArn=arn)
        site.purge_of(site.url("dead/let%20ter.html"))
    wait_for(lambda: site.waiting() == 0 and site.dead() == 0, 60, "the dead letter is still there")


def test_a_rule_invokes_the_function_with_a_global_api_key(deployed: Deployed) -> None:
    site = deployed("rule")
    site.put("any+thing.html")

    site.purge_of("rule.example.com", "hosts")
    assert site.accepted()[0].identity == "user ops@example.com"
