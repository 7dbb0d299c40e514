"""The commands of docs/operations.md, second half: procedures. At the end, whether every command was run."""

import json
import re
import time
from collections.abc import Callable, Mapping

import pytest

from tests.e2e.runbook import Shell, names_of
from tests.e2e.site import Site
from tests.examples import EXAMPLES, finding_the_module
from tests.simulation.aws import ACCOUNT
from tests.simulation.world import TOKEN_NAME, World, wait_for

Deployed = Callable[..., Site]

PARAMETER = "/prod/cloudflare/api-token"
OTHER_TOKEN = "rotated"
BY_HAND = "Manual purges, dry runs, releases"
CHANGING = "Changing the plan, moving things"


@pytest.fixture
def site(basic: Site) -> Site:
    """The document's own example."""
    return basic


# ---- Procedures ----


def test_after_the_token_is_rotated_purges_work_without_the_old_one(shell: Shell, site: Site) -> None:
    section, control, old = "Rotating the token", site.world.control, site.world.token
    site.put_and_purge("warm.html", "text")  # the function now has the token in its cache
    control.add_token(value=old[::-1], zones=site.world.zones, name=OTHER_TOKEN)
    try:
        shell.run(section, "read", typed=f"{old[::-1]}\n")
        assert int(shell.run(section, "put-parameter")) > 1
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


def test_what_is_named_by_hand_is_purged_and_a_dry_run_purges_nothing(shell: Shell, site: Site) -> None:
    site.put_and_purge("news/index.html", "text")

    def copies() -> list[str | None]:
        """What the edge had of a page and of its variant, which it has now."""
        return [site.reads(path)[2] for path in ("news/index.html", "news/?page=2")]

    copies()
    site.world.control.forget_requests()
    assert shell.answer(BY_HAND, "dry_run")["invalidations"] == [site.url("news/index.html"), site.url("news/")]
    assert site.world.control.requests() == []
    assert copies() == ["HIT", "HIT"]
    for command, left in {
        """'{"keys": ["news/index.html"]}'""": ["MISS", "HIT"],
        """--payload '{"prefixes": ["www""": ["MISS", "MISS"],
        "everything": ["MISS", "MISS"],
    }.items():
        assert shell.answer(BY_HAND, command)["success"] is True
        assert copies() == left, command
    site.world.control.forget_requests()
    shell.run(BY_HAND, "send-message")
    site.purge_of("www.example.com/news/", "prefixes")
    assert copies() == ["MISS", "MISS"]


def test_ci_purges_a_release_with_invoke_policy_json_and_fails_when_the_purge_does(
    opened: Shell, deployed: Deployed
) -> None:
    site = deployed("complete")
    role = f"arn:aws:iam::{ACCOUNT}:role/marketing-purge"
    taken = site.world.client("sts").assume_role(RoleArn=role, RoleSessionName="ci")["Credentials"]
    shell = opened.having(
        **names_of(site),
        AWS_ACCESS_KEY_ID=taken["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=taken["SecretAccessKey"],
        AWS_SESSION_TOKEN=taken["SessionToken"],
    )
    release = shell.folder / "release.json"
    release.write_text(json.dumps({"urls": [site.url("release.html")]}))
    shell.run(BY_HAND, "release.json")
    assert site.url("release.html") in site.purges()

    release.write_text('{"urls": ["https://www.example.org/release.html"]}')
    assert "www.example.org is not a host of any target" in shell.run(BY_HAND, "release.json", status=1)


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


@pytest.fixture(scope="module")
def sources() -> Mapping[str, str]:
    """The files of examples/local."""
    return {path.name: path.read_text() for path in (EXAMPLES / "local").glob("*.tf")}


@pytest.fixture
def root(opened: Shell, sources: Mapping[str, str], world: World) -> Shell:
    """A shell beside the sources of the root that is applied as examples/local."""
    written(opened, sources)
    return opened.having()


def written(shell: Shell, sources: Mapping[str, str]) -> None:
    """Put these sources in the place of what is there."""
    for path in shell.folder.glob("*.tf"):
        path.unlink()
    for name, text in sources.items():
        (shell.folder / name).write_text(finding_the_module(text, shell.folder))


def changed(**arguments: str) -> dict[str, str]:
    """An override of the module's arguments."""
    lines = "\n".join(f"  {name} = {value}" for name, value in arguments.items())
    return {"changed_override.tf": f'module "cf_purge" {{\n{lines}\n}}\n'}


def changes_in(plan: str) -> dict[str, str]:
    """What a plan would do to which resource; of alarms the emulator reads back what nobody has written."""
    found = re.findall(r"^  # (\S+) ((?:will be|must be|has moved to) .+)$", plan, re.MULTILINE)
    return {address: what for address, what in found if "aws_cloudwatch_metric_alarm" not in address}


def test_the_cloudflare_plan_is_changed_in_place(root: Shell, sources: Mapping[str, str], world: World) -> None:
    functions, state = world.client("lambda"), world.terraform.state_file
    before = functions.get_function_configuration(FunctionName="cf-purge")["Environment"], state.read_bytes()
    written(root, {**sources, **changed(cloudflare='{ plan = "pro", api_url = var.cloudflare_api_url }')})
    root.run(CHANGING, "terraform init")
    try:
        said = root.run(CHANGING, "terraform apply")
        assert changes_in(said) == {"module.cf_purge.aws_lambda_function.this": "will be updated in-place"}
        answer = functions.get_function_configuration(FunctionName="cf-purge")
        assert json.loads(answer["Environment"]["Variables"]["CF_PURGE_CONFIG"])["cloudflare"]["plan"] == "pro"
    finally:
        # Back without Terraform, in a moment, and to the root that applied it: the state names its paths.
        functions.update_function_configuration(FunctionName="cf-purge", Environment=before[0])
        state.write_bytes(before[1])


def test_a_renamed_block_moves_all_and_another_bucket_replaces_the_notification(
    root: Shell, sources: Mapping[str, str]
) -> None:
    """Two rows of the document in one plan, which is most of the time they take."""
    files = {**sources, **changed(bucket='"moved.example.test"')}
    renamed = {name: re.sub(r'(module[ ."]+)cf_purge\b', r"\1site_purge", text) for name, text in files.items()}
    written(root, {**renamed, "moved.tf": "moved {\n  from = module.cf_purge\n  to   = module.site_purge\n}\n"})
    root.run(CHANGING, "terraform init")
    found = changes_in(root.run(CHANGING, "terraform plan"))
    assert found["module.cf_purge.aws_sqs_queue.this"] == "has moved to module.site_purge.aws_sqs_queue.this"
    assert {address: what for address, what in found.items() if not what.startswith("has moved to")} == {
        # Renamed alone it is changed, too: its zip has another path from here.
        "module.site_purge.aws_lambda_function.this": "will be updated in-place",
        "module.site_purge.aws_sqs_queue_policy.this": "will be updated in-place",
        "module.site_purge.aws_s3_bucket_notification.this[0]": "must be replaced",
    }


def test_what_goes_with_the_module_is_the_module(root: Shell) -> None:
    root.run(CHANGING, "terraform init")
    found = changes_in(root.run("Deleting the module", "terraform plan"))
    assert set(found.values()) == {"will be destroyed"}
    assert {address.split(".aws_")[0] for address in found} == {"module.cf_purge"}
    assert len(found) > 10
