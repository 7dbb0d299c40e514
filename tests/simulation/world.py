"""The whole local world: certificates, local AWS, simulated Cloudflare, and the module applied between them."""

import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.simulation import aws, certificates
from tests.simulation.cloudflare import control
from tests.simulation.cloudflare.control import Control
from tests.simulation.cloudflare.journal import ApiRequest
from tests.simulation.cloudflare.visitor import Visitor
from tests.simulation.cloudflare.zone import Zone
from tests.simulation.terraform import Say, Terraform

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
ZONE_ID = "10ca1" + "0" * 27
FOREIGN_ZONE_ID = "f" * 32  # somebody else's
HOST = "www.example.test"
TOKEN_PARAMETER = "/local/cloudflare/api-token"
TOKEN_NAME = "first"


@dataclass(frozen=True)
class Site:
    """A further zone of the simulated Cloudflare, and the bucket its visitors read from."""

    zone_id: str
    name: str
    hosts: tuple[str, ...]
    origin: str  # bucket, or bucket/folder
    global_key_of: str | None = None  # the e-mail address of a user who may purge it, with World.global_key


@dataclass(frozen=True)
class World:
    """What a demo or a test needs of the world; clients are boto3's."""

    folder: Path  # logs and Terraform's files
    token: str  # looked for where it must not be
    zones: tuple[str, ...]  # that the token may purge
    global_key: str  # the same
    terraform: Terraform
    control: Control
    visitor: Visitor
    aws_url: str
    tls: certificates.Certificates

    def client(self, service: str, **credentials: str) -> Any:
        return aws.client(service, self.aws_url, self.tls, **credentials)

    def store_token(self, value: str, name: str = TOKEN_PARAMETER, **options: str) -> None:
        """Store a token where the function reads it. Not Terraform's business: it would be in the state."""
        self.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True, **options)

    def purge_of(self, url: str, since: float, timeout: float = 60) -> ApiRequest:
        """Return the first accepted request since a time that purged a URL, waiting for it.

        Raises:
            TimeoutError: none came.
        """

        def found() -> ApiRequest | None:
            return next((r for r in self.control.requests() if r.time >= since and _purged(r, url)), None)

        return wait_for(found, timeout, f"no purge of {url}")


def _purged(request: ApiRequest, url: str) -> bool:
    faulty = request.fault not in (None, "delay")
    return request.status == 200 and not faulty and url in request.urls


def wait_for(probe: Callable[[], T | None], timeout: float, complaint: str) -> T:
    """Call `probe` until it returns something true.

    Raises:
        TimeoutError: it never did; the text is the complaint.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"{complaint} within {timeout:.0f} s")
        time.sleep(0.02)


@contextmanager
def local_world(folder: Path, say: Say, sites: Sequence[Site] = (), **variables: str) -> Iterator[World]:
    """Run everything but the module for as long as the block; `terraform.apply` adds it, with further variables.

    The token may purge the further sites too, except those of a user with a Global API key.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tls = certificates.issue(folder, HOST, *(host for site in sites for host in site.hosts))
    token, global_key = f"canary-{secrets.token_hex(20)}", f"{secrets.token_hex(18)}0"
    with aws.running(folder, tls) as aws_url:
        say(f"local AWS at {aws_url}")
        own = Site(ZONE_ID, HOST.partition(".")[2], (HOST,), HOST)
        zones = [Zone(site.zone_id, site.name, site.hosts, origin=f"{aws_url}/{site.origin}") for site in (own, *sites)]
        with control.running([*zones, Zone(FOREIGN_ZONE_ID, "foreign.test", ())], tls) as cloudflare:
            say(f"simulated Cloudflare: API at {cloudflare.api_url}, edge at {cloudflare.edge_url}")
            for site in sites:
                if site.global_key_of is not None:
                    cloudflare.add_key(site.global_key_of, global_key, [site.zone_id])
            terraform = Terraform(
                ROOT / "examples" / "local",
                folder,
                {
                    "aws_endpoint": aws_url,
                    "zone_id": ZONE_ID,
                    "cloudflare_api_url": cloudflare.api_url,
                    "cloudflare_edge_url": cloudflare.edge_url,
                    **variables,
                },
                tls.authority,
                say,
            )
            world = World(
                folder=folder,
                token=token,
                zones=(ZONE_ID, *(site.zone_id for site in sites if site.global_key_of is None)),
                global_key=global_key,
                terraform=terraform,
                control=cloudflare,
                visitor=Visitor(cloudflare, tls.authority),
                aws_url=aws_url,
                tls=tls,
            )
            cloudflare.add_token(name=TOKEN_NAME, value=token, zones=world.zones)
            world.store_token(token)
            yield world


def create_website(world: World, bucket: str) -> None:
    """Create a bucket that anybody may read, as Cloudflare reads an S3 website."""
    s3 = world.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicPolicy": False, "RestrictPublicBuckets": False}
    )
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def empty_bucket(world: World) -> None:
    """Delete every object.

    The provider's `force_destroy` lists keys encoded and, against the emulator, deletes them without decoding: it
    never ends while a key has a space or a plus in it.
    """
    s3 = world.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=HOST):
        found = [{"Key": item["Key"]} for item in page.get("Contents", [])]
        if found:
            s3.delete_objects(Bucket=HOST, Delete={"Objects": found, "Quiet": True})
