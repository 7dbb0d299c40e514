"""`aws` as docs/operations.md calls it. PyPI has version 1 of the AWS CLI; here is all that version 2 does otherwise.

- `--cli-binary-format raw-in-base64-out` is what version 1 does anyway, without knowing the option.
- `aws logs tail` asks FilterLogEvents and prints time, stream and message:
  https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html
- Version 1 calls SQS by an old name of its own, whatever AWS_ENDPOINT_URL says.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence

_BINARY_FORMAT = ["--cli-binary-format", "raw-in-base64-out"]
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def in_version_1(arguments: Sequence[str], now: float, endpoint: str | None = None) -> list[str]:
    """Return what makes version 1 do the same; `now` in seconds since the epoch, `endpoint` as AWS_ENDPOINT_URL is."""
    arguments = list(arguments)
    if arguments[:1] == ["sqs"] and endpoint and "--endpoint-url" not in arguments:
        arguments += ["--endpoint-url", endpoint]
    if _BINARY_FORMAT[0] in arguments:
        at = arguments.index(_BINARY_FORMAT[0])
        if arguments[at : at + 2] == _BINARY_FORMAT:
            del arguments[at : at + 2]
    if arguments[:2] != ["logs", "tail"]:
        return arguments
    parser = argparse.ArgumentParser()
    parser.add_argument("group")
    parser.add_argument("--since", default="10m")
    parser.add_argument("--filter-pattern", default="")
    asked = parser.parse_args(arguments[2:])
    start = now - int(asked.since[:-1]) * _SECONDS[asked.since[-1]]
    return [
        *("logs", "filter-log-events", "--log-group-name", asked.group, "--start-time", str(int(start * 1000))),
        *(["--filter-pattern", asked.filter_pattern] if asked.filter_pattern else []),
        *("--query", "events[].[timestamp, logStreamName, message]", "--output", "text"),
    ]


if __name__ == "__main__":
    from awscli.clidriver import main

    sys.argv[1:] = in_version_1(sys.argv[1:], time.time(), os.environ.get("AWS_ENDPOINT_URL"))
    sys.exit(main())
