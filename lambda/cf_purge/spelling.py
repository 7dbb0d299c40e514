"""How clients write a key in a URL. Cloudflare keeps one copy for each spelling.

Browsers, libraries and template engines disagree on which reserved characters stay raw and on whether a space is `%20`
or `+`; S3 reads a `+` in a path as a space. A new client is a new row.
"""

from __future__ import annotations

import re
from urllib.parse import quote

# Name: the characters that stay raw beside letters, digits and -._~/, and how a space is written.
ENCODERS = {
    "browser": (":[]@!$&'()*+,;=", "%20"),  # links and pasted addresses in every browser; wget, OkHttp, fetch
    "encodeURI": (":@!$&'()*+,;=", "%20"),  # JavaScript's function, Markdown tools, requests, Java's toASCIIString
    "unreserved": ("", "%20"),  # urllib.parse.quote, rawurlencode, every AWS SDK
    "encodeURIComponent": ("!'()*", "%20"),  # JavaScript's function for each segment, Django
    "go-template": (":[]@!$&*+,;=", "%20"),  # Go's html/template, Hugo
    "go-url": (":@$&+,;=", "%20"),  # Go's url.URL
    "form-java": ("*", "%20"),  # Java's URLEncoder with + replaced
    "form": ("", "+"),  # quote_plus, PHP's urlencode, the object URL of S3's console
    "form-java-plus": ("*", "+"),  # Java's URLEncoder, Ruby's encode_www_form_component
}
_PLAIN = re.compile(r"[A-Za-z0-9_.\-~/]*")
_SLASHES = re.compile(r"/{2,}")


def spellings(path: str) -> list[str]:
    """Return the distinct ways to write a decoded path that has no leading slash (UTF-8, upper-case hex).

    A plain path has one. Of one with a double slash the path with single slashes is included: Cloudflare's URL
    normalization merges them (https://developers.cloudflare.com/rules/normalization/how-it-works/).
    """
    merged = _SLASHES.sub("/", f"/{path}")[1:]
    found = dict.fromkeys([*_encodings(path), *(_encodings(merged) if merged != path else ())])
    return list(found)


def _encodings(path: str) -> list[str]:
    if _PLAIN.fullmatch(path):
        return [path]
    return [quote(path, safe=f"/{raw}").replace("%20", space) for raw, space in ENCODERS.values()]
