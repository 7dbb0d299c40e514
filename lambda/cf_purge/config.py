"""The typed configuration, from the document that Terraform writes or from the flat variables."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cf_purge.errors import Misconfigured
from cf_purge.globs import Glob
from cf_purge.observe import LEVELS

VARIABLE = "CF_PURGE_CONFIG"
API_URL = "https://api.cloudflare.com/client/v4"
# `invalidate` marks copies as stale and asks the origin again; `purge` removes them.
ENDPOINTS = {"purge": "purge_cache", "invalidate": "invalidate_cache"}
SHARE = 0.8  # of the plan's limits; the rest is left to others who purge in the account
# A hostname in lower case; underscores are allowed because they occur.
HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
QUEUE_ARN = re.compile(r"arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?")

_PURGE_BY = ("url", "prefix", "tag", "host", "everything")
_SCHEMES = ({"https"}, {"http"}, {"http", "https"})
_TEXTS = frozenset(("hosts", "schemes", "index_documents", "tags"))  # fields that are lists of strings
_OPTIONAL = ("bucket", "api_token_parameter", "email", "queue_arn", "dead_letter_queue_arn")
# The types of the fields whose default does not tell.
_TYPES = {**dict.fromkeys(("name", *_OPTIONAL), str), **dict.fromkeys(("collapse_above", "max_receive_count"), int)}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_VISIBLE = re.compile(r"[!-~]+")
_NETLOC = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_ZONE_ID = re.compile(r"[0-9a-fA-F]{32}")
_ZONE_ID_RULE = "the zone's 32-digit hex ID (dashboard, Overview, API), not its name"
_ENVIRONMENT_ID = re.compile(r"[0-9a-zA-Z_-]{1,64}")
_EMAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+")  # what can be sent as a header
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 section 5.6.2
_HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")
# Printable ASCII without spaces, commas and unknown placeholders.
_TEMPLATE = re.compile(r"(?:[!-+\--z|~]|\{(?:bucket|key|dir|name|ext)\}){1,1024}")
_MAX_FOLDERS = 30  # of a path_prefix: a prefix purge has at most 31 slashes


class Plan(NamedTuple):
    """What Cloudflare accepts from an account, all its zones of that plan together.

    https://developers.cloudflare.com/cache/how-to/purge-cache/#availability-and-limits
    """

    urls_per_request: int
    urls_per_second: float
    requests_per_second: float  # by prefix, tag, host and of everything
    requests_at_once: int  # of these


PLANS = {
    "free": Plan(100, 800, 5 / 60, 25),
    "pro": Plan(100, 1500, 5, 25),
    "business": Plan(100, 1500, 10, 50),
    "enterprise": Plan(500, 3000, 50, 500),
}


class Zone(NamedTuple):
    """A zone, or one environment of it (zone versioning)."""

    id: str
    environment_id: str | None = None

    def __str__(self) -> str:
        return self.id if self.environment_id is None else f"{self.id} (environment {self.environment_id})"


class Target(NamedTuple):
    """One place where the bucket's objects are served."""

    zone: Zone
    hosts: tuple[str, ...] = ()  # lower case; none means the bucket's name
    key_prefix: str = ""  # "" or ends in "/"; removed from the key
    path_prefix: str = ""  # "" or ends in "/", never begins with one; decoded
    schemes: tuple[str, ...] = ("https",)
    index_documents: tuple[str, ...] = ("index.html",)
    purge_by: str = "url"  # url, prefix, tag, host or everything
    clean_urls: bool = False
    header_variants: tuple[tuple[tuple[str, str], ...], ...] = ()
    tags: tuple[str, ...] = ()  # templates


class Config(NamedTuple):
    """The function's whole configuration."""

    name: str
    targets: tuple[Target, ...]
    bucket: str | None = None  # None: any bucket, as with the flat variables
    include: tuple[Glob, ...] = ()  # empty: every key
    exclude: tuple[Glob, ...] = ()  # wins
    api_token_parameter: str | None = None
    api_token: str | None = None  # only from the flat variables; never printed
    email: str | None = None  # set: the token is a Global API key
    api_url: str = API_URL
    endpoint: str = ENDPOINTS["purge"]
    plan: Plan = PLANS["free"]
    requests_per_second: float = 4.0  # of all environments together
    max_concurrency: float = 1.0  # environments that share every limit
    collapse_above: int | None = None  # URLs of one target in one invocation
    repurge_after_seconds: int = 0
    queue_arn: str | None = None  # the function's own queue
    batch_size: int = 10  # messages that make a batch a full one
    drain: int = 0  # messages of one invocation at most, when it receives more itself; 0: it does not
    max_receive_count: int | None = None  # receives after which SQS gives a message up
    dead_letter_queue_arn: str | None = None
    log_level: str = "INFO"

    @property
    def urls_per_request(self) -> int:
        """How many URLs fit into a request: the plan's limit, at most an environment's share of a second's URLs."""
        share = int(SHARE * self.plan.urls_per_second / self.max_concurrency)
        return max(1, min(self.plan.urls_per_request, share))

    def takes(self, key: str) -> bool:
        """Tell whether the filters let a decoded key pass."""
        if any(glob.matches(key) for glob in self.exclude):
            return False
        return not self.include or any(glob.matches(key) for glob in self.include)

    def __repr__(self) -> str:
        return f"Config(name={self.name!r})"  # the default one would print the token


def load(environ: Mapping[str, str]) -> Config:
    """Read the configuration from environment variables.

    Raises:
        Misconfigured: one sentence that names the field.
    """
    document = environ.get(VARIABLE)
    if not document:
        return _from_variables(environ)
    if not document.startswith("{"):  # the module compresses a document that is larger than an environment may be
        import base64
        import gzip

        try:
            document = gzip.decompress(base64.b64decode(document)).decode()
        except (ValueError, OSError, EOFError):
            raise Misconfigured(f"{VARIABLE} is not JSON: let the module write it.") from None
    return _from_document(document)


def _from_document(text: str) -> Config:
    """Read what the module writes. Terraform has validated it, so this finds what was changed by hand, and the document
    of another version.
    """
    try:
        fields = dict(json.loads(text))
        cloudflare = dict(fields.pop("cloudflare", None) or {})
        targets = [_target(dict(target), f"targets[{index}].") for index, target in enumerate(fields.pop("targets"))]
        _require(bool(targets), "targets", "a list of at least one target")
        plan, operation = cloudflare.pop("plan", None) or "free", cloudflare.pop("operation", None) or "purge"
        _require(str(plan) in PLANS, "cloudflare.plan", f"one of {', '.join(PLANS)}")
        _require(str(operation) in ENDPOINTS, "cloudflare.operation", f"one of {', '.join(ENDPOINTS)}")
        fields |= {
            "targets": targets,
            "include": _globs(fields.get("include"), "include"),
            "exclude": _globs(fields.get("exclude"), "exclude"),
            "endpoint": ENDPOINTS[operation],
            "plan": PLANS[plan],
        }
        config: Config = _built(Config, fields | cloudflare)
        for name in ("name", "bucket", "api_token_parameter"):
            _require(bool(getattr(config, name)), name, "a non-empty string")
        return _checked(config._replace(api_token_parameter=_parameter_name(config.api_token_parameter or "")))
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise Misconfigured(f"{VARIABLE}: {error}: let the module write it, and update the zip with it.") from None


def _target(fields: dict[str, Any], place: str) -> Target:
    zone = Zone(str(fields.pop("zone_id", "")).lower(), fields.pop("environment_id", None))
    hosts, variants = fields.get("hosts") or [], fields.get("header_variants") or []
    _require(_are(str, hosts), f"{place}hosts", "a list of hostnames")
    _require(_are(dict, variants), f"{place}header_variants", "a list of objects")
    fields["hosts"] = [host.lower() for host in hosts]
    fields["header_variants"] = [list(variant.items()) for variant in variants]
    target: Target = _built(Target, {"zone": zone, **fields}, place)
    target = target._replace(key_prefix=_folder(target.key_prefix), path_prefix=_folder(target.path_prefix))
    folders = target.path_prefix.split("/")
    _require(bool(_ZONE_ID.fullmatch(zone.id)), f"{place}zone_id", _ZONE_ID_RULE)
    _require(
        zone.environment_id is None
        or (isinstance(zone.environment_id, str) and bool(_ENVIRONMENT_ID.fullmatch(zone.environment_id))),
        f"{place}environment_id",
        "the ID of a zone environment",
    )
    are_hosts = bool(target.hosts) and all(HOST.fullmatch(host) for host in target.hosts)
    _require(are_hosts, f"{place}hosts", "hostnames such as www.example.com, without scheme, port or path")
    _require(set(target.schemes) in _SCHEMES, f"{place}schemes", 'a list of "https", "http" or both')
    _require(target.purge_by in _PURGE_BY, f"{place}purge_by", f"one of {', '.join(_PURGE_BY)}")
    _require(not {".", ".."} & set(folders), f"{place}path_prefix", "without . and .. as folders")
    _require(len(folders) <= _MAX_FOLDERS + 1, f"{place}path_prefix", f"at most {_MAX_FOLDERS} folders deep")
    are_tags = all(_TEMPLATE.fullmatch(tag) for tag in target.tags) and (target.purge_by == "tag") == bool(target.tags)
    _require(are_tags, f"{place}tags", 'templates such as "{dir}", without spaces and commas, if purge_by is "tag"')
    pairs = [pair for variant in target.header_variants for pair in variant]
    are_headers = all(target.header_variants) and all(
        _HEADER_NAME.fullmatch(name) and isinstance(text, str) and _HEADER_VALUE.fullmatch(text) for name, text in pairs
    )
    _require(are_headers, f"{place}header_variants", "names and values that a header can have")
    return target


def _from_variables(environ: Mapping[str, str]) -> Config:
    """Read the variables of a hand-made function: one zone, and the bucket's name is the host."""
    if not environ.get("CLOUDFLARE_ZONE_ID"):
        raise Misconfigured(f"Neither {VARIABLE} nor CLOUDFLARE_ZONE_ID is set: set one of them.")
    name, key = environ.get("CLOUDFLARE_API_KEY_SSMPATH"), environ.get("CLOUDFLARE_API_KEY")
    if not name and not key:
        raise Misconfigured("There is no API token: set CLOUDFLARE_API_KEY_SSMPATH or CLOUDFLARE_API_KEY.")
    config = Config(
        name=environ.get("AWS_LAMBDA_FUNCTION_NAME", "cf_purge"),
        targets=(Target(Zone(environ["CLOUDFLARE_ZONE_ID"].lower())),),
        include=_extensions(environ, "INCLUDED_EXTS"),
        exclude=_extensions(environ, "EXCLUDED_EXTS"),
        api_token_parameter=_parameter_name(name) if name else None,
        api_token=None if name else key,
        email=environ.get("CLOUDFLARE_API_EMAIL") or None,
        api_url=environ.get("CLOUDFLARE_API_URL") or API_URL,
    )
    try:
        _require(bool(_ZONE_ID.fullmatch(config.targets[0].zone.id)), "CLOUDFLARE_ZONE_ID", _ZONE_ID_RULE)
        return _checked(config)
    except ValueError as error:
        field, _, rule = str(error).partition(" ")
        names = {"api_url": "CLOUDFLARE_API_URL", "email": "CLOUDFLARE_API_EMAIL"}
        raise Misconfigured(f"{names.get(field, field)} {rule}.") from None


def _extensions(environ: Mapping[str, str], variable: str) -> tuple[Glob, ...]:
    """`css, .js` → the globs `*.css` and `*.js`; `*` takes every key."""
    given = [name.strip() for name in environ.get(variable, "").split(",") if name.strip()]
    try:
        if any("/" in name for name in given):
            raise ValueError
        return tuple(Glob("*" if name == "*" else f"*.{name.removeprefix('*').removeprefix('.')}") for name in given)
    except ValueError:
        raise Misconfigured(f"{variable} must be extensions such as css,js, or *.") from None


def _folder(prefix: str) -> str:
    """`/blog` → `blog/`: a prefix is a folder however it is written."""
    return f"{prefix.strip('/')}/" if prefix.strip("/") else ""


def _parameter_name(name: str) -> str:
    """`prod/token` → `/prod/token`: a name with folders must begin with a slash."""
    return f"/{name}" if "/" in name and not name.startswith(("/", "arn:")) else name


def _globs(texts: Any, name: str) -> tuple[Glob, ...]:
    _require(_are(str, texts or []), name, "a list of globs")
    try:
        return tuple(map(Glob, texts or []))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _is_api_url(value: Any) -> bool:
    """Tell whether the token may be sent there: https, or http on loopback."""
    try:
        parts = urlsplit(value)
        is_allowed = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        # Parsers disagree about anything unusual, and another parser connects.
        is_usual = bool(_VISIBLE.fullmatch(value) and _NETLOC.fullmatch(parts.netloc)) and parts.port != 0
    except (ValueError, TypeError, AttributeError):
        return False
    return is_allowed and is_usual and not parts.query and not parts.fragment


def _checked(config: Config) -> Config:
    """Check what holds for every configuration.

    Raises:
        ValueError: the sentence names the field.
    """
    _require(_is_api_url(config.api_url), "api_url", f"an https URL such as {API_URL} (http on loopback only)")
    _require(config.email is None or bool(_EMAIL.fullmatch(config.email)), "email", "an e-mail address")
    _require(0 < config.requests_per_second < 1e6, "requests_per_second", "a number above 0")
    _require(0 < config.max_concurrency < 1e6, "max_concurrency", "a number above 0")
    _require(config.collapse_above is None or config.collapse_above > 0, "collapse_above", "a whole number above 0")
    _require(config.log_level in LEVELS, "log_level", f"one of {', '.join(LEVELS)}")
    for name in ("queue_arn", "dead_letter_queue_arn"):
        arn = getattr(config, name)
        _require(arn is None or bool(QUEUE_ARN.fullmatch(arn)), name, "the ARN of a queue")
    needs_queue = config.repurge_after_seconds or config.drain
    _require(not needs_queue or config.queue_arn is not None, "queue_arn", "set for repurge_after_seconds and drain")
    return config._replace(api_url=config.api_url.rstrip("/"))


def _require(holds: bool, name: str, rule: str) -> None:
    if not holds:
        raise ValueError(f"{name} must be {rule}")


def _built(kind: Any, fields: Mapping[str, Any], place: str = "") -> Any:
    """Return the tuple with these fields; null means the default, and each field has the type of its default.

    Raises:
        ValueError, TypeError: a field is missing, unknown or of another type.
    """
    values = {name: _frozen(value) for name, value in fields.items() if value is not None}
    for name, value in values.items():
        wanted: Any = _TYPES.get(name, type(kind._field_defaults.get(name, value)))
        fits = isinstance(value, (int, float) if wanted is float else wanted) and (
            wanted is bool or not isinstance(value, bool)
        )
        fits = fits and (wanted is not tuple or name not in _TEXTS or all(isinstance(each, str) for each in value))
        _require(fits, f"{place}{name}", "of another type")
    return kind(**values)


def _are(kind: type, values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
