"""Every way in which clients write a key in a URL is purged, since Cloudflare keeps a copy for each."""

import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import requests
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from cf_purge.targets import spellings_of

# What browsers, templates and libraries were seen to send, as Cloudflare normalizes it.
MEASURED = {
    " a.css": "%20a.css +a.css",
    "...": "...",
    "a%20b.css": "a%2520b.css",
    "a&amp;b.css": "a&amp;b.css a%26amp%3Bb.css a&amp%3Bb.css",
    "a)b.css": "a)b.css a%29b.css",
    "a*b.css": "a*b.css a%2Ab.css",
    "a+b c%2B.css": "a+b%20c%252B.css a%2Bb%20c%252B.css a%2Bb+c%252B.css",
    "a,b.css": "a,b.css a%2Cb.css",
    "a//b.css": "a//b.css",
    "a:b.css": "a:b.css a%3Ab.css",
    "a<b.css": "a%3Cb.css",
    "a[b.css": "a%5Bb.css a[b.css",
    "dir/f,x&a)c&y@a(x.css": (
        "dir/f,x&a)c&y@a(x.css dir/f%2Cx%26a%29c%26y%40a%28x.css dir/f%2Cx%26a)c%26y%40a(x.css"
        " dir/f,x&a%29c&y@a%28x.css dir/f%2Cx%26a%29c%26y@a%28x.css"
    ),
    "f b^c>x*a🎈x.css": (
        "f%20b%5Ec%3Ex*a%F0%9F%8E%88x.css f%20b%5Ec%3Ex%2Aa%F0%9F%8E%88x.css"
        " f+b%5Ec%3Ex%2Aa%F0%9F%8E%88x.css f+b%5Ec%3Ex*a%F0%9F%8E%88x.css"
    ),
    "f'b(yäa*b&y_a[a.css": (
        "f'b(y%C3%A4a*b&y_a[a.css f'b(y%C3%A4a*b&y_a%5Ba.css f%27b%28y%C3%A4a%2Ab%26y_a%5Ba.css"
        " f'b(y%C3%A4a*b%26y_a%5Ba.css f%27b%28y%C3%A4a*b&y_a[a.css f%27b(y%C3%A4a*b&y_a%5Ba.css"
        " f%27b%28y%C3%A4a*b%26y_a%5Ba.css"
    ),
    "f+c-b*y|y:a=c)y'y.css": (
        "f+c-b*y%7Cy:a=c)y'y.css f%2Bc-b%2Ay%7Cy%3Aa%3Dc%29y%27y.css f%2Bc-b*y%7Cy%3Aa%3Dc)y'y.css"
        " f+c-b*y%7Cy:a=c%29y%27y.css f+c-b*y%7Cy%3Aa%3Dc%29y%27y.css f+c-b*y%7Cy:a=c)y%27y.css"
        " f%2Bc-b*y%7Cy%3Aa%3Dc%29y%27y.css"
    ),
    'it\'s "q" <x>.css': ("it's%20%22q%22%20%3Cx%3E.css it%27s%20%22q%22%20%3Cx%3E.css it%27s+%22q%22+%3Cx%3E.css"),
    "preise/50% Rabatt (für Käufer)+mehr [1].html": (
        "preise/50%25%20Rabatt%20(f%C3%BCr%20K%C3%A4ufer)+mehr%20[1].html"
        " preise/50%25%20Rabatt%20(f%C3%BCr%20K%C3%A4ufer)+mehr%20%5B1%5D.html"
        " preise/50%25%20Rabatt%20%28f%C3%BCr%20K%C3%A4ufer%29%2Bmehr%20%5B1%5D.html"
        " preise/50%25+Rabatt+%28f%C3%BCr+K%C3%A4ufer%29%2Bmehr+%5B1%5D.html"
        " preise/50%25%20Rabatt%20(f%C3%BCr%20K%C3%A4ufer)%2Bmehr%20%5B1%5D.html"
        " preise/50%25%20Rabatt%20%28f%C3%BCr%20K%C3%A4ufer%29+mehr%20[1].html"
    ),
}
# JavaScript's escape(), Perl's path_segments and one Markdown tool are left out.
LEFT_OUT = {
    "a&amp%3Bb.css",
    "dir/f%2Cx%26a%29c%26y@a%28x.css",
    "f%27b(y%C3%A4a*b&y_a%5Ba.css",
    "f+c-b*y%7Cy%3Aa%3Dc%29y%27y.css",
    "f+c-b*y%7Cy:a=c)y%27y.css",
}
KEYS = st.text(min_size=1, max_size=40) | st.text(" %+/?#[]@!$&'()*,;=:.~-_|^`\"<>{}\\aZ9é🎈", min_size=1, max_size=30)


def test_each_measured_spelling_is_purged() -> None:
    missed = {sent for key, line in MEASURED.items() for sent in line.split() if sent not in spellings_of(key)}
    assert missed == LEFT_OUT


def escaped(key: str) -> str:
    """A key as an author puts it into a link: only what would end the path is escaped."""
    return key.replace("%", "%25").replace("?", "%3F").replace("#", "%23")


def allowing(raw: str, space: str = "%20") -> Callable[[str], str]:
    """An encoder by its specification: letters, digits and `raw` stay, everything else is UTF-8 in hex."""
    kept = re.compile(rf"[A-Za-z0-9\-._~/{re.escape(raw)}]", re.ASCII)

    def encode(key: str) -> str:
        characters = (c if kept.match(c) else "".join(f"%{byte:02X}" for byte in c.encode()) for c in key)
        return "".join(characters).replace("%20", space)

    return encode


# Libraries where Python has them, otherwise the specification.
ENCODERS: dict[str, Callable[[str], str]] = {
    "a browser's link": lambda key: requests.utils.requote_uri(escaped(key)),
    "encodeURI": lambda key: urllib3.util.parse_url(f"https://h/{escaped(key)}").request_uri[1:],
    "an AWS SDK": lambda key: quote(key, safe="/~"),
    # https://tc39.es/ecma262/#sec-encodeuricomponent-uricomponent
    "encodeURIComponent": allowing("!'()*"),
    # https://pkg.go.dev/html/template, https://pkg.go.dev/net/url#URL.EscapedPath
    "Go's html/template": allowing("!$&*+,/:;=@[]"),
    "Go's url.URL": allowing("$&+,/:;=@"),
    # https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/net/URLEncoder.html
    "Java's URLEncoder": allowing("*", "+"),
    "Java's URLEncoder with + replaced": allowing("*"),
    "PHP's urlencode": lambda key: quote_plus(key, safe="/"),
}


@given(KEYS.filter(lambda key: not re.search(r"//|^/|(^|/)\.\.?(/|$)", key)))
def test_the_spelling_of_each_client_is_purged_for_any_key(key: str) -> None:
    found = spellings_of(key)
    assert {client: sent for client, encode in ENCODERS.items() if (sent := encode(key)) not in found} == {}


@given(KEYS)
def test_each_spelling_is_distinct_normalized_and_of_the_object_itself(key: str) -> None:
    found = spellings_of(key)
    assert len(found) == len(set(found)) <= 18
    for each in found:
        assert re.fullmatch(r"([A-Za-z0-9\-._~/:\[\]@!$&'()*+,;=]|%[0-9A-F]{2})*", each)
        read = {unquote(each, errors="strict"), unquote_plus(each, errors="strict")}  # S3 reads + as a space
        assert read & {key, re.sub("/+", "/", f"/{key}")[1:]}
