"""IAM has no actions for SQS's batch calls: `sqs:DeleteMessage` covers `DeleteMessageBatch`.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
"""

from collections.abc import Callable, Mapping


def without_batches(action_from_target: Callable[[Mapping[str, str]], str | None]) -> Callable[..., str | None]:
    """Return MiniStack's function that reads the action of a call; a batch call of SQS now has the single action."""

    def read(headers: Mapping[str, str]) -> str | None:
        action = action_from_target(headers)
        return action.removesuffix("Batch") if action and "AmazonSQS." in headers["x-amz-target"] else action

    return read
