"""`python -m cf_purge preview`: what each key would purge with the configuration of a Terraform plan or state.

It runs on the standard library alone, without credentials and without a network.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Any

from cf_purge.budget import Cost
from cf_purge.config import VARIABLE, Config, Target, load, takes, unpacked
from cf_purge.errors import Misconfigured
from cf_purge.plan import make_task, plan_event
from cf_purge.targets import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge, has_dots

_HANDLER = "cf_purge.handler.lambda_handler"
_REQUIRED = {"name", "bucket", "api_token_parameter", "targets"}  # of a configuration
_KINDS = {FILES: "url", PREFIXES: "prefix", TAGS: "tag", HOSTS: "host", EVERYTHING: "everything"}
_NO_QUEUE = "arn:aws:sqs:us-east-1:000000000000:preview"  # a first plan does not know the queue, and nothing is sent
_WRITE = "write it with `terraform show -json plan > plan.json`"
_OUTPUT = 'add `output "config_json" { value = module.cf_purge.config_json }` to the root module, and plan again'


def main(arguments: Sequence[str]) -> int:
    """Print what the keys would purge; return 2 when the plan cannot be used, 1 when a key is refused."""
    parser = argparse.ArgumentParser(
        "python -m cf_purge preview", description="Print what uploads of these keys would purge. Nothing is sent."
    )
    parser.add_argument("--plan", required=True, help="output of `terraform show -json`, of a plan or a state; or -")
    parser.add_argument("--name", help="the module's input `name` or `bucket`, where several modules are planned")
    parser.add_argument("key", nargs="+", help="an object key, as S3 has it")
    given = parser.parse_args(arguments)
    try:
        text = sys.stdin.buffer.read() if given.plan == "-" else Path(given.plan).read_bytes()
        config = config_in(text, given.name)
    except (OSError, Misconfigured) as error:
        fault = f"{error.strerror}: {_WRITE}." if isinstance(error, OSError) else error
        print(f"{given.plan}: {fault}", file=sys.stderr)
        return 2
    groups = {key: lines_of(key, config) for key in given.key}
    for key, lines in groups.items():
        print(key if key.isprintable() else json.dumps(key), *lines, sep="\n  ")
    return int(any(line.startswith("refused") for lines in groups.values() for line in lines))


def config_in(text: bytes, name: str | None = None) -> Config:
    """Return the one configuration in the output of `terraform show -json`, or the one of that name or bucket.

    Raises:
        Misconfigured: there is none or more than one, or it is that of another version.
    """
    try:
        document = json.loads(text)
        found = _configurations(document["planned_values"] if "planned_values" in document else document["values"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Misconfigured(f"This is no plan or state in JSON: {_WRITE}.") from None
    chosen = [place for place in found if name in (None, *place)]
    if len(chosen) != 1:
        names = ", ".join(f"{own} (bucket {bucket})" if bucket else own for own, bucket in chosen or found)
        raise Misconfigured(f"Choose one with --name: {names}." if names else f"There is no cf_purge in it: {_OUTPUT}.")
    configuration = found[chosen[0]]
    if configuration is None:
        raise Misconfigured(f"The configuration of {chosen[0][0]} is not known before its apply: {_OUTPUT}.")
    return load({VARIABLE: json.dumps({"queue_arn": _NO_QUEUE, **configuration})})


def lines_of(key: str, config: Config) -> list[str]:
    """Return a line for each purge of a key, or one that says why there is none; the order of targets is irrelevant."""
    [task] = plan_event(make_task("", {"keys": [key]}, config, Cost(inf, inf, inf), 0.0), config).tasks
    if task.error is not None:
        return [f"refused: {task.error}"]
    purges = {_line_of(purge, job.target) for job in task.jobs for purge in job.purges}
    return sorted(purges) or [f"skipped: {'; '.join(_reasons(key, config))}"]


def _line_of(purge: Purge, target: Target | None) -> str:
    headers = "".join(f", {name}: {value}" for name, value in purge.headers)
    delay = f", {target.delay_seconds} seconds later" if target and target.delay_seconds else ""
    return f"zone {purge.zone} {_KINDS[purge.kind]} {purge.item}".rstrip() + headers + delay


def _reasons(key: str, config: Config) -> list[str]:
    for glob in config.exclude:
        if glob.matches(key):
            return [f"exclude has {glob.text}"]
    if not config.takes(key):
        return ["include has no glob for it"]
    return sorted({_reason(key, target) for target in config.targets})


def _reason(key: str, target: Target) -> str:
    if not key.startswith(target.key_prefix):
        return f"not in the key_prefix {target.key_prefix}"
    if not takes(key, target.keys):
        return "keys has no glob for it"
    if has_dots(target.path_prefix + key.removeprefix(target.key_prefix)):
        return "clients resolve . and .. in a path, so nobody can request it"
    if key.endswith("/"):
        return 'a folder marker, and index_documents has no ""'
    return "its tags are empty"


def _configurations(values: object) -> dict[tuple[str, str], dict[str, Any] | None]:
    """Return all configurations by name and bucket, and None for a function whose own is not known yet."""
    found: dict[tuple[str, str], dict[str, Any] | None] = {}
    functions: list[str] = []
    for value in _walk(values):
        if isinstance(value, dict) and value.get("handler") == _HANDLER:
            functions.append(str(value.get("function_name")))
        elif isinstance(value, str) and value.startswith(("{", "H4sI")):
            try:
                document = json.loads(unpacked(value))
            except (ValueError, RecursionError, Misconfigured):
                continue
            if isinstance(document, dict) and document.keys() >= _REQUIRED:
                found[str(document["name"]), str(document["bucket"])] = document
    known = {name for name, _ in found}
    return found | {(name, ""): None for name in functions if name not in known}


def _walk(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _walk(inner)
