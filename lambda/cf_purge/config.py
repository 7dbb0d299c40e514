"""The typed configuration, from the document that Terraform writes or from the flat variables."""

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cf_purge.errors import Misconfigured, Rejected

VARIABLE = "CF_PURGE_CONFIG"
API_URL = "https://api.cloudflare.com/client/v4"
MAX_SLASHES = 31  # in a prefix purge
SHARE = 0.8  # of the plan's limits; the rest is left to others who purge in the account
# A hostname in lower case; underscores are allowed because they occur.
HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


class Limits(NamedTuple):
    """What Cloudflare accepts from an account, all its zones of that plan together.

    https://developers.cloudflare.com/cache/how-to/purge-cache/#availability-and-limits
    """

    urls_per_request: int
    urls_per_second: float
    requests_per_second: float  # by prefix, tag, host and of everything
    requests_at_once: int  # of these


PLANS = {
    "free": Limits(100, 800, 5 / 60, 25),
    "pro": Limits(100, 1500, 5, 25),
    "business": Limits(100, 1500, 10, 50),
    "enterprise": Limits(500, 3000, 50, 500),
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
    hosts: tuple[str, ...] = ()  # lower case; none with the flat variables, until an event names its bucket
    key_prefix: str = ""  # "" or ends in "/"; removed from the key
    path_prefix: str = ""  # "" or ends in "/", never begins with one; decoded
    schemes: tuple[str, ...] = ("https",)  # the first one is asked as a visitor: https if it is there
    index_documents: tuple[str, ...] = ("index.html",)
    purge_by: str = "url"  # url, prefix, tag, host or everything
    clean_urls: bool = False
    header_variants: tuple[tuple[tuple[str, str], ...], ...] = ()
    tags: tuple[str, ...] = ()  # templates; the bucket's name is already in them
    keys: tuple[str, ...] = ()  # globs: the target is only about these; empty: every key
    related: tuple[str, ...] = ()  # such templates of further paths; a last "*" makes a prefix
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
    include: tuple[str, ...] = ()  # globs; empty: every key
    exclude: tuple[str, ...] = ()  # globs; they win
    api_token_parameter: str | None = None  # None: the token is in CLOUDFLARE_API_KEY
    email: str | None = None  # set: the token is a Global API key
    api_url: str = API_URL
    edge_url: str | None = None  # for tests: requested instead of the hosts
    operation: str = "purge"  # removes copies; "invalidate" marks them stale, so that the origin is asked again
    plan: Limits = PLANS["free"]
    requests_per_second: float = 4.0  # of all environments together
    max_concurrency: float = 1.0  # environments that share every limit
    collapse_above: int | None = None  # URLs of one target in one invocation
    verify: Verify | None = None
    queue_arn: str | None = None  # the function's own queue
    batch_size: int = 10  # messages that make a batch a full one
    drain: int = 0  # messages of one invocation at most, when it receives more itself; 0: it does not
    max_receive_count: int = 30  # receives after which SQS gives a message up
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

    def targets_for(self, bucket: str | None, zone_id: str | None, *, needs_hosts: bool = True) -> tuple[Target, ...]:
        """Return the targets that serve a bucket, in one zone; None stands for any bucket, and for all zones.

        If no bucket is configured, the host of each target is the bucket's name. If the event names none either, they
        have no hosts, which `needs_hosts` refuses.

        Raises:
            Rejected: no target has that zone; or the bucket is not the configured one, invalid, or missing.
        """
        targets = tuple(target for target in self.targets if zone_id is None or target.zone.id == zone_id.lower())
        if zone_id is not None and not targets:
            raise Rejected(f"Zone {zone_id[:64]!r} is not in any target: add it to targets[*].zone_id.", "ForeignZone")
        if bucket in (self.bucket, None) and (self.bucket or not needs_hosts):
            return targets
        if not bucket:
            raise Rejected('The event names no bucket: add "bucket" to it.', "UnknownEvent")
        if self.bucket or not HOST.fullmatch(bucket.lower()):
            right = self.bucket or "one that can be a host"
            raise Rejected(f"The event is about bucket {bucket[:64]}, not about {right}.", "ForeignBucket")
        return tuple(target._replace(hosts=(bucket.lower(),)) for target in targets)


def takes(key: str, globs: Sequence[str]) -> bool:
    """Tell whether a decoded key matches one of the globs; without any, all keys do."""
    if not globs:
        return True
    from cf_purge.globs import matches

    return any(matches(glob, key) for glob in globs)


def load(environ: Mapping[str, str]) -> Config:
    """Read the configuration from environment variables.

    Raises:
        Misconfigured: it is missing, invalid, or that of another version.
    """
    text = environ.get(VARIABLE)
    try:
        config = _from_document(text) if text else _from_variables(environ)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, zlib.error) as error:
        remedy = "run terraform apply, with the zip of the module's version"
        raise Misconfigured(f"{VARIABLE} is not this version's document ({error}): {remedy}.") from None
    if not re.fullmatch(_API_URL, config.api_url):
        raise Misconfigured(f"cloudflare.api_url or CLOUDFLARE_API_URL must be an https URL such as {API_URL}.")
    name = config.api_token_parameter
    if name and "/" in name and not name.startswith(("/", "arn:")):
        name = f"/{name}"  # a name with folders must begin with a slash
    return config._replace(api_token_parameter=name, api_url=config.api_url.rstrip("/"))


def _from_document(text: str) -> Config:
    """Read what the module writes: JSON in which null means the default, compressed if it would be too large.

    Terraform has validated it, so only the names of its fields are checked: they tell the document of another version.

    Raises:
        AttributeError, KeyError, TypeError, ValueError, zlib.error: it is something else.
    """
    if not text.startswith("{"):
        text = zlib.decompress(base64.b64decode(text), wbits=31).decode()  # 31: as gzip writes it
    fields: dict[str, Any] = json.loads(text, object_hook=_given)
    fields |= fields.pop("cloudflare", {})
    fields["targets"] = tuple(_target(target, fields["bucket"]) for target in fields["targets"])
    if "verify" in fields:
        fields["verify"] = Verify(**fields["verify"])
    fields["plan"] = PLANS[fields.get("plan", "free")]
    return Config(**fields)


def _target(fields: dict[str, Any], bucket: str) -> Target:
    zone = Zone(fields.pop("zone_id").lower(), fields.pop("environment_id", None))
    fields["header_variants"] = tuple(tuple(variant.items()) for variant in fields.get("header_variants", ()))
    fields["schemes"] = tuple(sorted(fields.get("schemes", ["https"]), reverse=True))  # http often redirects to https
    for name in ("tags", "related"):
        fields[name] = tuple(template.replace("{bucket}", bucket) for template in fields.get(name, ()))
    for name in ("key_prefix", "path_prefix"):
        fields[name] = f"{fields.get(name, '').strip('/')}/".lstrip("/")  # "/a", "a/" and "a" are "a/"; "/" is ""
    return Target(zone, fields.pop("hosts"), **fields)


def _given(document: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a JSON object that are not null; lists as tuples."""
    given = {name: value for name, value in document.items() if value is not None}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def _from_variables(environ: Mapping[str, str]) -> Config:
    """Read the variables of a function made without Terraform: one zone, and the bucket's name is the host."""
    zone_id = environ.get("CLOUDFLARE_ZONE_ID", "")
    if not re.fullmatch("[0-9a-fA-F]{32}", zone_id):
        raise Misconfigured(f"Without {VARIABLE}, CLOUDFLARE_ZONE_ID must be the zone's 32-digit ID, not its name.")
    email = environ.get("CLOUDFLARE_API_EMAIL") or None
    if email and not re.fullmatch("[!-?A-~]+@[!-?A-~]+", email):  # what can be sent as a header
        raise Misconfigured("CLOUDFLARE_API_EMAIL must be an e-mail address.")
    return Config(
        name=environ.get("AWS_LAMBDA_FUNCTION_NAME", "cf_purge"),
        targets=(Target(Zone(zone_id.lower())),),
        include=_extensions(environ, "INCLUDED_EXTS"),
        exclude=_extensions(environ, "EXCLUDED_EXTS"),
        api_token_parameter=environ.get("CLOUDFLARE_API_KEY_SSMPATH") or None,
        email=email,
        api_url=environ.get("CLOUDFLARE_API_URL") or API_URL,
    )


def _extensions(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    """`css, .js` → the globs `*.css` and `*.js`; `*` takes every key."""
    names = [name.strip() for name in environ.get(variable, "").split(",") if name.strip()]
    if any("/" in name or "[" in name for name in names):
        raise Misconfigured(f"{variable} must be extensions such as css,js, or *.")
    return tuple(name if name == "*" else f"*.{name.removeprefix('*').removeprefix('.')}" for name in names)


# The token is sent by https, or by http on loopback. Parsers disagree about unusual URLs, so they are refused.
_PORT = r":(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_LOOPBACK = r"(?:localhost|127\.0\.0\.1|\[::1\])"
_API_URL = rf"(?i:https://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])|http://{_LOOPBACK})(?:{_PORT})?(?:/[!-\"$->@-~]*)?"
