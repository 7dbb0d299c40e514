"""Each scenario can fail: for every one there is a plan that breaks its rule, and no other."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.plans import cases, shared_plans
from tools.problems import ENVIRONMENTS

Plan = dict[str, Any]
Change = Callable[[Plan], None]

HERE = Path(__file__).parent
PROGRAMS = ENVIRONMENTS / "compliance" / "bin"
MODULE = "module.cf_purge"
FEATURES = {path.stem for path in HERE.glob("*.feature")}
ALWAYS = "alarms function queues secrets tags "
# One instance for each mode that differs: the case that is planned, and the feature files that hold for it.
MODES = {
    "plain": (cases.S3, ALWAYS + "bucket_sends notification queue_delivery iam"),
    "vpc": (cases.EVERYTHING, ALWAYS + "bucket_sends notification queue_delivery iam vpc"),
    "rule": (cases.RULED, ALWAYS + "rule_sends others_notification queue_delivery iam"),
    "another owner": (cases.NONE, ALWAYS + "bucket_sends others_notification queue_delivery iam"),
    "direct": (cases.S3_DIRECT, ALWAYS + "bucket_sends notification direct_delivery own_role"),
    "direct rule": (cases.RULE_DIRECT, ALWAYS + "rule_sends others_notification direct_delivery iam"),
}
TOGETHER = "together"  # all of them in one plan, in which no other instance breaks these rules
SHARED = ALWAYS + "iam notification"


class Case(NamedTuple):
    """A changed plan: what it is, or the scenario that it breaks."""

    name: str
    change: Change
    mode: str = "plain"


def scenarios(features: str) -> set[str]:
    texts = [(HERE / f"{feature}.feature").read_text() for feature in features.split()]
    return {name for text in texts for name in re.findall("^  Scenario: (.+)$", text, re.MULTILINE)}


# ---- Plans ----


def planned_in(mode: str) -> Plan:
    """The plan of one instance, or of one of each mode together in a root."""
    changes: list[Plan] = []
    for name in MODES if mode == TOGETHER else [mode]:
        prefix = f"module.{name.replace(' ', '_')}." if mode == TOGETHER else ""
        for change in shared_plans.known().changes(MODES[name][0]):
            kept: Plan = {key: change[key] for key in ("mode", "type", "name", "index") if key in change}
            place = {"address": f"{prefix}{change['address']}", "module_address": f"{prefix}{MODULE}"}
            changes.append({**kept, **place, "change": {"actions": ["no-op"], "after": change["change"]["after"]}})
    plan: Plan = {"format_version": "1.2", "terraform_version": "1.9.0", "resource_changes": changes}
    plan |= {section: {"root_module": {}} for section in ("planned_values", "configuration")}
    return json.loads(json.dumps(plan))  # type: ignore[no-any-return]


# ---- Changing the plan ----


def planned(plan: Plan, address: str) -> dict[str, Any]:
    """The planned attributes of one of the module's resources."""
    (found,) = [each for each in plan["resource_changes"] if each["address"] == f"{MODULE}.{address}"]
    return found["change"]["after"]  # type: ignore[no-any-return]


def put(address: str, *path: str | int, **fields: Any) -> Change:
    """Change attributes of a resource, or fields below a path in it: names, indices and Sids, through JSON too."""

    def change(plan: Plan) -> None:
        attributes = planned(plan, address)
        attributes.update(_changed(attributes, path, fields))

    return change


def _changed(value: Any, path: Sequence[str | int], fields: dict[str, Any]) -> Any:
    if isinstance(value, str):
        return json.dumps(_changed(json.loads(value), path, fields))
    if not path:
        return {**value, **fields}
    first, *rest = path
    if isinstance(value, dict):
        return {**value, first: _changed(value[first], rest, fields)}
    place = first if isinstance(first, int) else [statement["Sid"] for statement in value].index(first)
    return [*value[:place], _changed(value[place], rest, fields), *value[place + 1 :]]


def with_statement(address: str, statement: dict[str, Any]) -> Change:
    def change(plan: Plan) -> None:
        policy = json.loads(planned(plan, address)["policy"])
        put(address, "policy", Statement=[*policy["Statement"], statement])(plan)

    return change


def new(kind: str, **attributes: Any) -> Change:
    more = {
        "address": f"{MODULE}.{kind}.more",
        "module_address": MODULE,
        "mode": "managed",
        "type": kind,
        "name": "more",
    }
    change = {"actions": ["create"], "after": attributes}
    return lambda plan: plan["resource_changes"].append({**more, "change": change})


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
RULE_ARN = f"arn:aws:events:eu-west-1:{ACCOUNT}:rule/site-purge"
OF_ACCOUNT = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
OF_BUCKET = {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::www.example.com"}}
OF_RULE = {"ArnEquals": {"aws:SourceArn": RULE_ARN}}
OF_ANY_RULE = {"ArnLike": {"aws:SourceArn": f"{RULE_ARN}*"}}
# Statements that let in what another mode lets in.
DOOR = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE_ARN}
BUCKETS_DOOR = {**DOOR, "Principal": {"Service": "s3.amazonaws.com"}, "Condition": OF_BUCKET | OF_ACCOUNT}
RULE_INVOKES = {"principal": "events.amazonaws.com", "source_arn": RULE_ARN}
BUCKET_INVOKES = {
    "principal": "s3.amazonaws.com",
    "source_arn": OF_BUCKET["ArnLike"]["aws:SourceArn"],
    "source_account": ACCOUNT,
}
RULES_DOOR = {**DOOR, "Principal": {"Service": "events.amazonaws.com"}, "Condition": OF_RULE}

# In pieces, so that secret scanners do not report them.
AWS_KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
CLOUDFLARE_TOKEN = "cfut_" + "not-A-token-" * 3 + "0123" + "deadbeef"
CLOUDFLARE_OLD_TOKEN = "not_A_token_0123456_" * 2
CLOUDFLARE_OLD_KEY = "0123456789abc" * 2 + "deadbeef012"
HEADER = "Bear" + "er not-a-token"
PRIVATE_KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\nbm90IGEga2V5\n"


EXACT = "Each statement allows one resource by its exact ARN, except network interfaces and traces"
granted = partial(put, ROLE_POLICY, "policy", "Statement")
sender = partial(put, QUEUE_POLICY, "policy", "Statement", "BucketSendsEvents")
logging = partial(put, FUNCTION, "logging_config", 0)
variables = partial(put, FUNCTION, "environment", 0, "variables")
config = partial(variables, "CF_PURGE_CONFIG")
BREAKING = [
    # ---- iam.feature ----
    Case(
        "Only Lambda may assume the role",
        put(ROLE, "assume_role_policy", "Statement", 0, Principal={"Service": "lambda.amazonaws.com", "AWS": ACCOUNT}),
    ),
    Case(
        "Each action that is allowed is one the function needs",
        granted("ConsumeQueue", Action=["sqs:ReceiveMessage", "sqs:*"]),
    ),
    Case(EXACT, granted("ConsumeQueue", Resource=f"{QUEUE_ARN}*")),
    Case(EXACT, granted("ConsumeQueue", Resource=None, NotResource=QUEUE_ARN)),
    Case(EXACT, granted("SendTraces", Action=["xray:PutTraceSegments", "sqs:SendMessage"]), "vpc"),
    Case(
        "The token's statement reads one parameter",
        granted("ReadApiToken", Action=["ssm:GetParameter", "sqs:SendMessage"]),
    ),
    Case(
        "A key decrypts only the one parameter, or messages",
        granted("DecryptApiToken", Condition={"StringEquals": {"kms:ViaService": "ssm.eu-west-1.amazonaws.com"}}),
        "vpc",
    ),
    Case("Events are sent to an event bus", granted("SendNotifications", Resource=RULE_ARN), "vpc"),
    Case(
        "No condition is negated, or true for a missing key",
        granted("UseQueueKey", Condition={"StringNotEquals": {"kms:ViaService": "sqs.eu-west-1.amazonaws.com"}}),
        "vpc",
    ),
    Case(
        "The module creates nothing in IAM but a role and its policy",
        new("aws_iam_role_policy_attachment", role="site-purge"),
    ),
    # ---- own_role.feature ----
    Case("The module creates nothing in IAM", new("aws_iam_role_policy", role="mine", policy="{}"), "direct"),
    # ---- vpc.feature ----
    Case(
        "The code may not create, delete or change a network interface",
        granted("KeepNetworkInterfacesFromCode", Action=["ec2:CreateNetworkInterface"]),
        "vpc",
    ),
    Case(
        "The code may not create, delete or change a network interface",
        granted("KeepNetworkInterfacesFromCode", Condition={"ArnLike": {"lambda:SourceFunctionArn": "arn:aws:*"}}),
        "vpc",
    ),
    # ---- queues.feature ----
    Case("Both queues are encrypted at rest", put(DEAD_LETTERS, sqs_managed_sse_enabled=None, kms_master_key_id=None)),
    Case("Both queues are encrypted at rest", put("aws_sqs_queue.this", sqs_managed_sse_enabled=False)),
    Case(
        "The queue denies access without TLS",
        put(QUEUE_POLICY, "policy", "Statement", "DenyWithoutTls", Action="sqs:SendMessage"),
    ),
    Case(
        "The dead-letter queue denies access without TLS",
        put(DEAD_LETTERS_POLICY, "policy", "Statement", "DenyWithoutTls", Action="sqs:SendMessage"),
    ),
    Case("Only AWS services may send to a queue", sender(Principal={"Service": "s3.amazonaws.com", "AWS": ACCOUNT})),
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
        put(QUEUE_POLICY, "policy", "Statement", "RuleSendsEvents", Condition=OF_ANY_RULE),
        "rule",
    ),
    Case("Permissions to send are bound to the account", sender(Condition=OF_BUCKET)),
    Case(
        "No statement has exceptions, or a condition that is true for a missing key",
        sender(Condition=OF_ACCOUNT | {"ArnNotLike": OF_BUCKET["ArnLike"]}),
    ),
    Case(
        "No statement has exceptions, or a condition that is true for a missing key", sender(NotAction="sqs:PurgeQueue")
    ),
    Case("No service may send to the dead-letter queue", with_statement(DEAD_LETTERS_POLICY, BUCKETS_DOOR)),
    Case("What the rule cannot deliver is parked", put(TARGET, dead_letter_config=[]), "rule"),
    Case(
        "The rule may send to the dead-letter queue",
        put(DEAD_LETTERS_POLICY, "policy", "Statement", "RuleParksEvents", Condition={"ArnLike": OF_RULE["ArnEquals"]}),
        "direct rule",
    ),
    Case(
        "A message is received at least five times before it is parked",
        put(REDRIVE, "redrive_policy", maxReceiveCount=4),
    ),
    Case(
        "Messages are parked in a queue of this plan",
        put(REDRIVE, "redrive_policy", deadLetterTargetArn=f"{QUEUE_ARN}-of-others-dlq"),
    ),
    Case("Parked messages are kept as long as SQS allows", put(DEAD_LETTERS, message_retention_seconds=60)),
    Case(
        "Only named queues park their messages",
        put(REDRIVE_ALLOW, "redrive_allow_policy", redrivePermission="allowAll"),
    ),
    Case(
        "The queue alone parks its messages",
        put(REDRIVE_ALLOW, "redrive_allow_policy", sourceQueueArns=[QUEUE_ARN, f"{QUEUE_ARN}2"]),
    ),
    # ---- function.feature ----
    Case("The function logs JSON", logging(log_format="Text")),
    Case("The function logs into a log group of this plan", logging(log_group="/aws/lambda/other")),
    Case("The log has a retention", put(LOG, retention_in_days=0)),
    Case(
        "The function takes its concurrency from the queue, not from a reservation",
        put(FUNCTION, reserved_concurrent_executions=1),
    ),
    Case("The function has one environment variable", variables(AWS_LAMBDA_EXEC_WRAPPER="/opt/wrapper")),
    Case("No environment variable and no setting is named like a secret", config(cloudflare={"Api_Key": "a"})),
    Case("Failed messages return to the queue individually", put(MAPPING, function_response_types=[])),
    Case("The queue invokes at least two functions at once", put(MAPPING, "scaling_config", 0, maximum_concurrency=1)),
    Case("A purge does not wait for a batch to fill", put(MAPPING, maximum_batching_window_in_seconds=5)),
    Case("The function has no URL", new("aws_lambda_function_url", authorization_type="NONE")),
    Case("Only S3 and EventBridge may invoke the function", put(PERMISSION, principal="*"), "direct"),
    Case("Permissions on the function only allow to invoke it", put(PERMISSION, action="lambda:*"), "direct"),
    Case("Only one bucket or one rule invokes the function", put(PERMISSION, source_arn="arn:aws:s3:::*"), "direct"),
    Case("Permissions to invoke the function are bound to the account", put(PERMISSION, source_account=None), "direct"),
    # ---- alarms.feature ----
    Case("Each alarm has an action", put(LAG, alarm_actions=[])),
    Case("Each alarm is enabled", put(LAG, actions_enabled=False)),
    Case("A quiet site raises no alarm", put(LAG, treat_missing_data="breaching")),
    Case("A single parked message raises an alarm", put(PARKED, threshold=10)),
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
    Case(
        "Only IAM allows to invoke the function",
        new("aws_lambda_permission", action="lambda:InvokeFunction", **RULE_INVOKES),
        "rule",
    ),
    Case("A sender is allowed on a queue of this plan", sender(Resource=f"{QUEUE_ARN}-of-others")),
    # ---- direct_delivery.feature ----
    Case("No service may send to the queue", with_statement(QUEUE_POLICY, BUCKETS_DOOR), "direct"),
    Case("No service may send to the queue", with_statement(QUEUE_POLICY, RULES_DOOR), "direct rule"),
    Case("An invoker is allowed on a function of this plan", put(PERMISSION, function_name="another"), "direct"),
    Case(
        "What fails is parked in a queue of this plan",
        put(INVOKE_CONFIG, "destination_config", 0, on_failure=[{"destination": f"{QUEUE_ARN}-of-others-dlq"}]),
        "direct",
    ),
    Case("A change is tried three times", put(INVOKE_CONFIG, maximum_retry_attempts=0), "direct"),
    Case("A change may wait for six hours", put(INVOKE_CONFIG, maximum_event_age_in_seconds=60), "direct rule"),
    # ---- bucket_sends.feature ----
    Case(
        "EventBridge is not used",
        new("aws_cloudwatch_event_rule", name="more", event_pattern="{}", tags_all={"a": "b"}),
    ),
    Case("EventBridge is not used", with_statement(QUEUE_POLICY, RULES_DOOR)),
    Case("EventBridge is not used", put(PERMISSION, **RULE_INVOKES), "direct"),
    # ---- rule_sends.feature ----
    Case("S3 sends nothing itself", with_statement(QUEUE_POLICY, BUCKETS_DOOR), "rule"),
    Case("S3 sends nothing itself", put(PERMISSION, **BUCKET_INVOKES), "direct rule"),
    Case(
        "The rule is for one bucket",
        put(RULE, "event_pattern", detail={"bucket": {"name": [{"anything-but": ["www.example.com"]}]}}),
        "rule",
    ),
    Case("The rule matches only events of S3", put(RULE, "event_pattern", source=["aws.s3", "anybody"]), "rule"),
    Case("The rule is enabled", put(RULE, state="DISABLED"), "direct rule"),
    Case(
        "The rule sends to a queue or a function", put(TARGET, arn=f"arn:aws:sns:eu-west-1:{ACCOUNT}:on-call"), "rule"
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
        "another owner",
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
    *(Case("the module as it is", lambda plan: None, mode) for mode in (*MODES, TOGETHER)),
    Case("the module among others", among_others),
    Case("the module in a module with for_each", moved(f'module.site["b"].{MODULE}["a"]'), "direct rule"),
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
    command = [PROGRAMS / "python", HERE / "run_features.py", *every.values()]
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
    assert set(ran) == scenarios(" ".join(FEATURES)), out[-2000:]
    held = SHARED if case.mode == TOGETHER else MODES[case.mode][1]
    return {name for name in scenarios(held) if ran[name] != {"passed"}}


def named(case: Case) -> str:
    return f"{case.name} ({case.mode})"


@pytest.mark.parametrize("case", FINE, ids=named)
def test_what_keeps_the_rules_passes(case: Case, verdicts: dict[Case, set[str]]) -> None:
    assert verdicts[case] == set()


@pytest.mark.parametrize("case", BREAKING, ids=named)
def test_exactly_the_rule_that_is_broken_fails(case: Case, verdicts: dict[Case, set[str]]) -> None:
    assert verdicts[case] == {case.name}


def test_each_rule_is_broken_on_its_own_at_least_once_and_fails_where_nothing_matches() -> None:
    assert {case.name for case in BREAKING} == scenarios(" ".join(FEATURES))
    assert all("@noskip\nFeature: " in (HERE / f"{feature}.feature").read_text() for feature in FEATURES)


def test_the_commands_of_the_readme_check_a_module_of_another_name(tmp_path: Path) -> None:
    readme = (HERE / "README.md").read_text()
    (names,) = re.findall(r"/[{](.+)[}]\.feature ", readme)
    (edit,) = re.findall(r"`(sed -i 's/.+/') \*\.feature`", readme)
    for name in names.split(","):
        shutil.copy(HERE / f"{name}.feature", tmp_path)
    subprocess.run([*shlex.split(edit), *tmp_path.glob("*.feature")], check=True)
    plan = planned_in("plain")
    moved("module.site_purge")(plan)
    told = tmp_path / "plan.json"
    told.write_text(json.dumps(plan))  # on one line: the tool reads no more than one
    tool = PROGRAMS / "terraform-compliance"
    command: list[str | Path] = [tool, "--planfile", told, "--features", tmp_path, "--no-ansi"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert f" ({len(scenarios(MODES['plain'][1]))} passed)" in done.stdout, done.stdout[-2000:]
