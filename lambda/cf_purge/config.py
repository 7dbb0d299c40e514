"""The configuration: one JSON document that Terraform writes, or the flat variables of a hand-made function."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cf_purge import log
from cf_purge.errors import Misconfigured
from cf_purge.fields import Fields
from cf_purge.filters import KeyFilter

VARIABLE = "CF_PURGE_CONFIG"
# URLs in one request, by plan (https://developers.cloudflare.com/cache/how-to/purge-cache/#single-file-purge-limits).
FILES_PER_REQUEST = {"free": 100, "pro": 100, "business": 100, "enterprise": 500}

_API_URL = "https://api.cloudflare.com/client/v4"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ZONE_ID = re.compile(r"[0-9a-fA-F]{32}")
_QUEUE_ARN = re.compile(r"arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}")
_EMAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+")  # what fits into a header
# A hostname in lower case, underscores tolerated.
HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Target:
    """One place where the bucket's objects are served."""

    zone_id: str
    hosts: tuple[str, ...] = ()  # lower case; none means the bucket's name
    key_prefix: str = ""  # "" or ends in "/"; removed from the key
    path_prefix: str = ""  # "" or ends in "/", never starts with one; decoded
    schemes: tuple[str, ...] = ("https",)
    index_documents: tuple[str, ...] = ("index.html",)


@dataclass(frozen=True, slots=True)
class Config:
    """All that the function is told."""

    name: str
    targets: tuple[Target, ...]
    bucket: str | None = None  # None: any bucket, as the flat variables have it
    keys: KeyFilter = field(default_factory=KeyFilter)
    api_token_parameter: str | None = None
    api_token: str | None = None  # only from the flat variables; never printed
    email: str | None = None  # set: the token is a Global API key
    api_url: str = _API_URL
    files_per_request: int = FILES_PER_REQUEST["free"]
    requests_per_second: float = 4.0  # of this environment alone
    dead_letter_queue_arn: str | None = None
    log_level: str = "INFO"

    def __repr__(self) -> str:
        return f"Config(name={self.name!r})"  # the default one would print the token


def load(environ: Mapping[str, str]) -> Config:
    """Read the configuration from environment variables.

    Raises:
        Misconfigured: one sentence that names the field.
    """
    if environ.get(VARIABLE):
        return _from_document(environ[VARIABLE])
    return _from_flat(environ)


def _from_document(text: str) -> Config:
    try:
        fields = Fields(json.loads(text), VARIABLE)
    except ValueError:
        raise Misconfigured(f"{VARIABLE} is not JSON: let the module write it.") from None
    targets = fields.objects("targets")
    cloudflare = fields.object("cloudflare")
    plan = cloudflare.text("plan", "free")
    if plan not in FILES_PER_REQUEST:
        raise cloudflare.wrong("plan", "must be one of " + ", ".join(FILES_PER_REQUEST))
    email = cloudflare.optional_text("email")
    if email is not None and not _EMAIL.fullmatch(email):
        raise cloudflare.wrong("email", "must be an e-mail address")
    queue_arn = fields.optional_text("dead_letter_queue_arn")
    if queue_arn is not None and not _QUEUE_ARN.fullmatch(queue_arn):
        raise fields.wrong("dead_letter_queue_arn", "must be the ARN of a queue")
    level = fields.text("log_level", "INFO")
    if level not in log.LEVELS:
        raise fields.wrong("log_level", "must be one of " + ", ".join(log.LEVELS))
    try:
        keys = KeyFilter.of(fields.texts("include", ()), fields.texts("exclude", ()))
    except ValueError as error:
        raise fields.wrong("include/exclude", f"holds a bad glob: {error}") from None
    config = Config(
        name=fields.text("name"),
        bucket=fields.text("bucket"),
        targets=tuple(_target(target) for target in targets),
        keys=keys,
        api_token_parameter=_parameter(fields.text("api_token_parameter")),
        email=email,
        api_url=_api_url(cloudflare.text("api_url", _API_URL), f"{VARIABLE}: cloudflare.api_url"),
        files_per_request=FILES_PER_REQUEST[plan],
        requests_per_second=cloudflare.positive("requests_per_second", 4) / fields.positive("max_concurrency", 1),
        dead_letter_queue_arn=queue_arn,
        log_level=level,
    )
    cloudflare.refuse_unknown()
    fields.refuse_unknown()
    return config


def _target(fields: Fields) -> Target:
    schemes = fields.texts("schemes", ("https",))
    if not schemes or not set(schemes) <= {"http", "https"}:
        raise fields.wrong("schemes", 'must hold "https", "http" or both')
    hosts = tuple(host.lower() for host in fields.texts("hosts"))
    if not hosts or not all(HOST.fullmatch(host) for host in hosts):
        raise fields.wrong("hosts", "must be hostnames such as www.example.com, without scheme, port or path")
    path_prefix = fields.text("path_prefix", "")
    if {".", ".."} & set(path_prefix.split("/")):
        raise fields.wrong("path_prefix", "must have no . or .. in it")
    target = Target(
        zone_id=_zone_id(fields.text("zone_id"), fields.path("zone_id")),
        hosts=hosts,
        key_prefix=_folder(fields.text("key_prefix", "")),
        path_prefix=_folder(path_prefix),
        schemes=schemes,
        index_documents=fields.texts("index_documents", ("index.html",)),
    )
    fields.refuse_unknown()
    return target


def _from_flat(environ: Mapping[str, str]) -> Config:
    """The variables of the script this grew from: one zone, and the bucket's name is the host."""
    if not environ.get("CLOUDFLARE_ZONE_ID"):
        raise Misconfigured(f"Neither {VARIABLE} nor CLOUDFLARE_ZONE_ID is set: set one of them.")
    parameter, key = environ.get("CLOUDFLARE_API_KEY_SSMPATH"), environ.get("CLOUDFLARE_API_KEY")
    if not parameter and not key:
        raise Misconfigured("Set CLOUDFLARE_API_KEY_SSMPATH (or CLOUDFLARE_API_KEY): there is no API token.")
    email = environ.get("CLOUDFLARE_API_EMAIL") or None
    if email is not None and not _EMAIL.fullmatch(email):
        raise Misconfigured("CLOUDFLARE_API_EMAIL must be an e-mail address.")
    return Config(
        name=environ.get("AWS_LAMBDA_FUNCTION_NAME", "cf_purge"),
        targets=(Target(_zone_id(environ["CLOUDFLARE_ZONE_ID"], "CLOUDFLARE_ZONE_ID")),),
        keys=KeyFilter.of(_globs(environ, "INCLUDED_EXTS"), _globs(environ, "EXCLUDED_EXTS")),
        api_token_parameter=_parameter(parameter) if parameter else None,
        api_token=None if parameter else key,
        email=email,
        api_url=_api_url(environ.get("CLOUDFLARE_API_URL") or _API_URL, "CLOUDFLARE_API_URL"),
    )


def _globs(environ: Mapping[str, str], variable: str) -> list[str]:
    """`css, .js` → `*.css`, `*.js`; `*` is everything, and nothing is no glob at all."""
    given = [name.strip() for name in environ.get(variable, "").split(",") if name.strip()]
    if any("/" in name for name in given):
        raise Misconfigured(f"{variable} must be extensions such as css,js, or *.")
    globs = ["*" if name == "*" else f"*.{name.removeprefix('*').removeprefix('.')}" for name in given]
    try:
        KeyFilter.of(globs, ())
    except ValueError:
        raise Misconfigured(f"{variable} must be extensions such as css,js, or *.") from None
    return globs


def _parameter(name: str) -> str:
    """`prod/token` → `/prod/token`: SSM takes names with folders only when they begin with a slash."""
    return f"/{name}" if "/" in name and not name.startswith(("/", "arn:")) else name


def _zone_id(value: str, path: str) -> str:
    if not _ZONE_ID.fullmatch(value):
        raise Misconfigured(f"{path} must be the zone's 32-digit hex id (dashboard, Overview, API), not its name.")
    return value.lower()


def _folder(prefix: str) -> str:
    """`/blog` → `blog/`: a prefix is a folder however it is written."""
    return f"{prefix.strip('/')}/" if prefix.strip("/") else ""


def _api_url(value: str, path: str) -> str:
    try:
        parts = urlsplit(value)
        fits = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        fits = fits and parts.port != 0  # reading it checks it
    except ValueError:
        fits = False
    if not fits or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise Misconfigured(f"{path} must be an https URL such as {_API_URL} (http on loopback only).")
    return value.rstrip("/")
