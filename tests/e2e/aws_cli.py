"""`aws` as docs/operations.md calls it, with version 1 of the AWS CLI, since PyPI has no version 2.

- Version 1 does not know `--cli-binary-format raw-in-base64-out`, but does it.
- It has no `logs tail`, which asks FilterLogEvents and prints time, stream and message:
  https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html
- It ignores AWS_ENDPOINT_URL for SQS.
"""

import os
import sys
import time

from awscli.clidriver import main

arguments = sys.argv[1:]
if arguments[0] == "sqs":
    arguments += ["--endpoint-url", os.environ["AWS_ENDPOINT_URL"]]
if "--cli-binary-format" in arguments:
    at = arguments.index("--cli-binary-format")
    del arguments[at : at + 2]
if arguments[:2] == ["logs", "tail"]:
    # The document always writes: logs tail GROUP --since TIME, then perhaps --filter-pattern PATTERN.
    _, _, group, _, since, *pattern = arguments
    start = time.time() - int(since[:-1]) * {"m": 60, "h": 3600}[since[-1]]
    arguments = [
        *("logs", "filter-log-events", "--log-group-name", group, "--start-time", str(int(start * 1000)), *pattern),
        *("--query", "events[].[timestamp, logStreamName, message]", "--output", "text"),
    ]
sys.argv[1:] = arguments
sys.exit(main())
