"""`python -m cf_purge event.json`: the same function from a shell, configured by the same variables.

`python -m cf_purge preview` prints what keys would purge with a Terraform plan.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

USAGE = """usage: python -m cf_purge EVENT.json (or - for standard input)
       python -m cf_purge preview --plan PLAN.json [--name NAME] KEY..."""


def main(arguments: list[str]) -> int:
    """Print the summary on standard output and the log on standard error; return the exit status."""
    if arguments[:1] == ["preview"]:
        from cf_purge import preview

        return preview.main(arguments[1:])
    is_help = arguments in (["-h"], ["--help"])
    if is_help or len(arguments) != 1:
        print(USAGE, file=sys.stderr)
        return 0 if is_help else 2
    [place] = arguments
    try:
        event = json.loads(sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        print(f"{place} cannot be read as JSON: {error}", file=sys.stderr)
        return 2

    from cf_purge.errors import PurgeError
    from cf_purge.handler import lambda_handler

    try:
        with contextlib.redirect_stdout(sys.stderr):
            summary = lambda_handler(event)
    except PurgeError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(summary, indent=2))
    return 1 if summary.get("batchItemFailures") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
