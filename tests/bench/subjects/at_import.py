"""As per_event.py, but client and pool are created at import, and the token is read once."""

from functools import cache
from typing import Any

import boto3
import urllib3
from per_event import purged, token_from  # type: ignore[import-not-found]

ssm = boto3.client("ssm")
http = urllib3.PoolManager()
token = cache(token_from)


def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    return purged(event, token(ssm), http)
