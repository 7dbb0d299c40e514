"""The JSON document that Terraform writes → the configuration, checked field by field."""

from __future__ import annotations

import json
import re

from cf_purge import log
from cf_purge.config import (
    API_URL,
    ENDPOINTS,
    HOST,
    PLANS,
    QUEUE_ARN,
    Config,
    Target,
    checked_api_url,
    checked_email,
    checked_zone_id,
    parameter_name,
)
from cf_purge.errors import Misconfigured
from cf_purge.fields import Fields
from cf_purge.filters import KeyFilter
from cf_purge.purge import Zone

VARIABLE = "CF_PURGE_CONFIG"

_PURGE_BY = ("url", "prefix", "tag", "host", "everything")
_ENVIRONMENT_ID = re.compile(r"[0-9a-zA-Z_-]{1,64}")
# Printable ASCII without spaces, commas and stray braces.
_TEMPLATE = re.compile(r"(?:[!-+\--z|~]|\{(?:bucket|key|dir|name|ext)\}){1,1024}")
# A prefix has at most 31 slashes, and the folder of a target must fit into one.
_MOST_FOLDERS = 30


def read_document(text: str) -> Config:
    """Read the document.

    Raises:
        Misconfigured: one sentence that names the field.
    """
    try:
        fields = Fields(json.loads(text), VARIABLE)
    except ValueError:
        raise Misconfigured(f"{VARIABLE} is not JSON: let the module write it.") from None
    targets = fields.objects("targets")
    cloudflare = fields.object("cloudflare")
    plan = cloudflare.text("plan", "free")
    if plan not in PLANS:
        raise cloudflare.wrong("plan", "must be one of " + ", ".join(PLANS))
    address = cloudflare.optional_text("email")
    operation = cloudflare.text("operation", "purge")
    if operation not in ENDPOINTS:
        raise cloudflare.wrong("operation", "must be one of " + ", ".join(ENDPOINTS))
    queue_arn, dead_letter_queue_arn = (_queue_arn(fields, name) for name in ("queue_arn", "dead_letter_queue_arn"))
    repurge_after_seconds = fields.whole("repurge_after_seconds", 0, 900) or 0
    drain = fields.whole("drain", 0, 10_000) or 0
    if (repurge_after_seconds or drain) and queue_arn is None:
        raise fields.wrong("queue_arn", "is missing: repurge_after_seconds and drain need it")
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
        api_token_parameter=parameter_name(fields.text("api_token_parameter")),
        email=None if address is None else checked_email(address, cloudflare.path("email")),
        api_url=checked_api_url(cloudflare.text("api_url", API_URL), cloudflare.path("api_url")),
        endpoint=ENDPOINTS[operation],
        plan=PLANS[plan],
        requests_per_second=cloudflare.positive("requests_per_second", 4),
        max_concurrency=fields.positive("max_concurrency", 1),
        collapse_above=fields.whole("collapse_above", 1, 1_000_000),
        repurge_after_seconds=repurge_after_seconds,
        queue_arn=queue_arn,
        batch_size=fields.whole("batch_size", 1, 10_000) or 10,
        drain=drain,
        dead_letter_queue_arn=dead_letter_queue_arn,
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
    if _folder(path_prefix).count("/") > _MOST_FOLDERS:
        raise fields.wrong("path_prefix", f"must be at most {_MOST_FOLDERS} folders deep")
    purge_by, tags = fields.text("purge_by", "url"), fields.texts("tags", ())
    if purge_by not in _PURGE_BY:
        raise fields.wrong("purge_by", "must be one of " + ", ".join(_PURGE_BY))
    if not all(_TEMPLATE.fullmatch(tag) for tag in tags) or (purge_by == "tag") != bool(tags):
        raise fields.wrong(
            "tags", 'must be templates such as "{dir}", without spaces and commas, with purge_by "tag" and only then'
        )
    environment_id = fields.optional_text("environment_id")
    if environment_id is not None and not _ENVIRONMENT_ID.fullmatch(environment_id):
        raise fields.wrong("environment_id", "must be the id of a zone environment")
    target = Target(
        zone=Zone(checked_zone_id(fields.text("zone_id"), fields.path("zone_id")), environment_id),
        hosts=hosts,
        key_prefix=_folder(fields.text("key_prefix", "")),
        path_prefix=_folder(path_prefix),
        schemes=schemes,
        index_documents=fields.texts("index_documents", ("index.html",)),
        purge_by=purge_by,
        clean_urls=fields.flag("clean_urls"),
        header_variants=fields.headers("header_variants"),
        tags=tags,
    )
    fields.refuse_unknown()
    return target


def _queue_arn(fields: Fields, name: str) -> str | None:
    arn = fields.optional_text(name)
    if arn is not None and not QUEUE_ARN.fullmatch(arn):
        raise fields.wrong(name, "must be the ARN of a queue")
    return arn


def _folder(prefix: str) -> str:
    """`/blog` → `blog/`: a prefix is a folder however it is written."""
    return f"{prefix.strip('/')}/" if prefix.strip("/") else ""
