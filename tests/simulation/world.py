"""The whole local world: certificates, local AWS, simulated Cloudflare, and the module applied between them."""

import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.simulation import aws, certificates
from tests.simulation.cloudflare import control
from tests.simulation.cloudflare.control import Control
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
class Domain:
    """A further zone of the simulated Cloudflare."""

    zone_id: str
    name: str
    hosts: tuple[str, ...]
    origin: str  # the bucket that visitors read from, or bucket/folder
    global_key_of: str | None = None  # the e-mail address of a user who may purge it, with World.global_key


@dataclass(frozen=True)
class World:
    """What a demo or a test needs of the world; clients are boto3's."""

    folder: Path  # logs and Terraform's files
    token: str  # looked for where it must not be
    zones: tuple[str, ...]  # that the token may purge
    global_key: str  # the same
    terraform: Terraform  # of examples/local
    environ: Mapping[str, str]  # of Terraform and the AWS CLI
    control: Control
    visitor: Visitor
    aws_url: str
    tls: certificates.Certificates

    def client(self, service: str, **credentials: str) -> Any:
        return aws.client(service, self.aws_url, self.tls, **credentials)

    def store_token(self, value: str, name: str = TOKEN_PARAMETER, **options: str) -> None:
        """Store a token where the function reads it. Not Terraform's business: it would be in the state."""
        self.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True, **options)


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
def local_world(folder: Path, say: Say, domains: Sequence[Domain] = (), verify: str | None = None) -> Iterator[World]:
    """Run everything but the module for as long as the block; `terraform.apply` adds it.

    The token may purge the further zones too, except those of a user with a Global API key.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tls = certificates.issue(folder, HOST, *(host for domain in domains for host in domain.hosts))
    token, global_key = f"canary-{secrets.token_hex(20)}", f"{secrets.token_hex(18)}0"
    with aws.running(folder, tls) as aws_url:
        say(f"local AWS at {aws_url}")
        own = Domain(ZONE_ID, HOST.partition(".")[2], (HOST,), HOST)
        zones = [
            Zone(domain.zone_id, domain.name, domain.hosts, origin=f"{aws_url}/{domain.origin}")
            for domain in (own, *domains)
        ]
        with control.running([*zones, Zone(FOREIGN_ZONE_ID, "foreign.test", ())], tls) as cloudflare:
            say(f"simulated Cloudflare: API at {cloudflare.api_url}, edge at {cloudflare.edge_url}")
            for domain in domains:
                if domain.global_key_of is not None:
                    cloudflare.add_key(domain.global_key_of, global_key, [domain.zone_id])
            environ = {
                **aws.environment(aws_url, tls),
                "TF_VAR_cloudflare_api_url": cloudflare.api_url,
                "TF_VAR_cloudflare_edge_url": cloudflare.edge_url,
                **({} if verify is None else {"TF_VAR_verify": verify}),
            }
            world = World(
                folder=folder,
                token=token,
                zones=(ZONE_ID, *(domain.zone_id for domain in domains if domain.global_key_of is None)),
                global_key=global_key,
                terraform=Terraform(ROOT / "examples" / "local", folder, environ, say),
                environ=environ,
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
