"""Every example, the modes that have none, and the last release, in one root on the local world: one apply for all."""

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
from tests.simulation.world import ROOT, Site, World, create_website

EMAIL = "ops@example.com"
PACKAGES = "packages.example.com"
OTHER_CONSUMER = "shop-thumbnails"

# The zones that the roots name, and where their visitors read from.
SITES = (
    Site("0123456789abcdef0123456789abcdef", "example.com", ("www.example.com",), "www.example.com"),
    Site("2a000000000000000000000000000001", "example.org", ("www.example.org", "m.example.org"), "media.example.com"),
    Site(
        "2b000000000000000000000000000002", "example.net", ("img.example.net", "feeds.example.net"), "media.example.com"
    ),
    Site("2c000000000000000000000000000003", "docs.example.com", ("docs.example.com",), "docs.example.com"),
    Site("2d000000000000000000000000000004", "shop.example.com", ("shop.example.com",), "shop.example.com"),
    Site(
        "2e000000000000000000000000000005",
        "corporate.example.com",
        ("corporate.example.com",),
        "corporate.example.com/public",
    ),
    Site("2f000000000000000000000000000006", "news.example.com", ("news.example.com",), "news.example.com"),
    Site("3a000000000000000000000000000006", "direct.example.com", ("direct.example.com",), "direct.example.com"),
    Site("3b000000000000000000000000000007", "rule.example.com", ("rule.example.com",), "rule.example.com", EMAIL),
)


@dataclass(frozen=True)
class Deployment:
    """One root that uses the module once."""

    folder: Path
    name: str  # the module's
    bucket: str
    parameter: str

    @property
    def label(self) -> str:
        return self.folder.name.replace("-", "_")


_MODES = ROOT / "tests" / "e2e" / "modes"
DEPLOYMENTS = {
    deployment.folder.name: deployment
    for deployment in (
        Deployment(EXAMPLES / "basic", "site-purge", "www.example.com", "/prod/cloudflare/api-token"),
        Deployment(
            EXAMPLES / "complete", "corporate-purge", "corporate.example.com", "/prod/cloudflare/corporate-token"
        ),
        Deployment(EXAMPLES / "multi-zone", "media-purge", "media.example.com", "/prod/cloudflare/media-token"),
        Deployment(EXAMPLES / "eventbridge", "docs-purge", "docs.example.com", "/prod/cloudflare/docs-token"),
        Deployment(EXAMPLES / "external-notification", "shop-purge", "shop.example.com", "/prod/cloudflare/shop-token"),
        Deployment(EXAMPLES / "notify", "news-purge", "news.example.com", "/prod/cloudflare/news-token"),
        Deployment(_MODES / "direct", "direct-purge", "direct.example.com", "/test/direct-token"),
        Deployment(_MODES / "rule", "rule-purge", "rule.example.com", "/test/global-key"),
    )
}

# What the last release applies, for today's module to take over.
UPGRADED: dict[str, dict[str, Any]] = {
    "upgraded": {"keep_eventbridge": True},
    "upgraded_direct": {"event_source": "eventbridge", "delivery": "direct", "dashboard": True},
}
_UPGRADED_FILE = "upgraded.tf.json"
_UPGRADED_BUCKET = "upgrade.example.com"

_ENDPOINTS = ("cloudwatch", "cloudwatchevents", "iam", "kms", "lambda", "logs", "s3", "sns", "sqs")
# A root's own provider and Cloudflare's address are all that is changed.
_ADDRESSES = ("cloudflare_api_url", "cloudflare_edge_url")
_OVERRIDE = """
module "cf_purge" {
  cloudflare = { api_url = var.cloudflare_api_url, edge_url = var.cloudflare_edge_url }
}
"""


def composed(world: World, folder: Path, say: Say) -> Terraform:
    """Prepare what the roots take for granted and write the root that holds them all."""
    packages = _prepared(world)
    arguments: dict[str, dict[str, Any]] = {
        "complete": {
            "account_id": ACCOUNT,
            "region": "us-east-1",
            "api_token_kms_key_arn": packages["key_arn"],
            "vpc": {"subnet_ids": ["subnet-0a1b2c3d"], "security_group_ids": ["sg-0a1b2c3d"]},
        },
        "direct": {"zip": str(ROOT / "lambda" / "cf_purge.zip")},
        "rule": {"packages_bucket": PACKAGES},
    }
    document: dict[str, Any] = {
        "provider": {"aws": _provider(world)},
        "variable": {name: {"type": "string"} for name in _ADDRESSES},
        "module": {},
        "output": {},
    }
    for deployment in DEPLOYMENTS.values():
        _copied(deployment, folder / "root" / deployment.label)
        document["module"][deployment.label] = {
            "source": f"./{deployment.label}",
            **{name: f"${{var.{name}}}" for name in _ADDRESSES},
            **arguments.get(deployment.folder.name, {}),
        }
        document["output"][deployment.label] = {"value": f"${{module.{deployment.label}}}"}
    (folder / "root" / "main.tf.json").write_text(json.dumps(document, indent=2))
    if _last_release(folder / "release"):
        _write_upgraded(folder / "root", "../release")
    return Terraform(
        folder / "root",
        folder,
        dict(zip(_ADDRESSES, (world.control.api_url, world.control.edge_url), strict=True)),
        world.tls.authority,
        say,
    )


def upgrade(roots: Terraform) -> None:
    """Give what the last release applied to today's module, for the next plan."""
    if (roots.root / _UPGRADED_FILE).exists():
        _write_upgraded(roots.root, os.path.relpath(ROOT, roots.root))
        roots.init()


def _write_upgraded(root: Path, source: str) -> None:
    common = {"bucket": _UPGRADED_BUCKET, "api_token_parameter": "/upgrade/token", "targets": [{"zone_id": "4a" * 16}]}
    modules = {label: {"source": source, "name": label, **common, **inputs} for label, inputs in UPGRADED.items()}
    (root / _UPGRADED_FILE).write_text(json.dumps({"module": modules}))


def _last_release(folder: Path) -> bool:
    """Write the module as the last release has it, before the first one the last commit; False without a history."""

    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, check=True).stdout

    try:
        ref = git("describe", "--tags", "--abbrev=0", "--match=v*", "--always", "HEAD~1").decode().strip()
        archive = git("archive", "--format=zip", ref, "lambda/cf_purge.zip", ":(glob)*.tf")
    except (OSError, subprocess.CalledProcessError):
        return False
    ZipFile(io.BytesIO(archive)).extractall(folder)
    return True


def _provider(world: World) -> dict[str, Any]:
    """Return the configuration of the AWS provider for the local AWS."""
    return {
        "region": "us-east-1",
        "access_key": "test",
        "secret_key": "test",
        "s3_use_path_style": True,
        "skip_credentials_validation": True,
        "skip_metadata_api_check": True,
        "skip_requesting_account_id": True,
        "endpoints": [dict.fromkeys(_ENDPOINTS, world.aws_url)],
    }


def _copied(deployment: Deployment, folder: Path) -> None:
    copied(deployment.folder, folder)
    if not any("cloudflare_api_url" in file.read_text() for file in folder.glob("*.tf")):
        (folder / "address_override.tf").write_text(_OVERRIDE)
    text = "".join(file.read_text() for file in folder.glob("*.tf"))
    missing = [name for name in _ADDRESSES if f'variable "{name}"' not in text]
    (folder / "addresses.tf").write_text("".join(f'variable "{name}" {{\n  type = string\n}}\n' for name in missing))


def _prepared(world: World) -> dict[str, str]:
    """Buckets, tokens, the token's key and the zip in S3: what is there before the module is."""
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
    return {"key_arn": key_arn}
