"""S3 invokes this for each object: client and pool are created at import, the token is read once."""

import json
import os
from functools import cache
from typing import Any
from urllib.parse import quote, unquote_plus

import boto3
import urllib3

API = os.environ["CLOUDFLARE_API_URL"]
ZONE = os.environ["ZONE_ID"]
SITE = os.environ["SITE"]  # https://www.example.com
PARAMETER = os.environ["TOKEN_PARAMETER"]

ssm = boto3.client("ssm")
http = urllib3.PoolManager()


@cache
def token() -> str:
    value: str = ssm.get_parameter(Name=PARAMETER, WithDecryption=True)["Parameter"]["Value"]
    return value


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, list[str]]:
    purged = []
    for record in event["Records"]:
        key = unquote_plus(record["s3"]["object"]["key"])
        url = f"{SITE}/{quote(key)}"
        response = http.request(
            "POST",
            f"{API}/zones/{ZONE}/purge_cache",
            headers={"Authorization": f"Bearer {token()}", "Content-Type": "application/json"},
            body=json.dumps({"files": [url]}),
            timeout=10,
        )
        answer = json.loads(response.data)
        if response.status != 200 or not answer.get("success"):
            raise RuntimeError(f"Cloudflare did not purge {url}: {response.status} {answer.get('errors')}")
        print(f"purged {url}")
        purged.append(url)
    return {"purged": purged}
