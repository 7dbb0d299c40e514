"""The typed configuration, from the document that Terraform writes or from the flat variables."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cf_purge.errors import Misconfigured
from cf_purge.observe import LEVELS

if TYPE_CHECKING:
    from cf_purge.globs import Glob

VARIABLE = "CF_PURGE_CONFIG"
API_URL = "https://api.cloudflare.com/client/v4"
# `invalidate` marks copies as stale and asks the origin again; `purge` removes them.
ENDPOINTS = {"purge": "purge_cache", "invalidate": "invalidate_cache"}
MAX_SLASHES = 31  # in a prefix purge
SHARE = 0.8  # of the plan's limits; the rest is left to others who purge in the account
# A hostname in lower case; underscores are allowed because they occur.
HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
EVENT_BUS_ARN = re.compile(r"arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9/._-]{1,256}")
QUEUE_ARN = re.compile(r"arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?")

_Check = Callable[[Any], bool]
_Rules = Mapping[str, tuple[_Check, str]]


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
    keys: tuple[Glob, ...] = ()  # the target is only about these; empty: every key
    related: tuple[str, ...] = ()  # templates of further paths; a last "*" makes a prefix
    delay_seconds: int = 0  # from a change to its purge


class Verify(NamedTuple):
    """How it is verified that visitors see what was purged."""

    after_seconds: int = 5  # to the first look; then twice as long each time
    attempts: int = 3  # looks
    sample: int = 20  # changes of an invocation that are looked at; 0: all are purged once more, none is looked at


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
    edge_url: str | None = None  # set in tests: asked in the place of the hosts
    endpoint: str = ENDPOINTS["purge"]
    plan: Plan = PLANS["free"]
    requests_per_second: float = 4.0  # of all environments together
    max_concurrency: float = 1.0  # environments that share every limit
    collapse_above: int | None = None  # URLs of one target in one invocation
    verify: Verify | None = None
    queue_arn: str | None = None  # the function's own queue
    batch_size: int = 10  # messages that make a batch a full one
    drain: int = 0  # messages of one invocation at most, when it receives more itself; 0: it does not
    max_receive_count: int | None = None  # receives after which SQS gives a message up
    dead_letter_queue_arn: str | None = None
    event_bus_arn: str | None = None  # where `notify` sends events; None: nowhere
    log_level: str = "INFO"
    log_principals: bool = True

    @property
    def urls_per_request(self) -> int:
        """How many URLs fit into a request: the plan's limit, at most an environment's share of a second's URLs."""
        share = int(SHARE * self.plan.urls_per_second / self.max_concurrency)
        return max(1, min(self.plan.urls_per_request, share))

    def takes(self, key: str) -> bool:
        """Tell whether the filters let a decoded key pass."""
        return takes(key, self.include) and not (self.exclude and takes(key, self.exclude))

    def __repr__(self) -> str:
        return f"Config(name={self.name!r})"  # the default one would print the token


def takes(key: str, globs: Sequence[Glob]) -> bool:
    """Tell whether a decoded key matches one of the globs; without any, all keys do."""
    return not globs or any(glob.matches(key) for glob in globs)


def load(environ: Mapping[str, str]) -> Config:
    """Read the configuration from environment variables.

    Raises:
        Misconfigured: one sentence that names the field.
    """
    document = environ.get(VARIABLE)
    if not document:
        return _from_variables(environ)
    return _from_document(unpacked(document))


def unpacked(document: str) -> str:
    """Return the JSON of a document, which the module compresses when it is larger than an environment may be."""
    if document.startswith("{"):
        return document
    import base64
    import gzip
    import zlib

    try:
        return gzip.decompress(base64.b64decode(document)).decode()
    except (ValueError, OSError, EOFError, zlib.error):
        raise Misconfigured(f"{VARIABLE} is not JSON: let the module write it.") from None


def _from_document(text: str) -> Config:
    """Read what the module writes. Terraform has validated it, so this finds what was changed by hand, and the document
    of another version.
    """
    try:
        document = dict(json.loads(text))
        document |= dict(document.pop("cloudflare", None) or {})
        fields = _checked(document, _FIELDS, ("name", "bucket", "api_token_parameter", "targets"))
        fields["targets"] = tuple(_target(each, f"targets[{place}].") for place, each in enumerate(fields["targets"]))
        is_delayed = any(target.delay_seconds for target in fields["targets"])
        needs_queue = is_delayed or "verify" in fields or fields.get("drain")
        if needs_queue and "queue_arn" not in fields:
            raise ValueError("queue_arn must be set for delay_seconds, verify and drain")
        if "verify" in fields:
            fields["verify"] = Verify(**_checked(fields["verify"], _VERIFY_FIELDS, (), "verify."))
        fields["endpoint"] = ENDPOINTS[fields.pop("operation", "purge")]
        fields["plan"] = PLANS[fields.get("plan", "free")]
        for name in ("include", "exclude"):
            fields[name] = tuple(map(_glob, fields.get(name, ())))
        return _normalized(Config(**fields))
    except (TypeError, ValueError, RecursionError) as error:
        raise Misconfigured(f"{VARIABLE}: {error}: let the module write it, and update the zip with it.") from None


def _target(document: dict[str, Any], place: str) -> Target:
    fields = _checked(document, _TARGET_FIELDS, ("zone_id", "hosts"), place)
    if (fields.get("purge_by") == "tag") != bool(fields.get("tags")):
        raise ValueError(f'{place}tags must be set if purge_by is "tag", and only then')
    zone = Zone(fields.pop("zone_id").lower(), fields.pop("environment_id", None))
    fields["hosts"] = tuple(host.lower() for host in fields["hosts"])
    fields["header_variants"] = [tuple(variant.items()) for variant in fields.get("header_variants", ())]
    fields["keys"] = tuple(map(_glob, fields.get("keys", ())))
    for name in ("key_prefix", "path_prefix"):
        folder = fields.get(name, "").strip("/")
        fields[name] = f"{folder}/" if folder else ""  # a prefix is a folder however it is written
    frozen: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in fields.items()}
    return Target(zone, **frozen)


def _from_variables(environ: Mapping[str, str]) -> Config:
    """Read the variables of a hand-made function: one zone, and the bucket's name is the host."""
    if not environ.get("CLOUDFLARE_ZONE_ID"):
        raise Misconfigured(f"Neither {VARIABLE} nor CLOUDFLARE_ZONE_ID is set: set one of them.")
    parameter, token = environ.get("CLOUDFLARE_API_KEY_SSMPATH"), environ.get("CLOUDFLARE_API_KEY")
    if not parameter and not token:
        raise Misconfigured("There is no API token: set CLOUDFLARE_API_KEY_SSMPATH or CLOUDFLARE_API_KEY.")
    rules = {"ZONE_ID": _TARGET_FIELDS["zone_id"], "API_EMAIL": _FIELDS["email"], "API_URL": _FIELDS["api_url"]}
    for name, (accepts, rule) in rules.items():
        if (value := environ.get(f"CLOUDFLARE_{name}")) and not accepts(value):
            raise Misconfigured(f"CLOUDFLARE_{name} must be {rule}.")
    config = Config(
        name=environ.get("AWS_LAMBDA_FUNCTION_NAME", "cf_purge"),
        targets=(Target(Zone(environ["CLOUDFLARE_ZONE_ID"].lower())),),
        include=_extensions(environ, "INCLUDED_EXTS"),
        exclude=_extensions(environ, "EXCLUDED_EXTS"),
        api_token_parameter=parameter or None,
        api_token=None if parameter else token,
        email=environ.get("CLOUDFLARE_API_EMAIL") or None,
        api_url=environ.get("CLOUDFLARE_API_URL") or API_URL,
    )
    return _normalized(config)


def _normalized(config: Config) -> Config:
    """Write what can be written in several ways in one."""
    name = config.api_token_parameter
    if name and "/" in name and not name.startswith(("/", "arn:")):
        name = f"/{name}"  # a name with folders must begin with a slash
    return config._replace(api_token_parameter=name, api_url=config.api_url.rstrip("/"))


def _extensions(environ: Mapping[str, str], variable: str) -> tuple[Glob, ...]:
    """`css, .js` → the globs `*.css` and `*.js`; `*` takes every key."""
    given = [name.strip() for name in environ.get(variable, "").split(",") if name.strip()]
    try:
        if any("/" in name for name in given):
            raise ValueError
        return tuple(_glob("*" if name == "*" else f"*.{name.removeprefix('*').removeprefix('.')}") for name in given)
    except ValueError:
        raise Misconfigured(f"{variable} must be extensions such as css,js, or *.") from None


def _checked(document: dict[str, Any], rules: _Rules, required: Sequence[str], place: str = "") -> dict[str, Any]:
    """Return the fields of a document that are not null, which means the default.

    Raises:
        ValueError: a field is missing, unknown or wrong; the sentence names it.
    """
    given = {name: value for name, value in document.items() if value is not None}
    for name in (*required, *given):
        if name not in rules:
            raise ValueError(f"{place}{name} is not a known field")
        accepts, rule = rules[name]
        if not accepts(given.get(name)):
            raise ValueError(f"{place}{name} must be {rule}")
    return given


# ---- What the fields accept ----


def _text(pattern: str | re.Pattern[str]) -> _Check:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _one_of(*values: str) -> _Check:
    return lambda value: value in values


def _whole(least: int, most: float = math.inf) -> _Check:
    return lambda value: type(value) is int and least <= value <= most


def _is_rate(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < 1e6


def _list_of(accepts: _Check, least: int = 0) -> _Check:
    return lambda value: isinstance(value, list) and len(value) >= least and all(map(accepts, value))


def _is_host(value: Any) -> bool:
    return isinstance(value, str) and HOST.fullmatch(value.lower()) is not None


def _is_path_prefix(value: Any) -> bool:
    folders = value.strip("/").split("/") if isinstance(value, str) else ()
    return 0 < len(folders) < MAX_SLASHES and not {".", ".."} & set(folders)


def _is_headers(value: Any) -> bool:
    """Tell whether it is an object of at least one name and value that a request can have."""
    is_name, is_value = _text(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"), _text(r"[!-~]([ -~]*[!-~])?")  # RFC 9110 section 5.6.2
    return isinstance(value, dict) and value != {} and all(map(is_name, value)) and all(map(is_value, value.values()))


def _glob(text: str) -> Glob:
    from cf_purge.globs import Glob

    return Glob(text)


def _is_glob(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(_glob(value))
    except ValueError:
        return False


# The token is sent by https, or by http on loopback. Parsers disagree about unusual URLs, so they are refused.
_PORT = r":(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_ORIGIN = r"(?i:https://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])|http://(?:localhost|127\.0\.0\.1|\[::1\]))"
_EDGE_URL = rf"(?i:https?://(?:localhost|127\.0\.0\.1|\[::1\]))(?:{_PORT})?/?"
_API_URL = rf"{_ORIGIN}(?:{_PORT})?(?:/[!-\"$->@-~]*)?"
# Of tags: printable ASCII without spaces, commas and unknown placeholders.
_PLACEHOLDER = r"\{(?:bucket|key|dir|name|stem|ext)\}"
_TEMPLATE = rf"(?:[!-+\--z|~]|{_PLACEHOLDER}){{1,1024}}"
# A decoded path without empty and dot segments; a star at its end only.
_PATH = rf"(?=.{{1,1024}}\Z)(?!.*/(?:/|\.{{1,2}}(?:/|\*?\Z)))/(?:[^\x00-\x1f\x7f?#%*{{}}]|{_PLACEHOLDER})*\*?"

# By field: what it accepts, and the rule as a sentence, "it must be …".
_TARGET_FIELDS: _Rules = {
    "zone_id": (_text(r"[0-9a-fA-F]{32}"), "the zone's 32-digit hex ID (dashboard, Overview, API), not its name"),
    "environment_id": (_text(r"[0-9a-zA-Z_-]{1,64}"), "the ID of a zone environment"),
    "hosts": (_list_of(_is_host, 1), "hostnames such as www.example.com, without scheme, port or path"),
    "key_prefix": (_text(r"(?s:.*)"), "a string"),
    "path_prefix": (_is_path_prefix, f"at most {MAX_SLASHES - 1} folders deep, without . and .. as folders"),
    "schemes": (_list_of(_one_of("http", "https"), 1), 'a list of "https", "http" or both'),
    "index_documents": (_list_of(_text(r"(?s:.*)")), "a list of strings"),
    "purge_by": (_one_of("url", "prefix", "tag", "host", "everything"), "url, prefix, tag, host or everything"),
    "clean_urls": (lambda value: isinstance(value, bool), "true or false"),
    "header_variants": (_list_of(_is_headers), "names and values that a header can have"),
    "tags": (_list_of(_text(_TEMPLATE)), 'templates such as "{dir}", without spaces and commas'),
    "keys": (_list_of(_is_glob), "a list of globs"),
    "related": (_list_of(_text(_PATH)), 'paths such as "/amp/{key}" or "/tags/{dir}/*"'),
    "delay_seconds": (_whole(0, 900), "a whole number of at most 900"),
}
_VERIFY_FIELDS: _Rules = {
    "after_seconds": (_whole(0, 900), "a whole number of at most 900"),
    "attempts": (_whole(1, 5), "a whole number from 1 to 5"),
    "sample": (_whole(0, 100), "a whole number of at most 100"),
}
_FIELDS: _Rules = {
    **dict.fromkeys(("name", "bucket", "api_token_parameter"), (_text(r"(?s:.+)"), "a non-empty string")),
    **dict.fromkeys(("queue_arn", "dead_letter_queue_arn"), (_text(QUEUE_ARN), "the ARN of a queue")),
    **dict.fromkeys(("include", "exclude"), (_list_of(_is_glob), "a list of globs")),
    **dict.fromkeys(("requests_per_second", "max_concurrency"), (_is_rate, "a number above 0")),
    **dict.fromkeys(("collapse_above", "batch_size", "max_receive_count"), (_whole(1), "a whole number above 0")),
    "drain": (_whole(0), "a whole number"),
    "verify": (lambda value: isinstance(value, dict), "an object"),
    "targets": (_list_of(lambda value: isinstance(value, dict), 1), "a list of at least one target"),
    "email": (_text(r"[!-?A-~]+@[!-?A-~]+"), "an e-mail address"),  # what can be sent as a header
    "api_url": (_text(_API_URL), f"an https URL such as {API_URL} (http on loopback only)"),
    "edge_url": (_text(_EDGE_URL), "a URL on loopback such as https://127.0.0.1:8443"),
    "operation": (_one_of(*ENDPOINTS), f"one of {', '.join(ENDPOINTS)}"),
    "plan": (_one_of(*PLANS), f"one of {', '.join(PLANS)}"),
    "event_bus_arn": (_text(EVENT_BUS_ARN), "the ARN of an event bus"),
    "log_principals": (lambda value: isinstance(value, bool), "true or false"),
    "log_level": (_one_of(*LEVELS), f"one of {', '.join(LEVELS)}"),
}
