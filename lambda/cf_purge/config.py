"""All that the function is told, and the rules that hold however it is told."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from cf_purge.errors import Misconfigured
from cf_purge.filters import KeyFilter
from cf_purge.purge import Zone

# Invalidated copies are kept, and the origin is asked about them before the next visitor gets one.
ENDPOINTS = {"purge": "purge_cache", "invalidate": "invalidate_cache"}
API_URL = "https://api.cloudflare.com/client/v4"
# A hostname in lower case, underscores tolerated.
HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")

QUEUE_ARN = re.compile(r"arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?")

SHARE = 0.8  # of the plan's limits for purges; the rest is left to whoever else purges in the account

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_VISIBLE = re.compile(r"[!-~]+")
_NETLOC = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_ZONE_ID = re.compile(r"[0-9a-fA-F]{32}")
_EMAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+")  # what fits into a header


class Plan(NamedTuple):
    """What Cloudflare takes from an account, all its zones of that plan together.

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


class Target(NamedTuple):
    """One place where the bucket's objects are served."""

    zone: Zone
    hosts: tuple[str, ...] = ()  # lower case; none means the bucket's name
    key_prefix: str = ""  # "" or ends in "/"; removed from the key
    path_prefix: str = ""  # "" or ends in "/", never starts with one; decoded
    schemes: tuple[str, ...] = ("https",)
    index_documents: tuple[str, ...] = ("index.html",)
    purge_by: str = "url"  # url, prefix, tag, host or everything
    clean_urls: bool = False
    header_variants: tuple[tuple[tuple[str, str], ...], ...] = ()
    tags: tuple[str, ...] = ()  # templates


class Config(NamedTuple):
    """All that the function is told."""

    name: str
    targets: tuple[Target, ...]
    bucket: str | None = None  # None: any bucket, as the flat variables have it
    keys: KeyFilter = KeyFilter()
    api_token_parameter: str | None = None
    api_token: str | None = None  # only from the flat variables; never printed
    email: str | None = None  # set: the token is a Global API key
    api_url: str = API_URL
    endpoint: str = ENDPOINTS["purge"]
    plan: Plan = PLANS["free"]
    requests_per_second: float = 4.0  # of all environments together
    max_concurrency: float = 1.0  # environments among which every limit is shared out
    collapse_above: int | None = None  # URLs of one target in one invocation
    repurge_after_seconds: int = 0
    queue_arn: str | None = None  # the function's own queue
    batch_size: int = 10  # messages that make a batch a full one
    drain: int = 0  # messages of one invocation at most, when it receives more by itself; 0: it does not
    dead_letter_queue_arn: str | None = None
    log_level: str = "INFO"

    @property
    def urls_per_request(self) -> int:
        """What a request holds; of many environments none may take more at once than its share of a second's URLs."""
        share = int(SHARE * self.plan.urls_per_second / self.max_concurrency)
        return max(1, min(self.plan.urls_per_request, share))

    def __repr__(self) -> str:
        return f"Config(name={self.name!r})"  # the default one would print the token


def parameter_name(name: str) -> str:
    """`prod/token` → `/prod/token`: SSM takes names with folders only when they begin with a slash."""
    return f"/{name}" if "/" in name and not name.startswith(("/", "arn:")) else name


def checked_zone_id(value: str, path: str) -> str:
    if not _ZONE_ID.fullmatch(value):
        raise Misconfigured(f"{path} must be the zone's 32-digit hex id (dashboard, Overview, API), not its name.")
    return value.lower()


def checked_email(value: str, path: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise Misconfigured(f"{path} must be an e-mail address.")
    return value


def checked_api_url(value: str, path: str) -> str:
    try:
        parts = urlsplit(value)
        fits = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        fits = fits and parts.port != 0  # reading it checks it
        # Parsers disagree about anything else, and it is another one that connects.
        fits = fits and bool(_VISIBLE.fullmatch(value) and _NETLOC.fullmatch(parts.netloc))
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment:
        raise Misconfigured(f"{path} must be an https URL such as {API_URL} (http on loopback only).")
    return value.rstrip("/")
