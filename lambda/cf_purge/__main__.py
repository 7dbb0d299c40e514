"""`python -m cf_purge event.json`: the same function from a shell, configured by the same variables."""

from __future__ import annotations

import contextlib
import json
import sys

USAGE = "usage: python -m cf_purge EVENT.json (or - for standard input)"


def main(arguments: list[str]) -> int:
    """Print the summary on standard output and the log on standard error; return the exit status."""
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stderr)
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    try:
        if arguments[0] == "-":
            event = json.load(sys.stdin)
        else:
            with open(arguments[0], encoding="utf-8") as file:
                event = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        print(f"{arguments[0]} cannot be read as JSON: {error}", file=sys.stderr)
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
