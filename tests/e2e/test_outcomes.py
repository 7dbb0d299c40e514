"""What happens when Cloudflare, AWS or a message is not as it should be."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.e2e.conftest import Site, url
from tests.simulation.hurry import in_a_hurry
from tests.simulation.world import TOKEN_NAME, TOKEN_PARAMETER, ZONE_ID, wait_for


def test_a_malformed_message_is_parked_with_its_reason_and_the_others_are_purged(site: Site) -> None:
    good = json.dumps({"keys": ["good.html"]})
    for body in (good, "{not json", '{"Records": [{"s3": {}}]}'):
        site.send(body)

    parked = site.dead_letters(2)

    assert {message["Body"] for message in parked} == {"{not json", '{"Records": [{"s3": {}}]}'}
    for message in parked:
        assert message["MessageAttributes"]["ReasonCode"]["StringValue"] == "UnknownEvent"
        assert message["MessageAttributes"]["Reason"]["StringValue"]
    site.world.purge_of(url("good.html"), 0)
    site.empties()


def test_one_bad_item_of_a_rejected_request_is_parked_and_the_others_are_purged(site: Site) -> None:
    def stray_target(document: dict[str, Any]) -> None:
        document["targets"].append({"zone_id": ZONE_ID, "hosts": ["stray.example.org"], "key_prefix": "stray"})
        document["targets"][0]["index_documents"] = []

    restore = site.reconfigure(stray_target)
    try:
        for number in range(9):
            site.put(f"fine/{number}.html")
        site.send(json.dumps({"keys": ["stray/bad.html"]}))
        for number in range(9):
            site.world.purge_of(url(f"fine/{number}.html"), 0, timeout=60)
        [parked] = site.dead_letters()
        site.empties()  # a new configuration ends the process that still has to delete
    finally:
        restore()

    assert json.loads(parked["Body"]) == {"keys": ["stray/bad.html"]}
    assert parked["MessageAttributes"]["ReasonCode"]["StringValue"] == "ForeignHost"
    assert "1016" in parked["MessageAttributes"]["Reason"]["StringValue"]


def test_a_rate_limit_is_waited_for_as_asked(site: Site) -> None:
    site.world.control.add_fault("status", status=429, headers={"Retry-After": "2"})

    before = site.put("limited.html")
    site.world.purge_of(url("limited.html"), before)

    refused, probe, accepted = site.world.control.requests()
    assert (refused.status, probe.status, accepted.status) == (429, 200, 200)
    assert probe.time - refused.time >= 2
    wait_for(lambda: site.metrics(before).get("Purged"), 10, "the purge is not in the metrics")
    assert site.metrics(before)["Retried"] == 0  # not by the queue


def test_a_message_that_never_works_is_parked_at_its_last_receive_with_the_last_answer(site: Site) -> None:
    restore = site.reconfigure(lambda document: document.update(max_receive_count=2))
    site.world.control.add_fault("status", times=None, status=500, headers={"Retry-After": "1"})
    try:
        body = json.dumps({"keys": ["hopeless.html"]})
        with in_a_hurry(site.sqs, site.outputs["queue_url"], 60):
            site.send(body)
            [parked] = site.dead_letters()
    finally:
        site.world.control.clear_faults()
        restore()

    assert parked["Body"] == body
    assert parked["MessageAttributes"]["ReasonCode"]["StringValue"] == "GaveUp"
    reason = parked["MessageAttributes"]["Reason"]["StringValue"]
    assert "answered 500" in reason
    assert "hopeless.html" in reason


def test_a_token_rotated_while_warm_is_fetched_anew(site: Site) -> None:
    site.put_and_purge("warm.html", "text")  # the function now has the token in its cache
    control, old = site.world.control, site.world.token
    new = old[::-1]
    control.add_token(new, [ZONE_ID], name="second")
    control.revoke_token(TOKEN_NAME)
    site.world.store_token(new)
    control.forget_requests()
    try:
        site.put_and_purge("rotated.html", "text")
        first, *_, last = [request.status for request in control.requests()]
        assert first in (401, 403)
        assert last == 200
    finally:
        site.world.store_token(old)
        control.add_token(old, site.world.zones, name=TOKEN_NAME)
        control.revoke_token("second")
    site.put_and_purge("rotated-back.html", "text")


def test_another_parameter_cannot_be_read(site: Site) -> None:
    """The role may read the one parameter it was given; IAM is enforced here."""
    ssm = site.world.client("ssm")
    ssm.put_parameter(Name="/local/other/secret", Value="not-for-you", Type="SecureString", Overwrite=True)
    restore = site.reconfigure(lambda document: document.update(api_token_parameter="/local/other/secret"))
    try:
        before = site.put("denied.html")
        line = site.log_line(before, "not purged")
        wait_for(lambda: site.metrics(before).get("Misconfigured"), 10, "no metric for the alarm")
    finally:
        restore()

    assert line["kind"] == "Misconfigured"
    assert "/local/other/secret" in line["reason"]
    assert "AccessDenied" in line["reason"]
    assert "not-for-you" not in json.dumps(line)
    assert site.world.control.requests() == []
    assert site.waiting() == 1  # lost is nothing
    site.forget()


def test_a_missing_parameter_is_said_in_words_and_the_message_waits(site: Site) -> None:
    ssm = site.world.client("ssm")
    ssm.delete_parameter(Name=TOKEN_PARAMETER)
    restore = site.reconfigure(lambda document: None)  # a cold start, without a token in the cache
    try:
        before = site.put("no-token.html")
        line = site.log_line(before, "not purged")
    finally:
        site.world.store_token(site.world.token)
        restore()

    assert "ParameterNotFound" in line["reason"]
    assert "create it" in line["reason"]
    assert site.waiting() == 1
    site.forget()


def test_a_wrong_configuration_names_its_field_in_the_first_line(site: Site) -> None:
    restore = site.reconfigure(lambda document: document["targets"][0].update(zone_id="example.test"))
    try:
        since = time.time()
        answer, error = site.invoke({"keys": ["a.html"]})
        lines = site.log_lines(since)
    finally:
        restore()

    assert error is not None
    assert "targets[0].zone_id" in answer["errorMessage"]
    assert lines[0]["level"] == "ERROR"
    assert lines[0]["message"].startswith("CF_PURGE_CONFIG: targets[0].zone_id must be the zone's 32-digit hex ID")
