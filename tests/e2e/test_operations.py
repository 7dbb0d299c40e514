"""The commands of docs/operations.md: names, alarms, reason codes, procedures. Each does what the document says."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.runbook import Shell, names_of
from tests.e2e.test_verification import LINE, bash
from tests.examples import EXAMPLES, finding_the_module
from tests.simulation.aws import ACCOUNT
from tests.simulation.site import Site
from tests.simulation.world import TOKEN_NAME, World, wait_for

Deployed = Callable[..., Site]

PARAMETER = "/prod/cloudflare/api-token"
OTHER_TOKEN = "rotated"
MANUAL_PURGES = "Manual purges, dry runs, releases"
CHANGING = "Changing the plan, moving things"
# A message for some reason codes, and what its reason names. Unit tests have all codes.
PARKED = {
    "ForeignHost": ({"hosts": ["www.example.org"]}, "www.example.org"),
    "TooLarge": ({"tags": [f"tag-{number}" for number in range(3000)]}, "split it"),
    "RejectedByCloudflare": ({"urls": ["https://www.example.com/refused.html"]}, "1012"),
}


@pytest.fixture
def site(basic: Site) -> Site:
    """The document's own example."""
    return basic


# ---- The names ----


def test_the_names_are_found_by_the_modules_name(shell: Shell, site: Site) -> None:
    assert {name: shell[name] for name in names_of(site)} == names_of(site)
    told = shell.answer("", "get-function-configuration")
    assert (told["bucket"], told["api_token_parameter"]) == (shell["BUCKET"], shell["PARAMETER"])
    assert [told["queue_arn"], told["dead_letter_queue_arn"]] == [shell["QUEUE_ARN"], shell["DLQ_ARN"]]


def test_the_alarms_that_are_on_are_listed(shell: Shell, site: Site) -> None:
    cloudwatch = site.world.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName="site-purge-lag", StateValue="ALARM", StateReason="a test")
    try:
        assert "site-purge-lag" in dict(shell.answer("", "describe-alarms"))
    finally:
        cloudwatch.set_alarm_state(AlarmName="site-purge-lag", StateValue="OK", StateReason="a test")


# ---- Alarms ----


def test_a_dead_letter_that_is_moved_back_reaches_the_visitor(shell: Shell, site: Site) -> None:
    site.put_and_purge("moved.html", "old")
    assert [site.reads("moved.html")[1:] for _ in range(2)][1] == ("old", "HIT")
    with site.reconfigured(lambda document: document.update(bucket="old.example.com")):
        site.put("moved.html", "new")
        wait_for(lambda: site.dead() == 1, 30, "there is no dead letter")
        [letter] = shell.answer("dead-letters", "receive-message")["Messages"]
        assert letter["MessageAttributes"]["ReasonCode"]["StringValue"] == "ForeignBucket"
    assert site.reads("moved.html")[1] == "old"
    site.world.control.forget_requests()

    shell.run("dead-letters", "start-message-move-task")

    site.purge_of(site.url("moved.html"))
    assert site.reads("moved.html")[1] == "new"
    [task] = shell.answer("dead-letters", "list-message-move-tasks")["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)


def test_what_waits_during_an_outage_is_counted_explained_and_purged_after_it(shell: Shell, site: Site) -> None:
    site.world.control.add_fault("answer", times=None, status=503)
    with site.hurried(12):
        before = site.put("outage.html")
        site.log_line(before, "not purged")
        [*_, line] = shell.log_lines("Outcome classes", "logs tail")
        assert (line["message"], line["kind"], line["first"]) == ("not purged", "Transient", site.url("outage.html"))
        assert line in shell.log_lines("oldest-message", "logs tail")
        hidden = {"ApproximateNumberOfMessagesNotVisible": "1", "MessageRetentionPeriod": str(4 * 86400)}

        def is_hidden() -> bool:
            """Whether it waits for its next receive: between the two it is visible for a moment."""
            return bool(hidden.items() <= shell.answer("oldest-message", "get-queue-attributes")["Attributes"].items())

        wait_for(is_hidden, 60, "the message does not wait for its next receive")

        site.world.control.clear_faults()
        site.purge_of(site.url("outage.html"), timeout=120)
    site.empties()

    attributes = shell.answer("After an outage", "$QUEUE_URL")["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"
    assert shell.answer("After an outage", "$DLQ_URL")["Attributes"] == {"ApproximateNumberOfMessages": "0"}
    assert line in shell.log_lines("After an outage", "logs tail")


def test_a_configuration_that_is_refused_is_in_the_first_error_line(shell: Shell, site: Site) -> None:
    with site.reconfigured(lambda document: document["targets"][0].update(later=1)):
        _, error = site.invoke({"check": True})

    assert error is not None
    lines = shell.log_lines("errors", "--filter-pattern ERROR")
    assert {line["level"] for line in lines} == {"ERROR"}
    assert lines[-1]["message"].startswith("CF_PURGE_CONFIG is not this version's document")


def test_a_reserved_concurrency_is_found_and_taken_away(shell: Shell, site: Site) -> None:
    site.world.client("lambda").put_function_concurrency(FunctionName=site.name, ReservedConcurrentExecutions=5)

    assert shell.answer("throttles", "get-function-concurrency")["ReservedConcurrentExecutions"] == 5
    limits = shell.answer("throttles", "get-account-settings")["AccountLimit"]
    assert limits["ConcurrentExecutions"] - limits["UnreservedConcurrentExecutions"] == 5

    shell.run("throttles", "delete-function-concurrency")

    assert "ReservedConcurrentExecutions" not in shell.run("throttles", "get-function-concurrency")


def test_a_check_and_the_log_name_a_wrong_token(shell: Shell, site: Site) -> None:
    site.world.store_token("cfut_" + site.world.token[::-1], PARAMETER)
    try:
        complaint = shell.answer("misconfigured", "aws lambda invoke")["errorMessage"]
    finally:
        site.world.store_token(site.world.token, PARAMETER)

    assert f"The API token in SSM parameter {PARAMETER} is wrong" in complaint
    assert complaint in [line.get("reason") for line in shell.log_lines("misconfigured", "logs tail")]
    assert shell.answer("misconfigured", "aws lambda invoke")["success"] is True


def test_after_a_loss_the_queue_says_who_may_send_and_the_bucket_what_changed(
    opened: Shell, deployed: Deployed
) -> None:
    site = deployed("direct")
    shell = opened.having(**names_of(site))
    site.put("changed.html")

    attributes = shell.answer("undelivered", "get-queue-attributes")["Attributes"]
    assert {"Policy", "QueueArn", "MessageRetentionPeriod"} <= set(attributes)
    assert attributes["MessageRetentionPeriod"] == str(14 * 86400)
    shell.run("undelivered", "SINCE=")
    assert "changed.html" in shell.answer("undelivered", "list-objects-v2")
    assert "changed.html" not in shell.having(SINCE="2100-01-01T00:00").run("undelivered", "list-objects-v2")


def test_the_metric_lines_say_why_purges_come_late(shell: Shell, site: Site) -> None:
    site.world.control.add_fault("answer", status=429, headers={"Retry-After": "1"})
    site.put_and_purge("late.html", "text")
    site.empties()

    *_, line = shell.log_lines("lag", "CloudWatchMetrics")
    assert (line["RateLimited"], line["Retried"], line["Changes"]) == (1, 0, 1)
    assert line["Lag"][0] > 1000
    assert line in shell.log_lines("lag", "--since 1h")


# ---- No event ----


def test_what_the_log_and_the_bucket_say_shows_whether_an_event_arrives(shell: Shell, site: Site) -> None:
    site.put_and_purge("arrived.html", "text")
    site.empties()
    lines = shell.log_lines("No event arrives", "logs tail")
    assert [site.url("arrived.html")] in [line.get("urls") for line in lines]
    told = shell.answer("No event arrives", "get-bucket-notification-configuration")
    assert [queue["QueueArn"] for queue in told["QueueConfigurations"]] == [shell["QUEUE_ARN"]]


# ---- Reason codes ----


def test_what_is_parked_is_listed_with_its_reason_and_deleted(shell: Shell, site: Site) -> None:
    site.world.control.add_fault("answer", errors=[{"code": 1012, "message": "no"}])
    for body, _ in PARKED.values():
        site.send(json.dumps(body))
    wait_for(lambda: site.dead() == len(PARKED), 30, "not all of it is parked")

    rows = shell.answer("What is parked, and why", "receive-message")

    assert {code for code, *_ in rows} == set(PARKED)
    for code, reason, body, handle in rows:
        asked, named = PARKED[code]
        assert json.loads(body) == asked
        assert named in reason
        shell = shell.having(RECEIPT_HANDLE=handle)
    shell.run("What is parked, and why", "delete-message")
    assert site.dead() == len(PARKED) - 1


def test_a_saved_query_is_found_run_and_answered(opened: Shell, deployed: Deployed) -> None:
    """The emulator finds lines without fields, filters and order; what a query finds on AWS, tests/plans shows."""
    site = deployed("complete")
    since = time.time()
    site.send("{not json")
    site.log_line(since, "parked")
    shell, section = opened.having(**names_of(site)), "What is parked, and why"
    for name in ("TITLE=", "KEY=", "QUERY=", "QUERY_ID="):
        shell.run(section, name)
    assert 'filter message = "parked"' in shell["QUERY"]

    answer = shell.answer(section, "get-query-results")

    assert answer["status"] == "Complete"
    assert answer["results"]
    assert {field["value"] for row in answer["results"] for field in row if field["field"] == "@log"} == {
        shell["LOG_GROUP"]
    }
    site.dead_letter()
    shell = shell.having(TITLE="Was this key purged?", KEY="news/a%20b.html")
    shell.run(section, "QUERY=")
    assert 'like "news/a%20b.html"' in shell["QUERY"]


# ---- Procedures ----


def test_after_the_token_is_rotated_purges_work_without_the_old_one(shell: Shell, site: Site) -> None:
    section, control, old = "Rotating the token", site.world.control, site.world.token
    site.put_and_purge("warm.html", "text")  # the function now has the token in its cache
    control.add_token(value=old[::-1], zones=site.world.zones, name=OTHER_TOKEN)
    try:
        assert int(shell.run(section, "read", typed=f"{old[::-1]}\n")) > 1
        assert shell.answer(section, "aws lambda invoke")["success"] is True
        control.revoke(TOKEN_NAME)
        control.forget_requests()
        site.put_and_purge("rotated.html", "text")
        assert {request.identity for request in site.accepted()} == {OTHER_TOKEN}
    finally:
        site.world.store_token(old, PARAMETER)
        control.revoke()
        control.add_token(value=old, zones=site.world.zones, name=TOKEN_NAME)
    site.put_and_purge("rotated-back.html", "text")


def test_a_manual_purge_purges_what_it_names_and_a_dry_run_nothing(shell: Shell, site: Site) -> None:
    site.put_and_purge("news/index.html", "text")

    def copies() -> list[str | None]:
        """What the edge had of a page and of its variant, which it has now."""
        return [site.reads(path)[2] for path in ("news/index.html", "news/?page=2")]

    copies()
    site.world.control.forget_requests()
    assert shell.answer(MANUAL_PURGES, "dry_run")["invalidations"] == [site.url("news/index.html"), site.url("news/")]
    assert site.world.control.requests() == []
    assert copies() == ["HIT", "HIT"]
    for command, left in {
        """'{"keys": ["news/index.html"]}'""": ["MISS", "HIT"],
        """--payload '{"prefixes": ["www""": ["MISS", "MISS"],
        "everything": ["MISS", "MISS"],
    }.items():
        assert shell.answer(MANUAL_PURGES, command)["success"] is True
        assert copies() == left, command
    site.world.control.forget_requests()
    shell.run(MANUAL_PURGES, "send-message")
    site.purge_of("www.example.com/news/", "prefixes")
    assert copies() == ["MISS", "MISS"]


def test_ci_may_purge_with_invoke_policy_json_and_nothing_else_and_fails_when_the_purge_does(
    opened: Shell, deployed: Deployed
) -> None:
    site = deployed("complete")
    role = f"arn:aws:iam::{ACCOUNT}:role/marketing-purge"
    taken = site.world.client("sts").assume_role(RoleArn=role, RoleSessionName="ci")["Credentials"]
    credentials = {
        "aws_access_key_id": taken["AccessKeyId"],
        "aws_secret_access_key": taken["SecretAccessKey"],
        "aws_session_token": taken["SessionToken"],
    }
    shell = opened.having(**names_of(site), **{name.upper(): value for name, value in credentials.items()})
    line = LINE.replace("site-purge", site.name)
    assert bash(shell, re.sub("'{.*}'", f"""'{{"urls": ["{site.url("release.html")}"]}}'""", line)).returncode == 0
    assert site.url("release.html") in site.purges()

    done = bash(shell, re.sub("'{.*}'", """'{"urls": ["https://www.example.org/release.html"]}'""", line))
    assert done.returncode == 1
    assert "www.example.org is not a host of any target" in done.stdout

    denied: list[tuple[str, str, dict[str, Any]]] = [
        ("lambda", "invoke", {"FunctionName": "site-purge"}),
        ("lambda", "update_function_configuration", {"FunctionName": site.name, "Timeout": 900}),
        ("ssm", "get_parameter", {"Name": "/prod/cloudflare/corporate-token", "WithDecryption": True}),
        ("sqs", "receive_message", {"QueueUrl": site.queue_url}),
    ]
    for service, operation, arguments in denied:
        with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
            getattr(site.world.client(service, **credentials), operation)(**arguments)


def test_while_paused_nothing_is_purged_and_after_resuming_it_is(shell: Shell, site: Site) -> None:
    shell.run("Pausing", "MAPPING=")
    shell.run("Pausing", "--no-enabled")
    try:
        wait_for(lambda: json.loads(shell.run("Pausing", "get-event")) == "Disabled", 60, "it is not paused")
        site.put("paused.html")
        wait_for(lambda: site.waiting() == 1, 60, "the message is not in the queue")
        time.sleep(2)
        assert site.world.control.requests() == []
        assert site.waiting() == 1
    finally:
        shell.run("Pausing", "--enabled")
    site.purge_of(site.url("paused.html"))


def test_without_the_parameter_a_check_says_that_it_is_missing(shell: Shell, site: Site) -> None:
    shell.run("Deleting the module", "delete-parameter")
    try:
        assert "ParameterNotFound" in shell.answer("misconfigured", "aws lambda invoke")["errorMessage"]
    finally:
        site.world.store_token(site.world.token, PARAMETER)


# ---- Terraform ----


SOURCES = {path.name: path.read_text() for path in (EXAMPLES / "local").glob("*.tf")}


@pytest.fixture
def root(opened: Shell, world: World) -> Shell:
    """A shell in a folder with examples/local, which is applied."""
    write(opened)
    return opened.having()


def write(shell: Shell, module: str = "cf_purge", **arguments: str) -> None:
    """Write examples/local with another label of the module block, or other arguments."""
    for name, text in SOURCES.items():
        renamed = re.sub(r'(module[ ."]+)cf_purge\b', rf"\1{module}", text)
        (shell.folder / name).write_text(finding_the_module(renamed, shell.folder))
    changed = "\n".join(f"  {name} = {value}" for name, value in arguments.items())
    moved = f"moved {{\n  from = module.cf_purge\n  to   = module.{module}\n}}\n" if module != "cf_purge" else ""
    (shell.folder / "changed_override.tf").write_text(f'module "{module}" {{\n{changed}\n}}\n')
    (shell.folder / "moved.tf").write_text(moved)


def changes_in(plan: str) -> dict[str, str]:
    """Return what a plan would do, by resource, without alarms, which the emulator reads back wrong."""
    found = re.findall(r"^  # (\S+) ((?:will be|must be|has moved to) .+)$", plan, re.MULTILINE)
    return {address: what for address, what in found if "aws_cloudwatch_metric_alarm" not in address}


def test_the_cloudflare_plan_is_changed_in_place(root: Shell, world: World) -> None:
    functions, state = world.client("lambda"), world.terraform.state_file
    before = functions.get_function_configuration(FunctionName="cf-purge")["Environment"], state.read_bytes()
    write(root, cloudflare='{ plan = "pro", api_url = var.cloudflare_api_url }')
    root.run(CHANGING, "terraform init")
    try:
        said = root.run(CHANGING, "terraform apply")
        assert changes_in(said) == {"module.cf_purge.aws_lambda_function.this": "will be updated in-place"}
        answer = functions.get_function_configuration(FunctionName="cf-purge")
        assert json.loads(answer["Environment"]["Variables"]["CF_PURGE_CONFIG"])["cloudflare"]["plan"] == "pro"
    finally:
        # Restored without Terraform, which is slower; the state has paths of the root that applied it.
        functions.update_function_configuration(FunctionName="cf-purge", Environment=before[0])
        state.write_bytes(before[1])


def test_a_renamed_block_moves_all_and_another_bucket_replaces_the_notification(root: Shell) -> None:
    """Two rows of the document in one plan, because a plan takes long."""
    write(root, "site_purge", bucket='"moved.example.test"')
    root.run(CHANGING, "terraform init")
    found = changes_in(root.run(CHANGING, "terraform plan"))
    assert found["module.cf_purge.aws_sqs_queue.this"] == "has moved to module.site_purge.aws_sqs_queue.this"
    assert {address: what for address, what in found.items() if not what.startswith("has moved to")} == {
        # Also without the other bucket: its zip has another path from here.
        "module.site_purge.aws_lambda_function.this": "will be updated in-place",
        "module.site_purge.aws_sqs_queue_policy.this": "will be updated in-place",
        "module.site_purge.aws_s3_bucket_notification.this[0]": "must be replaced",
    }


def test_destroying_the_module_destroys_nothing_else(root: Shell) -> None:
    root.run(CHANGING, "terraform init")
    found = changes_in(root.run("Deleting the module", "terraform plan"))
    assert set(found.values()) == {"will be destroyed"}
    assert {address.split(".aws_")[0] for address in found} == {"module.cf_purge"}
    assert len(found) > 10
