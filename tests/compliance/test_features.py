"""Each scenario can fail: for every one there is a plan that breaks its rule, and no other."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tools import environments

HERE = Path(__file__).parent
# Of examples/local once applied, without what no rule reads.
PLAN = (HERE / "plan.json").read_text()
MODULE = "module.cf_purge"
# Every scenario's name with its steps.
SCENARIOS: dict[str, str] = {
    name: steps
    for path in sorted(HERE.glob("*.feature"))
    for name, steps in re.findall(r"^  Scenario: (.+)\n((?:    .+\n)+)", path.read_text(), re.MULTILINE)
}

Plan = dict[str, Any]
Change = Callable[[Plan], None]


# ---- Running the features ----


def failing(plan: Plan, folder: Path) -> set[str]:
    """The names of the scenarios that do not pass on a plan."""
    planned, report = folder / "plan.json", folder / "report.json"
    planned.write_text(json.dumps(plan))  # on one line: the tool reads no more than one
    command = environments.folder("compliance") / "bin" / "terraform-compliance"
    done = subprocess.run(
        [command, "--planfile", planned, "--features", HERE, "--no-ansi", f"--cucumber-json={report}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.is_file(), done.stdout[-2000:] + done.stderr[-2000:]
    ran = {
        scenario["name"]: {step["result"]["status"] for step in scenario["steps"]}
        for feature in json.loads(report.read_text())
        for scenario in feature["elements"]
    }
    assert set(ran) == set(SCENARIOS)
    failed = {name for name, statuses in ran.items() if statuses != {"passed"}}
    assert bool(failed) == bool(done.returncode), done.stdout[-2000:]
    return failed


# ---- Changing the plan ----


def planned(plan: Plan, address: str) -> dict[str, Any]:
    """The planned attributes of one of the module's resources."""
    found = [res for res in plan["resource_changes"] if res["address"] == f"{MODULE}.{address}"]
    assert len(found) == 1, address
    return found[0]["change"]["after"]  # type: ignore[no-any-return]


def put(address: str, **attributes: Any) -> Change:
    return lambda plan: planned(plan, address).update(attributes)


def put_in(address: str, block: str, **attributes: Any) -> Change:
    return lambda plan: planned(plan, address)[block][0].update(attributes)


def put_in_json(address: str, attribute: str, **fields: Any) -> Change:
    def change(plan: Plan) -> None:
        attributes = planned(plan, address)
        attributes[attribute] = json.dumps(json.loads(attributes[attribute]) | fields)

    return change


def config(**settings: Any) -> Change:
    """Add settings to the function's configuration."""

    def change(plan: Plan) -> None:
        variables = planned(plan, FUNCTION)["environment"][0]["variables"]
        variables["CF_PURGE_CONFIG"] = json.dumps(json.loads(variables["CF_PURGE_CONFIG"]) | settings)

    return change


def environment(**variables: str) -> Change:
    return lambda plan: planned(plan, FUNCTION)["environment"][0]["variables"].update(variables)


def statement(address: str, sid: str, **fields: Any) -> Change:
    """Change a statement of a policy; None takes a field away."""

    def change(plan: Plan) -> None:
        attributes = planned(plan, address)
        name = "assume_role_policy" if "assume_role_policy" in attributes else "policy"
        policy = json.loads(attributes[name])
        found = [one for one in policy["Statement"] if one["Sid"] == sid]
        assert len(found) == 1, sid
        found[0].update(fields)
        for field in [field for field, value in fields.items() if value is None]:
            del found[0][field]
        attributes[name] = json.dumps(policy)

    return change


def statements(address: str, change_list: Callable[[list[Any]], Any]) -> Change:
    """Add or take away statements of a policy."""

    def change(plan: Plan) -> None:
        attributes = planned(plan, address)
        policy = json.loads(attributes["policy"])
        change_list(policy["Statement"])
        attributes["policy"] = json.dumps(policy)

    return change


def new(kind: str, **attributes: Any) -> Change:
    """One more resource in the module."""
    return lambda plan: plan["resource_changes"].append(
        {
            "address": f"{MODULE}.{kind}.more",
            "module_address": MODULE,
            "mode": "managed",
            "type": kind,
            "name": "more",
            "change": {"actions": ["create"], "after": attributes},
        }
    )


ROLE = "aws_iam_role.this[0]"
ROLE_POLICY = "aws_iam_role_policy.this[0]"
QUEUE = "aws_sqs_queue.this"
DEAD_LETTERS = "aws_sqs_queue.dead_letter"
QUEUE_POLICY = "aws_sqs_queue_policy.this"
DEAD_LETTERS_POLICY = "aws_sqs_queue_policy.dead_letter"
REDRIVE_ALLOW = "aws_sqs_queue_redrive_allow_policy.dead_letter"
FUNCTION = "aws_lambda_function.this"
MAPPING = "aws_lambda_event_source_mapping.this"
LOG = "aws_cloudwatch_log_group.this"
LAG = 'aws_cloudwatch_metric_alarm.this["lag"]'
PARKED = 'aws_cloudwatch_metric_alarm.this["dead_letters"]'

QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:cf-purge"
BUCKET_ARN = "arn:aws:s3:::www.example.test"
OF_ACCOUNT = {"StringEquals": {"aws:SourceAccount": "000000000000"}}
OF_BUCKET = {"ArnLike": {"aws:SourceArn": BUCKET_ARN}}
OPEN_DOOR = {
    "Sid": "Open",
    "Effect": "Allow",
    "Principal": {"Service": "s3.amazonaws.com"},
    "Action": "sqs:SendMessage",
}

# In pieces, or whoever scans this repository for secrets finds these.
AWS_KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
CLOUDFLARE_TOKEN = "cfut_" + "not-A-token-" * 3 + "0123" + "deadbeef"
CLOUDFLARE_OLD_TOKEN = "not_A_token_0123456_" * 2
CLOUDFLARE_OLD_KEY = "0123456789abc" * 2 + "deadbeef012"
HEADER = "Bear" + "er not-a-token"
PRIVATE_KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\nbm90IGEga2V5\n"


@dataclass(frozen=True, slots=True)
class Case:
    """A changed plan, and the scenarios that fail on it."""

    name: str
    change: Change
    failing: frozenset[str]


def breaking(scenario: str, **changes: Change) -> list[Case]:
    """Changes that break the rule of this scenario and no other's; their names say how."""
    return [
        Case(f"{scenario}: {name.replace('_', ' ')}", change, frozenset({scenario})) for name, change in changes.items()
    ]


BREAKING = [
    # ---- iam.feature ----
    *breaking(
        "Lambda alone takes the role",
        an_account_does_too=statement(
            ROLE, "LambdaRunsAsThisRole", Principal={"Service": "lambda.amazonaws.com", "AWS": "000000000000"}
        ),
    ),
    *breaking(
        "No action is allowed by wildcard",
        every_action=statement(ROLE_POLICY, "ConsumeQueue", Action="*"),
        every_action_of_a_service=statement(ROLE_POLICY, "ConsumeQueue", Action=["sqs:ReceiveMessage", "sqs:*"]),
    ),
    *breaking(
        "Each statement allows one resource by its exact ARN",
        any_resource=statement(ROLE_POLICY, "ConsumeQueue", Resource="*"),
        the_suffix_of_streams_elsewhere=statement(ROLE_POLICY, "ConsumeQueue", Resource=f"{QUEUE_ARN}:*"),
        two_resources=statement(ROLE_POLICY, "ConsumeQueue", Resource=[QUEUE_ARN, f"{QUEUE_ARN}-dlq"]),
        all_but_one=statement(ROLE_POLICY, "ConsumeQueue", Resource=None, NotResource=QUEUE_ARN),
    ),
    *breaking(
        "The token's statement reads one parameter",
        it_does_more=statement(ROLE_POLICY, "ReadApiToken", Action=["ssm:GetParameter", "kms:Decrypt"]),
        it_is_not_there=statements(ROLE_POLICY, lambda every: every.pop(3)),
    ),
    *breaking(
        "No statement does anything else with parameters or secrets",
        one_writes_parameters=statement(ROLE_POLICY, "ParkDeadLetters", Action=["sqs:SendMessage", "ssm:PutParameter"]),
    ),
    *breaking(
        "The module makes nothing in IAM but a role and its policy",
        it_attaches_a_policy=new("aws_iam_role_policy_attachment", role="cf-purge"),
    ),
    # ---- queues.feature ----
    *breaking(
        "Both queues are encrypted at rest",
        the_queue_is_not=put(QUEUE, sqs_managed_sse_enabled=False),
        the_dead_letter_queue_is_not=put(DEAD_LETTERS, sqs_managed_sse_enabled=None, kms_master_key_id=None),
    ),
    *breaking(
        "The queue refuses whoever comes without TLS",
        it_does_not=statements(QUEUE_POLICY, lambda every: every.pop(1)),
        it_refuses_one_account=statement(QUEUE_POLICY, "DenyWithoutTls", Principal={"AWS": "000000000000"}),
        it_refuses_on_one_more_condition=statement(
            QUEUE_POLICY,
            "DenyWithoutTls",
            Condition={"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:SourceAccount": "1"}},
        ),
    ),
    *breaking(
        "The dead-letter queue refuses whoever comes without TLS",
        it_does_not=statements(DEAD_LETTERS_POLICY, lambda every: every.pop(0)),
    ),
    *breaking(
        "S3 alone is let into the queue",
        another_service_is_too=statement(
            QUEUE_POLICY, "BucketSendsEvents", Principal={"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]}
        ),
        an_account_is_by_another_statement=statements(
            QUEUE_POLICY,
            lambda every: every.append(
                OPEN_DOOR | {"Principal": {"AWS": "111111111111"}, "Condition": OF_BUCKET | OF_ACCOUNT}
            ),
        ),
    ),
    *breaking(
        "Who is let into the queue may only send",
        and_all_the_rest=statement(QUEUE_POLICY, "BucketSendsEvents", Action="sqs:*"),
    ),
    *breaking(
        "Only one bucket sends",
        every_bucket_does=statement(
            QUEUE_POLICY, "BucketSendsEvents", Condition=OF_ACCOUNT | {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}
        ),
        all_but_one_do=statement(
            QUEUE_POLICY, "BucketSendsEvents", Condition=OF_ACCOUNT | {"ArnNotLike": {"aws:SourceArn": BUCKET_ARN}}
        ),
        another_statement_does_not_say=statements(
            QUEUE_POLICY, lambda every: every.append(OPEN_DOOR | {"Condition": OF_ACCOUNT})
        ),
    ),
    *breaking(
        "The bucket sends only while it belongs to the account",
        nobody_asks=statement(QUEUE_POLICY, "BucketSendsEvents", Condition=OF_BUCKET),
    ),
    *breaking(
        "Nobody is let into the dead-letter queue",
        a_service_is=statements(DEAD_LETTERS_POLICY, lambda every: every.append(OPEN_DOOR)),
    ),
    *breaking(
        "A message is received five times at least before it is parked",
        four_times=put_in_json(QUEUE, "redrive_policy", maxReceiveCount=4),
    ),
    *breaking(
        "Messages are parked in a queue of this plan",
        in_another=put_in_json(QUEUE, "redrive_policy", deadLetterTargetArn=f"{QUEUE_ARN}-of-others"),
    ),
    *breaking(
        "Parked messages are kept as long as SQS allows",
        for_a_minute=put(DEAD_LETTERS, message_retention_seconds=60),
    ),
    *breaking(
        "Only named queues park their messages",
        all_do=put_in_json(REDRIVE_ALLOW, "redrive_allow_policy", redrivePermission="allowAll"),
    ),
    *breaking(
        "The queue alone parks its messages",
        another_does_too=put_in_json(
            REDRIVE_ALLOW, "redrive_allow_policy", sourceQueueArns=[QUEUE_ARN, f"{QUEUE_ARN}2"]
        ),
    ),
    # ---- function.feature ----
    *breaking(
        "The function runs on a Python that is maintained",
        on_an_old_one=put(FUNCTION, runtime="python3.9"),
    ),
    *breaking("The function logs JSON", it_logs_text=put_in(FUNCTION, "logging_config", log_format="Text")),
    *breaking(
        "The function logs into a log group of this plan",
        into_another=put_in(FUNCTION, "logging_config", log_group="/aws/lambda/other"),
    ),
    *breaking("The log is not kept for ever", it_is=put(LOG, retention_in_days=0)),
    *breaking(
        "The function has time to try again",
        three_seconds=put(FUNCTION, timeout=3),
        half_an_hour=put(FUNCTION, timeout=1800),
        nobody_says=put(FUNCTION, timeout=None),
    ),
    *breaking(
        "The function takes its concurrency from the queue, not from a reservation",
        from_a_reservation=put(FUNCTION, reserved_concurrent_executions=1),
    ),
    *breaking("The function has one environment variable", two=environment(AWS_LAMBDA_EXEC_WRAPPER="/opt/wrapper")),
    *breaking(
        "No environment variable and no setting is named like a secret",
        a_setting_within_a_setting_is=config(cloudflare={"Api_Key": "a"}),
    ),
    *breaking(
        "The function's failures go back to the queue one by one",
        all_or_none_do=put(MAPPING, function_response_types=[]),
        nobody_says=put(MAPPING, function_response_types=None),
    ),
    *breaking(
        "The queue calls two functions at once or more",
        one=put_in(MAPPING, "scaling_config", maximum_concurrency=1),
    ),
    *breaking(
        "A purge waits for no batch to fill",
        for_five_seconds=put(MAPPING, maximum_batching_window_in_seconds=5),
    ),
    *breaking(
        "Nobody is let at the function but through IAM",
        the_world_is=new("aws_lambda_function_url", authorization_type="NONE"),
    ),
    # ---- alarms.feature ----
    *breaking(
        "Each alarm tells somebody",
        one_does_not=put(LAG, alarm_actions=[]),
        nobody_says=put(LAG, alarm_actions=None),
    ),
    *breaking("Each alarm is switched on", one_is_not=put(LAG, actions_enabled=False)),
    *breaking("Each alarm says what it means", one_says_little=put(LAG, alarm_description="Lag")),
    *breaking("A quiet site is not an alarm", it_is=put(LAG, treat_missing_data="breaching")),
    *breaking("A single parked message is an alarm", ten_are=put(PARKED, threshold=10)),
    # ---- tags.feature ----
    *breaking(
        "Everything that takes tags has tags",
        an_alarm_has_none=put(LAG, tags={}, tags_all={}),
        the_role_has_none=put(ROLE, tags=None, tags_all=None),
    ),
    # ---- secrets.feature ----
    *breaking(
        "No attribute holds a key of AWS",
        an_id_in_a_sentence=put(FUNCTION, description=f"Uses {AWS_KEY_ID}."),
        a_key_in_the_configuration=config(bucket=AWS_SECRET_KEY),
    ),
    *breaking(
        "No attribute holds a token or a key of Cloudflare",
        a_token_in_the_configuration=config(api_token_parameter=CLOUDFLARE_TOKEN),
        an_old_token_in_a_sentence=config(cloudflare={"hint": f"it is {CLOUDFLARE_OLD_TOKEN}"}),
        an_old_key_in_a_tag=put(LOG, tags={"key": CLOUDFLARE_OLD_KEY}),
    ),
    *breaking(
        "No attribute holds an Authorization header",
        in_the_second_line_of_an_alarm=put(LAG, alarm_description="x" * 80 + f"\ncurl -H 'Authorization: {HEADER}'"),
    ),
    *breaking("No attribute holds a private key", the_role_does=put(ROLE, description=f"Signs with\n{PRIVATE_KEY}")),
    # ---- Two at once ----
    Case(
        "A variable with the token",
        environment(CLOUDFLARE_API_TOKEN="a"),
        frozenset(
            {
                "The function has one environment variable",
                "No environment variable and no setting is named like a secret",
            }
        ),
    ),
]


def without(kind: str) -> Change:
    """Take from the module its resources of one type, or all."""

    def change(plan: Plan) -> None:
        plan["resource_changes"] = [
            one for one in plan["resource_changes"] if "module_address" not in one or kind not in ("*", one["type"])
        ]

    return change


MISSING = [
    Case("the module", without("*"), frozenset(SCENARIOS)),
    *(
        Case(
            kind,
            without(kind),
            frozenset(name for name, steps in SCENARIOS.items() if re.search(rf"\b{kind}\b", steps)),
        )
        for kind in sorted(
            {kind for steps in SCENARIOS.values() for kind in re.findall(r'type metadata is "?(\w+)', steps)}
        )
    ),
]


def with_keys(plan: Plan) -> None:
    """Encrypt the queues with a key of one's own: null is a first plan, false what AWS says later."""
    key = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"
    put(QUEUE, sqs_managed_sse_enabled=None, kms_master_key_id=key)(plan)
    put(DEAD_LETTERS, sqs_managed_sse_enabled=False, kms_master_key_id=key)(plan)


def moved(address: str) -> Change:
    return lambda plan: plan.update(json.loads(json.dumps(plan).replace(MODULE, address.replace('"', '\\"'))))


def among_others(plan: Plan) -> None:
    """Put into the root, and into modules named almost like ours, all of the module's resources, broken."""
    anything = json.dumps({"Statement": [{"Sid": "S", "Effect": "Allow", "Action": "*", "Resource": "*"}]})
    for module in (None, "module.other", "module.not_cf_purge", "module.cf_purge_too"):
        for resource in [one for one in json.loads(PLAN)["resource_changes"] if "module_address" in one]:
            after = resource["change"]["after"]
            spoilt = dict.fromkeys(after) | {"policy": anything, "description": AWS_KEY_ID}
            resource["change"]["after"] = spoilt | {name: {} for name in after if name.startswith("tags")}
            resource["address"] = resource["address"].replace(f"{MODULE}.", f"{module}." if module else "")
            resource["module_address"] = module
            if module is None:
                del resource["module_address"]
            plan["resource_changes"].append(resource)


FINE = [
    Case(name, change, frozenset())
    for name, change in {
        "the module as it is": lambda plan: None,
        "queues with keys of one's own": with_keys,
        "the module with for_each": moved(f'{MODULE}["www.example.com"]'),
        "the module in a module with for_each": moved(f'module.site["b"].{MODULE}'),
        "the module among others": among_others,
    }.items()
]


# ---- Tests ----


@pytest.fixture(scope="module")
def verdicts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[set[str]]]]:
    """What fails for each case that is asked for; as many at once as there are processors."""
    environments.ready("compliance")
    calls = [item.callspec for item in request.session.items if hasattr(item, "callspec")]
    pool = ThreadPoolExecutor(os.cpu_count())
    verdicts = {}
    for case in [call.params["case"] for call in calls if "case" in call.params]:
        plan = json.loads(PLAN)
        case.change(plan)
        verdicts[case.name] = pool.submit(failing, plan, tmp_path_factory.mktemp("case"))
    yield verdicts
    pool.shutdown(cancel_futures=True)


def named(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", FINE, ids=named)
def test_what_keeps_the_rules_passes(case: Case, verdicts: dict[str, Future[set[str]]]) -> None:
    assert verdicts[case.name].result() == case.failing


@pytest.mark.parametrize("case", BREAKING, ids=named)
def test_exactly_the_rule_that_is_broken_fails(case: Case, verdicts: dict[str, Future[set[str]]]) -> None:
    assert verdicts[case.name].result() == case.failing


@pytest.mark.parametrize("case", MISSING, ids=named)
def test_a_rule_fails_where_there_is_nothing_to_check(case: Case, verdicts: dict[str, Future[set[str]]]) -> None:
    assert case.failing
    assert verdicts[case.name].result() == case.failing


def test_each_rule_is_broken_on_its_own_at_least_once() -> None:
    alone = [case.failing for case in BREAKING if len(case.failing) == 1]
    assert set().union(*alone) == set(SCENARIOS)


def test_no_rule_is_skipped_in_silence() -> None:
    for path in sorted(HERE.glob("*.feature")):
        text = path.read_text()
        names = text.count("Scenario:")
        assert text.count("  @noskip\n  Scenario:") == names > 0, path.name
