"""What the documents say of the function is what it does."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from cf_purge import errors
from cf_purge.config import Target
from cf_purge.purge import Zone
from cf_purge.targets import pages_of, path_of, spellings
from tests.unit.factories import ZONE

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
RUNBOOK = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ALARMS = (ROOT / "alarms.tf").read_text(encoding="utf-8")
# What Terraform fills in, and the variables of the runbook that stand for it.
NAMES = {
    "aws_cloudwatch_log_group.this.name": "LOG_GROUP",
    "aws_lambda_function.this.function_name": "FUNCTION",
    "aws_sqs_queue.dead_letter.arn": "DLQ_ARN",
    "aws_sqs_queue.dead_letter.url": "DLQ_URL",
    "aws_sqs_queue.this.arn": "QUEUE_ARN",
    "var.bucket": "BUCKET",
}


def rows(heading: str, text: str = TEXT) -> list[list[str]]:
    """The cells of the first table below a heading, its own heading left out."""
    table = re.search(r"^\|(?:.*\n\|)+.*$", text.split(f"## {heading}\n")[1], re.MULTILINE)
    assert table
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[0].splitlines()[2:]]


@pytest.mark.parametrize(("key", "_rule", "urls"), rows("From a key to URLs"))
def test_the_table_of_keys_is_true(key: str, _rule: str, urls: str) -> None:
    quoted = re.findall(r"`([^`]*)`", key)
    prefixes = dict(re.findall(r'(key_prefix|path_prefix) = "(\w+)"', key))
    target = Target(
        Zone(ZONE), **{name: f"{folder}/" for name, folder in prefixes.items()}, clean_urls="`clean_urls = true`" in key
    )
    path = path_of(quoted[0], target)
    pages = [] if path is None else [path, *pages_of(path, target)]
    assert {f"/{spelling}" for page in pages for spelling in spellings(page)} == set(re.findall(r"`([^`]*)`", urls))


def reason_codes() -> set[str]:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "lambda" / "cf_purge").glob("*.py"))
    return set(re.findall(r'"((?:Unknown|Foreign|Malformed|Rejected|TooLarge)[A-Za-z]*)"', source))


def test_the_table_of_reason_codes_is_whole() -> None:
    assert {code.strip("`") for code, _ in rows("Reason codes of parked messages")} == reason_codes()


# ---- The runbook ----


_COMMAND = re.compile(r'^  (\w+_command) += "(.*)"$', re.MULTILINE)
_ALARM = re.compile(r"^    (\w+) += .*\{\n(?:      .*\n)*?      command +=(.*)\n      then +=(.*)$", re.MULTILINE)
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def in_shell(hcl: str) -> str:
    """A command of alarms.tf as a shell has it that knows the names."""
    text = f"${{{hcl}}}" if hcl.startswith("local.") else hcl.strip('"')
    for name, command in _COMMAND.findall(ALARMS):
        text = text.replace(f"${{local.{name}}}", command)
    for name, variable in NAMES.items():
        text = text.replace(f"${{{name}}}", f'"${variable}"')
    return text.replace('\\"', '"')


def alarms() -> dict[str, list[str]]:
    """The commands of every alarm's description, the first one first, by its section in the runbook."""
    found = _ALARM.findall(ALARMS.split("\n  alarms = {\n")[1])
    return {
        name.replace("_", "-"): [
            in_shell(text) for text in (command.strip(), *re.findall(r"`(aws .*?|\$\{local\.\w+\})`", then))
        ]
        for name, command, then in found
    }


def test_every_alarm_has_its_section() -> None:
    section = RUNBOOK.split("\n## Alarms\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (.*)$", section, re.MULTILINE) == list(alarms())
    assert len(alarms()) == len(re.findall(r"^      means +=", ALARMS, re.MULTILINE))


@pytest.mark.parametrize("name", alarms())
def test_a_section_begins_with_the_commands_of_its_alarms_description(name: str) -> None:
    section = RUNBOOK.split(f"\n### {name}\n")[1].split("\n##")[0]
    lines = [line for block in _BLOCK.findall(section) for line in block.splitlines()]
    first, *others = alarms()[name]
    assert lines[0] == first
    for command in others:
        assert any(line.startswith(command) for line in lines), command


def test_the_runbook_has_a_line_for_every_reason_code() -> None:
    cells = [code for codes, *_ in rows("Reason codes", RUNBOOK) for code in codes.split(", ")]
    assert sorted(code.strip("`") for code in cells) == sorted(reason_codes())


def test_the_runbook_has_a_line_for_every_outcome_class_with_all_its_kinds() -> None:
    found = {name: re.findall(r"`(\w+)`", kinds) for name, kinds, *_ in rows("Outcome classes", RUNBOOK)}
    roots = {"transient": errors.Transient, "misconfigured": errors.Misconfigured, "item": errors.Rejected}
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]
    # An event that is not understood is parked before there is a request.
    assert {name: sorted(kinds) for name, kinds in found.items()} == {
        name: [kind.__name__ for kind in classes if issubclass(kind, root) and kind is not errors.UnknownEvent]
        for name, root in roots.items()
    }


def test_the_runbooks_links_lead_somewhere() -> None:
    headings = re.findall(r"^##+ (.*)$", RUNBOOK, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(([^)]*)\)", RUNBOOK)
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    assert all((ROOT / "docs" / link).exists() for link in links if not link.startswith("#"))


def test_the_runbooks_commands_stand_where_they_are_run_by_a_test() -> None:
    """What begins with `aws` stands in a block of its own; of Terraform the bare subcommand may stand in a line."""
    text = _BLOCK.sub("", RUNBOOK)
    assert set(re.findall(r"`(aws .*?|terraform .*?)`", text)) <= {"terraform plan", "terraform apply"}
