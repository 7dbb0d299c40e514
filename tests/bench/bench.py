"""What the measured processes run on and talk to: the stand-in for AWS and the simulated Cloudflare, over TLS."""

import json
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore

from cf_purge.http_client import Answer
from tests.bench.process import Failed, Process
from tests.simulation import certificates
from tests.simulation.cloudflare.control import Control
from tests.simulation.cloudflare.control import running as cloudflare
from tests.simulation.cloudflare.plans import PLANS
from tests.simulation.cloudflare.visitor import Visitor
from tests.simulation.cloudflare.zone import Zone
from tests.support import factories
from tests.support.fakes import FakeAws, Sent
from tests.support.servers import Handler, serving, write

ROOT = Path(__file__).resolve().parents[2]
OURS, LIMIT = "cf_purge", "limit"
SITE = f"https://{factories.HOST}"
_SUBJECTS = Path(__file__).parent / "subjects"
_TOKEN = "bench-" + "x" * 34
# Lambda's runtime brings boto3 and urllib3 with their bytecode: write it where an installer has not.
_COMPILED = "import boto3, botocore.auth, urllib3; boto3.client('ssm', region_name='eu-west-1')"


class StandIn(FakeAws):
    """SSM and SQS over TLS; every GET returns the bucket's only object."""

    object = b""
    _lock = threading.Lock()

    def fill(self, bodies: list[str]) -> None:
        self.deleted.clear()
        self.waiting = [(f"00000000-0000-4000-8000-{number:012}", body) for number, body in enumerate(bodies)]

    def respond(self, handler: Handler) -> None:
        if handler.command == "GET":
            write(handler, body=self.object)
            return
        target = handler.request_seen.headers["x-amz-target"]
        with self._lock:
            answer = self.reply(Sent("", {"X-Amz-Target": target}, json.loads(handler.request_seen.body), 1.0))
        assert isinstance(answer, Answer)
        write(handler, answer.status, answer.body)


@dataclass(frozen=True, slots=True)
class Bench:
    """The environment that `running` sets up."""

    folder: Path
    environment: dict[str, str]  # of every process
    aws: StandIn
    cloudflare: Control
    visitor: Visitor

    def start(self, name: str, *, runtime: str = "runtime", **config: Any) -> Process:
        """Start the module's function (OURS), the limit, or the function of subjects/<name>.py.

        Ours is the committed zip; `config` changes its document. A function's own files have no bytecode, and none is
        written: Lambda's /var/task is read-only.
        """
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
        if name == OURS:
            zipfile.ZipFile(ROOT / "lambda" / "cf_purge.zip").extractall(folder)
            own = {"CF_PURGE_CONFIG": json.dumps(self._document(config))}
        else:
            own = {
                "CLOUDFLARE_API_URL": self.cloudflare.api_url,
                "ZONE_ID": factories.ZONE,
                "SITE": SITE,
                "TOKEN_PARAMETER": factories.PARAMETER,
                "PURGE_URL": f"{self.cloudflare.api_url}/zones/{factories.ZONE}/purge_cache",
                "TOKEN": _TOKEN,
                "BODY": json.dumps({"files": [f"{SITE}/css/site.css"]}),
            }
        shutil.copytree(_SUBJECTS, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        arguments = [f"{runtime}.py", "cf_purge.handler" if name == OURS else name] if name != LIMIT else ["limit.py"]
        return Process(folder, {**self.environment, **own}, *arguments)

    def check(self, *urls: str) -> None:
        """Check that Cloudflare accepted the purge of exactly these URLs, each once, and forget the requests.

        Raises:
            Failed: it did not.
        """
        requests = self.cloudflare.requests()
        self.cloudflare.forget_requests()
        self.cloudflare.reset_limits()
        asked = [url for request in requests for url in request.urls]
        if any(request.status != 200 for request in requests) or sorted(asked) != sorted(urls):
            told = [(request.status, request.codes, request.urls[:3]) for request in requests[:3]]
            raise Failed(f"Cloudflare was asked for {len(asked)} URLs instead of {len(urls)}: {told}")

    def _document(self, config: dict[str, Any]) -> dict[str, Any]:
        settings = {"plan": "enterprise", "api_url": self.cloudflare.api_url, **config.pop("cloudflare", {})}
        return factories.document(
            **{"queue_arn": factories.QUEUE_ARN, "drain": 1000, "max_concurrency": 2, "cloudflare": settings, **config}
        )


@contextmanager
def running() -> Iterator[Bench]:
    """Set it up for as long as the block."""
    subprocess.run([sys.executable, "-c", _COMPILED], env={}, check=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cf-purge-bench-")))
        tls = certificates.issue(folder, factories.HOST)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls.certificate, tls.private_key)
        aws = StandIn(_TOKEN)
        aws_url = stack.enter_context(serving(aws.respond, context)).url
        zone = Zone(factories.ZONE, "example.com", (factories.HOST,), PLANS["enterprise"], aws_url)
        control = stack.enter_context(cloudflare([zone], tls))
        control.add_token(name="bench", value=_TOKEN, zones=[zone.id])
        # As long as a real list of authorities: reading it takes much of the time to open a TLS context.
        trusted = folder / "trusted.pem"
        usual = Path(botocore.__file__).parent / "cacert.pem"
        trusted.write_bytes(usual.read_bytes() + Path(tls.authority).read_bytes())
        environment = {
            **factories.environment(),
            "AWS_DEFAULT_REGION": factories.REGION,
            "AWS_SESSION_TOKEN": "session" * 50,
            "AWS_LAMBDA_FUNCTION_NAME": "site",
            "AWS_ENDPOINT_URL": aws_url,
            "SSL_CERT_FILE": str(trusted),
            "AWS_CA_BUNDLE": str(trusted),  # boto3 reads no other variable
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
        }
        yield Bench(folder, environment, aws, control, Visitor(control, tls.authority))
