"""Laws that hold for every input."""

import json
import traceback
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from cf_purge.errors import PurgeError
from cf_purge.targets import EVERYTHING, FILES, HOSTS, PREFIXES
from tests.support.fakes import World
from tests.support.names import TOKEN

_SUMMARY = {"success", "invalidations", "skipped", "requests", "dry_run", "check"}
# There are no faults, so no message is given up or rejected by Cloudflare.
_CODES = {"UnknownEvent", "TooLarge", "OutsideTargets"} | {f"Foreign{each}" for each in ("Bucket", "Host", "Zone")}
_CODES |= {f"Malformed{each}" for each in ("Key", "Url", "Prefix", "Tag", "Host")}


class Fuzzed(World):
    """A world without faults."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.config = config

    def outcome(self, event: Any) -> dict[str, Any] | PurgeError:
        """Return the result or the error of an invocation; an exception of another kind fails the test."""
        try:
            return self.invoke(event)
        except PurgeError as error:
            return error


def assert_lawful(world: Fuzzed, outcome: dict[str, Any] | PurgeError, bodies: list[Any]) -> None:
    """Nothing outside the configuration, nothing malformed, no token, no forged line, no unexpected error."""
    assert_within_configuration(world, bodies)
    assert world.cloudflare.malformed == []
    lines = [json.loads(line) for line in world.output.splitlines()]
    assert not [line for line in lines if line.get("message") == "unexpected error"], world.output
    assert sum("_aws" in line and "Purged" in line for line in lines) == 1
    raised = "".join(traceback.format_exception(outcome)) if isinstance(outcome, PurgeError) else ""
    to_sqs = json.dumps([body for operation, body in world.aws.calls if operation != "GetParameter"])
    for text in (json.dumps(outcome, default=str), raised, world.output, to_sqs):
        assert TOKEN not in text
    for code, reason in world.parked_reasons:
        assert code in _CODES, reason
        assert reason.strip()
        assert reason.isprintable()


def assert_a_sentence(error: PurgeError) -> None:
    assert str(error).endswith(".")
    assert TOKEN not in str(error)


def assert_summary(outcome: dict[str, Any]) -> None:
    assert set(outcome) <= _SUMMARY
    assert set(outcome) >= {"success", "invalidations", "skipped", "requests"}
    assert outcome["success"] is True
    assert isinstance(outcome["invalidations"], list)
    assert all(isinstance(key, str) for key in outcome["skipped"])
    assert isinstance(outcome["requests"], int)
    json.dumps(outcome)


def assert_within_configuration(world: Fuzzed, bodies: list[Any]) -> None:
    named, zones_to_empty = _named_in(bodies)
    targets = world.config["targets"]
    for zone, kind, item in world.cloudflare.accepted:
        here = [target for target in targets if _zone_of(target) == zone]
        assert here, f"{zone} is no configured zone"
        if kind == EVERYTHING:
            by_itself = any(target["purge_by"] == "everything" for target in here)
            assert by_itself or zone.split("/")[0] in zones_to_empty, "everything without a request"
            continue
        text = item if isinstance(item, str) else item[0]
        if kind in (FILES, PREFIXES, HOSTS):
            host, _, path = text.removeprefix("https://").removeprefix("http://").partition("/")
            here = [target for target in here if host in target["hosts"]]
            assert here, f"{host} is no configured host of {zone}"
        if kind in (FILES, PREFIXES):
            here = [target for target in here if unquote(path).startswith(target["path_prefix"])]
            assert here, f"{text} is outside of every path_prefix"
        if kind == HOSTS and not any(target["purge_by"] == "host" for target in here):
            assert "hosts" in named, "a host without a request"
            assert any(not target["path_prefix"] for target in here), f"{text} is more than any target"


def _zone_of(target: dict[str, Any]) -> str:
    environment = target["environment_id"]
    return f"{target['zone_id']}/environments/{environment}" if environment else str(target["zone_id"])


def _named_in(values: list[Any]) -> tuple[set[str], set[str]]:
    """All fields in the input, and the zones beside `"everything": true`."""
    names: set[str] = set()
    zones: set[str] = set()
    for value in _dicts_in(values):
        names |= value.keys()
        if value.get("everything") is True:
            zones |= {str(value.get("zone_id")).lower()}
    return names, zones


def _dicts_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, dict):
            yield each
            pending += each.values()
        elif isinstance(each, list):
            pending += each
        elif isinstance(each, str) and each[:1] in "{[" and each:
            yield from _dicts_in(each)
