"""The flat variables of a hand-made function → the configuration."""

from __future__ import annotations

from collections.abc import Mapping

from cf_purge.config import (
    API_URL,
    Config,
    Target,
    checked_api_url,
    checked_email,
    checked_zone_id,
    parameter_name,
)
from cf_purge.errors import Misconfigured
from cf_purge.filters import KeyFilter
from cf_purge.purge import Zone


def read_variables(environ: Mapping[str, str]) -> Config:
    """The variables of the script this grew from: one zone, and the bucket's name is the host."""
    if not environ.get("CLOUDFLARE_ZONE_ID"):
        raise Misconfigured("Neither CF_PURGE_CONFIG nor CLOUDFLARE_ZONE_ID is set: set one of them.")
    name, key = environ.get("CLOUDFLARE_API_KEY_SSMPATH"), environ.get("CLOUDFLARE_API_KEY")
    if not name and not key:
        raise Misconfigured("Set CLOUDFLARE_API_KEY_SSMPATH (or CLOUDFLARE_API_KEY): there is no API token.")
    address = environ.get("CLOUDFLARE_API_EMAIL")
    return Config(
        name=environ.get("AWS_LAMBDA_FUNCTION_NAME", "cf_purge"),
        targets=(Target(Zone(checked_zone_id(environ["CLOUDFLARE_ZONE_ID"], "CLOUDFLARE_ZONE_ID"))),),
        keys=KeyFilter.of(_globs(environ, "INCLUDED_EXTS"), _globs(environ, "EXCLUDED_EXTS")),
        api_token_parameter=parameter_name(name) if name else None,
        api_token=None if name else key,
        email=checked_email(address, "CLOUDFLARE_API_EMAIL") if address else None,
        api_url=checked_api_url(environ.get("CLOUDFLARE_API_URL") or API_URL, "CLOUDFLARE_API_URL"),
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
