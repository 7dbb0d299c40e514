"""S3 invokes this for each object: each event creates client and connection and reads the token."""

import json
import os
from typing import Any
from urllib.parse import quote, unquote_plus

import boto3
import urllib3

API = os.environ["CLOUDFLARE_API_URL"]
ZONE = os.environ["ZONE_ID"]
SITE = os.environ["SITE"]  # https://www.example.com


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, list[str]]:
    return purged(event, token_from(boto3.client("ssm")), urllib3.PoolManager())


def token_from(ssm: Any) -> str:
    value: str = ssm.get_parameter(Name=os.environ["TOKEN_PARAMETER"], WithDecryption=True)["Parameter"]["Value"]
    return value


def purged(event: dict[str, Any], token: str, http: urllib3.PoolManager) -> dict[str, list[str]]:
    urls = []
    for record in event["Records"]:
        key = unquote_plus(record["s3"]["object"]["key"])
        url = f"{SITE}/{quote(key)}"
        response = http.request(
            "POST",
            f"{API}/zones/{ZONE}/purge_cache",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            body=json.dumps({"files": [url]}),
            timeout=10,
        )
        answer = json.loads(response.data)
        if response.status != 200 or not answer.get("success"):
            raise RuntimeError(f"Cloudflare did not purge {url}: {response.status} {answer.get('errors')}")
        print(f"purged {url}")
        urls.append(url)
    return {"purged": urls}
