"""Every example, the modes without an example, and the last release, in one root: one apply for all."""

import io
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from tests.examples import EXAMPLES, copied
from tests.simulation.aws import ACCOUNT
from tests.simulation.terraform import Say, Terraform
from tests.simulation.world import ROOT, Domain, World, create_website

PACKAGES = "packages.example.com"
OTHER_CONSUMER = "shop-thumbnails"


@dataclass(frozen=True)
class Deployment:
    """One root that uses the module once."""

    folder: Path
    name: str  # the module's
    bucket: str
    parameter: str
    zone_id: str | None  # of its one host, which is named as the bucket


def _deployment(folder: Path, subject: str, zone_id: str | None = None) -> Deployment:
    """Return a root that is named as all but the first are."""
    return Deployment(
        folder, f"{subject}-purge", f"{subject}.example.com", f"/prod/cloudflare/{subject}-token", zone_id
    )


_MODES = ROOT / "tests" / "e2e" / "modes"
_BASIC = ("site-purge", "www.example.com", "/prod/cloudflare/api-token", "0123456789abcdef0123456789abcdef")
DEPLOYMENTS = {
    deployment.folder.name: deployment
    for deployment in (
        Deployment(EXAMPLES / "basic", *_BASIC),
        _deployment(EXAMPLES / "complete", "corporate"),
        _deployment(EXAMPLES / "multi-zone", "media"),
        _deployment(EXAMPLES / "eventbridge", "docs", "2c000000000000000000000000000003"),
        _deployment(EXAMPLES / "external-notification", "shop", "2d000000000000000000000000000004"),
        _deployment(EXAMPLES / "notify", "news", "2f000000000000000000000000000006"),
        _deployment(_MODES / "direct", "direct", "3a000000000000000000000000000006"),
        _deployment(_MODES / "rule", "rule"),
    )
}
_CORPORATE, _MEDIA, _RULE = "corporate.example.com", "media.example.com", "rule.example.com"
DOMAINS = (
    *(Domain(each.zone_id, each.bucket, (each.bucket,), each.bucket) for each in DEPLOYMENTS.values() if each.zone_id),
    Domain("2a000000000000000000000000000001", "example.org", ("www.example.org", "m.example.org"), _MEDIA),
    Domain("2b000000000000000000000000000002", "example.net", ("img.example.net", "feeds.example.net"), _MEDIA),
    Domain("2e000000000000000000000000000005", _CORPORATE, (_CORPORATE,), f"{_CORPORATE}/public"),
    Domain("3b000000000000000000000000000007", _RULE, (_RULE,), _RULE, "ops@example.com"),
)

# What the last release applies, and today's module takes over.
UPGRADED: dict[str, dict[str, Any]] = {
    "upgraded": {"keep_eventbridge": True},
    "upgraded_direct": {"event_source": "eventbridge", "delivery": "direct", "dashboard": True},
}
_UPGRADED_FILE = "upgraded.tf.json"
_UPGRADED_BUCKET = "upgrade.example.com"


def composed(world: World, folder: Path, say: Say) -> Terraform:
    """Create what the roots need, and write the root that has them all as modules."""
    control = world.control
    addresses = f"{{ api_url = {json.dumps(control.api_url)}, edge_url = {json.dumps(control.edge_url)} }}"
    arguments: dict[str, dict[str, Any]] = {
        "complete": {
            "account_id": ACCOUNT,
            "region": "us-east-1",
            "api_token_kms_key_arn": _prepared(world),
            "vpc": {"subnet_ids": ["subnet-0a1b2c3d"], "security_group_ids": ["sg-0a1b2c3d"]},
        },
        "direct": {"zip": str(ROOT / "lambda" / "cf_purge.zip")},
        "rule": {"packages_bucket": PACKAGES},
    }
    document: dict[str, Any] = {"module": {}, "output": {}}
    for name, deployment in DEPLOYMENTS.items():
        copied(deployment.folder, folder / "root" / name)
        document["module"][name] = {"source": f"./{name}"}
        document["output"][name] = {"value": f"${{module.{name}}}"}
        if name in arguments:
            document["module"][name] |= {"cloudflare_api_url": control.api_url, **arguments[name]}
        else:
            override = f'module "cf_purge" {{\n  cloudflare = {addresses}\n}}\n'
            (folder / "root" / name / "address_override.tf").write_text(override)
    (folder / "root" / "main.tf.json").write_text(json.dumps(document, indent=2))
    if _last_release(folder / "release"):
        _write_upgraded(folder / "root", "../release")
    return Terraform(folder / "root", folder, world.environ, say)


def upgrade(roots: Terraform) -> None:
    """Replace the last release by today's module, for the next plan."""
    if (roots.root / _UPGRADED_FILE).exists():
        _write_upgraded(roots.root, os.path.relpath(ROOT, roots.root))
        roots.init()


def _write_upgraded(root: Path, source: str) -> None:
    common = {"bucket": _UPGRADED_BUCKET, "api_token_parameter": "/upgrade/token", "targets": [{"zone_id": "4a" * 16}]}
    modules = {label: {"source": source, "name": label, **common, **inputs} for label, inputs in UPGRADED.items()}
    (root / _UPGRADED_FILE).write_text(json.dumps({"module": modules}))


def _last_release(folder: Path) -> bool:
    """Write the module of the last release, or of the last commit if there is none; return False without a history."""

    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, check=True).stdout

    try:
        ref = git("describe", "--tags", "--abbrev=0", "--match=v*", "--always", "HEAD~1").decode().strip()
        archive = git("archive", "--format=zip", ref, "lambda/cf_purge.zip", ":(glob)*.tf")
    except (OSError, subprocess.CalledProcessError):
        return False
    ZipFile(io.BytesIO(archive)).extractall(folder)
    return True


def _prepared(world: World) -> str:
    """Create what exists before the module: buckets, tokens, the key of one, the zip in S3."""
    s3, kms = world.client("s3"), world.client("kms")
    s3.create_bucket(Bucket=_UPGRADED_BUCKET)
    for bucket in {deployment.bucket for deployment in DEPLOYMENTS.values()}:
        create_website(world, bucket)
    s3.create_bucket(Bucket=PACKAGES)
    s3.put_object(Bucket=PACKAGES, Key="cf_purge.zip", Body=(ROOT / "lambda" / "cf_purge.zip").read_bytes())
    key_arn: str = kms.create_key(Description="the token's")["KeyMetadata"]["Arn"]
    for name, deployment in DEPLOYMENTS.items():
        value = world.global_key if name == "rule" else world.token
        options = {"KeyId": key_arn} if name == "complete" else {}
        world.store_token(value, deployment.parameter, **options)
    return key_arn
