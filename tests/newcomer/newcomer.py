"""One newcomer on the local world, who does what the documents say and nothing else."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.newcomer import guides
from tests.newcomer.guides import Commands, Guide, Upload
from tests.newcomer.shell import Shell, Stumbled
from tests.simulation.aws import ACCOUNT, ROOT_CREDENTIALS
from tests.simulation.world import World, wait_for

Say = Callable[[str], None]

# What somebody who wants the module has already. Cloudflare reads the bucket without credentials.
_BUCKET = """
aws s3api create-bucket --bucket "$BUCKET" --create-bucket-configuration LocationConstraint="$AWS_REGION"
aws s3api put-public-access-block --bucket "$BUCKET" \\
  --public-access-block-configuration BlockPublicPolicy=false,RestrictPublicBuckets=false
aws s3api put-bucket-policy --bucket "$BUCKET" --policy "$POLICY"
"""
_OWN_ROOT = f"""
provider "aws" {{
  region = "{guides.REGION}"
}}

resource "aws_sns_topic" "on_call" {{
  name = "on-call"
}}
"""
# All that is changed of a root. An override takes the place of what it names: Terraform itself merges it.
_OVERRIDE = """# Cloudflare is simulated.
module "cf_purge" {{
  cloudflare = {{ api_url = {api} }}
}}
"""
_EMULATOR = re.compile(r'(?:^#[^\n]*\n)+^resource "aws_iam_role_policy" "emulator" \{.*?^\}\n', re.M | re.S)


class Newcomer:
    """`clone` is the repository's, `home` the folder of a root of their own that has the clone in it."""

    def __init__(
        self, world: World, home: Path, clone: Path, variables: Mapping[str, str], log: Path, say: Say
    ) -> None:
        self._world = world
        self._home = home
        self._clone = clone
        self._say = say
        self._shell = Shell(
            log,
            {
                **variables,
                "AWS_ENDPOINT_URL": world.aws_url,
                "AWS_CA_BUNDLE": world.tls.authority,
                "AWS_ACCESS_KEY_ID": ROOT_CREDENTIALS["aws_access_key_id"],
                "AWS_SECRET_ACCESS_KEY": ROOT_CREDENTIALS["aws_secret_access_key"],
                "AWS_REGION": guides.REGION,
                "AWS_DEFAULT_REGION": guides.REGION,  # what AWS CLI 1 reads
                "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
                "AWS_PAGER": "",
                "TOKEN": world.token,
            },
        )
        self._values = {
            "account": ACCOUNT,
            "api": world.api_url,
            "authority": world.tls.authority,
            "key": self._key(),
            "token": world.token,
        }

    @property
    def override(self) -> str:
        return _OVERRIDE.format(api=json.dumps(self._world.api_url))

    def bucket(self, name: str) -> None:
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
            ],
        }
        self._shell.type(_BUCKET, self._home, BUCKET=name, POLICY=json.dumps(policy))

    def follow(self, guide: Guide) -> None:
        """Do what a guide says and see what it promises.

        Raises:
            Stumbled: a command failed, or its output is not what it should be.
            TimeoutError: something was not purged.
        """
        folder = self._root(guide)
        for commands in guide.commands:
            self.type(guide.name, commands, folder)
        for upload in guide.uploads:
            self.upload(guide, upload, folder)

    def type(self, name: str, commands: Commands, folder: Path, **values: str) -> None:
        text = guides.text_of(commands, self._clone, self._values | values)
        started = time.monotonic()
        shown = self._shell.type(text, folder, commands.shows)
        typed = "".join(f"    {line}\n" for line in text.splitlines()).replace(self._world.token, "...")
        self._say(f"{name}, by {commands.document}:\n{typed}  {time.monotonic() - started:.0f} s: {shown}")

    def upload(self, guide: Guide, upload: Upload, folder: Path) -> None:
        """Upload an object, once for the visitors to read and once more as a correction, and see it purged."""
        for version in ("version 1", "version 2") if upload.page else ("version 1",):
            before = time.time()
            (folder / "object.txt").write_text(version)
            self._shell.type(f"aws s3 cp object.txt 's3://{guide.bucket}/{upload.key}'\n", folder)
            for item in upload.purged:
                self.purged(upload.kind, item, before)
            if upload.page:
                self._read(upload.page, version)
        purged = ", ".join(item if isinstance(item, str) else json.dumps(item) for item in upload.purged)
        self._say(f"{guide.name}: {upload.key} is uploaded, {upload.kind} purged: {purged}")

    def purged(self, kind: str, item: Any, since: float) -> None:
        def accepted() -> bool:
            requests = (r for r in self._world.control.requests() if r.time >= since and r.status == 200)
            return any(item in (request.body or {}).get(kind, ()) for request in requests)

        wait_for(accepted, 60, f"no purge of {item}")

    def leave(self, parameter: str) -> None:
        """Take away what a root made, and its token."""
        self._shell.type(f"terraform destroy\naws ssm delete-parameter --name {parameter}\n", self._home)

    def _root(self, guide: Guide) -> Path:
        folder = self._clone / guide.folder if guide.folder else self._home
        if not guide.folder:
            (folder / "main.tf").write_text(guides.usage(self._clone) + _OWN_ROOT)
        (folder / "emulator.tf").write_text(emulator(self._clone))
        if guide.variables:
            values = {name: value.format_map(self._values) for name, value in guide.variables.items()}
            lines = (f"{name} = {json.dumps(value)}\n" for name, value in values.items())
            (folder / "terraform.tfvars").write_text("".join(lines))
        else:
            (folder / "local_override.tf").write_text(self.override)
        return folder

    def _read(self, page: str, version: str) -> None:
        """Visit a page until its visitors get a version, and once more, so that the edge has a copy."""
        visit = self._world.visitor.visit
        wait_for(lambda: visit(page).text == version, 30, f"the visitor of {page} does not read {version}")
        if (again := visit(page)).cache_status != "HIT":
            raise Stumbled(f"The edge keeps no copy of {page}: {again.cache_status}.")

    def _key(self) -> str:
        return self._shell.type("aws kms create-key --query KeyMetadata.Arn --output text\n", self._home, r"arn:\S+")


def emulator(clone: Path) -> str:
    """Return what the emulator needs and AWS does not: examples/local has it, with the reason."""
    text = (clone / "examples" / "local" / "main.tf").read_text(encoding="utf-8")
    (found,) = _EMULATOR.findall(text)
    return str(found)
