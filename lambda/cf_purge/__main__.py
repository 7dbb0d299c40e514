"""The function in a shell: `python -m cf_purge event.json`, configured by the same variables.

`python -m cf_purge preview` prints what keys would purge with the configuration of a Terraform plan or state. It runs
on the standard library alone, without credentials and without a network.
"""

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from cf_purge.config import VARIABLE, Config, Target, load, takes
from cf_purge.errors import Misconfigured, PurgeError
from cf_purge.events import Message
from cf_purge.plan import make_plan
from cf_purge.targets import EVERYTHING, FILES, HOSTS, PREFIXES, TAGS, Purge

_KINDS = {FILES: "url", PREFIXES: "prefix", TAGS: "tag", HOSTS: "host", EVERYTHING: "everything"}


def main(arguments: list[str]) -> int:
    """Print the summary on standard output and the log on standard error; return the exit status.

    Raises:
        SystemExit: there is no summary; the reason is on standard error.
    """
    if arguments[:1] == ["preview"]:
        return preview(arguments[1:])
    parser = argparse.ArgumentParser("python -m cf_purge", epilog="preview -h: print what uploads would purge")
    parser.add_argument("event", help="a file with an event in JSON, or - for standard input")
    event = _read(parser.parse_args(arguments).event, parser)

    from cf_purge.handler import lambda_handler

    try:
        with contextlib.redirect_stdout(sys.stderr):
            summary = lambda_handler(event)
    except PurgeError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print(json.dumps(summary, indent=2))
    return 1 if summary.get("batchItemFailures") else 0


def preview(arguments: list[str]) -> int:
    """Print what the keys would purge; the exit status is 1 if a key is refused, 2 if the plan cannot be used."""
    parser = argparse.ArgumentParser("python -m cf_purge preview", description="Print what uploads would purge.")
    parser.add_argument("--plan", required=True, help="output of `terraform show -json`, of a plan or a state; or -")
    parser.add_argument("--name", help="the module's input `name` or `bucket`, where several modules are planned")
    parser.add_argument("key", nargs="+", help="an object key, as S3 has it")
    given = parser.parse_args(arguments)
    found = configs_in(_read(given.plan, parser))
    chosen = [config for place, config in found.items() if given.name in (None, *place)]
    if len(chosen) != 1:
        names = ", ".join(f"{name} (bucket {bucket})" for name, bucket in found) or "none"
        fault = f"It must have one configuration of this version of the module, and has {names}: choose one with --name"
        remedy = "write it with `terraform show -json`, before the first apply with config_json in an output"
        parser.exit(2, f"{given.plan}: {fault}; {remedy}.\n")
    groups = {key: lines_of(key, chosen[0]) for key in given.key}
    for key, lines in groups.items():
        print(key if key.isprintable() else json.dumps(key), *lines, sep="\n  ")
    return int(any(lines[0].startswith("refused") for lines in groups.values()))


def configs_in(shown: Any) -> dict[tuple[str, str | None], Config]:
    """Return the configurations of this version in a document of `terraform show -json`, by name and bucket."""
    found: dict[tuple[str, str | None], Config] = {}
    pending = [shown]
    for value in pending:  # which grows meanwhile
        if isinstance(value, dict):  # of a plan, what it leads to
            pending += [value["planned_values"]] if "planned_values" in value else value.values()
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, str):
            with contextlib.suppress(Misconfigured):
                config = load({VARIABLE: value})
                found[config.name, config.bucket] = config
    return found


def lines_of(key: str, config: Config) -> list[str]:
    """Return a line for each purge of a key, or one that says why there is none; the order of targets is irrelevant."""
    [task] = make_plan([Message("", {"keys": [key]})], config, {}, {}, 0.0).tasks
    lines = sorted({_line_of(purge, target) for job in task.jobs for target, purges in job.parts for purge in purges})
    refused = [f"refused: {task.error}"] if task.error else []
    reasons = [f"exclude has {glob}" for glob in config.exclude if takes(key, [glob])]
    reasons.append("no target serves it" if config.takes(key) else "include has no glob for it")
    return refused + lines or [f"skipped: {reasons[0]}"]


def _line_of(purge: Purge, target: Target | None) -> str:
    headers = "".join(f", {name}: {value}" for name, value in purge.headers)
    delay = f", {target.delay_seconds} seconds later" if target and target.delay_seconds else ""
    return f"zone {purge.zone} {_KINDS[purge.kind]} {purge.item}".rstrip() + headers + delay


def _read(place: str, parser: argparse.ArgumentParser) -> Any:
    """Return the JSON in a file, or in standard input for "-"; the exit status is 2 if it is not JSON."""
    try:
        return json.loads(sys.stdin.buffer.read() if place == "-" else Path(place).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        parser.exit(2, f"{place} cannot be read as JSON, see --help: {error}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
