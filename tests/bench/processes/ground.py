"""All that a measured process talks to and runs on: Lambda's loop, a local AWS, the simulated Cloudflare over TLS."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.processes.local_aws import LocalAws
from tests.bench.processes.process import Command, Failed
from tests.bench.processes.runtime_api import RuntimeApi
from tests.simulation import certificates
from tests.simulation.cloudflare import process
from tests.simulation.cloudflare.client import Control
from tests.unit import factories
from tools import environments
from tools.problems import ROOT

ZIP = ROOT / "lambda" / "cf_purge.zip"
RIVALS = ROOT / "tests" / "bench" / "rivals"
_TOKEN = "bench-" + "x" * 34


@dataclass(frozen=True, slots=True)
class Ground:
    """What `ground` sets up."""

    folder: Path
    python: Path
    version: str  # of that Python, and of its TLS
    api: RuntimeApi
    aws: LocalAws
    cloudflare: Control
    cloudflare_url: str
    usual: Path  # PEM: the authorities that everybody trusts
    trusted: Path  # the same, and the simulation's

    def ours(self, memory: int = 512, **config: Any) -> Command:
        """Return the function of the committed zip, configured as Terraform does; `config` changes the document."""
        folder = self._folder("ours")
        with zipfile.ZipFile(ZIP) as archive:
            archive.extractall(folder)
        cloudflare = {"plan": "free", "operation": "purge", "requests_per_second": 4, "api_url": self.cloudflare_url}
        told = {**_TOLD, **config, "cloudflare": {**cloudflare, **config.get("cloudflare", {})}}
        own = {
            "CF_PURGE_CONFIG": json.dumps(factories.document(**told)),
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
        }
        return self._loop(folder, "cf_purge.handler.lambda_handler", own, memory)

    def rival(self, name: str, memory: int = 512, *, is_packaged: bool = False) -> Command:
        """Return the function of rivals/<name>.py.

        With `is_packaged` what it imports and Lambda's runtime does not have lies in its own folder, without bytecode,
        as AWS would have packages: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
        """
        folder = self._folder(name)
        if is_packaged:
            for installed in _installed(self.python):
                (folder / installed.name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(installed.source, folder / installed.name)
        (folder / f"{name}.py").write_bytes((RIVALS / f"{name}.py").read_bytes())
        own = {
            "CLOUDFLARE_API_URL": self.cloudflare_url,
            "CLOUDFLARE_BASE_URL": self.cloudflare_url,  # as the official client calls it
            "ZONE_ID": factories.ZONE,
            "SITE": f"https://{factories.HOST}",
            "TOKEN_PARAMETER": factories.PARAMETER,
        }
        return self._loop(folder, f"{name}.lambda_handler", own, memory)

    def limit(self, url: str, name: str = "limit") -> Command:
        """Return the bare interpreter of rivals/<name>.py that posts the purge of one URL."""
        folder = self._folder(name)
        (folder / f"{name}.py").write_bytes((RIVALS / f"{name}.py").read_bytes())
        own = {
            "PURGE_URL": f"{self.cloudflare_url}/zones/{factories.ZONE}/purge_cache",
            "TOKEN": _TOKEN,
            "BODY": json.dumps({"files": [url]}),
        }
        return Command([str(self.python), f"{name}.py"], folder, {**self._environment(), **own})

    def check(self, urls: Collection[str]) -> int:
        """See that Cloudflare was asked for these URLs, each once, by who may; return the requests, and forget them.

        Raises:
            Failed: it was not.
        """
        requests = self.cloudflare.requests()
        self.cloudflare.forget_requests()
        self.cloudflare.reset_limits()
        asked = [url for request in requests for url in request.urls]
        good = all((each.zone, each.identity, each.status) == (factories.ZONE, "bench", 200) for each in requests)
        if not good or sorted(asked) != sorted(urls):
            told = [(each.status, each.codes, each.urls[:3]) for each in requests[:3]]
            raise Failed(f"Cloudflare was asked for {len(asked)} URLs instead of {len(urls)}: {told}")
        return len(requests)

    def _loop(self, folder: Path, handler: str, own: Mapping[str, str], memory: int) -> Command:
        environment = {
            **self._environment(),
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
            "LAMBDA_TASK_ROOT": str(folder),
            "_HANDLER": handler,
            **own,
        }
        return Command([str(self.python), "-m", "awslambdaric", handler], folder, environment)

    def _environment(self) -> dict[str, str]:
        version = ".".join(self.version.split()[1].split(".")[:2])
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "AWS_REGION": factories.REGION,
            "AWS_DEFAULT_REGION": factories.REGION,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "AWS_SESSION_TOKEN": "session" * 50,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",
            "AWS_LAMBDA_FUNCTION_NAME": "site",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/site",
            "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
            "AWS_ENDPOINT_URL": self.aws.url,
            "SSL_CERT_FILE": str(self.trusted),
            "AWS_CA_BUNDLE": str(self.trusted),  # boto3 reads no other variable, and else a list of its own
            "PYTHONDONTWRITEBYTECODE": "1",  # a function's own folder is read-only
        }

    def _folder(self, name: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))


# The module's defaults, which Terraform writes down with the rest.
_TOLD: dict[str, Any] = {
    "queue_arn": factories.QUEUE_ARN,
    "include": [],
    "exclude": [],
    "max_concurrency": 2,
    "batch_size": 10,
    "drain": 1000,
    "repurge_after_seconds": 0,
    "log_level": "INFO",
}


@contextmanager
def ground(plan: str = "free") -> Iterator[Ground]:
    """Set all of it up; the zone is of that plan.

    Raises:
        Problem: the libraries cannot be installed.
    """
    python = environments.ready("bench")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cf-purge-bench-")))
        tls = certificates.issue(folder)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls.certificate, tls.private_key)
        configuration = folder / "cloudflare.json"
        zone = {"id": factories.ZONE, "name": "example.com", "hosts": [factories.HOST], "plan": plan}
        configuration.write_text(
            json.dumps(
                {
                    "tls": {"cert": tls.certificate, "key": tls.private_key, "origin_ca": tls.authority},
                    "origin": {"url": "https://127.0.0.1:1"},  # nobody visits
                    "zones": [zone],
                    "tokens": [{"name": "bench", "value": _TOKEN, "zones": [factories.ZONE]}],
                }
            )
        )
        addresses = stack.enter_context(process.running(configuration))
        version, authorities = _told(python)
        trusted = folder / "trusted.pem"
        # As long as a real list: reading it is a good part of opening a TLS context.
        trusted.write_bytes(Path(authorities).read_bytes() + Path(tls.authority).read_bytes())
        yield Ground(
            folder=folder,
            python=python,
            version=version,
            api=stack.enter_context(RuntimeApi().serving()),
            aws=stack.enter_context(LocalAws(factories.PARAMETER, _TOKEN).serving(context)),
            cloudflare=Control(addresses.control),
            cloudflare_url=addresses.api,
            usual=Path(authorities),
            trusted=trusted,
        )


class _Installed(NamedTuple):
    """One file of a library; `name` is its place below site-packages."""

    name: str
    source: str


# What Lambda's runtime has.
_RUNTIME = (
    "awslambdaric",
    "boto3",
    "botocore",
    "jmespath",
    "pip",
    "python-dateutil",
    "s3transfer",
    "simplejson",
    "six",
)
_RUNTIME += ("snapshot-restore-py", "urllib3")


def _installed(python: Path) -> list[_Installed]:
    """Return the files of what the bench's environment has and Lambda's runtime has not, bytecode apart."""
    code = (
        "import importlib.metadata, json, sys; print(json.dumps([[str(file), str(file.locate())]"
        " for each in importlib.metadata.distributions() if each.metadata['Name'].lower() not in sys.argv[1:]"
        " for file in each.files if file.suffix in ('.py', '.so', '.pem', '.json')]))"
    )
    done = subprocess.run([python, "-c", code, *_RUNTIME], capture_output=True, text=True, check=True)
    return [_Installed(name, source) for name, source in json.loads(done.stdout) if not name.startswith("..")]


def _told(python: Path) -> Sequence[str]:
    """Return what a Python says of itself, and where its list of authorities is."""
    code = "import certifi, platform, ssl; print(f'Python {platform.python_version()}, {ssl.OPENSSL_VERSION}')"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, "-c", f"{code}; print(certifi.where())"], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()
