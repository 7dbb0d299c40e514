"""S3 invokes this for each object: as the naive design, with Cloudflare's official client."""

import os
from typing import Any
from urllib.parse import quote, unquote_plus

import boto3
from cloudflare import Cloudflare

ZONE = os.environ["ZONE_ID"]
SITE = os.environ["SITE"]  # https://www.example.com
PARAMETER = os.environ["TOKEN_PARAMETER"]


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, list[str]]:
    ssm = boto3.client("ssm")
    token = ssm.get_parameter(Name=PARAMETER, WithDecryption=True)["Parameter"]["Value"]
    client = Cloudflare(api_token=token)  # it reads CLOUDFLARE_BASE_URL itself
    purged = []
    for record in event["Records"]:
        key = unquote_plus(record["s3"]["object"]["key"])
        url = f"{SITE}/{quote(key)}"
        client.cache.purge(zone_id=ZONE, files=[url])
        print(f"purged {url}")
        purged.append(url)
    return {"purged": purged}
