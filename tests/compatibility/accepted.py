"""Findings of the linter that stay, each with its reason: Sid and issue, and what every detail must match."""

from __future__ import annotations

_TRUST = (
    "A trust policy has no Resource: it is about the role that has it. The linter takes each for an identity policy."
)
_KEY_POLICY = "A key policy's Resource is the key that it is attached to, and can be written in no other way."

ACCEPTED: dict[tuple[str, str], tuple[str, str]] = {
    ("LambdaRunsAsThisRole", "MALFORMED"): (r"Statement contains neither Resource nor NotResource", _TRUST),
    ("PeopleOfThisAccount", "MALFORMED"): (r"Statement contains neither Resource nor NotResource", _TRUST),
    ("ManageNetworkInterfaces", "RESOURCE_STAR"): (
        r'(["\[\], ]|ec2:(Assign|Unassign)PrivateIpAddresses|ec2:(Create|Delete)NetworkInterface)+',
        'Lambda checks these on "*" when it makes a function\'s interfaces; the statement after it keeps the code out. '
        "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html",
    ),
    ("KeepNetworkInterfacesFromCode", "UNKNOWN_CONDITION_FOR_ACTION"): (
        r"Unknown condition lambda:SourceFunctionArn for action ec2:\w+",
        "Lambda puts the key into every request of a function's code; the linter knows what the called service lists. "
        "https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html",
    ),
    ("AccountDecidesByIam", "RESOURCE_STAR"): (r".*", _KEY_POLICY),
    ("BucketEncryptsMessages", "RESOURCE_STAR"): (r".*", _KEY_POLICY),
    ("CloudWatchEncryptsLog", "RESOURCE_STAR"): (r".*", _KEY_POLICY),
    ("CloudWatchEncryptsLog", "MISMATCHED_TYPE"): (
        r"Type mismatch: ArnEquals requires a value of type Arn but given String",
        "The context is an ARN, and CloudWatch's own example compares it so. "
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
    ),
    ("CloudWatchEncryptsLog", "UNKNOWN_CONDITION_FOR_ACTION"): (
        r"Unknown condition kms:EncryptionContext:aws:logs:arn for action kms:DescribeKey",
        "As in the same example: it grants nothing there, and nothing needs it.",
    ),
    ("ServicesOfAPurge", "RESOURCE_STAR"): (r".*", "A boundary grants nothing: it says what may be granted."),
    ("BatchCallsOfTheEmulator", "UNKNOWN_ACTION"): (
        r"Unknown action sqs:(ChangeMessageVisibility|DeleteMessage)Batch",
        "Only the emulator has such actions, which is why the example has them and the module has not.",
    ),
}
