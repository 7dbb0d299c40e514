"""The naive function on the local world: a bucket that invokes it with each object, and a zone of its own."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.e2e.release import Release
from tests.e2e.site import Site
from tests.simulation import aws
from tests.simulation.cloudflare.client import ApiRequest
from tests.simulation.world import ROOT, TOKEN_PARAMETER, World
from tests.simulation.world import Site as Zone

NAIVE = Zone("4a000000000000000000000000000001", "naive.test", ("www.naive.test",), "www.naive.test")

_NAME = "naive"
_CODE = ROOT / "tests" / "bench" / "rivals" / "naive.py"
# Its hundred environments are a hundred processes on the cores of one machine: each is slower than on AWS.
_TIMEOUT = 300  # seconds
_SILENCE = 8.0  # seconds without a request after which none comes: the emulator's longest pause between tries is 2 s


@contextmanager
def deployed(world: World) -> Iterator[Site]:
    """Deploy the function behind a bucket's notification, for as long as the block."""
    s3, functions = world.client("s3"), world.client("lambda")
    [host] = NAIVE.hosts
    s3.create_bucket(Bucket=NAIVE.origin)
    s3.put_public_access_block(
        Bucket=NAIVE.origin,
        PublicAccessBlockConfiguration={"BlockPublicPolicy": False, "RestrictPublicBuckets": False},
    )
    s3.put_bucket_policy(
        Bucket=NAIVE.origin,
        Policy=_document("s3:GetObject", f"arn:aws:s3:::{NAIVE.origin}/*", Principal="*"),
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.write(_CODE, _CODE.name)
    function = functions.create_function(
        FunctionName=_NAME,
        Runtime="python3.13",
        Role=_role(world),
        Handler="naive.lambda_handler",
        Code={"ZipFile": packed.getvalue()},
        MemorySize=512,
        Timeout=_TIMEOUT,
        Environment={
            "Variables": {
                "AWS_CA_BUNDLE": world.tls.authority,
                "CLOUDFLARE_API_URL": world.api_url,
                "SITE": f"https://{host}",
                "TOKEN_PARAMETER": TOKEN_PARAMETER,
                "ZONE_ID": NAIVE.zone_id,
            }
        },
    )
    functions.add_permission(
        FunctionName=_NAME,
        StatementId="bucket",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{NAIVE.origin}",
    )
    notified = [{"LambdaFunctionArn": function["FunctionArn"], "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]
    s3.put_bucket_notification_configuration(
        Bucket=NAIVE.origin, NotificationConfiguration={"LambdaFunctionConfigurations": notified}
    )
    try:
        yield Site(world, _NAME, NAIVE.origin, host)
    finally:
        s3.put_bucket_notification_configuration(Bucket=NAIVE.origin, NotificationConfiguration={})
        functions.delete_function(FunctionName=_NAME)  # and its processes, which would stay for minutes


def settled(release: Release, timeout: float) -> list[ApiRequest]:
    """Return the requests for a release once all of it is purged, or once no more come.

    Raises:
        TimeoutError: they go on and on.
    """
    control, urls = release.site.world.control, {release.site.url(key) for key in release.keys}
    deadline = time.monotonic() + timeout
    last_count, changed_at = 0, time.monotonic()
    while time.monotonic() < deadline:
        requests = control.requests()
        if len(requests) != last_count:
            last_count, changed_at = len(requests), time.monotonic()
        # A hundred processes that start at once take their time to the first request.
        silence = time.monotonic() - changed_at if requests else 0.0
        if urls <= purged(requests) or silence > _SILENCE * (1 + len(urls) / 20):
            return requests
        time.sleep(0.1)
    raise TimeoutError(f"{len(urls - purged(control.requests()))} objects are not purged after {timeout:.0f} s")


def purged(requests: Iterable[ApiRequest]) -> set[str]:
    """Return the URLs whose purge was accepted."""
    return {url for request in requests if request.status == 200 for url in request.urls}


def _role(world: World) -> str:
    """Make the role of a function that reads the token's parameter, and return its ARN."""
    iam = world.client("iam")
    trust = _document("sts:AssumeRole", None, Principal={"Service": "lambda.amazonaws.com"})
    arn: str = iam.create_role(RoleName=_NAME, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    parameter = f"arn:aws:ssm:{aws.REGION}:{aws.ACCOUNT}:parameter{TOKEN_PARAMETER}"
    iam.put_role_policy(RoleName=_NAME, PolicyName="token", PolicyDocument=_document("ssm:GetParameter", parameter))
    return arn


def _document(action: str, resource: str | None, **more: object) -> str:
    statement = {"Effect": "Allow", "Action": action, **({"Resource": resource} if resource else {}), **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
