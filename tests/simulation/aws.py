"""The local AWS: MiniStack in a separate process, over TLS, enforcing IAM and resource policies."""

import contextlib
import os
import random
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.simulation.certificates import Certificates
from tools import terraform
from tools.problems import Problem

REGION = "us-east-1"
ACCOUNT = "000000000000"
# With AUTH=true this pair is the account's root user.
ROOT_CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}

_SERVICES = "cloudwatch,events,iam,kms,lambda,logs,monitoring,s3,sns,sqs,ssm,sts"
_START_TIMEOUT = 180.0  # seconds, on a busy machine
_IMPORT_ROOT = Path(__file__).parents[2]


@contextmanager
def running(folder: Path, certificates: Certificates) -> Iterator[str]:
    """Run the local AWS for as long as the block and yield its base URL; its log goes to `folder`.

    Raises:
        Problem: it does not answer.
    """
    port, log = _free_port(), folder / "aws.log"
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_", "CF_PURGE", "COV"))
    }
    environ |= {
        "AUTH": "true",
        "AWS_ENDPOINT_URL": f"https://127.0.0.1:{port}",  # handed to the function; its own default is http
        "AWS_ACCESS_KEY_ID": ROOT_CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": ROOT_CREDENTIALS["aws_secret_access_key"],
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_SSL_CERT": certificates.certificate,
        "MINISTACK_SSL_KEY": certificates.private_key,
        "PYTHONDONTWRITEBYTECODE": "1",  # of functions, whose folders are new each time
        "PYTHONPATH": str(_IMPORT_ROOT),
        "SERVICES": _SERVICES,
        "SFTP_ENABLED": "0",
        "SSL_CERT_FILE": certificates.authority,  # for the function, which runs with this environment
        "TMPDIR": str(folder),
        "USE_SSL": "1",
    }
    command = [sys.executable, "-m", "tests.simulation.emulator"]
    with (
        open(log, "wb") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environ,
            cwd=folder,
            start_new_session=True,  # Ctrl-C must reach only us, and its end only the emulator
        ) as process,
    ):
        url = f"https://127.0.0.1:{port}"
        _await(url, process, certificates, log)
        yield url


def client(service: str, url: str, certificates: Certificates, **credentials: str) -> Any:
    """Return a boto3 client of the local AWS, as its root user unless other credentials are given."""
    make: Any = boto3.client  # typed by overloads on literal names
    return make(
        service,
        endpoint_url=url,
        region_name=REGION,
        verify=certificates.authority,
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, max_pool_connections=20),
        **(credentials or ROOT_CREDENTIALS),
    )


def variables(url: str, certificates: Certificates) -> dict[str, str]:
    """Return the variables that direct Terraform and the AWS CLI to the local AWS, as its root user."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_CA_BUNDLE": certificates.authority,
        "AWS_DEFAULT_REGION": REGION,
        **{name.upper(): value for name, value in ROOT_CREDENTIALS.items()},
    }


def environment(url: str, certificates: Certificates) -> dict[str, str]:
    environ = {**terraform.environment(), **variables(url, certificates), "AWS_CONFIG_FILE": os.devnull}
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        environ.pop(name, None)
    return environ


def _await(url: str, process: subprocess.Popen[bytes], certificates: Certificates, log: Path) -> None:
    trust = ssl.create_default_context(cafile=certificates.authority)
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_ministack/health", timeout=2, context=trust):  # noqa: S310
                return
        except OSError:
            time.sleep(0.1)
    raise Problem(f"The local AWS did not start: see {log}, and try again, which takes another port.")


def _free_port() -> int:
    """Return a port that is free, and not of those that the kernel gives to any connection a moment later."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
