"""Each scenario can fail: for every one there is a plan that breaks its rule, and no other."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.compliance.modes import HERE, MODES, SHARED, Plan, assert_complies, scenarios
from tests.plans import cases, made
from tools import environments

MODULE = "module.cf_purge"
TOGETHER = "together"
FEATURES = frozenset(path.stem for path in HERE.glob("*.feature"))
# One instance for each mode that differs, by the case that is planned.
TRIED = {
    "local": cases.S3,
    "complete": cases.EVERYTHING,
    "eventbridge": cases.RULED,
    "external_notification": cases.NONE,
    "direct": cases.S3_DIRECT,
    "rule": cases.RULE_DIRECT,
}

Change = Callable[[Plan], None]


# ---- Plans ----


def planned_in(mode: str) -> Plan:
    """The plan of one instance, or of one of each mode together in a root."""
    modes = TRIED if mode == TOGETHER else [mode]
    changes = []
    for name in modes:
        prefix = f"module.{name}." if mode == TOGETHER else ""
        for change in made.known().changes(TRIED[name]):
            about: dict[str, Any] = {
                key: change[key] for key in ("address", "mode", "type", "name", "index") if key in change
            }
            about |= {"address": f"{prefix}{change['address']}", "module_address": f"{prefix}{MODULE}"}
            changes.append({**about, "change": {"actions": ["no-op"], "after": change["change"]["after"]}})
    plan: dict[str, Any] = {"format_version": "1.2", "terraform_version": "1.9.0", "resource_changes": changes}
    plan |= {"planned_values": {"root_module": {}}, "configuration": {"root_module": {}}}
    return json.loads(json.dumps(plan))  # type: ignore[no-any-return]


def features_of(mode: str) -> frozenset[str]:
    return SHARED if mode == TOGETHER else MODES[mode].features


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


def without_statement(address: str, sid: str) -> Change:
    return statements(address, lambda every: every.remove(next(one for one in every if one["Sid"] == sid)))


def added(address: str, *more: dict[str, Any]) -> Change:
    return statements(address, lambda every: every.extend(more))


ROLE = "aws_iam_role.this[0]"
ROLE_POLICY = "aws_iam_role_policy.this[0]"
DEAD_LETTERS = "aws_sqs_queue.dead_letter"
QUEUE_POLICY = "aws_sqs_queue_policy.this"
DEAD_LETTERS_POLICY = "aws_sqs_queue_policy.dead_letter"
REDRIVE = "aws_sqs_queue_redrive_policy.this"
REDRIVE_ALLOW = "aws_sqs_queue_redrive_allow_policy.dead_letter"
FUNCTION = "aws_lambda_function.this"
PERMISSION = "aws_lambda_permission.this[0]"
INVOKE_CONFIG = "aws_lambda_function_event_invoke_config.this[0]"
MAPPING = "aws_lambda_event_source_mapping.this"
RULE = "aws_cloudwatch_event_rule.this[0]"
TARGET = "aws_cloudwatch_event_target.this[0]"
NOTIFICATION = "aws_s3_bucket_notification.this[0]"
LOG = "aws_cloudwatch_log_group.this"
LAG = 'aws_cloudwatch_metric_alarm.this["lag"]'
PARKED = 'aws_cloudwatch_metric_alarm.this["dead_letters"]'

ACCOUNT = "123456789012"
QUEUE_ARN = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:site-purge"
BUCKET_ARN = "arn:aws:s3:::www.example.com"
RULE_ARN = f"arn:aws:events:eu-west-1:{ACCOUNT}:rule/site-purge"
PARAMETER_ARN = f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/prod/cloudflare/api-token"
S3 = {"Service": "s3.amazonaws.com"}
EVENTBRIDGE = {"Service": "events.amazonaws.com"}
OF_ACCOUNT = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
OF_BUCKET = {"ArnLike": {"aws:SourceArn": BUCKET_ARN}}
OF_RULE = {"ArnEquals": {"aws:SourceArn": RULE_ARN}}
# Statements that let in what another mode lets in.
DOOR = {
    "Sid": "BucketToo",
    "Effect": "Allow",
    "Principal": S3,
    "Action": "sqs:SendMessage",
    "Resource": QUEUE_ARN,
    "Condition": OF_BUCKET | OF_ACCOUNT,
}
RULES_DOOR = DOOR | {"Sid": "RuleToo", "Principal": EVENTBRIDGE, "Condition": OF_RULE}
TRACES = {
    "Sid": "SendTraces",
    "Effect": "Allow",
    "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    "Resource": "*",
}
INVOKES = {"function_name": "site-purge", "action": "lambda:InvokeFunction"}
BUCKET_INVOKES = INVOKES | {"principal": S3["Service"], "source_arn": BUCKET_ARN, "source_account": ACCOUNT}

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
    """A changed plan: what it is, or the scenario that it breaks."""

    name: str
    change: Change
    mode: str = "local"


EXACT = "Each statement allows one resource by its exact ARN, but for network interfaces and traces"
DENIAL = "KeepNetworkInterfacesFromCode"


def denied_but(action: str) -> Change:
    """Leave an action out of what is denied to the code."""

    def change(every: list[Any]) -> None:
        next(one for one in every if one["Sid"] == DENIAL)["Action"].remove(f"ec2:{action}")

    return statements(ROLE_POLICY, change)


granted = partial(statement, ROLE_POLICY)
ungranted = partial(without_statement, ROLE_POLICY)
sender = partial(statement, QUEUE_POLICY, "BucketSendsEvents")
logging = partial(put_in, FUNCTION, "logging_config")
BREAKING = [
    # ---- iam.feature ----
    Case(
        "Only Lambda may assume the role",
        statement(ROLE, "LambdaRunsAsThisRole", Principal={"Service": "lambda.amazonaws.com", "AWS": ACCOUNT}),
    ),
    Case(
        "Each action that is allowed is one the function needs",
        granted("ConsumeQueue", Action=["sqs:ReceiveMessage", "sqs:*"]),
    ),
    Case(EXACT, granted("ConsumeQueue", Resource=None, NotResource=QUEUE_ARN), "complete"),
    Case(EXACT, granted("SendTraces", Action=[*TRACES["Action"], "sqs:SendMessage"]), "complete"),
    Case("The token's statement reads one parameter", ungranted("ReadApiToken"), "complete"),
    Case(
        "A key opens the one parameter, or messages",
        granted(
            "DecryptApiToken",
            Condition={
                "StringEquals": {"kms:ViaService": "ssm.eu-west-1.amazonaws.com"},
                "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/*"},
            },
        ),
        "complete",
    ),
    Case("Events are sent to an event bus", granted("SendNotifications", Resource=RULE_ARN), "complete"),
    Case("A role that may create network interfaces denies them to the code", ungranted(DENIAL), "complete"),
    Case(
        "What is denied is denied to the code of one function, on every resource",
        granted(
            DENIAL,
            Condition={"ArnLike": {"lambda:SourceFunctionArn": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:*"}},
        ),
        "complete",
    ),
    Case(
        "No network interface is made, deleted or changed by the code", denied_but("CreateNetworkInterface"), "complete"
    ),
    Case(
        "No condition is negated, or true for a missing key",
        granted("UseQueueKey", Condition={"StringNotEquals": {"kms:ViaService": "sqs.eu-west-1.amazonaws.com"}}),
        "complete",
    ),
    Case(
        "The module creates nothing in IAM but a role and its policy",
        new("aws_iam_role_policy_attachment", role="site-purge"),
    ),
    # ---- plain_role.feature, own_role.feature ----
    Case("Each statement allows one resource by its exact ARN", added(ROLE_POLICY, TRACES)),
    Case(
        "The module makes nothing in IAM",
        new("aws_iam_role_policy", role="security-team-made-this", policy="{}"),
        "direct",
    ),
    # ---- queues.feature ----
    Case("Both queues are encrypted at rest", put(DEAD_LETTERS, sqs_managed_sse_enabled=None, kms_master_key_id=None)),
    Case("Both queues are encrypted at rest", put("aws_sqs_queue.this", sqs_managed_sse_enabled=False)),
    Case("The queue denies access without TLS", without_statement(QUEUE_POLICY, "DenyWithoutTls")),
    Case(
        "The dead-letter queue denies access without TLS",
        statement(DEAD_LETTERS_POLICY, "DenyWithoutTls", Action="sqs:SendMessage"),
    ),
    Case("Only AWS services may send to a queue", sender(Principal=S3 | {"AWS": "111111111111"})),
    Case(
        "Of the services, only S3 and EventBridge may send to a queue",
        sender(Principal={"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]}),
    ),
    Case("Queue policies only allow to send", sender(Action="sqs:*")),
    Case(
        "Only one bucket or one rule sends",
        sender(Condition=OF_ACCOUNT | {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}),
    ),
    Case(
        "Only one bucket or one rule sends",
        statement(
            QUEUE_POLICY,
            "RuleSendsEvents",
            Condition={"ArnLike": {"aws:SourceArn": f"arn:aws:events:eu-west-1:{ACCOUNT}:rule/*"}},
        ),
        "eventbridge",
    ),
    Case("Permissions to send are bound to the account", sender(Condition=OF_BUCKET)),
    Case(
        "No statement has exceptions, or a condition that is true for a missing key",
        sender(Condition=OF_ACCOUNT | {"ArnNotLike": {"aws:SourceArn": BUCKET_ARN}}),
    ),
    Case(
        "No statement has exceptions, or a condition that is true for a missing key",
        sender(Action=None, NotAction="sqs:PurgeQueue"),
    ),
    Case("No service may send to the dead-letter queue", added(DEAD_LETTERS_POLICY, DOOR)),
    Case("What the rule cannot deliver is parked", put(TARGET, dead_letter_config=[]), "eventbridge"),
    Case("The dead-letter queue lets in the rule", without_statement(DEAD_LETTERS_POLICY, "RuleParksEvents"), "rule"),
    Case(
        "A message is received five times at least before it is parked",
        put_in_json(REDRIVE, "redrive_policy", maxReceiveCount=4),
    ),
    Case(
        "Messages are parked in a queue of this plan",
        put_in_json(REDRIVE, "redrive_policy", deadLetterTargetArn=f"{QUEUE_ARN}-of-others-dlq"),
    ),
    Case("Parked messages are kept as long as SQS allows", put(DEAD_LETTERS, message_retention_seconds=60)),
    Case(
        "Only named queues park their messages",
        put_in_json(REDRIVE_ALLOW, "redrive_allow_policy", redrivePermission="allowAll"),
    ),
    Case(
        "The queue alone parks its messages",
        put_in_json(REDRIVE_ALLOW, "redrive_allow_policy", sourceQueueArns=[QUEUE_ARN, f"{QUEUE_ARN}2"]),
    ),
    # ---- function.feature ----
    Case("The function runs on a Python that is maintained", put(FUNCTION, runtime="python3.9")),
    Case("The function logs JSON", logging(log_format="Text")),
    Case("The function logs into a log group of this plan", logging(log_group="/aws/lambda/other")),
    Case("The log has a retention", put(LOG, retention_in_days=0)),
    Case("The function has time to try again", put(FUNCTION, timeout=3)),
    Case(
        "The function takes its concurrency from the queue, not from a reservation",
        put(FUNCTION, reserved_concurrent_executions=1),
    ),
    Case("The function has one environment variable", environment(AWS_LAMBDA_EXEC_WRAPPER="/opt/wrapper")),
    Case("No environment variable and no setting is named like a secret", config(cloudflare={"Api_Key": "a"})),
    Case("Failed messages return to the queue individually", put(MAPPING, function_response_types=[])),
    Case("The queue calls two functions at once or more", put_in(MAPPING, "scaling_config", maximum_concurrency=1)),
    Case("A purge does not wait for a batch to fill", put(MAPPING, maximum_batching_window_in_seconds=5)),
    Case("The function has no URL", new("aws_lambda_function_url", authorization_type="NONE")),
    Case("Only S3 and EventBridge may invoke the function", put(PERMISSION, principal="*"), "direct"),
    Case("Permissions on the function only allow to invoke it", put(PERMISSION, action="lambda:*"), "direct"),
    Case("Only one bucket or one rule invokes the function", put(PERMISSION, source_arn="arn:aws:s3:::*"), "direct"),
    Case("Permissions to invoke the function are bound to the account", put(PERMISSION, source_account=None), "direct"),
    # ---- alarms.feature ----
    Case("Each alarm has an action", put(LAG, alarm_actions=[])),
    Case("Each alarm is enabled", put(LAG, actions_enabled=False)),
    Case("Each alarm has a description", put(LAG, alarm_description="Lag")),
    Case("A quiet site is not an alarm", put(LAG, treat_missing_data="breaching")),
    Case("A single parked message is an alarm", put(PARKED, threshold=10)),
    # ---- tags.feature ----
    Case("Every taggable resource has tags", put(LAG, tags={}, tags_all={})),
    # ---- secrets.feature ----
    Case("No attribute holds a key of AWS", put(FUNCTION, description=f"Uses {AWS_KEY_ID}.")),
    Case("No attribute holds a key of AWS", config(bucket=AWS_SECRET_KEY)),
    Case("No attribute holds a token or a key of Cloudflare", config(api_token_parameter=CLOUDFLARE_TOKEN)),
    Case(
        "No attribute holds a token or a key of Cloudflare",
        config(cloudflare={"hint": f"it is {CLOUDFLARE_OLD_TOKEN}"}),
    ),
    Case("No attribute holds a token or a key of Cloudflare", put(LOG, tags={"key": CLOUDFLARE_OLD_KEY})),
    Case(
        "No attribute holds an Authorization header",
        put(LAG, alarm_description="x" * 80 + f"\ncurl -H 'Authorization: {HEADER}'"),
    ),
    Case("No attribute holds a private key", put(ROLE, description=f"Signs with\n{PRIVATE_KEY}")),
    # ---- queue_delivery.feature ----
    Case("Only IAM allows to invoke the function", new("aws_lambda_permission", **BUCKET_INVOKES)),
    Case("A sender is allowed on a queue of this plan", without_statement(QUEUE_POLICY, "BucketSendsEvents")),
    # ---- direct_delivery.feature ----
    Case("No service may send to the queue", added(QUEUE_POLICY, DOOR), "direct"),
    Case("No service may send to the queue", added(QUEUE_POLICY, RULES_DOOR), "rule"),
    Case("An invoker is allowed on a function of this plan", put(PERMISSION, function_name="another"), "direct"),
    Case(
        "What fails is parked in a queue of this plan",
        put_in(INVOKE_CONFIG, "destination_config", on_failure=[{"destination": f"{QUEUE_ARN}-of-others-dlq"}]),
        "direct",
    ),
    Case("A change is tried three times", put(INVOKE_CONFIG, maximum_retry_attempts=0), "direct"),
    Case("A change may wait for six hours", put(INVOKE_CONFIG, maximum_event_age_in_seconds=60), "rule"),
    # ---- bucket_sends.feature ----
    Case(
        "EventBridge has no part in it",
        new("aws_cloudwatch_event_rule", name="more", event_pattern="{}", tags_all={"a": "b"}),
    ),
    Case("EventBridge has no part in it", added(QUEUE_POLICY, RULES_DOOR)),
    Case(
        "EventBridge has no part in it",
        put(PERMISSION, principal="events.amazonaws.com", source_arn=RULE_ARN),
        "direct",
    ),
    # ---- rule_sends.feature ----
    Case("S3 has no part in it", added(QUEUE_POLICY, DOOR), "eventbridge"),
    Case("S3 has no part in it", new("aws_lambda_permission", **BUCKET_INVOKES), "rule"),
    Case(
        "The rule is for one bucket",
        put_in_json(RULE, "event_pattern", detail={"bucket": {"name": [{"anything-but": ["www.example.com"]}]}}),
        "eventbridge",
    ),
    Case(
        "The rule matches only events of S3",
        put_in_json(RULE, "event_pattern", source=["aws.s3", "anybody"]),
        "eventbridge",
    ),
    Case("The rule is switched on", put(RULE, state="DISABLED"), "rule"),
    Case(
        "The rule sends to a queue or a function",
        put(TARGET, arn=f"arn:aws:sns:eu-west-1:{ACCOUNT}:on-call"),
        "eventbridge",
    ),
    # ---- notification.feature, others_notification.feature ----
    Case("The notification reaches the queue or the function", put(NOTIFICATION, queue=[])),
    Case(
        "The notification has no other destination",
        put(NOTIFICATION, topic=[{"topic_arn": f"arn:aws:sns:eu-west-1:{ACCOUNT}:on-call"}]),
    ),
    Case(
        "The module leaves the bucket's notification alone",
        new("aws_s3_bucket_notification", bucket="www.example.com"),
        "external_notification",
    ),
]


# ---- Plans in which nothing is broken ----


def moved(address: str) -> Change:
    return lambda plan: plan.update(json.loads(json.dumps(plan).replace(MODULE, address.replace('"', '\\"'))))


def among_others(plan: Plan) -> None:
    """Put into the root, and into modules named almost like ours, all of the module's resources, broken."""
    anything = json.dumps({"Statement": [{"Sid": "S", "Effect": "Allow", "Action": "*", "Resource": "*"}]})
    ours = json.dumps([one for one in plan["resource_changes"] if "module_address" in one])
    for module in (None, "module.other", "module.not_cf_purge", "module.cf_purge_too"):
        for resource in json.loads(ours):
            after = resource["change"]["after"]
            spoilt = dict.fromkeys(after) | {"policy": anything, "description": AWS_KEY_ID}
            resource["change"]["after"] = spoilt | {name: {} for name in after if name.startswith("tags")}
            resource["address"] = resource["address"].replace(f"{MODULE}.", f"{module}." if module else "")
            resource["module_address"] = module
            if module is None:
                del resource["module_address"]
            plan["resource_changes"].append(resource)


FINE = [
    *(Case("the module as it is", lambda plan: None, mode) for mode in (*TRIED, TOGETHER)),
    Case("the module among others", among_others),
    Case("the module in a module with for_each", moved(f'module.site["b"].{MODULE}["a"]'), "rule"),
]


# ---- Tests ----


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[Case, set[str]]:
    """What fails for each case."""
    folder = tmp_path_factory.mktemp("cases")
    every = {case: folder / f"{number}.json" for number, case in enumerate((*FINE, *BREAKING))}
    for case, path in every.items():
        plan = planned_in(case.mode)
        case.change(plan)
        path.write_text(json.dumps(plan))
    command = [environments.ready("compliance"), HERE / "many.py", *every.values()]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return {case: failing(case, path) for case, path in every.items()}


def failing(case: Case, plan: Path) -> set[str]:
    """The names of the scenarios for the case's mode that did not pass on its plan."""
    report, out = plan.with_suffix(".report"), plan.with_suffix(".out").read_text()
    assert report.is_file(), out[-2000:]
    ran = {
        scenario["name"]: {step["result"]["status"] for step in scenario["steps"]}
        for feature in json.loads(report.read_text())
        for scenario in feature["elements"]
    }
    assert set(ran) == set(scenarios(FEATURES)), out[-2000:]
    return {name for name in scenarios(features_of(case.mode)) if ran[name] != {"passed"}}


def named(case: Case) -> str:
    return f"{case.name} ({case.mode})"


@pytest.mark.parametrize("case", FINE, ids=named)
def test_what_keeps_the_rules_passes(case: Case, verdicts: dict[Case, set[str]]) -> None:
    assert verdicts[case] == set()


@pytest.mark.parametrize("case", BREAKING, ids=named)
def test_exactly_the_rule_that_is_broken_fails(case: Case, verdicts: dict[Case, set[str]]) -> None:
    assert verdicts[case] == {case.name}


def test_the_command_of_the_readme_makes_rules_for_a_module_of_another_name(tmp_path: Path) -> None:
    (told,) = re.findall(r"`(sed -i 's/.+/') \*\.feature`", (HERE / "README.md").read_text())
    plan = planned_in("local")
    moved("module.site_purge")(plan)
    assert_complies(plan, MODES["local"].features, tmp_path, shlex.split(told))


def test_each_rule_is_broken_on_its_own_at_least_once() -> None:
    assert {case.name for case in BREAKING} == set(scenarios(FEATURES))


def test_every_scenario_fails_where_nothing_matches() -> None:
    for path in HERE.glob("*.feature"):
        text = path.read_text()
        assert text.count("@noskip") == text.count("Scenario"), path.name


def test_the_readme_says_which_feature_is_for_which_mode() -> None:
    assert frozenset().union(*(mode.features for mode in MODES.values())) == FEATURES
    readme = (HERE / "README.md").read_text()
    table = re.findall(r"^\| ((?:`\w+\.feature`(?:, )?)+) \|", readme, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)\.feature`", " ".join(table))) == sorted(FEATURES)
    copied = re.findall(r"/[{](.+)[}]\.feature ", readme)
    assert [set(names.split(",")) for names in copied] == [MODES["local"].features]
